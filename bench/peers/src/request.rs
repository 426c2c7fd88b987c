//! What the command line asks for: a peer, what it shall serve, and where.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A library that serves here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A runtime on readiness.
    Tokio,
    /// HTTP on tokio.
    Hyper,
    /// The same, but it sends pipelined replies together.
    HyperPipelineFlush,
    /// A web framework on tokio.
    ActixWeb,
    /// HTTP on the coroutines of `may`.
    MayMinihttp,
    /// A runtime on io_uring.
    Monoio,
    /// A bounded pool of threads.
    NetIo,
}

impl Peer {
    /// All of them, in the order in which they are listed.
    pub(crate) const ALL: [Self; 7] = [
        Self::Tokio,
        Self::Hyper,
        Self::HyperPipelineFlush,
        Self::ActixWeb,
        Self::MayMinihttp,
        Self::Monoio,
        Self::NetIo,
    ];

    /// Its name on the command line, which begins with its crate's.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tokio => "tokio",
            Self::Hyper => "hyper",
            Self::HyperPipelineFlush => "hyper-pipeline_flush",
            Self::ActixWeb => "actix-web",
            Self::MayMinihttp => "may_minihttp",
            Self::Monoio => "monoio",
            Self::NetIo => "net-io",
        }
    }
}

/// What a server does for its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bytes come back. A library that must know gets the number of connections to have room for.
    Echo { connections: Option<u32> },
    /// Every request gets `Hello, World!`.
    Http,
    /// Every request gets the file.
    File(PathBuf),
    /// Every line goes to every client, the sender included.
    Broadcast,
}

impl Kind {
    /// Its name on the command line.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Echo { .. } => "echo",
            Self::Http => "http",
            Self::File(_) => "file",
            Self::Broadcast => "broadcast",
        }
    }
}

/// What to serve, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    /// What it does.
    pub(crate) kind: Kind,
    /// Where it listens; port 0 takes a free one.
    pub(crate) address: SocketAddr,
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// To serve until killed.
    Serve { peer: Peer, service: Service },
    /// The versions of one peer's crates, or of all.
    Version(Option<Peer>),
}

impl Request {
    /// Understands the arguments after the program's name, or says in one line what is wrong.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut words = arguments.iter().map(String::as_str);
        let first = words.next().ok_or_else(usage)?;
        if first == "--version" {
            return words.next().map_or(Ok(Self::Version(None)), |_| Err(usage()));
        }
        let peer = Peer::ALL.into_iter().find(|peer| peer.name() == first).ok_or_else(usage)?;
        let kind = words.next().ok_or_else(usage)?;
        if kind == "--version" {
            return words.next().map_or(Ok(Self::Version(Some(peer))), |_| Err(usage()));
        }
        let address = words.next().ok_or_else(usage)?;
        let address = address.parse().map_err(|_| format!("not an address: {address}"))?;
        let kind = match (kind, words.next()) {
            ("echo", None) => Kind::Echo { connections: None },
            ("echo", Some(count)) => {
                let count = count.parse().map_err(|_| format!("not a number: {count}"))?;
                Kind::Echo { connections: Some(count) }
            }
            ("http", None) => Kind::Http,
            ("file", Some(path)) => Kind::File(path.into()),
            ("broadcast", None) => Kind::Broadcast,
            _ => return Err(usage()),
        };
        words.next().map_or(Ok(()), |_| Err(usage()))?;
        Ok(Self::Serve { peer, service: Service { kind, address } })
    }
}

fn usage() -> String {
    let names = Peer::ALL.map(Peer::name).join("|");
    format!(
        "usage: {names} --version | echo ADDRESS [CONNECTIONS] | \
         http ADDRESS | file ADDRESS PATH | broadcast ADDRESS"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Request, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Request::parse(&words)
    }

    #[test]
    fn every_peer_is_known_by_its_name() {
        for peer in Peer::ALL {
            let service = Service {
                kind: Kind::Echo { connections: None },
                address: SocketAddr::from(([127, 0, 0, 1], 0)),
            };
            let expected = Request::Serve { peer, service };
            assert_eq!(parse(&format!("{} echo 127.0.0.1:0", peer.name())), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_request_is_answered_by_the_usage_or_the_bad_word() {
        let wrong =
            ["", "nobody echo 127.0.0.1:0", "tokio", "tokio echo", "tokio file 127.0.0.1:0"];
        for line in wrong {
            assert_eq!(parse(line), Err(usage()), "{line}");
        }
        assert_eq!(parse("hyper http 127.0.0.1:0 more"), Err(usage()));
        assert_eq!(parse("net-io echo 127.0.0.1:0 7 8"), Err(usage()));
        assert_eq!(parse("tokio echo here"), Err("not an address: here".to_owned()));
        assert_eq!(parse("net-io echo 127.0.0.1:0 -1"), Err("not a number: -1".to_owned()));
    }
}
