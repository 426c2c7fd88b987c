//! Datagram sockets in a loop: bound, listed, timed and freed.
//!
//! They share the turn, the desk and the names of connections with them, and nothing else: a
//! connection's event costs what it cost without them. Their ids have slots from the upper half,
//! which no table of connections reaches. What happens to one socket is in `sockets/service.rs`.
//!
//! A socket that is flooded is never exhausted. So a turn receives and sends a budget of
//! datagrams, over all sockets: what is left over stays on the ready list, behind the others.

mod service;

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::time::Instant;

use super::engine::Engine;
use super::tokens;
use super::turn::Budget;
use super::wheel::TimerWheel;
use crate::net::{BindOptions, Network, Readiness};
use crate::sansio::{
    Address, CloseReason, ConnectionId, ConnectionMap, DatagramCounts, DatagramLimits,
    DatagramProtocol, DatagramSocket, Error,
};
use service::Allowance;
pub(super) use service::SocketInput;

/// The datagram sockets of a loop, and the lists they are on.
pub(super) struct Sockets<S, T> {
    map: ConnectionMap<SocketEntry<S, T>>,
    /// One timer a socket, by slot. Most sockets never need theirs.
    wheel: TimerWheel,
    /// To be served: ready, or with work left over.
    queue: VecDeque<ConnectionId>,
    /// Not received from because the loop is congested.
    parked: Vec<ConnectionId>,
    /// Over, to be freed at the end of the round.
    leaving: Vec<ConnectionId>,
    /// Where datagrams are received: a byte more than the largest that any socket wants.
    buffer: Vec<u8>,
    /// What became of the datagrams of sockets that are gone.
    past: DatagramCounts,
}

/// A socket in its slot, and what the system last said about it.
struct SocketEntry<S, T> {
    socket: DatagramSocket<S>,
    /// Taken when the slot is freed, and never missing before.
    bound: Option<T>,
    /// A receive is worth trying: none has met would-block since the system last said so.
    is_readable: bool,
    /// A send is worth trying.
    is_writable: bool,
    /// On the ready list. At most once.
    is_queued: bool,
    /// On the list of those not received from. At most once.
    is_parked: bool,
    /// On the list of those to be freed.
    is_leaving: bool,
    /// Was told that the loop drains.
    is_told: bool,
    /// How often in a row receiving failed.
    failures: u32,
}

impl<S: 'static, T> SocketEntry<S, T> {
    fn new(socket: DatagramSocket<S>, bound: T) -> Self {
        Self {
            socket,
            bound: Some(bound),
            is_readable: false,
            is_writable: true,
            is_queued: false,
            is_parked: false,
            is_leaving: false,
            is_told: false,
            failures: 0,
        }
    }

    fn wants_receive(&self) -> bool {
        self.is_readable && self.socket.wants_datagrams()
    }

    fn wants_send(&self) -> bool {
        self.is_writable && self.socket.poll_output().is_some()
    }
}

