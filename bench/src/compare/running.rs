//! A server with its load, from the start until both are ended.

use std::thread;
use std::time::{Duration, Instant};

use super::cost::{Accounts, Meter};
use super::plan::{Scenario, Work};
use super::refusal::Watch;
use super::sample::Sample;
use crate::Cores;
use crate::failure::{Failure, Outcome};
use crate::load::{Beside, Job, Load, Tally};
use crate::process::{Family, is_runnable};
use crate::server::{ALL_ARE_IN, Server};
use crate::traffic::Kind;

/// Until a server has come to rest its time is looked at again after this.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);
/// One that has not come to rest by then never will, and would take the core from
/// the others while they are measured.
const LONGEST_UNREST: Duration = Duration::from_secs(2);
/// Of the idle connections, those that are there at the first weighing.
const FEW: u32 = 1_000;
/// What a server does after its last reply, and the kernel after it.
const BEFORE_WEIGHING: Duration = Duration::from_millis(100);

/// A server that is measured, with its load connected.
#[derive(Debug)]
pub(crate) struct Running {
    // In this order they are dropped: clients, server, group.
    load: Load,
    _idle: Option<Load>,
    server: Server,
    meter: Meter,
    /// What was used up when all were connected, if anything was.
    limit: Option<String>,
    counts_bytes: bool,
    /// What an idle connection weighs, if that was measured.
    pub(crate) bytes_per_connection: Option<f64>,
}

/// A server alone, before its load is there.
#[derive(Debug)]
struct Started {
    server: Server,
    meter: Option<Meter>,
}

impl Running {
    /// Starts a server and connects the clients of a scenario to it. A failure
    /// names the resource that ran out, if one did.
    pub(crate) fn start(
        command: &str,
        scenario: &Scenario,
        accounts: &mut Accounts,
        cores: Cores,
    ) -> Outcome<Self> {
        let started = Started::start(command, accounts, cores)?;
        let watch = Watch::over(started.server.leader());
        let connected = started.connect(scenario, cores);
        let (load, idle, bytes_per_connection) = match connected {
            Ok(connected) => connected,
            Err(cause) => return Err(started.explain(cause, &watch)),
        };
        let limit = watch.verdict();
        drop(watch);
        let family = started.server.family();
        let Started { server, meter } = started;
        let meter = meter.map_or_else(|| Meter::of_clocks(&family), Ok)?;
        let counts_bytes = scenario.work == Work::File;
        let running =
            Self { load, _idle: idle, server, meter, limit, counts_bytes, bytes_per_connection };
        if scenario.work == Work::Broadcast {
            // Who is not in yet would wait for ever for a line that was sent before.
            running.at_rest(ALL_ARE_IN)?;
        }
        Ok(running)
    }

    /// One slice, begun and ended with the server at rest.
    pub(crate) fn slice(&mut self, time: Duration) -> Outcome<Sample> {
        let before = self.at_rest(BETWEEN_LOOKS)?;
        let tally = self.load.slice(time).map_err(|cause| self.explain(cause))?;
        let after = self.at_rest(BETWEEN_LOOKS)?;
        Ok(Sample::of(&tally, after.saturating_sub(before), self.counts_bytes))
    }

    /// Requests at a fixed rate.
    pub(crate) fn paced(&mut self, per_second: u64, time: Duration) -> Outcome<Tally> {
        self.load.rate(per_second, time).map_err(|cause| self.explain(cause))
    }

    /// So many requests, for a tracer.
    pub(crate) fn requests(&mut self, count: u64) -> Outcome<Tally> {
        self.load.requests(count).map_err(|cause| self.explain(cause))
    }

    /// Its processes now.
    pub(crate) fn family(&self) -> Outcome<Family> {
        self.meter.family()
    }

