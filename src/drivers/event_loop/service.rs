//! What happens to one connection: read, offer, flush, close.
//!
//! Every input of a connection goes through [`Engine::input`], which is also the one place where
//! a panic of a protocol may be caught.

use std::any::Any;
use std::io::IoSlice;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::time::Instant;

use bytes::Bytes;

use super::config::{Config, OnPanic};
use super::engine::{Engine, Entry};
use super::stats::Stats;
use super::turn::Turn;
use crate::net::{Network, Read, Write};
use crate::sansio::{
    CloseReason, Closing, Connection, ConnectionId, Delivery, Desk, FileRange, MAX_SLICES, Output,
    Stage, WhenFull, Wire,
};

/// What can happen to a connection.
pub(super) enum Input {
    /// It was accepted.
    Connected,
    /// The system says it is ready, or it has work left over.
    Ready,
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
            Self::Ready => "received",
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
        let Some(entry) = self.connections.get(id) else {
            return;
        };
        let Some(deadline) = entry.connection.poll_deadline() else {
            return;
        };
        if deadline > now || entry.is_queued {
            // What is on the ready list has bytes waiting, which may be just in time.
            let slot = id.slot() as usize;
            self.wheel.arm(slot, deadline.max(now));
            return;
        }
        self.input(id, Input::Deadline, state);
    }

    /// Something came from elsewhere: it is done now, and flushed at the end of the round, once
    /// for however many.
    pub(super) fn touch(&mut self, id: ConnectionId, input: Input, state: &mut S) -> Delivery {
        let delivery = self.input(id, input, state);
        if let Some(entry) = self.connections.get_mut(id)
            && !entry.is_touched
        {
            entry.is_touched = true;
            self.touched.push_back(id);
        }
        delivery
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
        let entry = self.connections.get_mut(id)?;
        let mut service = Service {
            id,
            entry,
            desk: &mut self.desk,
            net: &mut self.net,
            buffer: &mut self.buffer,
            config: &self.config,
            stats: &mut self.stats,
            turn: &mut self.turn,
            state,
        };
        let result = match self.config.on_panic {
            OnPanic::Propagate => Some(work(&mut service)),
            OnPanic::Close => {
                let caught = panic::catch_unwind(AssertUnwindSafe(|| work(&mut service)));
                if caught.is_err() {
                    log::error!("connection {id} is closed: its protocol panicked");
                    service.entry.connection.handle_panic(service.desk);
                }
                caught.ok()
            }
        };
        let is_overloaded = self.desk.held() > self.config.memory;
        let next = entry.next(self.desk.now(), is_overloaded);
        self.follow(id, next);
        Some(result?)
    }

    /// Decides again when a connection is looked at next, something about it having changed.
    pub(super) fn look_again(&mut self, id: ConnectionId) {
        let is_overloaded = self.is_overloaded();
        let Some(entry) = self.connections.get_mut(id) else { return };
        let next = entry.next(self.desk.now(), is_overloaded);
        self.follow(id, next);
    }

    #[inline]
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
        match self.config.on_panic {
            OnPanic::Propagate => drop(connection),
            OnPanic::Close => {
                let id = connection.id();
                if panic::catch_unwind(AssertUnwindSafe(|| drop(connection))).is_err() {
                    log::error!("connection {id}: its protocol panicked while being dropped");
                }
            }
        }
    }
}

/// When a connection is looked at next.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// When the system says so, or when its timer fires, which is armed.
    Rest,
    /// The same, but the timer must fire earlier.
    Arm(Instant),
    /// In the next turn.
    Queue,
    /// When the loop holds less.
    Park,
    /// It is over: at the end of the round.
    Leave,
}

