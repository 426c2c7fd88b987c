//! The real engine on a scripted network: what goes wrong in servers like this one, and what
//! is promised of a turn. Time is virtual, and everything is told by counts.
//!
//! A test named `p05_…` is the proof of line P5 of the project's list of pitfalls, one named
//! `rule_5_…` that of the fifth rule of a turn.

#![expect(clippy::wildcard_enum_match_arm, reason = "a probe minds what it is about")]

mod accepting;
mod budgets;
mod by_name;
mod closing;
mod coherence;
mod connecting;
mod datagrams;
mod deadlines;
mod draining;
#[cfg(unix)]
mod errands;
mod memory;
mod network;
mod overload;
mod panics;
mod ports;
mod posting;
mod readiness;
mod relaying;
mod requests;
mod world;

use std::any::Any;
use std::time::Duration;

use super::engine::{Engine, Peer, boxed};
use super::{Budget, Config, Deadline, Turn, Wait};
use crate::net::ManualClock;
use crate::sansio::{
    Address, CloseReason, Closed, ConnectionId, Limits, ListenerId, Protocol, Timeout, Transport,
};
use network::{Client, Scripted};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// An engine, its network, and the state that its protocols share.
struct Rig {
    engine: Engine<Seen, Scripted>,
    net: Scripted,
    seen: Seen,
}

impl Rig {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let net = Scripted::new();
        let engine = Engine::new(net.clone(), config).unwrap();
        Self { engine, net, seen: Seen::default() }
    }

    /// A rig with one listener that echoes.
    fn echo() -> Self {
        let mut rig = Self::new();
        rig.listen(Limits::default(), |_| echo());
        rig
    }

    fn listen<P: Protocol<Seen>>(
        &mut self,
        limits: Limits,
        factory: impl FnMut(Peer) -> P + Send + 'static,
    ) -> ListenerId {
        self.engine.listen(address(), &limits.into(), boxed(factory)).unwrap()
    }

    /// A client whose connection was accepted and has settled.
    fn client(&mut self) -> Client {
        let client = self.net.dial();
        self.settle();
        client
    }

    /// As many clients at once.
    fn clients(&mut self, count: usize) -> Vec<Client> {
        let clients = (0..count).map(|_| self.net.dial()).collect();
        self.settle();
        clients
    }

    fn turn(&mut self) -> Turn {
        self.turn_within(Budget::default())
    }

    fn turn_within(&mut self, budget: Budget) -> Turn {
        self.engine.turn(Wait::No, budget, &mut self.seen).unwrap()
    }

    /// A turn that waits, in virtual time.
    fn wait(&mut self) -> Turn {
        self.engine.turn(Wait::Forever, Budget::default(), &mut self.seen).unwrap()
    }

    /// Turns until one finds nothing and leaves nothing over. Gives how many came before it.
    fn settle(&mut self) -> usize {
        for turns in 0..20_000 {
            let turn = self.turn();
            if turn == (Turn { next: turn.next, ..Turn::default() }) {
                return turns;
            }
        }
        panic!("the loop spins: {:?}", self.engine);
    }

    /// Lets time pass, with a turn whenever one is due, until `time` is over. Gives how many.
    fn pass(&mut self, time: Duration) -> usize {
        let until = self.net.clock.now() + time;
        let mut turns = 0;
        while self.net.clock.now() < until {
            let left = until.saturating_duration_since(self.net.clock.now());
            self.engine.turn(Wait::UpTo(left), Budget::default(), &mut self.seen).unwrap();
            turns += 1;
            assert!(turns < 100_000, "the loop spins: {:?}", self.engine);
        }
        turns
    }

    fn advance(&self, time: Duration) {
        self.net.clock.advance(time);
    }

    fn open(&self) -> usize {
        self.engine.stats().open
    }

    /// What the protocols were told so often.
    fn count(&self, call: &str) -> usize {
        self.seen.calls.iter().filter(|(_, seen)| *seen == call).count()
    }

    /// The ids of all connections, in the order in which each was first called.
    fn ids(&self) -> Vec<ConnectionId> {
        let mut ids = Vec::new();
        for (id, _) in &self.seen.calls {
            if !ids.contains(id) {
                ids.push(*id);
            }
        }
        ids
    }
}

