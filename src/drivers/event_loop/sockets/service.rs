//! What happens to one datagram socket: receive, offer, send, close.
//!
//! It is received from until would-block was met, however many turns that takes: a short or a
//! failed receive says nothing about the next. What a call sends goes out before the next
//! datagram is received, so a socket that answers holds one call's answers at most.

use std::any::Any;
use std::time::Instant;

use super::super::engine::Engine;
use super::super::overload::is_congested;
use super::super::service::{guarded, note_callback};
use super::super::stats::Stats;
use super::super::turn::{Budget, Turn};
use super::{SocketEntry, Sockets, inside};
use crate::net::{Network, Receive, SendTo};
use crate::sansio::{CloseReason, Closing, ConnectionId, DatagramSocket, Desk, Dispatched};

/// What can happen to a socket, beside what its own readiness leads to.
pub(in super::super) enum SocketInput {
    Deadline,
    Notified(Box<dyn Any + Send>),
    Stopping,
    Close(Closing),
    Fail(CloseReason),
    Overload,
}

impl SocketInput {
    /// The callback that this is likely to make, for the watchdog.
    const fn callback(&self) -> &'static str {
        match self {
            Self::Deadline => "expired",
            Self::Notified(_) => "notified",
            Self::Stopping => "stopping",
            Self::Close(_) | Self::Fail(_) => "closed",
            Self::Overload => "writable",
        }
    }
}

/// How much may still be received, or sent, in a turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    datagrams: usize,
    bytes: usize,
    /// What was used of it.
    used: (usize, usize),
}

impl Allowance {
    pub(super) fn new(budget: &Budget) -> Self {
        Self { datagrams: budget.datagrams, bytes: budget.datagram_bytes, used: (0, 0) }
    }

    pub(super) const fn is_spent(&self) -> bool {
        self.datagrams == 0 || self.bytes == 0
    }

    /// The part of one of so many that wait: never nothing of something.
    pub(super) fn share(&self, waiting: usize) -> Self {
        Self { datagrams: self.datagrams.div_ceil(waiting.max(1)), ..*self }
    }

    /// Takes what was used of a share.
    pub(super) fn use_up(&mut self, share: Self) {
        self.datagrams = self.datagrams.saturating_sub(share.used.0);
        self.bytes = self.bytes.saturating_sub(share.used.1);
    }

    fn note(&mut self, bytes: usize) {
        self.datagrams = self.datagrams.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.used = (self.used.0 + 1, self.used.1 + bytes);
    }
}

impl<S: 'static, N: Network> Engine<S, N> {
    /// Serves a socket from the ready list.
    pub(super) fn serve_socket(
        &mut self,
        id: ConnectionId,
        incoming: &mut Allowance,
        outgoing: &mut Allowance,
        state: &mut S,
    ) {
        self.with_socket(id, state, |service| {
            service.entry.is_queued = false;
            service.serve(incoming, outgoing);
        });
    }

    /// Hands one input to a socket. What it sends goes out in the next turn, or when the socket
    /// is served in this one.
    pub(in super::super) fn input_socket(
        &mut self,
        id: ConnectionId,
        input: SocketInput,
        state: &mut S,
    ) {
        self.with_socket(id, state, |service| service.handle(input));
    }

    /// Hands an input to the socket `id`, if there is one that is not over.
    pub(in super::super) fn pass_to_socket(
        &mut self,
        id: ConnectionId,
        input: SocketInput,
        state: &mut S,
    ) -> bool {
        let is_there = self.sockets.get(id).is_some_and(|socket| !socket.is_closed());
        if is_there {
            self.input_socket(id, input, state);
        }
        is_there
    }

    /// Closes the socket whose panic left a turn.
    pub(in super::super) fn close_panicked_socket(&mut self, id: ConnectionId) {
        let is_congested = self.is_congested();
        let Some(entry) = self.sockets.entry(id) else { return };
        entry.socket.handle_panic(&mut self.desk);
        self.sockets.look_again(id, is_congested);
    }

    /// Drops a socket that has left its slot. A protocol's own drop may panic, too.
    pub(super) fn drop_socket(&mut self, socket: DatagramSocket<S>) {
        let id = socket.id();
        if guarded(self.config.on_panic, || drop(socket)).is_none() {
            log::error!("socket {id}: its protocol panicked while being dropped");
        }
        self.look_at_clock();
    }

    /// Borrows a socket and what serving it takes; catches its panic if so configured.
    /// Afterwards decides when the socket is looked at next.
    fn with_socket(
        &mut self,
        id: ConnectionId,
        state: &mut S,
        work: impl FnOnce(&mut Service<'_, S, N>),
    ) {
        let allowance = self.allowance();
        let Sockets { map, buffer, .. } = &mut self.sockets;
        let Some(entry) = inside(id).and_then(|id| map.get_mut(id)) else { return };
        let mut service = Service {
            id,
            entry,
            desk: &mut self.desk,
            net: &mut self.net,
            buffer,
            stats: &mut self.stats,
            turn: &mut self.turn,
            until: self.until,
            allowance,
            state,
        };
        self.serving = Some(id);
        let result = guarded(self.config.on_panic, || work(&mut service));
        self.serving = None;
        if result.is_none() {
            log::error!("socket {id} is closed: its protocol panicked");
            entry.socket.handle_panic(&mut self.desk);
        }
        let is_congested = is_congested(&self.desk, allowance);
        self.sockets.look_again(id, is_congested);
    }
}

