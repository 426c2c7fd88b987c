//! One connection, run on one thread from its beginning to its end.
//!
//! A step does what there is to do without waiting: orders, messages, deadlines, kept input,
//! output. Then it waits. At load that is one blocking read; after [`PATIENCE`] of silence, or
//! while output is stuck or there is more to wait for than the stream, it is poll(2), which
//! everything ends that may concern this connection. What the peer is owed by whom is decided
//! in `sansio` alone, as under every driver.

use std::os::fd::AsFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::event_loop::OnPanic;
use super::call::{Call, Outcome, Terms};
use super::mailbox::Mailbox;
use super::orders::Orders;
use crate::net::{Clock, PATIENCE, Read, Stream, Watch};
use crate::sansio::{CloseReason, Connection, Desk, Stage, Wire};

mod requests;
mod sending;

/// See the module.
pub(super) struct Talk<'a, S> {
    connection: Connection<S>,
    desk: Desk<S>,
    stream: Stream,
    state: &'a mut S,
    orders: Option<&'a Orders>,
    mailbox: Arc<Mailbox>,
    terms: Arc<Terms>,
    buffer: Box<[u8]>,
    /// Whether it was told to drain. Once is enough.
    is_draining: bool,
    /// Whether nobody is left who could tell it to stop: the process it was forked from has
    /// gone.
    is_orphan: bool,
    /// When orders are looked for if nothing had to be waited for before.
    next_look: Instant,
    outcome: Outcome,
}

/// How far the output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    /// Everything is sent that can be.
    Sent,
    /// The system takes no more for now.
    Stuck,
    /// There is more, and other things come first.
    Waiting,
}

