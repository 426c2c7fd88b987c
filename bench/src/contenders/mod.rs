//! The servers that are compared: what each is called, what it serves, how one
//! comes by it, and the command that runs it.
//!
//! A server is any command `PROGRAM KIND ADDRESS [MORE]` that prints
//! `listening on tcp://ADDR:PORT` or `listening on http://ADDR:PORT/` as its
//! first line and serves until it is killed. The kinds are those of
//! [`Service`]. Ours and the limit are built from this repository; peers are
//! built or found where that is possible, and are absent with a reason where it
//! is not. Nothing here starts a server or measures one.

pub(crate) mod listing;
mod making;
pub(crate) mod nginx;

use std::path::Path;

use crate::report::model::{Family, ServerInfo};

use Service::{Broadcast, Echo, File, Http};
pub(crate) use making::Workshop;
use making::{Library, Make, Poller};

/// What a server is asked to serve: the word behind its program's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Bytes come back.
    Echo,
    /// Every request gets `Hello, World!`.
    Http,
    /// Every request gets one file.
    File,
    /// Every line goes to every client, the sender included.
    Broadcast,
}

/// All of them.
const SERVICES: [Service; 4] = [Echo, Http, File, Broadcast];

impl Service {
    /// The word for it on a command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Http => "http",
            Self::File => "file",
            Self::Broadcast => "broadcast",
        }
    }
}

/// A server that there is, whether or not it can be run here.
#[derive(Debug)]
pub(crate) struct Contender {
    /// On the command line, in tables and in charts.
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    services: &'static [Service],
    /// A service that one would expect of it, and why it has none.
    refuses: Option<(Service, &'static str)>,
    /// What it leaves out of the work that others do.
    skips: Option<&'static str>,
    /// Whether it must know how many connections to have room for.
    is_told_connections: bool,
    make: Make,
}

impl Contender {
    /// With what it leaves out of the work.
    const fn without(self, skips: &'static str) -> Self {
        Self { skips: Some(skips), ..self }
    }

    /// Whether it takes part in what needs this service.
    pub(crate) fn serves(&self, service: Service) -> bool {
        self.services.contains(&service)
    }

    /// Why it does not serve what its like serve.
    pub(crate) fn refusal(&self, service: Service) -> Option<&'static str> {
        self.refuses.and_then(|(refused, why)| (refused == service).then_some(why))
    }
}

/// A contender that was built or looked for.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) contender: &'static Contender,
    /// Says so if it is absent.
    pub(crate) info: ServerInfo,
    /// What its command begins with.
    program: String,
}

impl Prepared {
    /// Builds a server or looks for it. The first of a sort may take a minute.
    pub(crate) fn new(contender: &'static Contender, workshop: &mut Workshop) -> Self {
        let made = workshop.make(contender.make);
        let (program, version, absent) = match made {
            Ok(found) => (found.words.join(" "), found.version, None),
            Err(why) => (String::new(), String::new(), Some(why)),
        };
        let how = match absent {
            None => format!("{program} KIND {ADDRESS}"),
            Some(_) => contender.make.recipe(),
        };
        let info = ServerInfo {
            name: contender.name.to_owned(),
            family: contender.family,
            version,
            how,
            skips: contender.skips.map(str::to_owned),
            absent,
        };
        Self { contender, info, program }
    }

    /// The command that serves so many connections, on a free port of this
    /// machine. `file` is what [`Service::File`] sends. None where it is absent
    /// or does not serve this.
    pub(crate) fn command(
        &self,
        service: Service,
        connections: usize,
        file: &Path,
    ) -> Option<String> {
        if self.info.absent.is_some() || !self.contender.serves(service) {
            return None;
        }
        let mut command = format!("{} {} {ADDRESS}", self.program, service.name());
        if service == File {
            command += &format!(" {}", file.display());
        }
        if service == Echo && self.contender.is_told_connections {
            command += &format!(" {connections}");
        }
        Some(command)
    }
}

/// Every server that this program knows, in the order in which they are shown.
/// Those of the families ours and limit make the default comparison.
pub(crate) static CONTENDERS: &[Contender] = &[
    ours("event-loop", served("event-loop", Poller::Best)),
    ours("event-loop-poll", served("event-loop", Poller::Poll)),
    ours("threads", served("threads", Poller::Best)),
    Contender {
        services: &[Echo, Http, File],
        refuses: Some((Broadcast, "processes share no connections: a line reaches nobody else")),
        ..ours("forks", served("forks", Poller::Best))
    },
    Contender {
        family: Family::Limit,
        ..ours("limit", Make::C { source: "limit.c", library: None })
    }
    .without(
        "deadlines; limits; a graceful stop; in HTTP method, target, version and header lines",
    ),
    peer("tokio", &[Echo, Broadcast], rust("tokio")).without("deadlines; a limit on connections"),
    peer("hyper", &[Http, File], rust("hyper")).without("a limit on connections"),
    peer("hyper-pipeline_flush", &[Http], rust("hyper-pipeline_flush")).without(
        "a limit on connections; a reply leaves only when no part of a next head is there",
    ),
    peer("actix-web", &[Http, File], rust("actix-web")),
    peer("may_minihttp", &[Http], rust("may_minihttp"))
        .without("deadlines; limits; bodies; the header Connection; TCP_NODELAY"),
    peer("monoio", &[Echo, Http], rust("monoio"))
        .without("deadlines in echo; a limit on connections"),
    Contender { is_told_connections: true, ..peer("net-io", &[Echo], rust("net-io")) },
    peer("libevent", &SERVICES, in_c("peers/c/libevent.c", "-levent", "libevent-dev"))
        .without("deadlines, but in HTTP; a limit on connections"),
    peer("libuv", &[Echo, Http, Broadcast], in_c("peers/c/libuv.c", "-luv", "libuv1-dev"))
        .without("deadlines; limits; in HTTP method, target, version and header lines"),
    peer("nginx", &[Http, File], Make::Nginx),
    peer("asyncio", &[Echo, Http, Broadcast], in_python("asyncio_streams.py"))
        .without("deadlines; limits; in HTTP method, target, version and most header lines"),
    peer("socketserver", &[Echo, Http, File], in_python("socketserver_threads.py"))
        .without("deadlines; a limit on connections"),
];

const ADDRESS: &str = "127.0.0.1:0";

const fn served(driver: &'static str, on: Poller) -> Make {
    Make::Served { driver, on }
}

const fn ours(name: &'static str, make: Make) -> Contender {
    Contender {
        name,
        family: Family::Ours,
        services: &SERVICES,
        refuses: None,
        skips: None,
        is_told_connections: false,
        make,
    }
}

const fn rust(name: &'static str) -> Make {
    Make::Crate { name }
}

const fn in_c(source: &'static str, flag: &'static str, package: &'static str) -> Make {
    Make::C { source, library: Some(Library { flag, package }) }
}

const fn in_python(script: &'static str) -> Make {
    Make::Python { script }
}

const fn peer(name: &'static str, services: &'static [Service], make: Make) -> Contender {
    Contender { family: Family::Peer, services, ..ours(name, make) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_has_its_own_name() {
        let mut names: Vec<_> = CONTENDERS.iter().map(|contender| contender.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CONTENDERS.len());
    }

    #[test]
    fn the_default_ones_serve_all_or_say_why_not() {
        for contender in CONTENDERS.iter().filter(|contender| contender.family != Family::Peer) {
            for service in SERVICES {
                let is_answered = contender.serves(service) || contender.refusal(service).is_some();
                assert!(is_answered, "{} and {}", contender.name, service.name());
            }
        }
    }
}