/// One socket and what serving it takes, borrowed apart from the engine.
struct Service<'a, S, N: Network> {
    id: ConnectionId,
    entry: &'a mut SocketEntry<S, N::Socket>,
    desk: &'a mut Desk<S>,
    net: &'a mut N,
    buffer: &'a mut [u8],
    stats: &'a mut Stats,
    turn: &'a mut Turn,
    /// When the turn's time is up.
    until: Option<Instant>,
    /// Bytes that the loop may hold.
    allowance: usize,
    state: &'a mut S,
}

impl<S: 'static, N: Network> Service<'_, S, N> {
    fn handle(&mut self, input: SocketInput) {
        let callback = input.callback();
        let (socket, desk) = (&mut self.entry.socket, &mut *self.desk);
        match input {
            SocketInput::Deadline => socket.handle_deadlines(desk, self.state),
            SocketInput::Notified(message) => socket.handle_notified(desk, self.state, message),
            SocketInput::Stopping => socket.handle_stopping(desk, self.state),
            SocketInput::Close(closing) => socket.handle_close(desk, self.state, closing),
            SocketInput::Fail(reason) => socket.handle_failure(desk, self.state, reason),
            SocketInput::Overload => socket.handle_overload(desk, self.state),
        }
        self.note_callback(callback);
    }

    /// Sends what waits, and receives as long as nothing does that could be sent.
    fn serve(&mut self, incoming: &mut Allowance, outgoing: &mut Allowance) {
        if self.entry.socket.is_opening() {
            self.entry.socket.handle_opened(self.desk, self.state);
            self.note_callback("opened");
            if self.is_time_up() {
                return;
            }
        }
        loop {
            let is_sent = self.flush(outgoing);
            let is_congested = is_congested(self.desk, self.allowance);
            if !is_sent || is_congested || incoming.is_spent() || !self.entry.wants_receive() {
                return;
            }
            self.receive(incoming);
            if self.is_time_up() {
                return;
            }
        }
    }

    fn receive(&mut self, incoming: &mut Allowance) {
        let Some(bound) = &mut self.entry.bound else { return };
        self.stats.reads += 1;
        let outcome = self.net.receive(bound, self.buffer);
        self.entry.failures = match outcome {
            Receive::Failed(_) => self.entry.failures + 1,
            Receive::Datagram { .. } | Receive::Truncated | Receive::Blocked => 0,
        };
        match outcome {
            Receive::Datagram { count, from } => {
                incoming.note(count);
                self.turn.bytes_in += count as u64;
                let bytes = &self.buffer[..count];
                self.entry.socket.handle_received(self.desk, self.state, &from, bytes);
                self.note_callback("received");
            }
            Receive::Truncated => {
                incoming.note(self.buffer.len());
                self.entry.socket.handle_truncated();
            }
            Receive::Blocked => self.entry.is_readable = false,
            Receive::Failed(kind) => {
                incoming.note(0);
                self.entry.socket.handle_receive_error(kind);
                if self.entry.failures >= MOST_FAILURES {
                    // It would fail for ever: it is left alone until the poll has news of it.
                    log::error!("socket {} fails to receive, again and again: {kind}", self.id);
                    (self.entry.is_readable, self.entry.failures) = (false, 0);
                }
            }
        }
    }

    /// Sends what waits. Says whether nothing is left that could be sent now.
    fn flush(&mut self, outgoing: &mut Allowance) -> bool {
        while self.entry.is_writable {
            let Some(next) = self.entry.socket.poll_output() else { return true };
            let Some(bound) = &mut self.entry.bound else { return true };
            if outgoing.is_spent() {
                return false;
            }
            self.stats.writes += 1;
            let length = next.bytes.len();
            outgoing.note(length);
            match self.net.send_to(bound, next.to, next.bytes) {
                SendTo::Done(dispatched) => {
                    if dispatched == Dispatched::Sent {
                        self.turn.bytes_out += length as u64;
                    }
                    self.dispatched(dispatched);
                }
                SendTo::Blocked => self.entry.is_writable = false,
            }
            if self.is_time_up() {
                return false;
            }
        }
        true
    }

    /// Notes the fate of a datagram, which may lead to a call.
    fn dispatched(&mut self, dispatched: Dispatched) {
        let socket = &mut self.entry.socket;
        let was_backpressured = socket.is_backpressured();
        socket.handle_dispatched(self.desk, self.state, dispatched);
        if socket.is_closed() {
            self.note_callback("closed");
        } else if was_backpressured && !socket.is_backpressured() {
            self.note_callback("writable");
        }
    }

    /// Looks at the clock after a system call, where the turn's time is bounded.
    fn is_time_up(&mut self) -> bool {
        let Some(until) = self.until else { return false };
        let now = self.net.now();
        self.desk.set_now(now);
        self.desk.now() >= until
    }

    fn note_callback(&mut self, callback: &'static str) {
        note_callback(self.net, self.desk, self.turn, self.until, (self.id, callback));
    }
}

/// More failures in a row than that are no news of single datagrams.
const MOST_FAILURES: u32 = 1024;
