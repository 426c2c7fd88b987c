//! The budget in bytes of the whole loop.
//!
//! Marks and caps bound each connection; this bounds their sum. Above it nothing is accepted or
//! read, and if that does not help, the connection that holds most without making progress is
//! ended: it costs the others most and serves its peer least.

use super::engine::Engine;
use super::service::Input;
use super::turn::Trouble;
use crate::net::Network;
use crate::sansio::{CloseReason, ConnectionId, Stage};

impl<S: 'static, N: Network> Engine<S, N> {
    pub(super) const fn is_overloaded(&self) -> bool {
        self.desk.held() > self.config.memory
    }

    /// Ends connections while the loop holds too much; lets the parked ones read when it no
    /// longer does.
    pub(super) fn shed_load(&mut self, state: &mut S) {
        if !self.is_overloaded() {
            if !self.parked.is_empty() {
                for id in std::mem::take(&mut self.parked) {
                    self.enqueue(id);
                }
            }
            return;
        }
        self.turn.trouble = Some(Trouble::Overloaded);
        for _ in 0..MOST_ENDED_AT_ONCE {
            let Some(id) = self.most_idle_holder() else {
                return;
            };
            log::warn!("connection {id} is ended: the loop holds {} bytes", self.desk.held());
            self.touch(id, Input::Fail(CloseReason::Overloaded), state);
            if !self.is_overloaded() {
                return;
            }
        }
    }

    /// The connection that holds most among those that make no progress: the system takes
    /// nothing from it, or it waits for input that is not read now.
    fn most_idle_holder(&self) -> Option<ConnectionId> {
        self.connections
            .iter()
            .filter(|(_, entry)| entry.connection.stage() != Stage::Closed)
            .filter(|(_, entry)| !(entry.is_writable && entry.connection.has_output()))
            .max_by_key(|(_, entry)| entry.connection.held())
            .filter(|(_, entry)| entry.connection.held() > 0)
            .map(|(id, _)| id)
    }
}

/// Each takes a look at every connection, so a turn ends few.
const MOST_ENDED_AT_ONCE: usize = 16;
