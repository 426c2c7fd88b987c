//! The budget in bytes of the whole loop.
//!
//! Marks and caps bound each connection; this bounds their sum. Above it nothing is accepted or
//! read, and if that does not help, the connection that holds most without making progress is
//! ended: it costs the others most and serves its peer least.
//!
//! Requests that wait to be carried out are bounded by the same means: while there are many, or
//! they carry many bytes, nothing is read or accepted that might add to them.

use std::cmp::Reverse;

use super::engine::Engine;
use super::service::Input;
use super::turn::{Budget, Trouble};
use crate::net::Network;
use crate::sansio::{CloseReason, ConnectionId, Desk, Stage};

impl<S: 'static, N: Network> Engine<S, N> {
    pub(super) const fn is_overloaded(&self) -> bool {
        self.desk.held() > self.allowance()
    }

    /// Whether nothing should be read or accepted now.
    #[inline]
    pub(super) fn is_congested(&self) -> bool {
        is_congested(&self.desk, self.allowance())
    }

    /// Bytes that may be held. In an overload it is a little less, so that it ends with room for
    /// some to be read from, and not at the next byte.
    pub(super) const fn allowance(&self) -> usize {
        let memory = self.config.memory;
        if self.is_overload_told { memory - memory / 16 } else { memory }
    }

    /// Ends connections while the loop holds too much; lets the parked ones read when it no
    /// longer does.
    pub(super) fn shed_load(&mut self, _: &Budget, state: &mut S) {
        if !self.is_overloaded() {
            self.is_overload_told = false;
            return self.unpark();
        }
        if !std::mem::replace(&mut self.is_overload_told, true) {
            self.turn.trouble = Some(Trouble::Overloaded);
            log::warn!("the loop holds {} bytes: nothing is accepted or read", self.desk.held());
        }
        self.shed_datagrams(state);
        for id in self.idle_holders() {
            if !self.is_overloaded() || !self.may_begin() {
                return;
            }
            log::debug!("connection {id} is ended: the loop holds {} bytes", self.desk.held());
            self.touch(id, Input::Fail(CloseReason::Overloaded), state);
        }
    }

    /// Lets those be read from that were not because of a congestion, if it is over.
    fn unpark(&mut self) {
        if self.is_congested() {
            return;
        }
        self.sockets.unpark();
        for id in std::mem::take(&mut self.parked) {
            if let Some(entry) = self.connections.get_mut(id) {
                entry.is_parked = false;
                self.enqueue(id);
            }
        }
    }

    /// The connections that hold most among those that make no progress: the system takes
    /// nothing from them, or they wait for input that is not read now.
    fn idle_holders(&self) -> Vec<ConnectionId> {
        let mut holders: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, entry)| entry.connection.stage() != Stage::Closed)
            .filter(|(_, entry)| !(entry.is_writable && entry.connection.has_output()))
            .map(|(id, entry)| (entry.connection.held(), id))
            .filter(|(held, _)| *held > 0)
            .collect();
        if holders.len() > MOST_ENDED_AT_ONCE {
            holders.select_nth_unstable_by_key(MOST_ENDED_AT_ONCE, |(held, _)| Reverse(*held));
            holders.truncate(MOST_ENDED_AT_ONCE);
        }
        holders.sort_unstable_by_key(|(held, _)| Reverse(*held));
        holders.into_iter().map(|(_, id)| id).collect()
    }
}

/// To find them takes a look at every connection, so it is done once a turn.
const MOST_ENDED_AT_ONCE: usize = 16;

/// See [`Engine::is_congested`].
#[inline]
pub(super) fn is_congested<S>(desk: &Desk<S>, allowance: usize) -> bool {
    desk.held() + desk.bytes_asked() > allowance || desk.request_count() >= MOST_REQUESTS
}

/// As many requests as a turn carries out may wait. A peer's input, in small messages of which
/// each asks for a broadcast, could ask for much more.
pub(super) const MOST_REQUESTS: usize = 4096;
