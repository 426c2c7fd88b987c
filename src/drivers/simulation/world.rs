//! The world of a simulation: its time, what is to come, and what a poll tells of it.
//!
//! Readiness is edge-triggered as epoll's is. A source goes on the list when something about it
//! changes, and leaves it when a poll fetches it; what the poll tells is how the source stands at
//! that moment. A fault may make an edge late, double or split. It must never lose one: after
//! would-block there is an edge when that has changed.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::client::Client;
use super::datagrams::{Datagram, Port};
use super::dice::Dice;
use super::faults::{Fault, Faults, Struck};
use super::ledger::SharedLedger;
use super::link::{End, Link};
use super::script::Script;
use super::trace::Who;
use crate::net::{ManualClock, Readiness, Wake};
use crate::sansio::Address;

/// Something that a poll tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Waker,
    Listener(usize),
    End(usize, usize),
    Port(usize),
}

/// What happens at a time.
#[derive(Clone, Debug)]
pub(super) enum Errand {
    /// A client begins to connect.
    Dial(usize),
    /// The wish to connect arrives at the other side.
    Knock(usize),
    /// Its answer is back.
    Answer { link: usize, is_welcome: bool },
    /// The next packet of a flow arrives.
    Packet(usize, usize),
    /// A reset arrives at an end.
    Reset(usize, usize),
    /// A datagram arrives.
    Datagram(Box<Datagram>),
    /// A late edge is put on the list.
    List(Source),
    /// A client looks what it can do.
    Wake(usize),
}

/// A listening socket and who waits at it.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) token: usize,
    pub(super) address: Address,
    /// The links of those who wait.
    pub(super) waiting: VecDeque<usize>,
    pub(super) backlog: usize,
    pub(super) is_closed: bool,
    pub(super) is_listed: bool,
}

