//! Memory per idle connection, as a slope: the server's memory with many
//! connections less that with few, over the difference. What a server needs
//! once is not in it; what its tables grow by is.
//!
//! Each connection is served once before memory is read, and the connections
//! of one step are opened all at once, so the time until all are connected
//! also shows whether the listener's backlog took them: a SYN that was dropped
//! comes again a second later.

use std::thread;
use std::time::Duration;

use clap::Args;

use crate::Cores;
use crate::failure::{Failure, Outcome};
use crate::load::{Job, Load};
use crate::output::say;
use crate::process::{Memory, pin_to};
use crate::server::Server;
use crate::table::Table;
use crate::traffic::Kind;

/// Time for the server to finish what follows a reply, before memory is read.
const SETTLE: Duration = Duration::from_millis(500);

/// Options of `idle`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Command of the server to measure
    #[arg(long, value_name = "COMMAND")]
    server: String,
    /// What to ask for once on each connection
    #[arg(long, value_enum)]
    kind: Kind,
    /// Connections at the first reading
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=19_000))]
    few: u16,
    /// Connections at the second reading
    #[arg(long, default_value_t = 15_000, value_parser = clap::value_parser!(u16).range(2..=19_900))]
    many: u16,
    #[command(flatten)]
    cores: Cores,
}

/// Runs the measurement and prints its table.
pub(crate) fn measure(options: &Options) -> Outcome<()> {
    if options.many <= options.few {
        return Err(Failure::new("--many must be greater than --few"));
    }
    pin_to(options.cores.load_core)?;
    let server = Server::start(&options.server, options.cores.server_core)?;
    let mut table = Table::new(&["connections", "Rss KiB", "RssAnon KiB", "connected", "served"]);
    let empty = server.family().memory()?;
    table.row(row(0, empty, None));
    let first = add(options, &server, options.few)?;
    let few = server.family().memory()?;
    table.row(row(options.few, few, Some(&first)));
    let second = add(options, &server, options.many - options.few)?;
    let many = server.family().memory()?;
    table.row(row(options.many, many, Some(&second)));
    say(format_args!("{}, each connection served once, then idle", options.kind.name()))?;
    table.print()?;

    let family = server.family();
    let (processes, threads) = (family.pids().len(), family.threads());
    say(format_args!("processes of the server: {processes}, threads in them: {threads}"))?;
    let added = f64::from(options.many - options.few);
    let slope = |few: u64, many: u64| (many as f64 - few as f64) / added;
    say(format_args!(
        "bytes per idle connection, from {} to {}: {:.1} of Rss, {:.1} of RssAnon",
        options.few,
        options.many,
        slope(few.resident, many.resident),
        slope(few.anonymous, many.anonymous)
    ))
}

/// Connections that are held until this is dropped.
struct Held {
    _load: Load,
    /// From the first connect until all were established.
    connected: Duration,
    /// From the first connect until each was served once.
    served: Duration,
}

fn add(options: &Options, server: &Server, connections: u16) -> Outcome<Held> {
    let job = Job::new(server.address, options.kind, connections.into());
    let mut load = Load::start(&job, options.cores.load_core)?;
    let served_once = load.requests(0)?;
    thread::sleep(SETTLE);
    let connected = load.connected;
    Ok(Held { connected, served: connected + served_once.elapsed(), _load: load })
}

fn row(connections: u16, memory: Memory, held: Option<&Held>) -> Vec<String> {
    let time = |which: fn(&Held) -> Duration| {
        held.map_or_else(String::new, |held| format!("{} ms", which(held).as_millis()))
    };
    vec![
        connections.to_string(),
        (memory.resident / 1024).to_string(),
        (memory.anonymous / 1024).to_string(),
        time(|held| held.connected),
        time(|held| held.served),
    ]
}
