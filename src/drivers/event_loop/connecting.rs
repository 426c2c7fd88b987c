//! Connecting where too many wait to be accepted.
//!
//! A Unix listener whose queue is full takes nobody, and the system does not say when it would:
//! see connect(2), EAGAIN. So the connection stays without a stream and tries again by a timer,
//! until its own deadline for connecting ends it.

use std::time::Duration;

use super::engine::Engine;
use super::service::Input;
use super::tokens;
use super::turn::Budget;
use crate::net::Network;
use crate::sansio::{CloseReason, ConnectionId, Stage, after};

impl<S: 'static, N: Network> Engine<S, N> {
    /// Has a connection try to connect after a while.
    pub(super) fn connect_later(&mut self, id: ConnectionId) {
        self.unconnected.push_back((after(self.desk.now(), REST), id));
    }

    /// Lets those try that are due.
    pub(super) fn connect_again(&mut self, budget: &Budget, state: &mut S) {
        for _ in 0..budget.connections {
            let first = self.unconnected.front().map(|(at, _)| *at);
            if first.is_none_or(|at| at > self.desk.now()) || !self.may_begin() {
                return;
            }
            if let Some((_, id)) = self.unconnected.pop_front() {
                self.try_to_connect(id, state);
            }
        }
    }

    fn try_to_connect(&mut self, id: ConnectionId, state: &mut S) {
        // It may have ended meanwhile.
        let Some(entry) = self.connections.get_mut(id) else { return };
        if entry.connection.stage() != Stage::Connecting {
            return;
        }
        let connected = self.net.connect(entry.connection.peer()).and_then(|mut stream| {
            if let Some(stream) = &mut stream {
                self.net.register(stream, tokens::of_connection(id))?;
            }
            Ok(stream)
        });
        match connected {
            // Its readiness will say that it is connected.
            Ok(Some(stream)) => entry.stream = Some(stream),
            Ok(None) => self.connect_later(id),
            Err(error) => {
                log::debug!("cannot connect to {}: {error}", entry.connection.peer());
                self.touch(id, Input::Fail(CloseReason::Io(error.kind())), state);
            }
        }
    }
}

/// Between two tries: less than a person notices, and a hundred tries a second cost nothing.
const REST: Duration = Duration::from_millis(10);
