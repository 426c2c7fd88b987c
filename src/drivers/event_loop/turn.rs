//! One turn, step by step.
//!
//! A turn polls once, notes what is ready, then serves: connections first, then new peers, then
//! deadlines, then what was posted and asked. Each of these has a budget. What is born during a
//! turn is first served in the next, so no chain of causes can keep a turn from ending. Where
//! the time ends a turn, the next one begins with the kind of work that would have followed, so
//! none can keep another from being done. A guest on a foreign poll makes the same turn without
//! the polling.

use std::io;
use std::time::{Duration, Instant};

use super::drain::Drained;
use super::engine::Engine;
use super::waiting::{Deadline, Wait};
use crate::net::{Network, PolledNetwork};
use crate::sansio::{ConnectionId, Desk, Error};

/// How much a turn may do. What is left over is done in the next. Nothing is nothing: a zero
/// counts as one, and a turn whose time is up before it begins does one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// Connections served: 1024, and as many watched descriptors.
    pub connections: usize,
    /// Peers accepted: 256.
    pub accepts: usize,
    /// Deadlines fired: 1024 of connections, and as many of datagram sockets and of timers.
    pub deadlines: usize,
    /// Posted messages taken, and steps of requests carried out: 4096 each. A broadcast to ten
    /// thousand is ten thousand steps.
    pub requests: usize,
    /// Datagrams received, and as many sent, over all sockets: 256 of each.
    pub datagrams: usize,
    /// Bytes of datagrams received, and as many sent: 1 MiB of each, and at most one datagram
    /// more.
    pub datagram_bytes: usize,
    /// The time after which nothing more is begun: none.
    pub until: Option<Instant>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            connections: 1024,
            accepts: 256,
            deadlines: 1024,
            requests: 4096,
            datagrams: 256,
            datagram_bytes: 1 << 20,
            until: None,
        }
    }
}

setters! {
    Budget {
        connections: usize;
        accepts: usize;
        deadlines: usize;
        requests: usize;
        datagrams: usize;
        datagram_bytes: usize;
    }
}

impl Budget {
    /// The default budget, and nothing begun after `instant`. For a loop with a frame to draw.
    #[must_use]
    pub fn until(instant: Instant) -> Self {
        Self { until: Some(instant), ..Self::default() }
    }

    /// One of everything, at least: a budget of nothing would leave a loop with work for ever.
    fn or_one(self) -> Self {
        Self {
            connections: self.connections.max(1),
            accepts: self.accepts.max(1),
            deadlines: self.deadlines.max(1),
            requests: self.requests.max(1),
            datagrams: self.datagrams.max(1),
            datagram_bytes: self.datagram_bytes.max(1),
            until: self.until,
        }
    }
}

/// The callback of a conversation that took longest.
///
/// A turn with a time budget ([`Budget::until`]) times every callback. Any other reads the clock
/// once the system's has ticked, every 1 to 10 ms: a callback that takes no tick may go unseen,
/// and what others took since the last reading, a tick at most, is counted to the one that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LongestCallback {
    /// Whose: a connection's, or a datagram socket's.
    pub connection: ConnectionId,
    /// Which callback.
    pub callback: &'static str,
    /// How long it took, with the system call that fed it.
    pub time: Duration,
}

/// Something that the person who runs the program should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trouble {
    /// No descriptor or memory to accept with. Clients wait; accepting resumes by itself.
    Exhausted,
    /// A listener is at its limit of connections. Clients wait.
    AtConnectionLimit,
    /// All connections together hold more memory than they may.
    Overloaded,
}

/// Why a loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// It was drained.
    Drained(Drained),
}

/// What happened in a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turn {
    /// Readiness events fetched.
    pub events: usize,
    /// Peers accepted.
    pub accepted: usize,
    /// Connections and datagram sockets that ended.
    pub closed: usize,
    /// Callbacks made, about: inputs that reached a protocol.
    pub callbacks: usize,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Whether work is left over: [`next`](Self::next) is then [`Deadline::Now`].
    pub more: bool,
    /// When the next turn should be made.
    pub next: Deadline,
    /// How late the most overdue deadline was: a host that was away sees it here.
    pub late: Duration,
    /// The callback that took longest, of those that were timed.
    pub longest: Option<LongestCallback>,
    /// Trouble that began in this turn.
    pub trouble: Option<Trouble>,
    /// Set in the turn in which the loop was stopped or drained.
    pub ended: Option<Ended>,
}

impl Turn {
    /// Reads the clock after a callback, for all who look at it.
    pub(super) fn time_callback<S, N: Network>(
        &mut self,
        net: &mut N,
        desk: &mut Desk<S>,
        (id, callback): (ConnectionId, &'static str),
    ) {
        let before = desk.now();
        let now = net.now();
        desk.set_now(now);
        self.note_callback(id, callback, before, now);
    }

    #[inline]
    pub(super) fn note_callback(
        &mut self,
        id: ConnectionId,
        callback: &'static str,
        began: Instant,
        ended: Instant,
    ) {
        self.callbacks += 1;
        // Adding is cheaper than subtracting, and most callbacks are not the longest.
        if self.longest.is_none_or(|longest| began + longest.time < ended) {
            let time = ended.saturating_duration_since(began);
            self.longest = Some(LongestCallback { connection: id, callback, time });
        }
    }
}

impl<S: 'static, N: PolledNetwork> Engine<S, N> {
    /// One poll, then a round.
    pub(crate) fn turn(&mut self, wait: Wait, budget: Budget, state: &mut S) -> io::Result<Turn> {
        self.turn_before(self.next_deadline(), wait, budget, state)
    }

