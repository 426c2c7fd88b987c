//! What the seeds reached, and what they must reach.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;

use switchboard::drivers::event_loop::Drained;
use switchboard::simulation::{Fault, Simulation, Struck};
use switchboard::{CloseReason, Timeout};

use crate::doors::Hall;

/// Counts over all seeds.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    pub(crate) seeds: u64,
    clients: u64,
    bytes: u64,
    turns: u64,
    events: u64,
    seconds: u64,
    /// How often each state was reached.
    reached: BTreeMap<String, u64>,
    struck: Struck,
}

/// How connections may end in the scenario.
const REASONS: [CloseReason; 19] = [
    CloseReason::Finished,
    CloseReason::Aborted,
    CloseReason::TimedOut(Timeout::FirstByte),
    CloseReason::TimedOut(Timeout::Idle),
    CloseReason::TimedOut(Timeout::Message),
    CloseReason::TimedOut(Timeout::WriteStall),
    CloseReason::TimedOut(Timeout::Closing),
    CloseReason::TimedOut(Timeout::Connect),
    CloseReason::InputFull,
    CloseReason::OutputFull,
    CloseReason::TooSlow,
    CloseReason::Overloaded,
    CloseReason::Panicked,
    CloseReason::File,
    CloseReason::Stopped,
    CloseReason::Io(ErrorKind::ConnectionReset),
    CloseReason::Io(ErrorKind::BrokenPipe),
    CloseReason::Io(ErrorKind::ConnectionRefused),
    CloseReason::Io(ErrorKind::Other),
];

/// What else must have happened.
const STATES: [&str; 12] = [
    "trouble: Exhausted",
    "trouble: AtConnectionLimit",
    "trouble: Overloaded",
    "all served after exhaustion",
    "turn curbed",
    "turned away at the limit of an address",
    "dead letter",
    "own deadline",
    "late deadline",
    "drain: finished",
    "drain: aborted",
    "drain: otherwise",
];

impl Coverage {
    fn count(&mut self, state: impl Into<String>, count: u64) {
        if count > 0 {
            *self.reached.entry(state.into()).or_insert(0) += count;
        }
    }

    pub(crate) fn note_client(&mut self, act: &str, is_through: bool) {
        self.clients += 1;
        let how = if is_through { "played to the end" } else { "cut short" };
        self.count(format!("act {how}: {act}"), 1);
    }

    pub(crate) fn note_drained(&mut self, drained: &Drained) {
        self.count("drain: finished", drained.finished);
        self.count("drain: aborted", drained.aborted);
        self.count("drain: otherwise", drained.otherwise);
    }

    /// Every script was played to its end, and some of it after descriptors had been out.
    pub(crate) fn note_recovery(&mut self, scene: &Simulation<Hall>) {
        self.count("all served after exhaustion", scene.stats().exhaustions);
    }

    pub(crate) fn note_scene(&mut self, scene: &Simulation<Hall>, hall: &Hall) {
        let stats = scene.stats();
        self.seeds += 1;
        self.bytes += stats.bytes_in + stats.bytes_out;
        self.turns += stats.turns;
        self.events += scene.event_count();
        self.seconds += scene.elapsed().as_secs();
        self.struck.add(&scene.struck());
        let refused = hall
            .back
            .iter()
            .filter(|reason| !stats.closed.iter().any(|(known, _)| known == *reason));
        for reason in refused {
            // Where connecting failed at once there never was a connection of the loop.
            self.count(format!("{reason:?}"), 1);
        }
        for (reason, count) in &stats.closed {
            self.count(format!("{reason:?}"), *count);
        }
        for (trouble, count) in scene.troubles() {
            self.count(format!("trouble: {trouble:?}"), *count);
        }
        self.count("descriptors out", stats.exhaustions);
        self.count("turn curbed", scene.curbed_turns());
        self.count("turned away at the limit of an address", stats.refused);
        self.count("dead letter", stats.dead_letters);
        self.count("own deadline", hall.own_deadlines);
        self.count("late deadline", u64::from(!stats.lag.is_zero()));
    }

    /// What was never reached.
    pub(crate) fn missed(&self) -> Vec<String> {
        let reasons = REASONS.iter().map(|reason| format!("{reason:?}"));
        let states = STATES.iter().map(|state| (*state).to_owned());
        let missed = reasons.chain(states).filter(|state| !self.reached.contains_key(state));
        missed.chain(self.struck.missed().map(|fault| format!("fault: {}", fault.name()))).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (state, count) in &self.reached {
            writeln!(f, "{count:>9} {state}")?;
        }
        for fault in Fault::ALL {
            writeln!(f, "{:>9} fault: {}", self.struck.count(*fault), fault.name())?;
        }
        let Self { seeds, clients, bytes, turns, events, seconds, .. } = self;
        write!(
            f,
            "{seeds} seeds: {clients} connections, {bytes} bytes, {turns} turns, {events} events, \
             {seconds} simulated seconds"
        )
    }
}
