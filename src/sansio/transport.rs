//! What a protocol is handed during a call: it records requests and performs none.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::address::Address;
use super::closing::Closing;
use super::connection_id::{ConnectionId, ListenerId};
use super::desk::Desk;
use super::destination::Destination;
use super::file_range::FileRange;
use super::limits::{Limits, after};
use super::line::{Line, Wish};
use super::protocol::Protocol;
use super::remote::Remote;
use super::request::{Request, WhenFull};
use super::writer::Writer;

/// What a [`Protocol`] may ask for during a call.
///
/// Everything asked for is carried out after the call returns, in order. What is asked of a
/// connection that has ended is ignored, so nothing here fails.
pub struct Transport<'a, S> {
    pub(super) line: &'a mut Line,
    pub(super) desk: &'a mut Desk<S>,
}

/// Writing.
impl<S> Transport<'_, S> {
    /// Appends a copy of `bytes` to what goes out.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) {
        self.writer().write(bytes);
    }

    /// Appends `bytes` without copying them.
    pub fn write_shared(&mut self, bytes: Bytes) {
        self.writer().write_shared(bytes);
    }

    /// Appends part of a file. See [`FileRange`] for what is promised of it.
    pub fn write_file(&mut self, range: FileRange) {
        self.writer().write_file(range);
    }

    /// The output side alone.
    #[inline]
    pub fn writer(&mut self) -> Writer<'_> {
        let Desk { pool, post, now, .. } = &mut *self.desk;
        Writer { line: self.line, pool, post, now: *now }
    }

    /// Bytes written that the system has not accepted.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.line.unsent()
    }

    /// Whether the protocol is asked to produce nothing more for now: what is unsent rose above
    /// [`Limits::high_water`] and has not come down to [`Limits::low_water`]. Meanwhile the peer
    /// is not read from; at the end [`writable`](Protocol::writable) is called.
    #[must_use]
    pub fn is_backpressured(&self) -> bool {
        self.line.is_backpressured
    }
}

/// Reading and time.
impl<S> Transport<'_, S> {
    /// Offers no input until [`resume_reading`](Self::resume_reading), and reads none: the peer
    /// is held back by its own system.
    pub fn pause_reading(&mut self) {
        self.line.is_paused = true;
    }

    /// Ends [`pause_reading`](Self::pause_reading). What was kept is offered again, with no new
    /// byte needed.
    pub fn resume_reading(&mut self) {
        self.line.is_paused = false;
    }

    /// Goes on reading while output waits, as long as this protocol lasts: the two directions
    /// are independent. For a protocol that answers nothing on the connection it reads from,
    /// such as a relay. One that does would fill its own output up to
    /// [`Limits::output`], which ends the connection.
    pub fn read_on(&mut self) {
        self.line.is_read_on = true;
    }

    /// Gives way: others are served before this connection's kept input is offered again. For a
    /// slice that holds a thousand requests.
    pub fn yield_now(&mut self) {
        self.line.is_yielding = true;
    }

    /// Whether to go on with the input of this call. No longer once there is back-pressure, or
    /// the protocol asked to pause, to yield, to close or to be replaced: what is left unused
    /// then is kept for when that ends, or for the successor.
    ///
    /// A protocol that uses many messages of one slice, and does not decide alone what each
    /// leads to, asks this between them.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.line.may_offer() && self.desk.next_protocol.is_none()
    }

    /// Says how many bytes in memory the protocol itself holds for this connection, such as a
    /// message that it collects. They count against the loop's budget of bytes, like what the
    /// connection holds, until this is called again or the connection ends.
    pub fn claim_memory(&mut self, bytes: usize) {
        // Nobody would count out what is claimed in `closed`.
        if !self.line.phase.is_over() {
            self.line.claim(&mut self.desk.pool, bytes);
        }
    }

    /// Whether what was received and not used is at [`Limits::input`]. Bytes left unused now
    /// end the connection.
    #[must_use]
    pub fn is_input_full(&self) -> bool {
        self.line.is_input_full
    }

    /// Calls [`expired`](Protocol::expired) with [`Timeout::Own`](super::Timeout::Own) at
    /// `deadline`. There is one: a later call moves it. While it is set, the connection's idle
    /// timeout stands back.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.line.deadline = Some(deadline);
    }

    /// Sets the deadline to `timeout` from now.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.set_deadline(after(self.now(), timeout));
    }

    /// Forgets the deadline.
    pub fn clear_deadline(&mut self) {
        self.line.deadline = None;
    }

    /// The deadline that is set.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.line.deadline
    }

    /// The time of this call: monotonic, for deadlines.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.desk.now
    }

    /// The wall clock as the turn began, to be shown to people. No deadline depends on it.
    #[must_use]
    pub fn wall_time(&self) -> SystemTime {
        self.desk.wall_time
    }

    /// The seconds of [`wall_time`](Self::wall_time) since 1970.
    #[cfg(feature = "http")]
    #[inline]
    pub(crate) fn wall_second(&self) -> u64 {
        self.desk.wall_second
    }
}

/// Closing, and handing over.
impl<S> Transport<'_, S> {
    /// Closes in order: what is queued is sent, then FIN, then input is thrown away until the
    /// peer's FIN (closing with input unread would reset the connection and lose what the peer
    /// has not read yet); all by [`Limits::closing`]. Nothing written after this is sent.
    pub fn finish(&mut self) {
        self.line.ask(Wish::Finish);
    }

    /// Closes our direction alone: what is queued is sent, then FIN. Reading goes on.
    pub fn finish_writing(&mut self) {
        self.line.ask(Wish::FinishWriting);
    }

    /// Resets the connection: what is queued is dropped and the peer sees an error.
    pub fn abort(&mut self) {
        self.line.ask(Wish::Abort);
    }

    /// Hands the connection over to `next` when this call has returned. Input that this call
    /// leaves unused goes to `next`, output stays queued, the protocol's deadline is forgotten,
    /// a pause ends. The last one asked for in a call wins.
    pub fn become_protocol(&mut self, next: impl Protocol<S>) {
        self.desk.next_protocol = Some(Box::new(next));
    }
}

