//! What happens to one connection: read, offer, flush, close.
//!
//! Every input of a connection goes through [`Engine::input`], which is also the one place where
//! a panic of a protocol may be caught.

use std::any::Any;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::time::Instant;

use bytes::Bytes;

use super::config::{Config, OnPanic};
use super::engine::Engine;
use super::entry::{Entry, Incoming, Next};
use super::overload::is_congested;
use super::stats::Stats;
use super::turn::Turn;
use crate::net::{Network, Read};
use crate::sansio::{
    CloseReason, Closing, Connection, ConnectionId, Delivery, Desk, Protocol, Stage, WhenFull, Wire,
};

mod sending;
#[cfg(unix)]
pub(in super::super) use sending::{up_to, within};

/// What can happen to a connection.
pub(super) enum Input {
    /// It was accepted.
    Connected,
    Deadline,
    Notified(Box<dyn Any + Send>),
    Stopping,
    Close(Closing),
    Fail(CloseReason),
    Deliver {
        bytes: Bytes,
        when_full: WhenFull,
        from: Option<ConnectionId>,
    },
}

impl Input {
    /// The callback that this is likely to make, for the watchdog.
    const fn callback(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Deadline => "expired",
            Self::Notified(_) => "notified",
            Self::Stopping => "stopping",
            Self::Close(_) | Self::Fail(_) | Self::Deliver { .. } => "closed",
        }
    }
}

impl<S: 'static, N: Network> Engine<S, N> {
    /// Serves a connection from the ready list.
    #[inline]
    pub(super) fn serve(&mut self, id: ConnectionId, state: &mut S) {
        if !self.searches.is_empty() && self.turns_to_next(id, state) {
            return;
        }
        self.with_service(id, state, |service| {
            service.entry.is_queued = false;
            service.serve();
        });
    }

    /// A connection was accepted.
    pub(super) fn establish(&mut self, id: ConnectionId, state: &mut S) {
        self.input(id, Input::Connected, state);
    }

    /// The timer of a connection fired. It may be too early: then it is armed again.
    pub(super) fn fire_deadline(&mut self, id: ConnectionId, state: &mut S) {
        let now = self.desk.now();
        let Some(entry) = self.connections.get_mut(id) else { return };
        let Some(deadline) = entry.connection.poll_deadline() else { return };
        if entry.postpones() || deadline > now {
            self.wheel.arm(id.slot() as usize, deadline.max(now));
            return;
        }
        self.turn.late = self.turn.late.max(now.saturating_duration_since(deadline));
        if !self.searches.is_empty() && self.turns_from_silent(id, state) {
            return;
        }
        self.input(id, Input::Deadline, state);
    }

    /// Something came from elsewhere: it is done now, and flushed at the end of the round, once
    /// for however many.
    pub(super) fn touch(&mut self, id: ConnectionId, input: Input, state: &mut S) -> Delivery {
        self.flush_later(id);
        self.input(id, input, state)
    }

    /// Puts a connection on the list of those to be flushed at the end of the round.
    pub(super) fn flush_later(&mut self, id: ConnectionId) {
        if let Some(entry) = self.connections.get_mut(id)
            && !mem::replace(&mut entry.is_touched, true)
        {
            self.touched.push_back(id);
        }
    }

    /// Puts `protocol` in the place of a connection's. Gives it back where that one is gone.
    pub(super) fn succeed(
        &mut self,
        id: ConnectionId,
        protocol: Box<dyn Protocol<S>>,
        state: &mut S,
    ) -> Option<Box<dyn Protocol<S>>> {
        let mut next = Some(protocol);
        self.with_service(id, state, |service| {
            let Some(protocol) = next.take() else { return };
            let Service { entry, desk, state, .. } = service;
            next = entry.connection.handle_successor(desk, state, protocol).err();
            service.note_callback("connected");
            service.flush();
            service.settle_wire();
        });
        next
    }

    /// Sends what a touched connection has to send.
    pub(super) fn flush(&mut self, id: ConnectionId, state: &mut S) {
        self.with_service(id, state, |service| {
            service.entry.is_touched = false;
            service.flush();
            service.settle_wire();
        });
    }

    /// Hands one input to a connection and does what follows from it at once.
    #[inline]
    fn input(&mut self, id: ConnectionId, input: Input, state: &mut S) -> Delivery {
        self.with_service(id, state, |service| service.handle(input))
            .unwrap_or(Delivery::NoSuchConnection)
    }

    /// Borrows a connection and what serving it takes; catches its panic if so configured.
    /// Afterwards decides when the connection is looked at next.
    #[inline]
    fn with_service<R>(
        &mut self,
        id: ConnectionId,
        state: &mut S,
        work: impl FnOnce(&mut Service<'_, S, N>) -> R,
    ) -> Option<R> {
        let allowance = self.allowance();
        let entry = self.connections.get_mut(id)?;
        let is_congested_now = is_congested(&self.desk, allowance);
        let mut service = Service {
            id,
            entry,
            desk: &mut self.desk,
            net: &mut self.net,
            buffer: &mut self.buffer,
            config: &self.config,
            stats: &mut self.stats,
            turn: &mut self.turn,
            until: self.until,
            is_congested: is_congested_now,
            state,
        };
        self.serving = Some(id);
        let result = guarded(self.config.on_panic, || work(&mut service));
        self.serving = None;
        if result.is_none() {
            log::error!("connection {id} is closed: its protocol panicked");
            entry.connection.handle_panic(&mut self.desk);
        }
        if !entry.rests() {
            let next = entry.next(is_congested(&self.desk, allowance));
            self.follow(id, next);
        }
        result
    }

    /// Closes the connection whose panic left a turn.
    pub(super) fn close_panicked(&mut self) {
        let Some(id) = self.serving.take() else { return };
        if let Some(entry) = self.connections.get_mut(id) {
            entry.connection.handle_panic(&mut self.desk);
            self.look_again(id);
        } else {
            self.close_panicked_socket(id);
        }
    }

    /// Decides again when a connection is looked at next, something about it having changed.
    pub(super) fn look_again(&mut self, id: ConnectionId) {
        let is_congested = self.is_congested();
        let Some(entry) = self.connections.get_mut(id) else { return };
        let next = entry.next(is_congested);
        self.follow(id, next);
    }

    fn follow(&mut self, id: ConnectionId, next: Next) {
        match next {
            Next::Rest => {}
            Next::Arm(deadline) => self.arm(id, deadline),
            Next::Queue => {
                self.queue.push_back(id);
                self.rearm(id);
            }
            Next::Park => {
                self.parked.push(id);
                self.rearm(id);
            }
            Next::Leave => self.leaving.push(id),
        }
    }

    /// Drops a connection that has left its slot. A protocol's own drop may panic, too.
    pub(super) fn drop_connection(&mut self, connection: Connection<S>) {
        let id = connection.id();
        if guarded(self.config.on_panic, || drop(connection)).is_none() {
            log::error!("connection {id}: its protocol panicked while being dropped");
        }
        self.look_at_clock();
    }
}

