//! Where a peer is, or where we listen: a plain value that reads and prints.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::error::{Error, Misuse};

/// An address that can be listened on or connected to.
///
/// It is written `127.0.0.1:8000`, `[::1]:8000`, or with its kind in front,
/// `tcp://127.0.0.1:8000`. Names are not resolved here: that takes time, and time is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a TCP port.
    Tcp(SocketAddr),
}

impl Address {
    /// The IP address, where the kind of address has one. An IPv4 peer of a dual-stack listener
    /// (`::ffff:192.0.2.1`) is given as the IPv4 address it is.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip().to_canonical()),
        }
    }

    /// The IP address and port, where the kind of address has them.
    #[must_use]
    pub fn socket(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl FromStr for Address {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        let address = text.strip_prefix("tcp://").unwrap_or(text);
        match address.parse() {
            Ok(address) => Ok(Self::Tcp(address)),
            Err(_) => Err(Misuse::Address { text: text.to_owned(), problem: problem_of(address) }),
        }
    }
}

impl TryFrom<&str> for Address {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Ok(text.parse::<Self>()?)
    }
}

/// Says which part of an address that did not parse is at fault.
fn problem_of(address: &str) -> &'static str {
    if address.contains("://") {
        return "the kind of socket is not known";
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return "the port is missing";
    };
    if port.parse::<u16>().is_err() {
        return "the port is not a number from 0 to 65535";
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        "the host is missing"
    } else if host.parse::<IpAddr>().is_ok() {
        "an IPv6 address goes in brackets"
    } else {
        "the host is not an IP address, and names are not looked up"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_prints_as_it_reads() {
        for text in ["tcp://127.0.0.1:8000", "tcp://[::1]:1", "tcp://0.0.0.0:0"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("[::1]:80".parse::<Address>().unwrap().to_string(), "tcp://[::1]:80");
    }

    #[test]
    fn an_address_that_does_not_parse_names_the_part_at_fault() {
        for (text, part) in [
            ("127.0.0.1", "port is missing"),
            ("127.0.0.1:70000", "not a number from 0 to 65535"),
            ("127.0.0.1:http", "not a number from 0 to 65535"),
            (":80", "host is missing"),
            ("::1:80", "goes in brackets"),
            ("localhost:80", "names are not looked up"),
            ("sctp://127.0.0.1:80", "kind of socket is not known"),
        ] {
            let message = text.parse::<Address>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
            assert!(message.contains("127.0.0.1:8000"), "shows one that does: {message}");
        }
    }

    #[test]
    fn a_mapped_peer_is_known_by_its_ipv4_address() {
        let address: Address = "[::ffff:192.0.2.7]:9".parse().unwrap();
        assert_eq!(address.ip(), Some("192.0.2.7".parse().unwrap()));
    }
}