impl<'a, S: 'static> Talk<'a, S> {
    /// Runs `call` until its end.
    pub(super) fn run(call: Call<S>, state: &'a mut S, orders: Option<&'a Orders>) -> Outcome {
        let terms = Arc::clone(&call.terms);
        let mut talk = Self::new(call, state, orders);
        let talked = panic::catch_unwind(AssertUnwindSafe(|| talk.converse()));
        if talked.is_err() {
            log::error!("connection {} is closed: its protocol panicked", talk.connection.id());
            talk.connection.handle_panic(&mut talk.desk);
        }
        let outcome = talk.hang_up();
        // Dropping a protocol, or a letter to it, runs foreign code, too.
        let dropped = panic::catch_unwind(AssertUnwindSafe(|| {
            talk.mailbox.close();
            drop(talk);
        }));
        match talked.and(dropped) {
            Err(payload) if terms.config.on_panic == OnPanic::Propagate => {
                panic::resume_unwind(payload)
            }
            Ok(()) | Err(_) => outcome,
        }
    }

    fn new(call: Call<S>, state: &'a mut S, orders: Option<&'a Orders>) -> Self {
        let Call { id, stream, peer, local, origin, protocol, terms } = call;
        let (now, wall_time) = (Clock::System.now(), Clock::System.wall_time());
        let mailbox = Arc::new(Mailbox::new(id, terms.config.mailbox));
        let desk = Desk::with_post(now, wall_time, Arc::clone(&mailbox) as _);
        let mut connection = Connection::new(id, protocol, origin, peer, &desk);
        if let Some(local) = local {
            connection.set_local(local);
        }
        let buffer = vec![0; terms.config.read_size].into_boxed_slice();
        let outcome = Outcome::new(CloseReason::Finished);
        Self {
            connection,
            desk,
            stream,
            state,
            orders,
            mailbox,
            terms,
            buffer,
            is_draining: false,
            is_orphan: false,
            next_look: now + PATIENCE,
            outcome,
        }
    }

    fn converse(&mut self) {
        match self.stream.make_blocking() {
            Ok(()) => self.connection.handle_connected(&mut self.desk, self.state),
            Err(error) => self.fail(CloseReason::Io(error.kind())),
        }
        while self.connection.stage() != Stage::Closed {
            let output = self.step();
            let has_work = self.connection.wants_turn() || self.desk.has_requests();
            if !has_work && self.connection.stage() != Stage::Closed {
                self.listen(output);
            }
        }
        self.carry_out_requests();
    }

    /// Closes the stream as the connection ended, and says how that was.
    fn hang_up(&mut self) -> Outcome {
        self.outcome.reason = self.connection.close_reason().unwrap_or(CloseReason::Panicked);
        if self.outcome.reason.resets() {
            self.stream.reset_on_close();
        }
        self.outcome
    }

    /// Does what there is to do.
    fn step(&mut self) -> Output {
        self.look_at_clock();
        if self.desk.now() >= self.next_look {
            self.look_for_orders();
        }
        for letter in self.mailbox.take() {
            self.connection.handle_notified(&mut self.desk, self.state, letter);
        }
        self.connection.handle_deadlines(&mut self.desk, self.state);
        if self.connection.wants_turn() {
            self.connection.handle_turn(&mut self.desk, self.state);
        }
        self.carry_out_requests();
        let output = self.flush();
        if let Wire::ShutdownWrite = self.connection.poll_wire(&self.desk)
            && let Err(error) = self.stream.shutdown_write()
        {
            self.fail(CloseReason::Io(error.kind()));
        }
        output
    }

    /// Waits for whatever comes next, and takes in what the peer has sent.
    fn listen(&mut self, output: Output) {
        let wants_bytes = self.connection.wants_bytes() > 0;
        let is_simple = wants_bytes && output == Output::Sent && !self.mailbox.is_reachable();
        if is_simple && self.time_left() > PATIENCE && self.read() {
            return;
        }
        self.look_at_clock();
        let timeout = if output == Output::Waiting { Duration::ZERO } else { self.time_left() };
        if self.wait(timeout, wants_bytes, output != Output::Sent) {
            self.read();
        }
    }

    /// How long until the next deadline.
    fn time_left(&self) -> Duration {
        let deadline = self.connection.poll_deadline();
        deadline.map_or(PATIENCE, |at| at.saturating_duration_since(self.desk.now()))
    }

    fn look_for_orders(&mut self) {
        if self.orders.is_some() {
            self.wait(Duration::ZERO, false, false);
        }
    }

    /// Waits for the stream in these directions, for orders, and for letters; follows the
    /// orders. Says whether a read is worth trying.
    fn wait(&mut self, timeout: Duration, for_reading: bool, for_writing: bool) -> bool {
        let mut watch = Watch::new();
        // A stream that is watched for nothing would still end the wait, by an error.
        let stream = (for_reading || for_writing)
            .then(|| watch.add_stream(self.stream.as_fd(), for_reading, for_writing));
        let stop = self.orders.filter(|_| !self.is_orphan);
        let stop = stop.map(|orders| watch.add(orders.stop.as_fd()));
        let drain = self.orders.filter(|_| !self.is_draining);
        let drain = drain.map(|orders| watch.add(orders.drain.as_fd()));
        let mut timeout = timeout;
        if self.mailbox.is_reachable() {
            match self.mailbox.bell() {
                Ok(bell) => _ = watch.add(bell.as_fd()),
                // No descriptor is left for a bell, so the mailbox is looked at now and then.
                Err(_) => timeout = timeout.min(PATIENCE),
            }
        }
        // What was posted before there was a bell is not rung for.
        if self.mailbox.has_letters() {
            timeout = Duration::ZERO;
        }
        let waited = watch.wait(Some(timeout));
        let rings = |bell: Option<_>| bell.is_some_and(|bell| watch.is_readable(bell));
        let (is_readable, is_drain) = (rings(stream), rings(drain));
        let is_stop = stop.is_some_and(|bell| watch.has_bytes(bell));
        // Without a byte it is not an order: a drain was heard the same way, and is enough.
        self.is_orphan |= rings(stop) && !is_stop;
        self.look_at_clock();
        self.next_look = self.desk.now() + PATIENCE;
        if let Err(error) = waited {
            self.fail(CloseReason::Io(error.kind()));
        } else if is_drain {
            self.is_draining = true;
            self.next_look = self.desk.now();
            self.connection.handle_stopping(&mut self.desk, self.state);
        } else if is_stop {
            self.fail(CloseReason::Stopped);
        }
        is_readable && for_reading
    }

    /// Reads once. Says whether there was anything to be read.
    fn read(&mut self) -> bool {
        let room = self.connection.wants_bytes().min(self.buffer.len());
        if room == 0 {
            return false;
        }
        self.outcome.reads += 1;
        let read = self.stream.read(&mut self.buffer[..room]);
        self.look_at_clock();
        match read {
            Read::Bytes { count, .. } => {
                self.outcome.bytes_in += count as u64;
                let bytes = &self.buffer[..count];
                self.connection.handle_received(&mut self.desk, self.state, bytes);
            }
            Read::Blocked => return false,
            Read::End => self.connection.handle_end_of_input(&mut self.desk, self.state),
            Read::Failed(kind) => self.fail(CloseReason::Io(kind)),
        }
        true
    }

    fn fail(&mut self, reason: CloseReason) {
        self.connection.handle_failure(&mut self.desk, self.state, reason);
    }

    fn look_at_clock(&mut self) {
        self.desk.set_time(Clock::System.now(), Clock::System.wall_time());
    }
}
