//! The graceful end: no new work, finish what was begun, close by a deadline.

use std::time::{Duration, Instant};

use super::engine::Engine;
use super::service::Input;
use super::turn::{Budget, Ended};
use crate::net::Network;
use crate::sansio::{CloseReason, Stage, after};

/// How the connections and datagram sockets ended that were open when a drain began, or opened during it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// In order, with everything sent.
    pub finished: u64,
    /// Aborted, because the drain came to its deadline.
    pub aborted: u64,
    /// For another reason, such as a peer that went away.
    pub otherwise: u64,
}

/// A drain under way.
#[derive(Debug)]
pub(super) struct Drain {
    deadline: Instant,
    /// The first slot whose connection was not told yet; none when all were.
    next_slot: Option<usize>,
    /// At the deadline: the first slot whose connection was not looked at yet.
    abort_from: usize,
    tally: Drained,
}

impl Drain {
    /// When something is to be done; none for now.
    pub(super) const fn next_step(&self) -> Option<Instant> {
        match self.next_slot {
            Some(_) => None,
            None => Some(self.deadline),
        }
    }

    pub(super) fn note_closed(&mut self, reason: CloseReason) {
        self.tally.note(reason);
    }
}

impl Drained {
    pub(in super::super) fn note(&mut self, reason: CloseReason) {
        if reason == CloseReason::Finished {
            self.finished += 1;
        } else if reason == CloseReason::Stopped {
            self.aborted += 1;
        } else {
            self.otherwise += 1;
        }
    }
}

impl<S: 'static, N: Network> Engine<S, N> {
    /// Begins to drain. While that is under way, a second call can only shorten it.
    pub(crate) fn begin_drain(&mut self, grace: Duration) {
        let deadline = after(self.net.now(), grace);
        match &mut self.drain {
            Some(drain) => drain.deadline = drain.deadline.min(deadline),
            None => {
                let open = (self.connections.len(), self.sockets.len());
                let (connections, sockets) = open;
                log::info!(
                    "draining {connections} connections and {sockets} sockets of datagrams, for at most {grace:?}"
                );
                let tally = Drained::default();
                self.drain = Some(Drain { deadline, next_slot: Some(0), abort_from: 0, tally });
            }
        }
        self.stop_all_listeners();
    }

    /// A stop signal asks for a drain, and a further one for the end.
    pub(super) fn take_stop_signals(&mut self) {
        if self.net.take_stop_signals() == 0 {
            return;
        }
        if self.drain.is_some() {
            self.ended = Some(Ended::Stopped);
        } else {
            self.begin_drain(self.signal_grace.unwrap_or_default());
        }
    }

    /// Tells those not yet told, aborts what is left at the deadline, and ends the loop when
    /// nobody is left.
    pub(super) fn drain_on(&mut self, _: &Budget, state: &mut S) {
        let Some(drain) = &self.drain else { return };
        let (deadline, from) = (drain.deadline, drain.next_slot);
        if let Some(from) = from {
            self.tell_stopping(from, state);
        }
        self.tell_sockets_stopping(state);
        if self.desk.now() >= deadline {
            self.abort_drained(state);
            self.abort_sockets(state);
        }
        if let Some(drain) = &self.drain
            && drain.next_slot.is_none()
            && self.connections.len() + self.sockets.len() == 0
            // They may ask for connections, which would be left open.
            && !self.desk.has_requests()
        {
            self.ended = Some(Ended::Drained(drain.tally));
            self.drain = None;
        }
    }

    fn tell_stopping(&mut self, from: usize, state: &mut S) {
        let end = self.connections.slot_count().min(from + MOST_TOLD_AT_ONCE);
        let told = self.touch_slots(from, end, state, || Input::Stopping);
        let is_done = told >= self.connections.slot_count();
        if let Some(drain) = &mut self.drain {
            drain.next_slot = (!is_done).then_some(told);
        }
    }

    fn abort_drained(&mut self, state: &mut S) {
        let from = self.drain.as_ref().map_or(0, |drain| drain.abort_from);
        let end = self.connections.slot_count();
        let aborted = self.touch_slots(from, end, state, || Input::Fail(CloseReason::Stopped));
        if let Some(drain) = &mut self.drain {
            // Some may have come meanwhile, so it begins again.
            drain.abort_from = if aborted >= end { 0 } else { aborted };
        }
    }

    /// Gives an input to each connection from one slot up to another, as long as there is time.
    /// Says how far it came.
    fn touch_slots(
        &mut self,
        from: usize,
        end: usize,
        state: &mut S,
        input: impl Fn() -> Input,
    ) -> usize {
        for slot in from..end {
            let Some(id) = self.connections.id_at(slot) else { continue };
            let entry = self.connections.get(id);
            if entry.is_none_or(|entry| entry.connection.stage() == Stage::Closed) {
                continue;
            }
            if !self.may_begin() {
                return slot;
            }
            self.touch(id, input(), state);
        }
        end
    }
}

/// So many slots are visited in a turn, so that a drain of many keeps turns short.
const MOST_TOLD_AT_ONCE: usize = 1024;