impl<S: 'static, T> Sockets<S, T> {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            map: ConnectionMap::new(),
            wheel: TimerWheel::new(now),
            queue: VecDeque::new(),
            parked: Vec::new(),
            leaving: Vec::new(),
            buffer: Vec::new(),
            past: DatagramCounts::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &DatagramSocket<S>> {
        self.map.iter().map(|(_, entry)| &entry.socket)
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&DatagramSocket<S>> {
        self.map.get(inside(id)?).map(|entry| &entry.socket)
    }

    fn entry(&mut self, id: ConnectionId) -> Option<&mut SocketEntry<S, T>> {
        self.map.get_mut(inside(id)?)
    }

    /// The id of the socket in a slot that a token names.
    pub(super) fn id_at(&self, slot: usize) -> Option<ConnectionId> {
        let slot = slot.checked_sub(FIRST_SLOT as usize)?;
        self.map.id_at(slot).map(outside)
    }

    pub(super) fn counts(&self) -> DatagramCounts {
        let mut counts = self.past;
        self.iter().for_each(|socket| counts += socket.counts());
        counts
    }

    /// Whether a turn has something to do for a socket right now.
    pub(super) fn has_work(&self, is_congested: bool) -> bool {
        !self.queue.is_empty()
            || !self.leaving.is_empty()
            || (!self.parked.is_empty() && !is_congested)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.wheel.next_deadline()
    }

    /// Whether a socket has not been told yet that the loop drains.
    pub(super) fn has_untold(&self) -> bool {
        self.map.iter().any(|(_, entry)| !entry.is_told)
    }

    /// Puts a socket on the list of those to be served.
    fn enqueue(&mut self, id: ConnectionId) {
        if let Some(entry) = self.entry(id)
            && !mem::replace(&mut entry.is_queued, true)
        {
            self.queue.push_back(id);
        }
    }

    /// Lets those be received from that were not because of a congestion.
    pub(super) fn unpark(&mut self) {
        for id in mem::take(&mut self.parked) {
            if let Some(entry) = self.entry(id) {
                entry.is_parked = false;
                self.enqueue(id);
            }
        }
    }

    /// Decides when a socket is looked at next, something about it having changed.
    fn look_again(&mut self, id: ConnectionId, is_congested: bool) {
        let Some(entry) = self.entry(id) else { return };
        if entry.socket.is_closed() {
            if !mem::replace(&mut entry.is_leaving, true) {
                self.leaving.push(id);
            }
            return;
        }
        let wants_receive = entry.wants_receive();
        if entry.wants_send() || entry.socket.is_opening() || (wants_receive && !is_congested) {
            self.enqueue(id);
        } else if wants_receive && !mem::replace(&mut entry.is_parked, true) {
            self.parked.push(id);
        }
        self.rearm(id);
    }

    /// Arms the timer of a socket if it must fire earlier than it would. One that may fire later
    /// is left as it is, and armed again when it fires too early.
    fn rearm(&mut self, id: ConnectionId) {
        let Some(deadline) = self.get(id).and_then(DatagramSocket::poll_deadline) else { return };
        let slot = slot_of(id);
        if self.wheel.armed_at(slot).is_none_or(|armed| deadline < armed) {
            self.wheel.arm(slot, deadline);
        }
    }
}

impl<S, T> Sockets<S, T> {
    /// The system's sockets, to be closed. Ours are as if they had none.
    pub(super) fn take_bound(&mut self) -> impl Iterator<Item = T> {
        self.map.values_mut().filter_map(|entry| entry.bound.take())
    }
}

