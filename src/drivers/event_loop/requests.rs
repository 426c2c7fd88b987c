//! Carrying out what connections asked of each other, and what other threads posted.
//!
//! Both come in order and under the turn's budget. A broadcast counts a step for each slot it
//! visits, and goes on in the next turn where the budget ended it.

use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use super::engine::Engine;
use super::mailbox::Letter;
use super::overload::MOST_REQUESTS;
use super::service::{Input, guarded};
use super::sockets::SocketInput;
use super::turn::{Budget, Ended};
use crate::net::Network;
use crate::sansio::{
    Address, CloseReason, Connection, ConnectionId, Delivery, Limits, Origin, Protocol, Request,
    Stage,
};

impl<S: 'static, N: Network> Engine<S, N> {
    pub(super) fn take_letters(&mut self, budget: &Budget, state: &mut S) {
        if !self.mailbox.is_pending() && self.letters.is_empty() {
            return;
        }
        // What a letter asks for would only wait elsewhere while many requests wait.
        let is_full = self.desk.request_count() >= MOST_REQUESTS;
        let most = if is_full { 0 } else { budget.requests };
        let most = most.saturating_sub(self.letters.len());
        let orders = self.mailbox.take(&mut self.letters, most);
        if let Some(grace) = orders.drain {
            self.begin_drain(grace);
        }
        if orders.is_stop {
            self.ended = Some(Ended::Stopped);
        }
        for _ in 0..self.letters.len().min(budget.requests) {
            if !self.may_begin() {
                return;
            }
            let Some(letter) = self.letters.pop_front() else { return };
            self.open_letter(letter, state);
        }
    }

    fn open_letter(&mut self, letter: Letter<S>, state: &mut S) {
        match letter {
            Letter::Send { to, bytes, when_full, completion } => {
                let delivery =
                    self.touch(to, Input::Deliver { bytes, when_full, from: None }, state);
                self.note_delivery(delivery);
                if let Some(completion) = completion {
                    completion(delivery);
                    self.look_at_clock();
                }
            }
            Letter::Notify { to, message } => self.pass_on(to, Input::Notified(message), state),
            Letter::Request(request) => self.desk.push_request(request),
            Letter::Found((id, found)) => self.take_answer(id, found, state),
            Letter::Run(work) => {
                work(&mut self.control(), state);
                self.look_at_clock();
            }
        }
    }

    pub(super) fn carry_out_requests(&mut self, budget: &Budget, state: &mut S) {
        let mut steps = budget.requests;
        for _ in 0..self.desk.request_count() {
            if steps == 0 || !self.may_begin() {
                return;
            }
            let Some(request) = self.desk.poll_request() else { return };
            steps -= 1;
            if let Request::Broadcast { .. } = &request {
                if let Some(rest) = self.broadcast(request, &mut steps, state) {
                    return self.desk.put_request_back(rest);
                }
            } else {
                self.carry_out(request, state);
            }
        }
    }

    fn carry_out(&mut self, request: Request<S>, state: &mut S) {
        match request {
            Request::Send { to, from, bytes, when_full } => {
                let delivery = self.touch(to, Input::Deliver { bytes, when_full, from }, state);
                self.note_delivery(delivery);
                self.hold_source(delivery, from);
            }
            Request::Close { to, closing } => self.pass_on(to, Input::Close(closing), state),
            Request::Notify { to, message } => self.pass_on(to, Input::Notified(message), state),
            Request::HandOver { to, protocol } => self.hand_over(to, protocol, state),
            Request::Connect { address, protocol, limits } => {
                self.open_connection(&address, protocol, *limits, state);
            }
            Request::ConnectByName { host, port, protocol, limits } => {
                let (id, begun) = self.look_up(&host, port, protocol, *limits);
                if let Err(why) = begun {
                    log::debug!("cannot look up {host}: {why}");
                    self.touch(id, Input::Fail(CloseReason::Unresolved(why)), state);
                }
            }
            Request::Release { source } => {
                if let Some(entry) = self.connections.get_mut(source) {
                    entry.connection.handle_release();
                    self.look_again(source);
                }
            }
            Request::Broadcast { .. } => {}
        }
    }

    /// Gives the rest of the broadcast back where the budget ended it. Where a panic does, the
    /// rest of the audience is still to be served in the next turn.
    fn broadcast(
        &mut self,
        mut request: Request<S>,
        steps: &mut usize,
        state: &mut S,
    ) -> Option<Request<S>> {
        let all = || self.broadcast_steps(&mut request, steps, state);
        match panic::catch_unwind(AssertUnwindSafe(all)) {
            Ok(is_done) => (!is_done).then_some(request),
            Err(cause) => {
                self.desk.put_request_back(request);
                panic::resume_unwind(cause);
            }
        }
    }

    /// Says whether all of the audience had its step.
    fn broadcast_steps(
        &mut self,
        request: &mut Request<S>,
        steps: &mut usize,
        state: &mut S,
    ) -> bool {
        let Request::Broadcast { listener, from, bytes, when_full, next_slot } = request else {
            return true;
        };
        let mut is_first = true;
        // Several in a round are one write to each of the audience.
        let is_last = self.desk.request_count() == 0;
        while *next_slot < self.connections.slot_count() {
            // Its first step is the one that began it.
            if !mem::take(&mut is_first) && (*steps == 0 || !self.may_begin()) {
                return false;
            }
            let id = self.connections.id_at(*next_slot);
            *next_slot += 1;
            *steps = steps.saturating_sub(1);
            let is_audience = |id: &ConnectionId| {
                let entry = self.connections.get(*id);
                Some(*id) != *from
                    && entry.is_some_and(|entry| entry.connection.listener() == Some(*listener))
            };
            let Some(id) = id.filter(is_audience) else { continue };
            let (bytes, when_full, from) = (bytes.clone(), *when_full, *from);
            let delivery = if is_last {
                self.deliver(id, (bytes, when_full), from, state)
            } else {
                self.touch(id, Input::Deliver { bytes, when_full, from }, state)
            };
            self.hold_source(delivery, from);
        }
        true
    }

    /// Hands `input` to `to`, a connection or a datagram socket, if that is still there.
    fn pass_on(&mut self, to: ConnectionId, input: Input, state: &mut S) {
        let is_there =
            self.connections.get(to).is_some_and(|entry| entry.connection.stage() != Stage::Closed);
        if is_there {
            self.touch(to, input, state);
            return;
        }
        let input = match input {
            Input::Notified(message) => Some(SocketInput::Notified(message)),
            Input::Close(closing) => Some(SocketInput::Close(closing)),
            Input::Connected
            | Input::Deadline
            | Input::Stopping
            | Input::Fail(_)
            | Input::Deliver { .. } => None,
        };
        if !input.is_some_and(|input| self.pass_to_socket(to, input, state)) {
            self.stats.dead_letters += 1;
        }
    }

    fn note_delivery(&mut self, delivery: Delivery) {
        if delivery == Delivery::NoSuchConnection {
            self.stats.dead_letters += 1;
        }
    }

    fn hold_source(&mut self, delivery: Delivery, from: Option<ConnectionId>) {
        if delivery == Delivery::QueuedAndFull
            && let Some(from) = from
            && let Some(entry) = self.connections.get_mut(from)
        {
            entry.connection.handle_hold();
        }
    }

    /// Hands a connection over, or tells `protocol` that it is gone.
    fn hand_over(&mut self, to: ConnectionId, protocol: Box<dyn Protocol<S>>, state: &mut S) {
        if let Some(protocol) = self.succeed(to, protocol, state) {
            let origin = Arc::new(Origin::new(Limits::default()));
            let nowhere = Address::from(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
            let connection = self.nobody(protocol, origin, nowhere);
            self.refuse(connection, CloseReason::Gone, state);
        }
    }

    /// A connection that never had a slot, for a protocol to be told why.
    fn nobody(
        &self,
        protocol: Box<dyn Protocol<S>>,
        origin: Arc<Origin>,
        peer: Address,
    ) -> Connection<S> {
        Connection::new(ConnectionId::NOBODY, protocol, origin, peer, &self.desk)
    }

    /// Tells a protocol that has no connection why.
    fn refuse(&mut self, mut connection: Connection<S>, reason: CloseReason, state: &mut S) {
        let desk = &mut self.desk;
        let told = || connection.handle_failure(desk, state, reason);
        if guarded(self.config.on_panic, told).is_none() {
            log::error!("a protocol panicked when told that it has no connection");
            connection.handle_panic(&mut self.desk);
        }
        self.drop_connection(connection);
    }

    fn open_connection(
        &mut self,
        address: &Address,
        protocol: Box<dyn Protocol<S>>,
        limits: Limits,
        state: &mut S,
    ) {
        let origin = Arc::new(Origin::new(limits));
        let stream = match self.net.connect(address) {
            Ok(stream) => stream,
            Err(error) => {
                log::debug!("cannot connect to {address}: {error}");
                let connection = self.nobody(protocol, origin, address.clone());
                return self.refuse(connection, CloseReason::Io(error.kind()), state);
            }
        };
        let is_room = stream.is_some();
        let (id, registered) = self.add(stream, address.clone(), protocol, origin);
        match registered {
            Ok(()) if !is_room => {
                self.connect_later(id);
                self.rearm(id);
            }
            Ok(()) => self.rearm(id),
            Err(error) => {
                log::warn!("cannot register a connection to {address}: {error}");
                self.touch(id, Input::Fail(CloseReason::Io(error.kind())), state);
            }
        }
    }
}
