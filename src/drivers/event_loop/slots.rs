//! Connections come into slots and leave them.

use std::io;
use std::sync::Arc;

use super::engine::Engine;
use super::entry::Entry;
use super::tokens;
use super::turn::Budget;
use crate::net::Network;
use crate::sansio::{
    Address, CloseReason, Connection, ConnectionId, Error, Limits, Origin, Protocol,
};

impl<S: 'static, N: Network> Engine<S, N> {
    /// Adds a connection in its slot, not yet told that it is connected. Says whether the poll
    /// took it; if not, it is there all the same. One may come without a stream.
    pub(super) fn add(
        &mut self,
        mut stream: Option<N::Stream>,
        peer: Address,
        protocol: Box<dyn Protocol<S>>,
        origin: Arc<Origin>,
    ) -> (ConnectionId, io::Result<()>) {
        let net = &mut self.net;
        let mut registered = Ok(());
        let desk = &self.desk;
        let id = self.connections.insert_with(|id| {
            if let Some(stream) = &mut stream {
                registered = net.register(stream, tokens::of_connection(id));
            }
            Entry::new(Connection::new(id, protocol, origin, peer, desk), stream)
        });
        (id, registered)
    }

    /// Adds a connection for the host, or gives its protocol up.
    fn try_add(
        &mut self,
        stream: Option<N::Stream>,
        peer: Address,
        protocol: Box<dyn Protocol<S>>,
        limits: Limits,
    ) -> io::Result<ConnectionId> {
        let (id, registered) = self.add(stream, peer, protocol, Arc::new(Origin::new(limits)));
        if registered.is_err() {
            self.vacate(id);
        }
        registered.map(|()| id)
    }

    /// Frees a connection's slot, and its place in the poll.
    pub(super) fn vacate(&mut self, id: ConnectionId) -> Option<Entry<S, N::Stream>> {
        self.net.release(tokens::of_connection(id));
        self.connections.remove(id)
    }

    /// Adds a stream that is connected, outside of any listener.
    pub(crate) fn add_stream(
        &mut self,
        stream: N::Stream,
        peer: Address,
        protocol: Box<dyn Protocol<S>>,
        limits: Limits,
    ) -> Result<ConnectionId, Error> {
        let local = self.net.local(&stream);
        let id = self
            .try_add(Some(stream), peer, protocol, limits)
            .map_err(|error| Error::io("cannot register a stream", error))?;
        if let (Some(entry), Some(local)) = (self.connections.get_mut(id), local) {
            entry.connection.set_local(local);
        }
        // That it is connected is found out when it is first served.
        self.enqueue(id);
        Ok(id)
    }

    pub(crate) fn connect(
        &mut self,
        address: &Address,
        protocol: Box<dyn Protocol<S>>,
        limits: Limits,
    ) -> Result<ConnectionId, Error> {
        let attempt = || format!("cannot connect to {address}");
        let now = self.net.now();
        self.desk.set_now(now);
        let stream = self.net.connect(address).map_err(|error| Error::io(attempt(), error))?;
        let is_room = stream.is_some();
        let id = self
            .try_add(stream, address.clone(), protocol, limits)
            .map_err(|error| Error::io(attempt(), error))?;
        if !is_room {
            self.connect_later(id);
        }
        self.rearm(id);
        Ok(id)
    }

    /// How many sources of readiness there are, but for the loop's own.
    pub(super) fn source_count(&self) -> usize {
        let watches = self.errands.as_ref().map_or(0, |errands| errands.watch_count());
        let listeners = self.listeners.iter().flatten().count();
        self.connections.len() + self.sockets.len() + listeners + watches
    }

    /// Frees the slots of connections that ended in this round.
    pub(super) fn free_closed(&mut self, _: &Budget, _: &mut S) {
        while !self.leaving.is_empty() && self.may_begin() {
            let Some(entry) = self.leaving.pop().and_then(|id| self.vacate(id)) else {
                continue;
            };
            let Entry { connection, stream, .. } = entry;
            self.wheel.cancel(connection.id().slot() as usize);
            if !self.searches.is_empty() {
                self.searches.remove(&connection.id());
            }
            self.note_freed(&connection);
            if let Some(stream) = stream {
                let by_reset = connection.close_reason().is_some_and(|reason| reason.resets());
                self.net.close(stream, by_reset);
            }
            self.drop_connection(connection);
        }
        self.free_closed_sockets();
    }

    /// Books that a connection or a datagram socket has ended.
    pub(super) fn note_ended(&mut self, reason: Option<CloseReason>) {
        self.turn.closed += 1;
        self.accept_rests_until = None;
        let Some(reason) = reason else { return };
        self.stats.note_closed(reason);
        if let Some(drain) = &mut self.drain {
            drain.note_closed(reason);
        }
    }

    /// Books that a connection's slot is free.
    fn note_freed(&mut self, connection: &Connection<S>) {
        self.note_ended(connection.close_reason());
        let Some(id) = connection.listener() else { return };
        if let Some(Some(listener)) = self.listeners.get_mut(id.number() as usize) {
            listener.open -= 1;
        }
        let Some(address) = connection.peer().ip() else { return };
        if let Some(count) = self.per_address.get_mut(&(id, address)) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&(id, address));
            }
        }
    }
}

impl<S, N: Network> Engine<S, N> {
    /// Takes every source out of a poll that goes on.
    pub(super) fn leave_poll(&mut self) {
        // Closed by the network, and not just by dropping them: what somebody else holds, too,
        // would stay.
        for stream in self.connections.values_mut().filter_map(|entry| entry.stream.take()) {
            self.net.close(stream, false);
        }
        for listener in self.listeners.iter_mut().filter_map(Option::take) {
            self.net.close_listener(listener.into_socket());
        }
        for socket in self.sockets.take_bound() {
            self.net.close_socket(socket);
        }
        if let Some(errands) = &self.errands {
            errands.leave(&mut self.net);
        }
    }
}
