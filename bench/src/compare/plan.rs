//! What a comparison consists of: the scenarios, how big each is, and how long
//! each is measured.
//!
//! The sizes are chosen so that all scenarios over the default servers end in
//! under ten minutes, and the quick ones in under one. A scenario of ten
//! thousand connections starts its servers once and keeps them through all
//! rounds, because connecting takes longer than measuring; the others start
//! afresh in each round, which lets memory be laid out anew.

use std::time::Duration;

use crate::traffic::ECHO_BYTES;

/// What the clients of a scenario do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Messages of so many bytes that come back.
    Echo { bytes: u32 },
    /// Requests, so many in a write.
    Http { pipeline: u32 },
    /// Connect, one echo, close.
    Churn,
    /// One client asks among many that only are there.
    IdleEcho,
    /// The same over HTTP.
    IdleHttp,
    /// Whole files, read and dropped.
    File,
    /// One line to everybody, when all have the one before.
    Broadcast,
    /// Normal clients beside one that does not read its replies.
    SlowReader,
    /// Beside one that sends its request a byte at a time.
    Trickle,
    /// Beside one that sends requests without end.
    Greedy,
}

impl Work {
    /// What is counted.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Churn => "connection",
            Self::Broadcast => "delivery",
            Self::File => "MiB",
            Self::Echo { .. }
            | Self::Http { .. }
            | Self::IdleEcho
            | Self::IdleHttp
            | Self::SlowReader
            | Self::Trickle
            | Self::Greedy => "request",
        }
    }

    /// Bytes of a message, where scenarios differ in them.
    pub(crate) fn message_bytes(self) -> Option<u32> {
        if let Self::Echo { bytes } = self { Some(bytes) } else { None }
    }

    /// Whether a unit is so much work that a slice holds few of them.
    fn is_bulky(self) -> bool {
        self.message_bytes().is_some_and(|bytes| bytes >= BULKY_BYTES)
    }

    /// Whether the clients' waits are measured with and without one of them.
    pub(crate) fn disturbs(self) -> bool {
        matches!(self, Self::SlowReader | Self::Trickle | Self::Greedy)
    }

    /// Whether connections that do nothing are weighed.
    pub(crate) fn is_idle(self) -> bool {
        matches!(self, Self::IdleEcho | Self::IdleHttp)
    }
}

/// Whether the servers of a scenario are started again for each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Starts {
    /// For each round.
    EachRound,
    /// Before the first.
    Once,
}

/// One scenario.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// On the command line.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: String,
    pub(crate) work: Work,
    /// Of the clients that ask, and of those that are only there.
    pub(crate) connections: u32,
    pub(crate) rounds: u32,
    /// Rounds that it has even if they take too long.
    pub(crate) fewest_rounds: u32,
    /// Once this has passed for each server there is no further round, if there were enough.
    pub(crate) budget_each: Duration,
    /// Before the first slice after a start.
    pub(crate) warm_up: Duration,
    /// Of each server in each round.
    pub(crate) slices: u32,
    /// Short enough that two neighbours meet the same weather, long enough that
    /// beginning and end, with few requests under way, do not weigh.
    pub(crate) slice: Duration,
    pub(crate) starts: Starts,
    /// How long system calls are counted; none where that would say nothing.
    pub(crate) traced: Option<Duration>,
    /// How long requests come at a fixed rate, in each round.
    pub(crate) paced: Option<Duration>,
}

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Under ten minutes for the default servers.
    Full,
    /// Under one minute.
    Quick,
}

/// What differs between scenarios; the rest follows.
struct Outline {
    name: &'static str,
    work: Work,
    connections: u32,
    quick_connections: u32,
}

const fn outline(
    name: &'static str,
    work: Work,
    connections: u32,
    quick_connections: u32,
) -> Outline {
    Outline { name, work, connections, quick_connections }
}

const ECHO: Work = Work::Echo { bytes: ECHO_BYTES };
const PLAIN: Work = Work::Http { pipeline: 1 };
const PIPELINED: Work = Work::Http { pipeline: 16 };

