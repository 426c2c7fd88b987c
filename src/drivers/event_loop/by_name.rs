//! Connecting by name: the name is looked up elsewhere, then its addresses are tried in turn.
//!
//! The connection is in its slot from the start, at first without a stream, so that it can be
//! closed, drained and timed as any other. Its protocol knows nothing of the tries: it is told
//! once, how the last of them went. All are made before one deadline, that of
//! [`Limits::connect`](crate::Limits::connect); each may take an equal part of the time that is
//! left, or the first address that nobody answers at would take it all.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::EventLoop;
use super::engine::Engine;
use super::service::Input;
use super::tokens;
use crate::drivers::resolver::{Resolve, Resolver};
use crate::net::Network;
use crate::sansio::{
    Address, CloseReason, ConnectionId, Destination, Error, Limits, Origin, Protocol, Stage,
    Timeout, Unresolved, after,
};

/// A connection that was asked for by name and is not established.
pub(super) struct Search {
    /// Addresses that were not tried yet.
    left: VecDeque<SocketAddr>,
    /// When the last of them must have been.
    until: Instant,
}

impl<S: 'static> EventLoop<S> {
    /// Gives the loop what to look names up with. Without one it connects to addresses alone. One
    /// that it had before is dropped, and the lookups that wait there come to nothing.
    pub fn set_resolver(&mut self, resolver: Resolver) {
        self.engine.set_resolver(Box::new(resolver));
    }
}

