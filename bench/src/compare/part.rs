//! The part that one server has in one scenario, round after round.

use std::time::Duration;

use super::plan::Scenario;
use super::rounds::{DISTURBED_RATE, Run};
use super::running::{Running, undisturbed};
use super::sample::{Sample, typical};
use crate::failure::{Failure, Outcome as Result};
use crate::load::Tally;
use crate::report::model::{Family, Figures, Latency, Outcome, Round, Row};
use crate::syscalls::Strace;

/// Before the tracer is there, so many units are done.
const BEFORE_TRACING: u64 = 500;
/// A tracer looks through all its threads at each call: with a thousand, a server
/// that needs a dozen calls for each request takes minutes for some hundred.
const MOST_TRACED: u32 = 256;

/// What the registry calls our event loop on the system's best poll.
const OURS: &str = "event-loop";

/// One server in one scenario.
#[derive(Debug)]
pub(crate) struct Part {
    name: String,
    command: String,
    family: Family,
    running: Option<Running>,
    /// Why it is out, once it is.
    out: Option<String>,
    rounds: Vec<Round>,
    waits: Vec<Latency>,
    waits_alone: Vec<Latency>,
    system_calls_per_unit: Option<f64>,
    peak_memory_bytes: Option<u64>,
    bytes_per_connection: Option<f64>,
    processes: u32,
    threads: u32,
}

/// Which parts the others are compared with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Roles {
    pub(crate) limit: Option<usize>,
    /// Our event loop, on the system's best poll: the first of ours.
    pub(crate) ours: Option<usize>,
}

impl Roles {
    /// Finds them by their families.
    pub(crate) fn of(parts: &[Part]) -> Self {
        let first = |family| parts.iter().position(|part| part.family == family);
        let ours = parts.iter().position(|part| part.name == OURS);
        Self { limit: first(Family::Limit), ours }
    }
}

impl Part {
    /// A server that has done nothing yet.
    pub(crate) fn new(name: &str, family: Family, command: String) -> Self {
        Self {
            name: name.to_owned(),
            command,
            family,
            running: None,
            out: None,
            rounds: Vec::new(),
            waits: Vec::new(),
            waits_alone: Vec::new(),
            system_calls_per_unit: None,
            peak_memory_bytes: None,
            bytes_per_connection: None,
            processes: 0,
            threads: 0,
        }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether nothing was measured yet.
    pub(crate) fn has_no_round(&self) -> bool {
        self.rounds.is_empty()
    }

    /// Starts it, connects its load and warms both up.
    pub(crate) fn start(&mut self, scenario: &Scenario, run: &mut Run) {
        if self.out.is_some() {
            return;
        }
        let started = Running::start(&self.command, scenario, &mut run.accounts, run.cores);
        let Some(mut running) = self.unless_out(started) else {
            return;
        };
        let ready = self.prepare(&mut running, scenario, run);
        if self.unless_out(ready).is_some() {
            self.running = Some(running);
        }
    }

    fn prepare(&mut self, running: &mut Running, scenario: &Scenario, run: &Run) -> Result<()> {
        if let (true, Some(time)) = (scenario.work.disturbs(), scenario.paced) {
            let mut load = undisturbed(scenario, running.server(), run.cores.load_core)?;
            load.slice(scenario.warm_up)?;
            let tally = load.rate(DISTURBED_RATE, time)?;
            self.waits_alone.extend(latency(DISTURBED_RATE, &tally));
        }
        running.slice(scenario.warm_up)?;
        self.bytes_per_connection = running.bytes_per_connection.or(self.bytes_per_connection);
        Ok(())
    }

    /// One slice, unless it is out.
    pub(crate) fn slice(&mut self, time: Duration) -> Option<Sample> {
        let sample = self.running.as_mut()?.slice(time);
        self.unless_out(sample)
    }

    /// Takes the figures of a round, if it is still there.
    pub(crate) fn finish_round(&mut self, round: Round) {
        if self.running.is_some() {
            self.rounds.push(round);
        }
    }

    /// Requests at a fixed rate. A server that did not do as much in this round is
    /// asked only if it must: its waits say for how long it was asked.
    pub(crate) fn pace(&mut self, per_second: u64, time: Duration, is_a_must: bool) {
        let done = self.rounds.last().map_or(0, throughput);
        let keeps_up = is_a_must || done > per_second;
        let Some(running) = self.running.as_mut().filter(|_| keeps_up) else {
            return;
        };
        let tally = running.paced(per_second, time);
        let tally = self.unless_out(tally);
        self.waits.extend(tally.and_then(|tally| latency(per_second, &tally)));
    }

    /// Notes its memory, processes and threads.
    pub(crate) fn weigh(&mut self) {
        let Some(family) = self.running.as_ref().and_then(|running| running.family().ok()) else {
            return;
        };
        self.peak_memory_bytes = self.peak_memory_bytes.max(family.peak().ok());
        self.processes = self.processes.max(family.pids().len() as u32);
        self.threads = self.threads.max(family.threads() as u32);
    }

    /// Ends it and its load.
    pub(crate) fn end(&mut self) {
        self.running = None;
    }

    /// Counts system calls in a run of its own. One that cannot be traced has
    /// no such figure.
    pub(crate) fn trace(&mut self, scenario: &Scenario, run: &mut Run) {
        if let Some(time) = scenario.traced.filter(|_| self.out.is_none()) {
            self.system_calls_per_unit = self.count_calls(time, scenario, run).ok();
        }
    }

    fn count_calls(&self, time: Duration, scenario: &Scenario, run: &mut Run) -> Result<f64> {
        if self.threads.max(self.processes) > MOST_TRACED {
            return Err(Failure::new("too many threads to trace"));
        }
        let mut running = Running::start(&self.command, scenario, &mut run.accounts, run.cores)?;
        running.requests(BEFORE_TRACING)?;
        let strace = Strace::attach(&running.family()?, run.cores.server_core)?;
        let units = running.slice(time)?.amount;
        let calls: u64 = strace.count()?.iter().map(|(_, count)| count).sum();
        Ok(calls as f64 / units as f64)
    }

    /// What came of it; none when there was neither a round nor a reason.
    pub(crate) fn into_row(self) -> Option<Row> {
        let outcome = if !self.rounds.is_empty() {
            Outcome::Measured(Figures {
                system_calls_per_unit: self.system_calls_per_unit,
                peak_memory_bytes: self.peak_memory_bytes,
                bytes_per_connection: self.bytes_per_connection,
                processes: self.processes,
                threads: self.threads,
                latency: typical(&self.waits),
                latency_alone: typical(&self.waits_alone),
                rounds: self.rounds,
            })
        } else {
            Outcome::Refused { why: self.out? }
        };
        Some(Row { server: self.name, outcome })
    }

    /// What was done, or nothing with the reason noted and the server ended.
    fn unless_out<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(done) => Some(done),
            Err(failure) => {
                self.running = None;
                self.out = Some(failure.to_string());
                None
            }
        }
    }
}

fn throughput(round: &Round) -> u64 {
    let per_second = u128::from(round.units) * 1_000_000_000 / u128::from(round.elapsed_ns.max(1));
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

fn latency(rate_per_second: u64, tally: &Tally) -> Option<Latency> {
    let waits = tally.latency?;
    Some(Latency {
        rate_per_second,
        p50_ns: waits.p50_ns,
        p99_ns: waits.p99_ns,
        p999_ns: waits.p999_ns,
        max_ns: waits.max_ns,
    })
}