/// In the order in which they run and are shown. What is cheap comes first, so
/// that a run that is stopped has most.
const OUTLINES: &[Outline] = &[
    outline("echo-1", ECHO, 1, 1),
    outline("echo-64", ECHO, 64, 64),
    outline("echo-1000", ECHO, 1_000, 1_000),
    outline("echo-10000", ECHO, 10_000, 1_500),
    outline("echo-64-1k", Work::Echo { bytes: 1 << 10 }, 64, 64),
    outline("echo-64-16k", Work::Echo { bytes: 16 << 10 }, 64, 64),
    outline("echo-64-256k", Work::Echo { bytes: 256 << 10 }, 64, 64),
    outline("http-64", PLAIN, 64, 64),
    outline("http-64-pipelined", PIPELINED, 64, 64),
    outline("http-1000", PLAIN, 1_000, 500),
    outline("http-10000", PLAIN, 10_000, 1_500),
    outline("churn", Work::Churn, 64, 64),
    outline("idle-echo", Work::IdleEcho, 15_000, 2_000),
    outline("idle-http", Work::IdleHttp, 15_000, 2_000),
    outline("file-1", Work::File, 1, 1),
    outline("file-100", Work::File, 100, 100),
    outline("broadcast-1000", Work::Broadcast, 1_000, 1_000),
    outline("broadcast-10000", Work::Broadcast, 10_000, 1_500),
    outline("slow-reader", Work::SlowReader, 8, 8),
    outline("trickle", Work::Trickle, 8, 8),
    outline("greedy", Work::Greedy, 8, 8),
];

/// Messages from this size on are bulky.
const BULKY_BYTES: u32 = 64 << 10;
/// From so many connections on, a slice must be longer.
const SOME: u32 = 500;
/// From so many on, starting is dear besides.
const MANY: u32 = 2_000;
/// From so many on, no system calls are counted: those of a thousand say it all.
const TOO_MANY_TO_TRACE: u32 = 2_000;

/// Time under the tracer, in which a server of one thread makes some thousands
/// of calls.
const TRACED: Duration = Duration::from_millis(300);

/// All scenarios in their order.
pub(crate) fn scenarios(pace: Pace) -> Vec<Scenario> {
    // How cost grows with bytes is left out by who is in a hurry.
    let is_part = |outline: &&Outline| {
        pace == Pace::Full || outline.work.message_bytes().is_none_or(|bytes| bytes == ECHO_BYTES)
    };
    OUTLINES.iter().filter(is_part).map(|outline| outline.at(pace)).collect()
}

impl Outline {
    fn at(&self, pace: Pace) -> Scenario {
        let is_quick = pace == Pace::Quick;
        let connections = if is_quick { self.quick_connections } else { self.connections };
        let paced = Duration::from_millis(match (pace, self.work.disturbs()) {
            (Pace::Full, _) => 200,
            (Pace::Quick, true) => 80,
            (Pace::Quick, false) => 30,
        });
        let (slice, slices) = self.slices(connections, pace);
        let is_traced = !self.work.is_idle() && !self.work.disturbs() && self.work != Work::File;
        Scenario {
            name: self.name,
            title: title(self.work, connections),
            work: self.work,
            connections,
            rounds: if is_quick { 3 } else { 5 },
            fewest_rounds: if is_quick { 2 } else { 3 },
            budget_each: Duration::from_millis(if is_quick { 400 } else { 10_000 }),
            // Until the socket of a greedy client is as large as it gets.
            warm_up: Duration::from_millis(match pace {
                Pace::Full if self.work == Work::Greedy => 500,
                Pace::Full => 100,
                Pace::Quick => 40,
            }),
            slices,
            slice,
            starts: if is_quick || connections >= MANY { Starts::Once } else { Starts::EachRound },
            traced: (is_traced && !is_quick && connections < TOO_MANY_TO_TRACE).then_some(TRACED),
            paced: self.work.is_paced().then_some(paced),
        }
    }

