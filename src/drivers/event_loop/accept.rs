//! Taking new peers, and not taking them.
//!
//! | state of a listener | by | to |
//! | --- | --- | --- |
//! | quiet | readiness | ready |
//! | ready | would-block | quiet |
//! | ready | a limit of connections or of tokens, or the loop congested | ready, but waits: nothing is lost, nothing spins |
//! | ready | failures without end | quiet: the poll announces the next peer |
//! | ready | descriptors or memory out | ready, but rests: until a timer, or a connection of ours closes |
//!
//! The poll announces waiting peers once, so `is_ready` stays true until would-block was met.

use std::fmt;
use std::sync::Arc;

use super::engine::{Engine, Factory, Peer};
use super::service::guarded;
use super::tokens;
use super::turn::{Budget, Trouble};
use crate::net::{Accept, ListenOptions, Network};
use crate::sansio::{Address, Error, ListenerId, Misuse, Origin, after};

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
    /// Whether it was said that peers wait because this listener is at its limit; said again
    /// after nobody did.
    is_limit_told: bool,
    /// How often in a row accepting failed for reasons of its own.
    failures: u32,
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
        // Each of the peers of a wildcard came to an address of its own.
        let is_wildcard = address.socket().is_some_and(|address| address.ip().is_unspecified());
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
            failures: 0,
        }));
        Ok(id)
    }

    pub(crate) fn stop_listening(&mut self, listener: ListenerId) -> bool {
        let number = listener.number() as usize;
        let place = self.listeners.get_mut(number);
        let Some(listener) = place.and_then(Option::take) else {
            return false;
        };
        self.net.close_listener(listener.into_socket());
        self.net.release(tokens::of_listener(number));
        true
    }

    /// Stops accepting anybody.
    pub(super) fn stop_all_listeners(&mut self) {
        for number in 0..self.listeners.len() {
            self.stop_listening(ListenerId::new(u32::try_from(number).unwrap_or(u32::MAX)));
        }
    }

    /// Whether accepting now would do something.
    pub(super) fn is_accept_due(&self) -> bool {
        self.may_accept()
            && self.net.room() > 0
            && self
                .listeners
                .iter()
                .flatten()
                .any(|listener| listener.is_ready && listener.has_room())
    }

    fn may_accept(&self) -> bool {
        let rests = self.accept_rests_until.is_some_and(|until| until > self.desk.now());
        !rests && !self.is_congested()
    }

    /// Accepts under the budget, one listener after the other.
    pub(super) fn accept(&mut self, budget: &Budget, state: &mut S) {
        if !self.may_accept() {
            return;
        }
        self.accept_rests_until = None;
        let mut left = budget.accepts;
        let count = self.listeners.len();
        for _ in 0..count {
            // Whose crowd ends the budget is not the first in the next turn.
            let number = self.next_listener % count;
            self.next_listener = number + 1;
            while self.wants_peer(number) {
                if left == 0 || self.accept_rests_until.is_some() || !self.may_begin() {
                    return;
                }
                left -= 1;
                self.accept_one(number, state);
            }
        }
    }

    /// Whether a listener should be asked for a peer. Says once that it may not be.
    fn wants_peer(&mut self, number: usize) -> bool {
        let Some(listener) = &mut self.listeners[number] else { return false };
        // A guest has room for no more than it was given tokens for.
        let wants = listener.is_ready && listener.has_room() && self.net.room() > 0;
        if listener.is_ready && !wants && !listener.is_limit_told {
            listener.is_limit_told = true;
            self.turn.trouble = Some(Trouble::AtConnectionLimit);
            let (address, open) = (&listener.address, listener.open);
            if listener.has_room() {
                log::warn!("{address}: with {open} connections every token of ours is in use");
            } else {
                log::warn!("{address} is at its limit of {open} connections");
            }
        }
        wants
    }

    fn accept_one(&mut self, number: usize, state: &mut S) {
        let Some(listener) = &mut self.listeners[number] else { return };
        let outcome = self.net.accept(&mut listener.socket);
        if !matches!(outcome, Accept::Skipped) {
            listener.failures = 0;
        }
        match outcome {
            Accept::Peer(stream, address) => self.take_peer(number, stream, address, state),
            Accept::Skipped => {
                listener.failures += 1;
                if listener.failures >= MOST_FAILURES {
                    // Not for want of anything that a rest could bring back, so it is left
                    // alone until the poll has news of it.
                    log::error!("{} fails to accept, again and again", listener.address);
                    (listener.is_ready, listener.failures) = (false, 0);
                }
            }
            Accept::Blocked => {
                listener.is_ready = false;
                listener.is_limit_told = false;
            }
            Accept::Exhausted(error) => self.rest(&error),
        }
    }

    fn take_peer(&mut self, number: usize, stream: N::Stream, peer: Address, state: &mut S) {
        let Some(listener) = &mut self.listeners[number] else { return };
        let id = ListenerId::new(u32::try_from(number).unwrap_or(u32::MAX));
        let caller = peer.ip().map(|ip| (id, ip));
        let from_here = caller.and_then(|caller| self.per_address.get(&caller)).copied();
        if from_here.unwrap_or(0) >= listener.origin.limits().connections_per_address {
            self.stats.refused += 1;
            self.net.close(stream, true);
            return;
        }
        let origin = Arc::clone(&listener.origin);
        let for_factory = Peer { address: peer.clone(), listener: id };
        let made = guarded(self.config.on_panic, || (listener.factory)(for_factory));
        self.look_at_clock();
        let Some(protocol) = made else {
            log::error!("{peer} is turned away: the factory of its protocol panicked");
            self.net.close(stream, true);
            return;
        };
        let is_wildcard = origin.local().is_none();
        let local = if is_wildcard { self.net.local(&stream) } else { None };
        let (id, registered) = self.add(Some(stream), peer, protocol, origin);
        if let Err(error) = registered {
            self.vacate(id);
            return self.rest(&error);
        }
        if let (Some(entry), Some(local)) = (self.connections.get_mut(id), local) {
            entry.connection.set_local(local);
        }
        if let Some(listener) = &mut self.listeners[number] {
            listener.open += 1;
        }
        if let Some(caller) = caller {
            *self.per_address.entry(caller).or_insert(0) += 1;
        }
        self.turn.accepted += 1;
        self.stats.accepted += 1;
        self.establish(id, state);
    }

    /// Descriptors or memory are out: rest, and say so once a rest.
    fn rest(&mut self, error: &std::io::Error) {
        self.accept_rests_until = Some(after(self.desk.now(), self.config.accept_rest));
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

/// More peers than that in a row are not gone before they are accepted.
const MOST_FAILURES: u32 = 1024;

impl<S, T> fmt::Debug for ListenerEntry<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerEntry")
            .field("address", &self.address)
            .field("open", &self.open)
            .field("is_ready", &self.is_ready)
            .finish_non_exhaustive()
    }
}