#[cfg(feature = "simulation")]
impl<S> Transport<'_, S> {
    /// Puts something around the protocol that was asked to take over in this call, if one was.
    pub(crate) fn wrap_successor(
        &mut self,
        wrap: impl FnOnce(Box<dyn Protocol<S>>) -> Box<dyn Protocol<S>>,
    ) {
        // Where the connection is closing nobody takes over any more.
        if self.line.phase.is_open() {
            self.desk.next_protocol = self.desk.next_protocol.take().map(wrap);
        }
    }

    /// Whether input is offered although output waits: see [`read_on`](Self::read_on).
    pub(crate) fn is_read_on(&self) -> bool {
        self.line.is_read_on
    }

    /// How many requests wait: [`wrap_given`](Self::wrap_given) is told.
    pub(crate) fn request_count(&self) -> usize {
        self.desk.request_count()
    }

    /// Puts something around the protocols that were given away since there were so many
    /// requests, to connections opened or handed over.
    pub(crate) fn wrap_given(
        &mut self,
        since: usize,
        wrap: impl Fn(Box<dyn Protocol<S>>) -> Box<dyn Protocol<S>>,
    ) {
        let since = since.min(self.desk.requests.len());
        let added = self.desk.requests.split_off(since);
        self.desk.requests.extend(added.into_iter().map(|request| match request {
            Request::Connect { address, protocol, limits } => {
                Request::Connect { address, protocol: wrap(protocol), limits }
            }
            Request::ConnectByName { host, port, protocol, limits } => {
                Request::ConnectByName { host, port, protocol: wrap(protocol), limits }
            }
            Request::HandOver { to, protocol } => {
                Request::HandOver { to, protocol: wrap(protocol) }
            }
            request @ (Request::Send { .. }
            | Request::Broadcast { .. }
            | Request::Close { .. }
            | Request::Notify { .. }
            | Request::Release { .. }) => request,
        }));
    }
}

/// Who is talking, and others.
impl<S> Transport<'_, S> {
    /// This connection's name, for others to reach it by.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.line.id
    }

    /// The listener that accepted this connection; none for one that we opened or adopted.
    #[must_use]
    pub fn listener(&self) -> Option<ListenerId> {
        self.line.origin.listener
    }

    /// The peer's address.
    #[must_use]
    pub fn peer(&self) -> &Address {
        &self.line.peer
    }

    /// Our address, where the driver knows it.
    #[must_use]
    pub fn local(&self) -> Option<&Address> {
        self.line.local.as_deref().or(self.line.origin.local.as_ref())
    }

    /// The limits of this connection.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.line.limits()
    }

    /// A value that reaches this connection from any thread.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote::new(self.line.id, Arc::clone(&self.desk.post))
    }

    /// Queues `bytes` on the connection `to`, which may be this one.
    pub fn send(&mut self, to: ConnectionId, bytes: Bytes, when_full: WhenFull) {
        let from = Some(self.line.id);
        self.ask(Request::Send { to, from, bytes, when_full });
    }

    /// Queues `bytes` on every other connection of the listener that accepted this one. A
    /// connection that no listener accepted reaches nobody.
    pub fn broadcast(&mut self, bytes: Bytes, when_full: WhenFull) {
        let Some(listener) = self.line.origin.listener else { return };
        let from = Some(self.line.id);
        let request = Request::Broadcast { listener, from, bytes, when_full, next_slot: 0 };
        self.ask(request);
    }

    /// Closes the connection `to`, which may be this one.
    pub fn close(&mut self, to: ConnectionId, closing: Closing) {
        if to == self.line.id {
            return self.line.ask_closing(closing);
        }
        self.ask(Request::Close { to, closing });
    }

    /// Hands `message` to the [`notified`](Protocol::notified) of the connection `to`.
    pub fn notify(&mut self, to: ConnectionId, message: Box<dyn Any + Send>) {
        self.ask(Request::Notify { to, message });
    }

    /// Hands the connection `to` over to `next`, as [`become_protocol`](Self::become_protocol)
    /// does with this one: its protocol is dropped without a further call. Where it has ended or
    /// is about to, `next` gets `closed` alone, with [`CloseReason::Gone`](super::CloseReason).
    pub fn hand_over(&mut self, to: ConnectionId, next: impl Protocol<S>) {
        let protocol = Box::new(next);
        self.ask(Request::HandOver { to, protocol });
    }

    /// Opens a connection to `to`, an address or a name, on which `protocol` converses. Where that
    /// fails, `protocol` gets `closed` alone, with the reason.
    pub fn connect(
        &mut self,
        to: impl Into<Destination>,
        protocol: impl Protocol<S>,
        limits: Limits,
    ) {
        self.ask(Request::connect(to.into(), Box::new(protocol), limits));
    }
}

impl<S> Transport<'_, S> {
    fn ask(&mut self, request: Request<S>) {
        self.desk.push_request(request);
        self.line.last_request = self.desk.last_request();
    }
}

impl<S> fmt::Debug for Transport<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transport").field(&self.line).finish()
    }
}