/// Runs what is not ours, and gives nothing if it panicked and that is to cost one connection.
#[inline]
pub(in super::super) fn guarded<R>(on_panic: OnPanic, work: impl FnOnce() -> R) -> Option<R> {
    match on_panic {
        OnPanic::Propagate => Some(work()),
        OnPanic::Close => panic::catch_unwind(AssertUnwindSafe(work)).ok(),
    }
}

/// One connection and what serving it takes, borrowed apart from the engine.
struct Service<'a, S, N: Network> {
    id: ConnectionId,
    entry: &'a mut Entry<S, N::Stream>,
    desk: &'a mut Desk<S>,
    net: &'a mut N,
    buffer: &'a mut [u8],
    config: &'a Config,
    stats: &'a mut Stats,
    turn: &'a mut Turn,
    /// When the turn's time is up.
    until: Option<Instant>,
    /// Nothing is to be read now.
    is_congested: bool,
    state: &'a mut S,
}

impl<S: 'static, N: Network> Service<'_, S, N> {
    #[inline]
    fn handle(&mut self, input: Input) -> Delivery {
        let callback = input.callback();
        if let Input::Deliver { bytes, when_full, from } = input {
            return self.deliver(bytes, when_full, from);
        }
        let (connection, desk) = (&mut self.entry.connection, &mut *self.desk);
        match input {
            Input::Connected => connection.handle_connected(desk, self.state),
            Input::Deadline => connection.handle_deadlines(desk, self.state),
            Input::Notified(message) => connection.handle_notified(desk, self.state, message),
            Input::Stopping => connection.handle_stopping(desk, self.state),
            Input::Close(closing) => connection.handle_close(desk, self.state, closing),
            Input::Fail(reason) => connection.handle_failure(desk, self.state, reason),
            Input::Deliver { .. } => {}
        }
        self.note_callback(callback);
        self.flush();
        self.settle_wire();
        Delivery::NoSuchConnection
    }

