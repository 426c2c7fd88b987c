//! Taking new peers, and not taking them.
//!
//! | state of a listener | by | to |
//! | --- | --- | --- |
//! | quiet | readiness | ready |
//! | ready | would-block | quiet |
//! | ready | a limit of connections, or the loop overloaded | ready, but waits: nothing is lost, nothing spins |
//! | ready | descriptors or memory out | ready, but rests: until a timer, or a connection of ours closes |
//!
//! The poll announces waiting peers once, so `is_ready` stays true until would-block was met.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::engine::{Engine, Factory, Peer, tokens};
use super::turn::{Budget, Trouble};
use crate::net::{Accept, ListenOptions, Network};
use crate::sansio::{Address, Error, ListenerId, Misuse, Origin};

/// A listener and what it makes of its peers.
pub(super) struct ListenerEntry<S, T> {
    socket: T,
    pub(super) address: Address,
    factory: Factory<S>,
    origin: Arc<Origin>,
    /// Its connections that are open.
    pub(super) open: usize,
    /// Whether peers may be waiting.
    pub(super) is_ready: bool,
    /// Whether it was said that this listener is at its limit; said again after it was below.
    is_limit_told: bool,
}

impl<S, T> ListenerEntry<S, T> {
    pub(super) fn into_socket(self) -> T {
        self.socket
    }

    fn has_room(&self) -> bool {
        self.open < self.origin.limits().connections
    }
}

impl<S: 'static, N: Network> Engine<S, N> {
    pub(crate) fn add_listener(
        &mut self,
        options: &ListenOptions,
        factory: Factory<S>,
        open: impl FnOnce(&mut N, usize) -> Result<(N::Listener, Address), Error>,
    ) -> Result<ListenerId, Error> {
        options.check()?;
        let number = self.listeners.len();
        let id = u32::try_from(number).map(ListenerId::new).map_err(|_| Misuse::NoSuchListener)?;
        let (socket, address) = open(&mut self.net, tokens::of_listener(number))?;
        let is_wildcard = address.socket().is_none_or(|address| address.ip().is_unspecified());
        let local = (!is_wildcard).then(|| address.clone());
        let origin = Arc::new(Origin::accepted(id, local, options.limits.clone()));
        self.listeners.push(Some(ListenerEntry {
            socket,
            address,
            factory,
            origin,
            open: 0,
            // Peers of a socket that was adopted may wait already; readiness says so anyway.
            is_ready: false,
            is_limit_told: false,
        }));
        Ok(id)
    }

    pub(crate) fn stop_listening(&mut self, listener: ListenerId) -> bool {
        let place = self.listeners.get_mut(listener.number() as usize);
        let Some(listener) = place.and_then(Option::take) else {
            return false;
        };
        self.net.close_listener(listener.into_socket());
        true
    }

    /// Whether accepting now would do something.
    pub(super) fn is_accept_due(&self) -> bool {
        self.may_accept()
            && self
                .listeners
                .iter()
                .flatten()
                .any(|listener| listener.is_ready && listener.has_room())
    }

    fn may_accept(&self) -> bool {
        let rests = self.accept_rests_until.is_some_and(|until| until > self.desk.now());
        !rests && !self.is_overloaded()
    }

    /// Accepts under the budget, one listener after the other.
    pub(super) fn accept(&mut self, budget: &Budget, state: &mut S) {
        if !self.may_accept() {
            return;
        }
        self.accept_rests_until = None;
        let mut left = budget.accepts;
        for number in 0..self.listeners.len() {
            while left > 0 && self.accept_one(number, state) {
                left -= 1;
                if budget.is_spent_at(self.desk.now()) {
                    return;
                }
            }
        }
    }

    /// Accepts one peer. Says whether there may be another.
    fn accept_one(&mut self, number: usize, state: &mut S) -> bool {
        let Some(listener) = &mut self.listeners[number] else {
            return false;
        };
        if !listener.is_ready {
            return false;
        }
        if !listener.has_room() {
            if !listener.is_limit_told {
                listener.is_limit_told = true;
                self.turn.trouble = Some(Trouble::AtConnectionLimit);
                log::warn!("{} is at its limit of {} connections", listener.address, listener.open);
            }
            return false;
        }
        listener.is_limit_told = false;
        match self.net.accept(&mut listener.socket) {
            Accept::Peer(stream, address) => self.take_peer(number, stream, address, state),
            Accept::Skipped => {}
            Accept::Blocked => {
                listener.is_ready = false;
                return false;
            }
            Accept::Exhausted(error) => {
                self.rest(&error);
                return false;
            }
        }
        true
    }

    fn take_peer(&mut self, number: usize, stream: N::Stream, peer: Address, state: &mut S) {
        let Some(listener) = &mut self.listeners[number] else {
            return;
        };
        let address = peer.ip();
        let from_here = address.and_then(|ip| self.per_address.get(&ip)).copied().unwrap_or(0);
        if from_here >= listener.origin.limits().connections_per_address {
            self.stats.refused += 1;
            self.net.close(stream, true);
            return;
        }
        let id = ListenerId::new(u32::try_from(number).unwrap_or(u32::MAX));
        let protocol = (listener.factory)(Peer { address: peer.clone(), listener: id });
        let origin = Arc::clone(&listener.origin);
        let is_wildcard = origin.local().is_none();
        let local = if is_wildcard { self.net.local(&stream) } else { None };
        let id = match self.add(stream, peer, protocol, origin) {
            Ok(id) => id,
            Err(error) => return self.rest(&error),
        };
        if let (Some(entry), Some(local)) = (self.connections.get_mut(id), local) {
            entry.connection.set_local(local);
        }
        if let Some(listener) = &mut self.listeners[number] {
            listener.open += 1;
        }
        if let Some(address) = address {
            *self.per_address.entry(address).or_insert(0) += 1;
        }
        self.turn.accepted += 1;
        self.stats.accepted += 1;
        self.establish(id, state);
    }

    /// Descriptors or memory are out: rest, and say so once a rest.
    fn rest(&mut self, error: &std::io::Error) {
        let until: Instant = self.desk.now() + self.config.accept_rest;
        self.accept_rests_until = Some(until);
        self.stats.exhaustions += 1;
        let is_news =
            self.last_exhaustion_log.is_none_or(|last| self.desk.now() >= last + LOG_REST);
        if is_news {
            self.last_exhaustion_log = Some(self.desk.now());
            self.turn.trouble = Some(Trouble::Exhausted);
            log::warn!(
                "cannot accept: {error}; {} connections are served on, clients wait; raise the \
                 limit of open files (ulimit -n) or lower the limit of connections",
                self.connections.len()
            );
        }
    }
}

/// At most one line in the log for so long, however often accepting fails.
const LOG_REST: std::time::Duration = std::time::Duration::from_secs(10);

impl<S, T> fmt::Debug for ListenerEntry<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerEntry")
            .field("address", &self.address)
            .field("open", &self.open)
            .field("is_ready", &self.is_ready)
            .finish_non_exhaustive()
    }
}
