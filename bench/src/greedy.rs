//! What one client that pipelines without end makes another one wait.
//!
//! All clients live in one event loop, so the scheduler is not part of the
//! answer: each turn gives each client that is ready a read and a write. Such
//! a turn takes tens of microseconds, which is what this adds to a wait.
//!
//! The longest wait of a run is often the machine's: on a virtual one a core
//! may be away for milliseconds. What a greedy client does, it does all the
//! time, so the longest wait of a typical second (the median of them) is shown
//! too, and the same polite client is measured without greedy ones.

use std::time::Duration;

use clap::Args;

use crate::Cores;
use crate::failure::Outcome;
use crate::load::{Beside, Job, Load};
use crate::output::say;
use crate::process::pin_to;
use crate::server::Server;
use crate::table::Table;
use crate::traffic::Kind;

/// Until the greedy clients have filled every buffer on the way.
const WARM_UP: Duration = Duration::from_millis(300);

/// Options of `greedy`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Command of the server to measure
    #[arg(long, value_name = "COMMAND")]
    server: String,
    /// What to ask for
    #[arg(long, value_enum)]
    kind: Kind,
    /// Greedy clients
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    greedy: u16,
    /// Seconds for each of the two measurements
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    #[command(flatten)]
    cores: Cores,
}

/// Runs the measurement, with the greedy clients and without, and prints its table.
pub(crate) fn measure(options: &Options) -> Outcome<()> {
    pin_to(options.cores.load_core)?;
    let server = Server::start(&options.server, options.cores.server_core)?;
    let mut table = Table::new(&[
        "greedy clients",
        "waits",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "longest of a second us",
        "longest us",
        "greedy replies/s",
    ]);
    for greedy in [usize::from(options.greedy), 0] {
        let job = Job::new(server.address, options.kind, 1).beside(Beside::Greedy, greedy);
        let mut load = Load::start(&job, options.cores.load_core)?;
        load.slice(WARM_UP)?;
        let tally = load.waits(Duration::from_secs(options.seconds))?;
        let waits = tally.latency.unwrap_or_default();
        let microseconds = |nanoseconds: u64| format!("{:.0}", nanoseconds as f64 / 1000.0);
        table.row(vec![
            greedy.to_string(),
            waits.count.to_string(),
            microseconds(waits.p50_ns),
            microseconds(waits.p99_ns),
            microseconds(waits.p999_ns),
            microseconds(waits.second_ns),
            microseconds(waits.max_ns),
            format!("{:.0}", tally.others.replies as f64 / tally.elapsed().as_secs_f64()),
        ]);
    }
    say(format_args!("{}, waits of one polite client", options.kind.name()))?;
    table.print()
}
