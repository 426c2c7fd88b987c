//! *Close to the wire*: CPU time per request of a server, beside the limit's.
//!
//! In every round all servers are started afresh on one core, each with a load
//! of its own that connects to it and warms it up. Then each gets the same
//! time, cut into slices of 20 ms that take turns: first one server first and
//! then the next. What the machine does meanwhile meets all of them alike, so
//! the ratio of two neighbouring slices is far steadier than either figure, and
//! the median over the slices of a round throws out those that a neighbour on
//! the machine fell into. A round's ratio is that median; its CPU time per
//! request is the plain quotient of the round's sums. Measured against itself
//! on a quiet machine, the limit came out within 2 % of 1.000 in every round
//! and within 1 % in the median of nine, where quotients of the sums of 100 ms
//! slices strayed by 6 %.

use std::thread;
use std::time::Duration;

use clap::Args;

use crate::Cores;
use crate::asked::Asked;
use crate::failure::{Failure, Outcome};
use crate::load::{Load, Tally};
use crate::output::say;
use crate::process::{Family, pin_to};
use crate::server::{Server, compile_limit};
use crate::table::{Spread, Table};

const WARM_UP: Duration = Duration::from_millis(300);
/// Short enough that two neighbours meet the same weather, long enough that
/// beginning and end, with few requests under way, do not weigh.
const SLICE: Duration = Duration::from_millis(20);
/// After the last reply, until the server sleeps and its time is accounted.
const SETTLE: Duration = Duration::from_millis(1);
/// A load with less idle time than this may have held the server back.
const LEAST_LOAD_IDLE: f64 = 0.02;
/// A server with less than this on its core was not the busy side.
const LEAST_SERVER_BUSY: f64 = 0.90;

/// Options of `wire`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Command of the server to measure
    #[arg(long, value_name = "COMMAND")]
    ours: String,
    /// Command of the limit [default: limit.c, compiled with cc]
    #[arg(long, value_name = "COMMAND")]
    limit: Option<String>,
    /// Another server to measure beside them; may be given again
    #[arg(long, value_name = "NAME=COMMAND")]
    other: Vec<String>,
    #[command(flatten)]
    asked: Asked,
    /// Rounds
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Seconds for each server in each round
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    #[command(flatten)]
    cores: Cores,
}

/// What one server did in one slice, or in all slices of one round.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    tally: Tally,
    cpu_nanoseconds: u64,
}

/// One server through all rounds.
#[derive(Debug)]
struct Contender {
    name: String,
    command: String,
    rounds: Vec<Round>,
}

#[derive(Debug)]
struct Round {
    sum: Sample,
    /// Median over the slices of CPU per request by the limit's in the same slice.
    ratio: f64,
}

/// A server with its load, for one round.
#[derive(Debug)]
struct Running {
    load: Load,
    /// As it was after the warm-up.
    family: Family,
    _server: Server,
}

/// Runs the measurement and prints its table.
pub(crate) fn measure(options: &Options) -> Outcome<()> {
    pin_to(options.cores.load_core)?;
    let mut contenders = contenders(options)?;
    for round in 0..usize::from(options.rounds) {
        let slices = run_round(options, &contenders, round)?;
        let mut progress = format!("round {} of {}:", round + 1, options.rounds);
        for (contender, its) in contenders.iter_mut().zip(&slices) {
            let round = Round::of(its, &slices[0]);
            let nanoseconds = round.sum.nanoseconds_per_request();
            progress += &format!("  {} {nanoseconds:.0} ns ({:.3})", contender.name, round.ratio);
            contender.rounds.push(round);
        }
        eprintln!("{progress}");
    }
    report(options, &contenders)
}

/// The limit comes first: the others are compared with it.
fn contenders(options: &Options) -> Outcome<Vec<Contender>> {
    let limit = match &options.limit {
        Some(command) => command.clone(),
        None => compile_limit(options.asked.kind)?,
    };
    let mut commands = vec![("limit", limit.as_str()), ("ours", options.ours.as_str())];
    for other in &options.other {
        let named = other.split_once('=');
        commands.push(
            named.ok_or_else(|| {
                Failure::new(format!("--other takes NAME=COMMAND, not `{other}`"))
            })?,
        );
    }
    let contender = |(name, command): (&str, &str)| Contender {
        name: name.to_owned(),
        command: command.to_owned(),
        rounds: Vec::new(),
    };
    Ok(commands.into_iter().map(contender).collect())
}

