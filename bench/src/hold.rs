//! Holds connections open: the client side of `idle`, in a process of its own
//! because a process has 20,000 descriptors.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;

use crate::failure::{Attempt, Failure, Outcome};
use crate::load::{Goal, Load};
use crate::process::pin_to;
use crate::server::{Guarded, die_with_parent, first_line, this_program};
use crate::traffic::Kind;

const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// Options of the hidden command that `idle` runs.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Server to connect to
    #[arg(long)]
    address: SocketAddr,
    /// What to ask for once on each connection
    #[arg(long, value_enum)]
    kind: Kind,
    /// Connections
    #[arg(long)]
    connections: usize,
    /// Core to run on
    #[arg(long)]
    core: usize,
}

/// Opens the connections all at once, asks once on each, says how long both
/// took, and holds them until standard input ends.
pub(crate) fn hold(options: &Options) -> Outcome<()> {
    pin_to(options.core)?;
    die_with_parent()?;
    let begin = Instant::now();
    let mut load = Load::connect(options.address, options.kind, options.connections, 1)?;
    let connected = begin.elapsed();
    load.run(Goal::Requests(0))?;
    let served = begin.elapsed();
    let mut output = std::io::stdout();
    writeln!(output, "held {} {}", connected.as_millis(), served.as_millis())
        .and_then(|()| output.flush())
        .attempt("cannot say ready")?;
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).attempt("cannot wait")?;
    drop(load);
    Ok(())
}

/// A child process that holds connections until it is dropped.
#[derive(Debug)]
pub(crate) struct Holder {
    _child: Guarded,
    /// From the first connect until all were established.
    pub(crate) connected: Duration,
    /// From the first connect until each was served once.
    pub(crate) served: Duration,
}

impl Holder {
    /// Starts a holder and waits until it holds its connections.
    pub(crate) fn start(
        address: SocketAddr,
        kind: Kind,
        connections: usize,
        core: usize,
    ) -> Outcome<Self> {
        let child = this_program()?
            .arg("hold")
            .args(["--address", &address.to_string(), "--kind", kind.name()])
            .args(["--connections", &connections.to_string()])
            .args(["--core", &core.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .attempt("cannot start a holder of connections")?;
        let mut child = Guarded(child);
        let line = first_line(&mut child, READY_TIMEOUT)
            .map_err(|cause| Failure::because("holder of connections", cause))?;
        let (connected, served) = parse_held(&line)
            .ok_or_else(|| Failure::new(format!("holder of connections: {line}")))?;
        Ok(Self { _child: child, connected, served })
    }
}

fn parse_held(line: &str) -> Option<(Duration, Duration)> {
    let (connected, served) = line.strip_prefix("held ")?.split_once(' ')?;
    Some((
        Duration::from_millis(connected.parse().ok()?),
        Duration::from_millis(served.parse().ok()?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_holder_is_read_back() {
        let times = (Duration::from_millis(12), Duration::from_millis(345));
        assert_eq!(parse_held("held 12 345"), Some(times));
        assert_eq!(parse_held("held 12"), None);
    }
}