    /// How long a slice is, and how many there are of each server in a round. In
    /// a closed loop every connection asks at least once in a slice, and a thread
    /// that has not been asked for a while is woken at a higher price, so with
    /// many connections a slice is long enough for each to ask several times.
    fn slices(&self, connections: u32, pace: Pace) -> (Duration, u32) {
        let asks_one = self.work.is_idle() || self.work == Work::Churn;
        let (milliseconds, slices) = match (pace, self.work, connections) {
            // What is under way where a slice begins and ends is much.
            (Pace::Full, Work::Greedy, _) => (150, 4),
            (Pace::Full, Work::File, _) => (150, 3),
            (Pace::Full, work, _) if work.is_bulky() => (100, 4),
            (Pace::Full, Work::Echo { bytes }, _) if bytes != ECHO_BYTES => (20, 16),
            (Pace::Full, work, _) if work.is_idle() || work.disturbs() => (20, 10),
            (Pace::Quick, Work::File, _) => (50, 2),
            (Pace::Full, _, MANY..) if !asks_one => (200, 3),
            (Pace::Full, _, SOME..MANY) if !asks_one => (150, 4),
            (Pace::Quick, _, SOME..) if !asks_one => (60, 2),
            (Pace::Full, ..) => (20, 20),
            (Pace::Quick, ..) => (20, 3),
        };
        (Duration::from_millis(milliseconds), slices)
    }
}

impl Work {
    /// Whether waits at a fixed rate say something: where a client asks and
    /// waits for its own answer.
    fn is_paced(self) -> bool {
        match self {
            // A longer message takes the client its own time to send.
            Self::Echo { bytes } => bytes == ECHO_BYTES,
            Self::Http { pipeline: 1 }
            | Self::IdleEcho
            | Self::IdleHttp
            | Self::SlowReader
            | Self::Trickle
            | Self::Greedy => true,
            Self::Http { .. } | Self::Churn | Self::File | Self::Broadcast => false,
        }
    }
}

fn title(work: Work, connections: u32) -> String {
    let many = match connections {
        1 => "1 connection".to_owned(),
        _ => format!("{connections} connections"),
    };
    match work {
        ECHO => format!("echo, {many}"),
        Work::Echo { bytes } => format!("echo, {many}, messages of {} KiB", bytes >> 10),
        Work::Http { pipeline: 1 } => format!("HTTP, {many}"),
        Work::Http { pipeline } => format!("HTTP, {many}, {pipeline} requests in a write"),
        Work::Churn => format!("connect, one echo, close; {connections} at a time"),
        Work::IdleEcho => format!("echo, 1 client among {connections} idle ones"),
        Work::IdleHttp => format!("HTTP, 1 client among {connections} idle ones"),
        Work::File if connections == 1 => "a file of 1 GiB to 1 reader".to_owned(),
        Work::File => format!("a file of 1 GiB to {connections} readers"),
        Work::Broadcast => format!("one line to {connections} listeners"),
        Work::SlowReader => format!("{connections} clients beside one that does not read"),
        Work::Trickle => format!("{connections} clients beside one that sends byte by byte"),
        Work::Greedy => format!("{connections} clients beside one that asks without end"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run takes besides measuring is not in it: starting, connecting.
    fn measured_seconds(pace: Pace, servers: u32) -> f64 {
        let one = |scenario: &Scenario| {
            let round = scenario.slice * scenario.slices + scenario.paced.unwrap_or_default();
            (round * scenario.rounds).as_secs_f64()
        };
        scenarios(pace).iter().map(one).sum::<f64>() * f64::from(servers)
    }

    #[test]
    fn the_plan_leaves_time_to_start_and_to_connect() {
        assert!(measured_seconds(Pace::Full, 5) < 360.0);
        assert!(measured_seconds(Pace::Quick, 5) < 35.0);
    }

    #[test]
    fn every_scenario_has_its_own_name() {
        let mut names: Vec<_> = OUTLINES.iter().map(|outline| outline.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OUTLINES.len());
    }
}