/// The slices of every contender.
fn run_round(
    options: &Options,
    contenders: &[Contender],
    round: usize,
) -> Outcome<Vec<Vec<Sample>>> {
    let mut running = Vec::new();
    for contender in contenders {
        let named = |cause| Failure::because(&contender.name, cause);
        running.push(prepare(options, contender).map_err(named)?);
    }
    let mut samples = vec![Vec::new(); contenders.len()];
    let slices = Duration::from_secs(options.seconds).as_millis() / SLICE.as_millis();
    for slice in 0..slices as usize {
        for turn in 0..contenders.len() {
            let index = (round + slice + turn) % contenders.len();
            let sample = running[index].run_slice();
            let named = |cause| Failure::because(&contenders[index].name, cause);
            samples[index].push(sample.map_err(named)?);
        }
    }
    Ok(samples)
}

/// Starts, connects and warms up.
fn prepare(options: &Options, contender: &Contender) -> Outcome<Running> {
    let server = Server::start(&contender.command, options.cores.server_core)?;
    let mut load = Load::start(&options.asked.job(server.address), options.cores.load_core)?;
    load.slice(WARM_UP)?;
    thread::sleep(SETTLE);
    Ok(Running { family: server.family(), load, _server: server })
}

impl Running {
    fn run_slice(&mut self) -> Outcome<Sample> {
        let before = self.family.cpu_nanoseconds()?;
        let tally = self.load.slice(SLICE)?;
        thread::sleep(SETTLE);
        let after = self.family.cpu_nanoseconds()?;
        Ok(Sample { tally, cpu_nanoseconds: after.saturating_sub(before) })
    }
}

impl Round {
    fn of(its: &[Sample], limits: &[Sample]) -> Self {
        let mut sum = Sample::default();
        for &slice in its {
            sum.add(slice);
        }
        let ratios = its
            .iter()
            .zip(limits)
            .map(|(its, limits)| its.nanoseconds_per_request() / limits.nanoseconds_per_request());
        let ratio = Spread::of(ratios).median;
        Self { sum, ratio }
    }
}

impl Sample {
    fn add(&mut self, other: Self) {
        self.tally.requests += other.tally.requests;
        self.tally.elapsed_ns += other.tally.elapsed_ns;
        self.tally.idle_ns += other.tally.idle_ns;
        self.cpu_nanoseconds += other.cpu_nanoseconds;
    }

    fn nanoseconds_per_request(&self) -> f64 {
        self.cpu_nanoseconds as f64 / self.tally.requests as f64
    }

    fn requests_per_second(&self) -> f64 {
        self.tally.requests as f64 / self.tally.elapsed().as_secs_f64()
    }

    fn server_busy(&self) -> f64 {
        self.cpu_nanoseconds as f64 / self.tally.elapsed_ns as f64
    }

    fn load_idle(&self) -> f64 {
        self.tally.idle_ns as f64 / self.tally.elapsed_ns as f64
    }
}

impl Contender {
    fn spread(&self, figure: fn(&Sample) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(|round| figure(&round.sum)))
    }

    fn ratio(&self) -> Spread {
        Spread::of(self.rounds.iter().map(|round| round.ratio))
    }
}

fn report(options: &Options, contenders: &[Contender]) -> Outcome<()> {
    say(format_args!(
        "{}, {} rounds of {} s; median (min..max)",
        options.asked, options.rounds, options.seconds
    ))?;
    let mut table = Table::new(&[
        "server",
        "CPU ns/request",
        "ratio to limit",
        "requests/s",
        "server busy",
        "load busy",
    ]);
    for contender in contenders {
        table.row(vec![
            contender.name.clone(),
            contender.spread(Sample::nanoseconds_per_request).show(0),
            contender.ratio().show(3),
            format!("{:.0}", contender.spread(Sample::requests_per_second).median),
            format!("{:.0} %", 100.0 * contender.spread(Sample::server_busy).median),
            format!("{:.0} %", 100.0 - 100.0 * contender.spread(Sample::load_idle).median),
        ]);
    }
    table.print()?;
    for contender in contenders {
        let name = &contender.name;
        if contender.spread(Sample::server_busy).median >= LEAST_SERVER_BUSY {
            continue;
        }
        if contender.spread(Sample::load_idle).median < LEAST_LOAD_IDLE {
            say(format_args!("note: {name} was not the busy side; the load was"))?;
        } else {
            say(format_args!(
                "note: {name} did not fill its core; the machine may have other work"
            ))?;
        }
    }
    Ok(())
}