/// What the protocols of a rig share: a diary.
#[derive(Default)]
struct Seen {
    calls: Vec<(ConnectionId, &'static str)>,
    reasons: Vec<CloseReason>,
}

/// One call of a protocol.
enum Call<'a> {
    Connected,
    Received(&'a [u8]),
    Writable,
    Expired(Timeout),
    Notified(Box<dyn Any + Send>),
    Stopping,
    Finished,
    Closed(Closed),
}

impl Call<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Received(_) => "received",
            Self::Writable => "writable",
            Self::Expired(_) => "expired",
            Self::Notified(_) => "notified",
            Self::Stopping => "stopping",
            Self::Finished => "finished",
            Self::Closed(_) => "closed",
        }
    }
}

/// A protocol that is one function. What it returns counts for `received` alone; finishing, at
/// the end of input and when the loop drains, is left to it.
struct Probe<F> {
    act: F,
    /// What each call takes, in virtual time.
    cost: Option<(ManualClock, Duration)>,
}

fn probe<F>(act: F) -> Probe<F>
where
    F: FnMut(Call<'_>, &mut Transport<'_, Seen>, &mut Seen) -> usize + Send + 'static,
{
    Probe { act, cost: None }
}

impl<F> Probe<F> {
    fn costing(mut self, clock: &ManualClock, cost: Duration) -> Self {
        self.cost = Some((clock.clone(), cost));
        self
    }
}

impl<F> Probe<F>
where
    F: FnMut(Call<'_>, &mut Transport<'_, Seen>, &mut Seen) -> usize + Send + 'static,
{
    fn call(&mut self, call: Call<'_>, on: &mut Transport<'_, Seen>, seen: &mut Seen) -> usize {
        seen.calls.push((on.id(), call.name()));
        if let Call::Closed(closed) = &call {
            seen.reasons.push(closed.reason);
        }
        if let Some((clock, cost)) = &self.cost {
            clock.advance(*cost);
        }
        (self.act)(call, on, seen)
    }
}

impl<F> Protocol<Seen> for Probe<F>
where
    F: FnMut(Call<'_>, &mut Transport<'_, Seen>, &mut Seen) -> usize + Send + 'static,
{
    fn connected(&mut self, on: &mut Transport<'_, Seen>, seen: &mut Seen) {
        self.call(Call::Connected, on, seen);
    }

    fn received(&mut self, on: &mut Transport<'_, Seen>, seen: &mut Seen, bytes: &[u8]) -> usize {
        self.call(Call::Received(bytes), on, seen)
    }

    fn writable(&mut self, on: &mut Transport<'_, Seen>, seen: &mut Seen) {
        self.call(Call::Writable, on, seen);
    }

    fn expired(&mut self, on: &mut Transport<'_, Seen>, seen: &mut Seen, timeout: Timeout) {
        self.call(Call::Expired(timeout), on, seen);
    }

    fn notified(
        &mut self,
        on: &mut Transport<'_, Seen>,
        seen: &mut Seen,
        message: Box<dyn Any + Send>,
    ) {
        self.call(Call::Notified(message), on, seen);
    }

    fn stopping(&mut self, on: &mut Transport<'_, Seen>, seen: &mut Seen) {
        self.call(Call::Stopping, on, seen);
    }

    fn finished(&mut self, on: &mut Transport<'_, Seen>, seen: &mut Seen, _: &[u8]) {
        self.call(Call::Finished, on, seen);
    }

    fn closed(&mut self, on: &mut Transport<'_, Seen>, seen: &mut Seen, closed: Closed) {
        self.call(Call::Closed(closed), on, seen);
    }
}

/// Gives back what it gets, and finishes when it should.
fn echo() -> impl Protocol<Seen> {
    probe(|call, on, _| match call {
        Call::Received(bytes) => {
            on.write(bytes);
            bytes.len()
        }
        Call::Stopping | Call::Finished => {
            on.finish();
            0
        }
        _ => 0,
    })
}

/// Takes what it gets, and finishes when it should.
fn silent() -> impl Protocol<Seen> {
    probe(|call, on, _| match call {
        Call::Received(bytes) => bytes.len(),
        Call::Stopping | Call::Finished => {
            on.finish();
            0
        }
        _ => 0,
    })
}

fn address() -> Address {
    "192.0.2.100:7000".parse().unwrap()
}