impl<S: 'static, T> Entry<S, T> {
    #[inline]
    fn next(&mut self, now: Instant, is_overloaded: bool) -> Next {
        let connection = &self.connection;
        if self.is_armed_for_idle && !self.is_readable && connection.is_quiet() {
            return Next::Rest; // The common case; it follows from what is below.
        }
        if connection.stage() == Stage::Closed {
            let is_news = !mem::replace(&mut self.is_leaving, true);
            return if is_news { Next::Leave } else { Next::Rest };
        }
        let wants_read = self.is_readable && connection.wants_bytes() > 0;
        let wants_write = self.is_writable && connection.has_output();
        if wants_write || (wants_read && !is_overloaded) || connection.wants_turn() {
            // What is on the list already is not put there twice.
            if !mem::replace(&mut self.is_queued, true) {
                return Next::Queue;
            }
        } else if wants_read {
            return Next::Park;
        }
        self.next_timer(now)
    }

    /// Whether the timer must be armed. Mostly not: while a connection only waits for its peer,
    /// its deadline only moves away from the one that is armed.
    #[inline]
    fn next_timer(&mut self, now: Instant) -> Next {
        let Some(deadline) = self.connection.poll_deadline() else { return Next::Rest };
        self.is_armed_for_idle = deadline <= now + self.connection.limits().idle;
        Next::Arm(deadline)
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
    state: &'a mut S,
}

impl<S: 'static, N: Network> Service<'_, S, N> {
    #[inline]
    fn handle(&mut self, input: Input) -> Delivery {
        let callback = input.callback();
        let mut delivery = Delivery::NoSuchConnection;
        let (connection, desk) = (&mut self.entry.connection, &mut *self.desk);
        match input {
            Input::Ready => return self.serve(),
            Input::Connected => connection.handle_connected(desk, self.state),
            Input::Deadline => connection.handle_deadlines(desk, self.state),
            Input::Notified(message) => connection.handle_notified(desk, self.state, message),
            Input::Stopping => connection.handle_stopping(desk, self.state),
            Input::Close(closing) => connection.handle_close(desk, self.state, closing),
            Input::Fail(reason) => connection.handle_failure(desk, self.state, reason),
            Input::Deliver { bytes, when_full, from } => {
                delivery = connection.handle_delivery(desk, self.state, bytes, when_full, from);
                return delivery;
            }
        }
        self.note_callback(callback);
        self.flush();
        self.settle_wire();
        delivery
    }

    /// At most one read, then as many writes as the budget allows; one, usually.
    #[inline]
    fn serve(&mut self) -> Delivery {
        if self.entry.connection.stage() == Stage::Connecting {
            self.establish();
        } else if self.entry.connection.wants_turn() {
            self.entry.connection.handle_turn(self.desk, self.state);
            self.note_callback("received");
        } else if self.entry.is_readable {
            self.read();
        }
        self.flush();
        self.settle_wire();
        Delivery::NoSuchConnection
    }

    fn establish(&mut self) {
        let Some(stream) = &mut self.entry.stream else {
            return;
        };
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
        let Some(stream) = &mut self.entry.stream else {
            return;
        };
        if room == 0 || self.desk.held() > self.config.memory {
            return;
        }
        self.stats.reads += 1;
        match self.net.read(stream, &mut self.buffer[..room]) {
            Read::Bytes { count, is_last } => {
                // An end or an error was announced once, and only a read can fetch it.
                self.entry.is_readable = !is_last || self.entry.is_hung_up;
                self.turn.bytes_in += count as u64;
                let bytes = &self.buffer[..count];
                self.entry.connection.handle_received(self.desk, self.state, bytes);
                self.note_callback("received");
            }
            Read::Blocked => {
                self.entry.is_readable = false;
                self.entry.is_hung_up = false;
            }
            Read::End => {
                self.entry.is_readable = false;
                self.entry.connection.handle_end_of_input(self.desk, self.state);
                self.note_callback("finished");
            }
            Read::Failed(kind) => self.fail(CloseReason::Io(kind)),
        }
    }