    /// It is flushed later, with others. Unless that would make the connection seem too slow
    /// for this message only because it was not flushed.
    fn deliver(
        &mut self,
        bytes: Bytes,
        when_full: WhenFull,
        from: Option<ConnectionId>,
    ) -> Delivery {
        if self.entry.connection.is_backpressured() {
            self.flush();
        }
        self.entry.connection.handle_delivery(self.desk, self.state, bytes, when_full, from)
    }

    /// At most one read, then as many writes as the budget allows; one, usually.
    #[inline]
    fn serve(&mut self) -> Delivery {
        if self.entry.connection.stage() == Stage::Connecting {
            self.establish();
        } else if self.entry.connection.is_ahead(self.desk) {
            // Its turn comes when what it asked for is done; that is due anyway.
        } else if self.entry.connection.wants_turn() {
            self.entry.connection.handle_turn(self.desk, self.state);
            self.note_callback("received");
        } else if self.entry.is_readable() {
            self.read();
        }
        self.flush();
        self.settle_wire();
        Delivery::NoSuchConnection
    }

    fn establish(&mut self) {
        let Some(stream) = &mut self.entry.stream else { return };
        match self.net.is_connected(stream) {
            Ok(true) => self.entry.connection.handle_connected(self.desk, self.state),
            Ok(false) => return,
            Err(error) => {
                let reason = CloseReason::Io(error.kind());
                self.entry.connection.handle_failure(self.desk, self.state, reason);
            }
        }
        self.note_callback("connected");
    }

    #[inline]
    fn read(&mut self) {
        let room = self.entry.connection.wants_bytes().min(self.buffer.len());
        let Some(stream) = &mut self.entry.stream else { return };
        if room == 0 || self.is_congested {
            return;
        }
        self.stats.reads += 1;
        match self.net.read(stream, &mut self.buffer[..room]) {
            Read::Bytes { count, is_last } => {
                if is_last && self.entry.incoming == Incoming::Bytes {
                    self.entry.incoming = Incoming::Nothing;
                }
                self.turn.bytes_in += count as u64;
                let bytes = &self.buffer[..count];
                self.entry.connection.handle_received(self.desk, self.state, bytes);
                self.note_callback("received");
            }
            Read::Blocked => {
                self.entry.incoming = Incoming::Nothing;
            }
            Read::End => {
                self.entry.incoming = Incoming::Nothing;
                self.entry.connection.handle_end_of_input(self.desk, self.state);
                self.note_callback("finished");
            }
            Read::Failed(kind) => self.fail(CloseReason::Io(kind)),
        }
    }

    /// Half-closes the wire when everything is sent. Closing it waits for the end of the round.
    #[inline(always)]
    fn settle_wire(&mut self) {
        if !self.entry.connection.keeps_wire() {
            self.settle_closing_wire();
        }
    }

    fn settle_closing_wire(&mut self) {
        if let Wire::ShutdownWrite = self.entry.connection.poll_wire(self.desk) {
            let Some(stream) = &mut self.entry.stream else { return };
            if let Err(error) = self.net.shutdown_write(stream) {
                self.fail(CloseReason::Io(error.kind()));
            }
        }
    }

    fn fail(&mut self, reason: CloseReason) {
        self.entry.incoming = Incoming::Nothing;
        self.entry.connection.handle_failure(self.desk, self.state, reason);
        self.note_callback("closed");
    }

    #[inline(always)]
    fn note_callback(&mut self, callback: &'static str) {
        note_callback(self.net, self.desk, self.turn, self.until, (self.id, callback));
    }
}

/// Reads the clock after a callback: for the watchdog, for a budget in time, and so that the next
/// connection's deadlines count from when it was served. Mostly none of them needs it: where no
/// budget runs, a tick that has not passed says that nothing took long. (A reading for each of a
/// batch was a fiftieth of what an echo costs.)
#[inline(always)]
pub(super) fn note_callback<S, N: Network>(
    net: &mut N,
    desk: &mut Desk<S>,
    turn: &mut Turn,
    until: Option<Instant>,
    name: (ConnectionId, &'static str),
) {
    if until.is_none() && !net.has_ticked() {
        turn.callbacks += 1;
    } else {
        turn.time_callback(net, desk, name);
    }
}