impl<S: 'static, N: Network> Engine<S, N> {
    pub(crate) fn set_resolver(&mut self, resolver: Box<dyn Resolve>) {
        self.resolver = Some(resolver);
    }

    /// Opens a connection for the host program.
    pub(crate) fn connect_to(
        &mut self,
        to: Destination,
        protocol: Box<dyn Protocol<S>>,
        limits: Limits,
    ) -> Result<ConnectionId, Error> {
        match to {
            Destination::Address(address) => self.connect(&address, protocol, limits),
            Destination::Name { host, port } => self.connect_by_name(&host, port, protocol, limits),
        }
    }

    /// Opens a connection to a host by its name.
    pub(super) fn connect_by_name(
        &mut self,
        host: &str,
        port: u16,
        protocol: Box<dyn Protocol<S>>,
        limits: Limits,
    ) -> Result<ConnectionId, Error> {
        let now = self.net.now();
        self.desk.set_now(now);
        let (id, begun) = self.look_up(host, port, protocol, limits);
        match begun {
            Ok(()) => Ok(id),
            Err(why) => {
                self.searches.remove(&id);
                self.wheel.cancel(id.slot() as usize);
                self.vacate(id);
                Err(Error::Unresolved { name: host.to_owned(), why })
            }
        }
    }

    /// Adds a connection and begins to look up where to. It is there whether or not that could be
    /// begun.
    pub(super) fn look_up(
        &mut self,
        host: &str,
        port: u16,
        protocol: Box<dyn Protocol<S>>,
        limits: Limits,
    ) -> (ConnectionId, Result<(), Unresolved>) {
        let until = after(self.desk.now(), limits.connect);
        let nowhere = Address::from(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
        let (id, _) = self.add(None, nowhere, protocol, Arc::new(Origin::new(limits)));
        self.searches.insert(id, Search { left: VecDeque::new(), until });
        self.rearm(id);
        let mailbox = Arc::clone(&self.mailbox);
        let answer = Box::new(move |found| mailbox.answer((id, found)));
        let begun = match &self.resolver {
            Some(resolver) => resolver.look_up(host, port, answer),
            None => Err(Unresolved::NoResolver),
        };
        (id, begun)
    }

    /// Takes what was found out for a connection.
    pub(super) fn take_answer(
        &mut self,
        id: ConnectionId,
        found: io::Result<Vec<SocketAddr>>,
        state: &mut S,
    ) {
        // It may have ended meanwhile.
        let Some(search) = self.searches.get_mut(&id) else { return };
        match found {
            Ok(mut addresses) => {
                addresses.truncate(MOST_TRIED);
                search.left = addresses.into();
            }
            Err(error) => log::debug!("connection {id}: {error}"),
        }
        self.try_next(id, CloseReason::Unresolved(Unresolved::NotFound), state);
    }

    /// Tries the next address of a connection that was asked for by name, or tells its protocol
    /// why the last one failed.
    fn try_next(&mut self, id: ConnectionId, failure: CloseReason, state: &mut S) {
        let mut failure = failure;
        while self.is_searching(id)
            && let Some(search) = self.searches.get_mut(&id)
            && let Some(address) = search.left.pop_front()
        {
            let until = search.until;
            let left = search.left.len() as u32 + 1;
            let share = until.saturating_duration_since(self.desk.now()) / left;
            if share.is_zero() {
                failure = CloseReason::TimedOut(Timeout::Connect);
                break;
            }
            let deadline = if left == 1 { until } else { after(self.desk.now(), share) };
            match self.try_address(id, &address.into(), deadline) {
                Ok(()) => return self.rearm(id),
                Err(error) => {
                    log::debug!("connection {id}: cannot connect to {address}: {error}");
                    failure = CloseReason::Io(error.kind());
                }
            }
        }
        self.searches.remove(&id);
        self.touch(id, Input::Fail(failure), state);
    }

    /// Puts a stream that connects to `address` in the place of the one that was tried before.
    fn try_address(
        &mut self,
        id: ConnectionId,
        address: &Address,
        deadline: Instant,
    ) -> io::Result<()> {
        let Some(entry) = self.connections.get_mut(id) else { return Ok(()) };
        if let Some(failed) = entry.stream.take() {
            self.net.close(failed, false);
        }
        // What the system said was about the one before.
        entry.forget_readiness();
        entry.connection.handle_address(address.clone(), deadline);
        let Some(mut stream) = self.net.connect(address)? else {
            self.connect_later(id);
            return Ok(());
        };
        self.net.register(&mut stream, tokens::of_connection(id))?;
        entry.is_writable = true;
        entry.stream = Some(stream);
        Ok(())
    }

    /// Whether this connection was asked for by name and is neither established nor over.
    fn is_searching(&self, id: ConnectionId) -> bool {
        let stage = self.connections.get(id).map(|entry| entry.connection.stage());
        stage == Some(Stage::Connecting) && self.searches.contains_key(&id)
    }

    /// What is ready may be a connection that was asked for by name: then its next address is
    /// tried, if this one failed. Says whether it was.
    pub(super) fn turns_to_next(&mut self, id: ConnectionId, state: &mut S) -> bool {
        if !self.is_searching(id) {
            return false;
        }
        let Some(entry) = self.connections.get_mut(id) else { return false };
        let Some(stream) = &mut entry.stream else { return false };
        match self.net.is_connected(stream) {
            Ok(true) => {
                self.searches.remove(&id);
                false
            }
            Ok(false) => false,
            Err(error) => {
                entry.is_queued = false;
                log::debug!("connection {id}: {}: {error}", entry.connection.peer());
                self.try_next(id, CloseReason::Io(error.kind()), state);
                true
            }
        }
    }

    /// The time for connecting is over. That may be only the part of it which one address had:
    /// then the next is tried, and this says so.
    pub(super) fn turns_from_silent(&mut self, id: ConnectionId, state: &mut S) -> bool {
        let now = self.desk.now();
        let has_time = |search: &Search| search.until > now && !search.left.is_empty();
        let turns = self.is_searching(id) && self.searches.get(&id).is_some_and(has_time);
        if turns {
            self.try_next(id, CloseReason::TimedOut(Timeout::Connect), state);
        }
        turns
    }
}

/// So many addresses of a name are tried: a handful is usual, and each takes its share of the
/// time from the others.
const MOST_TRIED: usize = 16;