    /// The same for who knows when it should be made at the latest. A letter that came since was
    /// announced to the poll.
    pub(crate) fn turn_before(
        &mut self,
        next: Deadline,
        wait: Wait,
        budget: Budget,
        state: &mut S,
    ) -> io::Result<Turn> {
        self.check_process().map_err(Error::from)?;
        let timeout = self.timeout(next, wait, &budget);
        let mut ready = std::mem::take(&mut self.ready);
        ready.clear();
        let polled = self.net.poll(timeout, &mut ready);
        for readiness in &ready {
            self.ready(*readiness);
        }
        self.ready = ready;
        self.note_poll(polled?);
        Ok(self.end_round(budget, state))
    }
}

impl<S: 'static, N: Network> Engine<S, N> {
    /// Notes whether the poll whose events were handed over may have left some behind.
    pub(crate) fn note_poll(&mut self, is_full: bool) {
        self.is_poll_full = is_full;
        // A poll that is the host's may be full of what is none of ours, for ever.
        self.crowd = if is_full { self.crowd + self.turn.events.max(1) } else { 0 };
    }

    /// Serves what is ready and what is due, frees what ended, and says what happened.
    pub(crate) fn end_round(&mut self, budget: Budget, state: &mut S) -> Turn {
        const STAGES: usize = ERRANDS + 12;
        let stages: [fn(&mut Self, &Budget, &mut S); STAGES] = [
            #[cfg(unix)]
            Self::serve_watches,
            Self::fire_timers,
            Self::serve_ready,
            Self::serve_sockets,
            Self::accept,
            Self::connect_again,
            Self::fire_deadlines,
            Self::fire_socket_deadlines,
            Self::take_letters,
            Self::carry_out_requests,
            Self::flush_touched,
            Self::shed_load,
            Self::free_closed,
            Self::drain_on,
        ];
        // Most loops have none, and pay nothing for that.
        let start = if self.errands.is_some() { 0 } else { ERRANDS };
        let budget = budget.or_one();
        let (now, wall_time) = (self.net.now(), self.net.wall_time());
        self.desk.set_time(now, wall_time);
        (self.until, self.has_begun) = (budget.until, false);
        self.close_panicked();
        self.next_stage = self.next_stage.max(start);
        let first = self.next_stage;
        self.is_round_cut = true;
        for _ in start..STAGES {
            stages[self.next_stage](self, &budget, state);
            let next = self.next_stage + 1;
            self.next_stage = if next < STAGES { next } else { start };
            if self.has_begun && self.is_time_up() {
                return self.sum_up();
            }
        }
        (self.next_stage, self.is_round_cut) = (start, first != start);
        self.sum_up()
    }

    /// Whether one more thing may be begun in this turn. One always may: where the time is
    /// always up, nothing would be done ever.
    #[inline]
    pub(super) fn may_begin(&mut self) -> bool {
        if self.has_begun && self.is_time_up() {
            return false;
        }
        self.has_begun = true;
        true
    }

    #[inline]
    fn is_time_up(&mut self) -> bool {
        let Some(until) = self.until else { return false };
        self.look_at_clock();
        self.desk.now() >= until
    }

    /// Reads the clock, after something that was no callback and may have taken its time.
    pub(super) fn look_at_clock(&mut self) {
        let now = self.net.now();
        self.desk.set_now(now);
    }

    fn serve_ready(&mut self, budget: &Budget, state: &mut S) {
        for _ in 0..self.queue.len().min(budget.connections) {
            if !self.may_begin() {
                return;
            }
            let Some(id) = self.queue.pop_front() else { return };
            self.serve(id, state);
        }
    }

    fn fire_deadlines(&mut self, budget: &Budget, state: &mut S) {
        // After a pause of the host, bytes that would prove a connection alive may be among
        // what the poll had no room for. That much it has fetched when it has fetched as many
        // events as there are sources; and so long it may take, or full batches without end
        // would stop all clocks.
        if self.is_poll_full && self.crowd <= self.source_count() {
            return;
        }
        self.crowd = 0;
        self.wheel.expire(self.desk.now());
        for _ in 0..budget.deadlines {
            if !self.wheel.has_due() || !self.may_begin() {
                return;
            }
            let slot = self.wheel.pop_due();
            if let Some(id) = slot.and_then(|slot| self.connections.id_at(slot)) {
                self.fire_deadline(id, state);
            }
        }
    }

    fn flush_touched(&mut self, _: &Budget, state: &mut S) {
        for _ in 0..self.touched.len() {
            if !self.may_begin() {
                return;
            }
            let Some(id) = self.touched.pop_front() else { return };
            self.flush(id, state);
        }
    }

    fn sum_up(&mut self) -> Turn {
        self.stats.note_turn(&self.turn);
        let mut turn = std::mem::take(&mut self.turn);
        turn.ended = self.ended.take();
        turn.next = self.next_deadline();
        turn.more = turn.next == Deadline::Now;
        turn
    }
}

/// How many kinds of work are errands; they come first.
const ERRANDS: usize = 1 + cfg!(unix) as usize;
