//! What `wire`, `syscalls` and `flame` ask of a server: one set of options.

use std::fmt;
use std::net::SocketAddr;

use clap::Args;

use crate::load::Job;
use crate::traffic::Kind;

/// Options that say what a load does.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Asked {
    /// What to ask for
    #[arg(long, value_enum)]
    pub(crate) kind: Kind,
    /// Connections
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,
    /// Requests in one write
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pipeline: u16,
}

impl Asked {
    /// The same, of the server at `address`.
    pub(crate) fn job(&self, address: SocketAddr) -> Job {
        Job::new(address, self.kind, self.connections.into()).pipeline(self.pipeline.into())
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, connections, pipeline } = self;
        write!(f, "{}, {connections} connections, {pipeline} requests in a write", kind.name())
    }
}