/// Coming and going.
impl<S: 'static, N: Network> Engine<S, N> {
    /// Binds a socket. Its protocol is told in the next turn.
    pub(crate) fn bind(
        &mut self,
        address: &Address,
        options: &BindOptions,
        protocol: Box<dyn DatagramProtocol<S>>,
    ) -> Result<ConnectionId, Error> {
        options.check()?;
        let refused = |error| Error::io(format!("cannot bind {address}"), error);
        let bound = self.net.bind(address, options).map_err(refused)?;
        self.add_socket(bound, &options.limits, protocol).map_err(refused)
    }

    /// Adds a socket that is bound, with its address. Its protocol is told in the next turn.
    pub(super) fn add_socket(
        &mut self,
        (mut bound, local): (N::Socket, Address),
        limits: &DatagramLimits,
        protocol: Box<dyn DatagramProtocol<S>>,
    ) -> io::Result<ConnectionId> {
        let (net, mut registered) = (&mut self.net, Ok(()));
        let id = self.sockets.map.insert_with(|id| {
            let id = outside(id);
            registered = net.register_socket(&mut bound, tokens::of_connection(id));
            SocketEntry::new(DatagramSocket::new(id, protocol, local, limits.clone()), bound)
        });
        if let Err(error) = registered {
            self.sockets.map.remove(id);
            return Err(error);
        }
        let needed = limits.datagram.min(LARGEST_ANYWHERE) + 1;
        if self.sockets.buffer.len() < needed {
            self.sockets.buffer.resize(needed, 0);
        }
        self.sockets.enqueue(outside(id));
        Ok(outside(id))
    }

    /// What the system said about a socket.
    #[cold]
    pub(super) fn note_socket_ready(&mut self, id: ConnectionId, readiness: Readiness) {
        let Some(entry) = self.sockets.entry(id) else { return };
        entry.is_readable |= readiness.readable;
        entry.is_writable |= readiness.writable;
        self.sockets.enqueue(id);
    }

    /// Serves sockets from the ready list, each with its share of the turn's budget.
    pub(super) fn serve_sockets(&mut self, budget: &Budget, state: &mut S) {
        let (mut incoming, mut outgoing) = (Allowance::new(budget), Allowance::new(budget));
        for waiting in (1..=self.sockets.queue.len()).rev() {
            if incoming.is_spent() || outgoing.is_spent() || !self.may_begin() {
                return;
            }
            let Some(id) = self.sockets.queue.pop_front() else { return };
            let mut shares = (incoming.share(waiting), outgoing.share(waiting));
            self.serve_socket(id, &mut shares.0, &mut shares.1, state);
            incoming.use_up(shares.0);
            outgoing.use_up(shares.1);
        }
    }

    /// Fires the deadlines of sockets.
    pub(super) fn fire_socket_deadlines(&mut self, budget: &Budget, state: &mut S) {
        if self.sockets.len() == 0 {
            return;
        }
        self.sockets.wheel.expire(self.desk.now());
        for _ in 0..budget.deadlines {
            if !self.sockets.wheel.has_due() || !self.may_begin() {
                return;
            }
            let slot = self.sockets.wheel.pop_due();
            let Some(id) = slot.and_then(|slot| self.sockets.map.id_at(slot)).map(outside) else {
                continue;
            };
            let Some(deadline) = self.sockets.get(id).and_then(DatagramSocket::poll_deadline)
            else {
                continue;
            };
            if deadline > self.desk.now() {
                self.sockets.rearm(id);
                continue;
            }
            let late = self.desk.now().saturating_duration_since(deadline);
            self.turn.late = self.turn.late.max(late);
            self.input_socket(id, SocketInput::Deadline, state);
        }
    }

    /// Frees the slots of sockets that ended in this round.
    pub(super) fn free_closed_sockets(&mut self) {
        while !self.sockets.leaving.is_empty() && self.may_begin() {
            let Some(id) = self.sockets.leaving.pop() else { return };
            let Some(entry) = inside(id).and_then(|id| self.sockets.map.remove(id)) else {
                continue;
            };
            self.sockets.wheel.cancel(slot_of(id));
            self.sockets.past += entry.socket.counts();
            self.note_ended(entry.socket.close_reason());
            if let Some(bound) = entry.bound {
                self.net.close_socket(bound);
                self.net.release(tokens::of_connection(id));
            }
            self.drop_socket(entry.socket);
        }
    }

    /// Tells sockets that the loop drains, as long as there is time.
    pub(super) fn tell_sockets_stopping(&mut self, state: &mut S) {
        while let Some(id) = self.find_socket(|entry| !entry.is_told)
            && self.may_begin()
        {
            if let Some(entry) = self.sockets.entry(id) {
                entry.is_told = true;
            }
            self.input_socket(id, SocketInput::Stopping, state);
        }
    }

    /// Ends the sockets that a drain has left at its deadline, as long as there is time.
    pub(super) fn abort_sockets(&mut self, state: &mut S) {
        while let Some(id) = self.find_socket(|entry| !entry.socket.is_closed())
            && self.may_begin()
        {
            self.input_socket(id, SocketInput::Fail(CloseReason::Stopped), state);
        }
    }

    /// Drops what sockets have queued, while the loop holds too much: a datagram may get lost
    /// anyway, and that costs less than ending a connection.
    pub(super) fn shed_datagrams(&mut self, state: &mut S) {
        while self.is_overloaded()
            && let Some(id) = self.find_socket(|entry| entry.socket.held() > 0)
            && self.may_begin()
        {
            self.input_socket(id, SocketInput::Overload, state);
        }
    }

    fn find_socket(
        &self,
        wanted: impl Fn(&SocketEntry<S, N::Socket>) -> bool,
    ) -> Option<ConnectionId> {
        let found = self.sockets.map.iter().find(|(_, entry)| wanted(entry));
        found.map(|(id, _)| outside(id))
    }
}

/// The first slot that a socket's id has. As many connections do not fit any memory.
const FIRST_SLOT: u32 = 1 << 31;

/// The id in the table, of an id that is a socket's.
fn inside(id: ConnectionId) -> Option<ConnectionId> {
    let slot = id.slot().checked_sub(FIRST_SLOT)?;
    Some(ConnectionId::new(slot, id.generation()))
}

/// The id that everybody else knows.
const fn outside(id: ConnectionId) -> ConnectionId {
    ConnectionId::new(id.slot() | FIRST_SLOT, id.generation())
}

/// The key of a socket's timer.
const fn slot_of(id: ConnectionId) -> usize {
    (id.slot() & !FIRST_SLOT) as usize
}

/// No system moves a larger datagram, whatever somebody wants to receive.
const LARGEST_ANYWHERE: usize = 16 << 20;