/// Rings from anywhere.
#[derive(Debug, Default)]
pub(super) struct Bell {
    is_rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(&self) {
        self.is_rung.store(true, Ordering::SeqCst);
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct World {
    beginning: (Instant, SystemTime),
    pub(super) elapsed: Duration,
    /// The wall clock stands still: what shows it comes out the same however long things take.
    pub(super) is_wall_frozen: bool,
    pub(super) dice: Dice,
    pub(super) faults: Faults,
    pub(super) struck: Struck,
    agenda: BTreeMap<(Duration, u64), Errand>,
    sequence: u64,
    pub(super) links: Vec<Link>,
    pub(super) doors: Vec<Door>,
    pub(super) ports: Vec<Port>,
    /// Datagrams that arrived where no port of the loop's is.
    pub(super) letters: Vec<Datagram>,
    pub(super) clients: Vec<Client>,
    /// Scripted servers, by address.
    pub(super) servers: Vec<(Address, Script)>,
    ready: VecDeque<Source>,
    /// Sources that the next poll tells of once more.
    again: Vec<Source>,
    /// Tokens of streams that were closed and not yet confused with others.
    pub(super) stale: Vec<usize>,
    pub(super) bell: Arc<Bell>,
    pub(super) waker_token: usize,
    pub(super) ledger: SharedLedger,
    /// The loop waits for ever, and nothing will ever happen.
    pub(super) is_stuck: bool,
    pub(super) can_send_file: bool,
    /// Streams that the engine has open.
    pub(super) open: usize,
}

impl World {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        let mut dice = Dice::new(seed);
        let can_send_file = dice.one_in(2);
        Self {
            // An Instant can only be had from a clock. Nothing depends on which one it is.
            beginning: (ManualClock::new().now(), SystemTime::UNIX_EPOCH + WALL_CLOCK),
            elapsed: Duration::ZERO,
            is_wall_frozen: false,
            dice,
            faults,
            struck: Struck::default(),
            agenda: BTreeMap::new(),
            sequence: 0,
            links: Vec::new(),
            doors: Vec::new(),
            ports: Vec::new(),
            letters: Vec::new(),
            clients: Vec::new(),
            servers: Vec::new(),
            ready: VecDeque::new(),
            again: Vec::new(),
            stale: Vec::new(),
            bell: Arc::default(),
            waker_token: 0,
            ledger: SharedLedger::new(),
            is_stuck: false,
            can_send_file,
            open: 0,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.beginning.0 + self.elapsed
    }

    pub(super) fn wall_time(&self) -> SystemTime {
        let passed = if self.is_wall_frozen { Duration::ZERO } else { self.elapsed };
        self.beginning.1 + passed
    }

    pub(super) fn note(&self, who: Who, what: &'static str, amount: impl Into<Option<u64>>) {
        self.ledger.note(who, what, amount.into());
    }

    /// Whether `fault` strikes now. Every call is an opportunity.
    pub(super) fn strikes(&mut self, fault: Fault, who: Who) -> bool {
        let number = self.struck.note_opportunity(fault);
        let strikes = self.faults.strike(fault, number, self.elapsed, &mut self.dice);
        if strikes {
            self.struck.note(fault);
            self.note(who, fault.name(), None);
        }
        strikes
    }

    pub(super) fn plan(&mut self, delay: Duration, errand: Errand) {
        self.sequence += 1;
        self.agenda.insert((self.elapsed + delay, self.sequence), errand);
    }

    /// Whether nothing is to come.
    pub(super) fn is_quiet(&self) -> bool {
        self.agenda.is_empty() && self.ready.is_empty() && self.again.is_empty()
    }

    /// When something is to happen next, or `deadline` is reached, or now.
    pub(super) fn next_event(&self, deadline: Option<Instant>) -> Instant {
        let next = self.agenda.first_key_value().map(|((at, _), _)| self.beginning.0 + *at);
        let soon = next.into_iter().chain(deadline).min().unwrap_or_else(|| self.now());
        if self.ready.is_empty() { soon.max(self.now()) } else { self.now() }
    }

    /// An address with its real port: 0 is replaced by `free`.
    pub(super) fn with_port(address: &Address, free: usize) -> io::Result<Address> {
        let Some(mut socket) = address.socket().filter(|socket| socket.port() == 0) else {
            return Ok(address.clone());
        };
        socket.set_port(u16::try_from(free).map_err(io::Error::other)?);
        Ok(if matches!(address, Address::Udp(_)) { Address::udp(socket) } else { socket.into() })
    }

    /// Lets `time` pass, and what happens meanwhile happen.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.elapsed + time;
        while let Some(entry) = self.agenda.first_entry()
            && entry.key().0 <= until
        {
            let ((at, _), errand) = entry.remove_entry();
            self.set_time(at.max(self.elapsed));
            self.run_errand(errand);
        }
        self.set_time(until);
    }

    fn set_time(&mut self, time: Duration) {
        self.elapsed = time;
        self.ledger.lock().trace.at = time;
    }

    fn run_errand(&mut self, errand: Errand) {
        match errand {
            Errand::Dial(client) => self.dial(client),
            Errand::Knock(link) => self.knock(link),
            Errand::Answer { link, is_welcome } => self.answer(link, is_welcome),
            Errand::Packet(link, side) => self.arrive(link, side),
            Errand::Reset(link, side) => self.take_reset(link, side),
            Errand::Datagram(datagram) => self.deliver(*datagram),
            Errand::List(source) => self.list(source),
            Errand::Wake(client) => self.wake_client(client),
        }
    }

    /// What every look at the clock takes, the work before it included.
    pub(super) fn take_a_moment(&mut self) {
        let mut time = self.dice.time_below(Duration::from_micros(2));
        if self.strikes(Fault::SlowCallback, Who::Loop) {
            time += self.dice.time_below(self.faults.slowness);
        }
        self.pass(time);
    }

    /// Something about `source` has changed: a poll will tell, now or a little later.
    pub(super) fn announce(&mut self, source: Source) {
        if self.strikes(Fault::LateEdge, who(source)) {
            self.announce_late(source);
        } else {
            self.list(source);
        }
    }

    pub(super) fn announce_late(&mut self, source: Source) {
        let delay = self.dice.time_below(self.faults.delay);
        self.plan(delay, Errand::List(source));
    }

    fn list(&mut self, source: Source) {
        let is_listed = match source {
            Source::Waker => &mut false,
            Source::Listener(number) => &mut self.doors[number].is_listed,
            Source::End(link, side) => &mut self.links[link].ends[side].is_listed,
            Source::Port(number) => &mut self.ports[number].is_listed,
        };
        if !std::mem::replace(is_listed, true) {
            self.ready.push_back(source);
        }
    }

    /// A source is closed; a stale event may still come for it. Not where a token has no room for
    /// a generation: there the engine relies on the poll to forget a source that is closed.
    pub(super) fn remember_token(&mut self, token: usize) {
        if usize::BITS >= u64::BITS {
            self.stale.push(token);
        }
    }

    /// Waits for readiness, at most for `timeout`. Says whether there may be more.
    pub(super) fn poll(&mut self, timeout: Option<Duration>, batch: &mut Vec<Readiness>) -> bool {
        let until = timeout.map(|timeout| self.elapsed + timeout);
        self.pass(Duration::ZERO);
        let mut is_full = self.fetch(batch);
        while batch.is_empty() && until.is_none_or(|until| self.elapsed < until) {
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let at = match (next, until) {
                (Some(next), Some(until)) => next.min(until),
                (Some(next), None) => next,
                (None, Some(until)) => until,
                (None, None) => {
                    self.is_stuck = true;
                    break;
                }
            };
            self.pass(at.saturating_sub(self.elapsed));
            is_full = self.fetch(batch);
        }
        if timeout != Some(Duration::ZERO) && self.strikes(Fault::ClockJump, Who::Loop) {
            let jump = self.dice.time_below(self.faults.jump);
            self.pass(jump);
        }
        self.note(Who::Loop, "poll", batch.len() as u64);
        is_full
    }

    /// One batch. Says whether it was full.
    fn fetch(&mut self, batch: &mut Vec<Readiness>) -> bool {
        if self.bell.is_rung.swap(false, Ordering::SeqCst) {
            self.list(Source::Waker);
        }
        if self.ready.is_empty() && self.again.is_empty() {
            return false;
        }
        let capacity = if self.strikes(Fault::FullPoll, Who::Loop) {
            self.dice.between(1, 4)
        } else {
            MOST_EVENTS
        };
        for source in std::mem::take(&mut self.again) {
            self.tell(source, batch);
        }
        while batch.len() < capacity
            && let Some(source) = self.ready.pop_front()
        {
            match source {
                Source::Waker => {}
                Source::Listener(number) => self.doors[number].is_listed = false,
                Source::End(link, side) => self.links[link].ends[side].is_listed = false,
                Source::Port(number) => self.ports[number].is_listed = false,
            }
            let before = batch.len();
            self.tell(source, batch);
            if batch.len() > before && self.strikes(Fault::RepeatedEdge, who(source)) {
                self.again.push(source);
            }
        }
        if !batch.is_empty() && !self.stale.is_empty() && self.strikes(Fault::StaleEdge, Who::Loop)
        {
            let place = self.dice.between(0, self.stale.len() - 1);
            let token = self.stale.swap_remove(place);
            batch.push(Readiness { token, readable: true, writable: true, hung_up: true });
        }
        if batch.len() > 1 && self.strikes(Fault::ReorderedEdges, Who::Loop) {
            self.dice.shuffle(batch);
        }
        batch.len() >= capacity
    }

    /// Adds to `batch` how `source` stands.
    fn tell(&mut self, source: Source, batch: &mut Vec<Readiness>) {
        let only_readable =
            |token| Readiness { token, readable: true, writable: false, hung_up: false };
        match source {
            Source::Waker => batch.push(only_readable(self.waker_token)),
            Source::Listener(number) => {
                let door = &self.doors[number];
                if !door.is_closed && !door.waiting.is_empty() {
                    batch.push(only_readable(door.token));
                }
            }
            Source::Port(number) => {
                let port = &mut self.ports[number];
                let Some(token) = port.token else { return };
                let readable = port.has_mail();
                port.may_receive |= readable;
                batch.push(Readiness { token, readable, writable: true, hung_up: false });
            }
            Source::End(link, side) => {
                let Some(token) = self.links[link].ends[side].token else { return };
                let Some((readable, writable, hung_up)) = self.links[link].readiness(side) else {
                    return;
                };
                let End { may_read, may_write, .. } = &mut self.links[link].ends[side];
                *may_read |= readable;
                *may_write |= writable;
                let whole = Readiness { token, readable, writable, hung_up };
                if readable && writable && self.strikes(Fault::SplitEdge, who(source)) {
                    batch.push(Readiness { writable: false, ..whole });
                    batch.push(Readiness { readable: false, hung_up: false, ..whole });
                } else {
                    batch.push(whole);
                }
            }
        }
    }
}

/// Who a source is in the trace.
const fn who(source: Source) -> Who {
    match source {
        Source::Waker => Who::Loop,
        Source::Listener(number) => Who::Listener(number),
        Source::End(link, side) => Who::Link(link, side),
        Source::Port(number) => Who::Port(number),
    }
}

/// As many events as the system's poll has room for at first.
const MOST_EVENTS: usize = 1024;

/// A wall clock begins at this time after 1970: 13 February 2009, 23:31:30 UTC.
const WALL_CLOCK: Duration = Duration::from_secs(1_234_567_890);