    /// Where it listens, for clients besides its load.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// CPU time so far, once nothing has run between two looks. A process that
    /// stands still because another one has its core is not at rest; that much
    /// is known of the first thread alone.
    fn at_rest(&self, between: Duration) -> Outcome<u64> {
        let began = Instant::now();
        let mut last = self.meter.cpu_nanoseconds()?;
        while began.elapsed() < LONGEST_UNREST {
            thread::sleep(between);
            let now = self.meter.cpu_nanoseconds()?;
            if now == last && !is_runnable(self.server.leader()) {
                return Ok(now);
            }
            last = now;
        }
        let why = format!("it still runs {LONGEST_UNREST:?} after its clients have stopped");
        Err(Failure::new(why))
    }

    fn explain(&self, cause: Failure) -> Failure {
        explain(cause, self.limit.clone(), &self.server)
    }
}

impl Started {
    fn start(command: &str, accounts: &mut Accounts, cores: Cores) -> Outcome<Self> {
        let group = accounts.open()?;
        let folder = group.as_ref().map(|group| group.folder());
        let server = Server::start_in(command, cores.server_core, folder)?;
        Ok(Self { server, meter: group.map(Meter::Group) })
    }

    /// The load of a scenario, and for idle connections those that are only there
    /// and what each weighs.
    fn connect(
        &self,
        scenario: &Scenario,
        cores: Cores,
    ) -> Outcome<(Load, Option<Load>, Option<f64>)> {
        let job = job(scenario, &self.server);
        if !scenario.work.is_idle() {
            return Ok((Load::start(&job, cores.load_core)?, None, None));
        }
        let few = FEW.min(scenario.connections / 2);
        let with = |connections: u32| {
            let job = Job { connections: connections as usize, ..job.clone() };
            let mut load = Load::start(&job, cores.load_core)?;
            // Each is served once: what a first request needs belongs to its weight.
            load.requests(1)?;
            thread::sleep(BEFORE_WEIGHING);
            let family = match &self.meter {
                Some(meter) => meter.family()?,
                None => self.server.family(),
            };
            Ok::<_, Failure>((load, family.footprint()?))
        };
        let (idle, light) = with(few)?;
        let (mut load, heavy) = with(scenario.connections - few)?;
        load.active(1)?;
        let added = f64::from(scenario.connections - few);
        Ok((load, Some(idle), Some((heavy as f64 - light as f64) / added)))
    }

    fn explain(&self, cause: Failure, watch: &Watch) -> Failure {
        explain(cause, watch.verdict(), &self.server)
    }
}

/// The clients of a scenario.
fn job(scenario: &Scenario, server: &Server) -> Job {
    let connections = scenario.connections as usize;
    let clients = |kind| Job::new(server.address, kind, connections);
    match scenario.work {
        Work::Echo { bytes } => clients(Kind::Echo).bytes(bytes),
        Work::IdleEcho => clients(Kind::Echo),
        Work::Http { pipeline } => clients(Kind::Http).pipeline(pipeline as usize),
        Work::IdleHttp => clients(Kind::Http),
        Work::Churn => clients(Kind::Echo).churn(),
        Work::File => clients(Kind::File),
        Work::Broadcast => clients(Kind::Broadcast),
        Work::SlowReader => clients(Kind::Http).beside(Beside::SlowReader, 1),
        Work::Trickle => clients(Kind::Http).beside(Beside::Trickle, 1),
        Work::Greedy => clients(Kind::Http).beside(Beside::Greedy, 1),
    }
}

/// The normal clients of a scenario without the one that disturbs.
pub(crate) fn undisturbed(scenario: &Scenario, server: &Server, core: usize) -> Outcome<Load> {
    let job = Job { beside: None, others: 0, ..job(scenario, server) };
    Load::start(&job, core)
}

/// Says which limit was reached, else what the server complained of last.
fn explain(cause: Failure, limit: Option<String>, server: &Server) -> Failure {
    match limit.or_else(|| Some(format!("the server said: {}", server.last_complaint()?))) {
        Some(reason) => Failure::because(reason, cause),
        None => cause,
    }
}