    /// Writes what is unsent, until it is sent, the system takes no more, or the budget is spent.
    #[inline]
    fn flush(&mut self) {
        let mut left = self.config.write_size;
        while left > 0 && self.entry.is_writable && self.entry.connection.has_output() {
            let sent = self.write(left);
            if sent == 0 {
                return;
            }
            left = left.saturating_sub(sent);
            self.turn.bytes_out += sent as u64;
            let was_backpressured = self.entry.connection.is_backpressured();
            self.entry.connection.handle_sent(self.desk, self.state, sent as u64);
            if was_backpressured {
                self.note_callback("writable");
            }
            if !self.entry.is_writable {
                self.entry.connection.handle_blocked();
            }
        }
    }

    /// One write. Gives how many bytes went; 0 where there is nothing more to do now.
    #[inline]
    fn write(&mut self, most: usize) -> usize {
        let Some(stream) = &mut self.entry.stream else {
            return 0;
        };
        let outcome = match self.entry.connection.poll_output(self.desk) {
            Output::Bytes(bytes) => self.net.write(stream, bytes, false),
            Output::Slices => {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let count = self.entry.connection.gather(&mut slices);
                if count == 1 {
                    // A file is behind it: one packet may hold a head and its body's beginning.
                    self.net.write(stream, &slices[0], true)
                } else {
                    self.net.write_slices(stream, &slices[..count])
                }
            }
            Output::File { range, direct } => {
                let range = range.clone();
                return self.send_file(&range, direct, most);
            }
            _ => return 0,
        };
        self.stats.writes += 1;
        self.note_write(outcome)
    }

    fn send_file(&mut self, range: &FileRange, direct: bool, most: usize) -> usize {
        let Some(stream) = &mut self.entry.stream else {
            return 0;
        };
        let length = usize::try_from(range.length()).unwrap_or(usize::MAX).min(most);
        if direct && self.net.can_send_file() {
            self.stats.writes += 1;
            let outcome = self.net.send_file(stream, range.file(), range.offset(), length);
            if let Write::Took { count: 0, .. } = outcome {
                self.fail(CloseReason::File);
                return 0;
            }
            return self.note_write(outcome);
        }
        let length = length.min(self.buffer.len());
        self.stats.reads += 1;
        match self.net.read_file(range.file(), range.offset(), &mut self.buffer[..length]) {
            Ok(0) => self.fail(CloseReason::File),
            Ok(count) => {
                let bytes = &self.buffer[..count];
                self.entry.connection.handle_file_bytes(self.desk, bytes);
                return self.write(most);
            }
            Err(error) => {
                log::warn!("connection {}: a file could not be read: {error}", self.id);
                self.fail(CloseReason::File);
            }
        }
        0
    }

    #[inline]
    fn note_write(&mut self, outcome: Write) -> usize {
        match outcome {
            Write::Took { count, is_blocked } => {
                self.entry.is_writable = !is_blocked;
                count
            }
            Write::Blocked => {
                self.entry.is_writable = false;
                self.entry.connection.handle_blocked();
                0
            }
            Write::Failed(kind) => {
                self.fail(CloseReason::Io(kind));
                0
            }
        }
    }

    /// Half-closes the wire when everything is sent. Closing it waits for the end of the round.
    #[inline]
    fn settle_wire(&mut self) {
        if let Wire::ShutdownWrite = self.entry.connection.poll_wire(self.desk) {
            let Some(stream) = &mut self.entry.stream else {
                return;
            };
            if let Err(error) = self.net.shutdown_write(stream) {
                self.fail(CloseReason::Io(error.kind()));
            }
        }
    }

    fn fail(&mut self, reason: CloseReason) {
        self.entry.is_readable = false;
        self.entry.connection.handle_failure(self.desk, self.state, reason);
        self.note_callback("closed");
    }

    /// Reads the clock after a callback: for the watchdog, for a budget in time, and so that the
    /// next connection's deadlines count from when it was served.
    #[inline]
    fn note_callback(&mut self, callback: &'static str) {
        let before = self.desk.now();
        let now = self.net.now();
        self.desk.set_now(now);
        self.turn.note_callback(self.id, callback, before, now);
    }
}
