//! One datagram protocol driven by `handle_…` and `poll_…`.
//!
//! It must never call a protocol that has panicked or was told that it is closed, never end for
//! anything that a peer does, and never hold more than its limits say.

use std::any::Any;
use std::fmt;
use std::io;
use std::time::Instant;

use super::counts::DatagramCounts;
use super::limits::DatagramLimits;
use super::line::{Line, Phase};
use super::outbox::{Datagram, Outgoing};
use super::protocol::DatagramProtocol;
use super::transport::DatagramTransport;
use crate::sansio::address::Address;
use crate::sansio::closing::{CloseReason, Closed, Closing, Timeout};
use crate::sansio::connection_id::ConnectionId;
use crate::sansio::desk::Desk;
use crate::sansio::limits::after;

mod calls;

/// What became of the datagram that [`DatagramSocket::poll_output`] gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dispatched {
    /// The system took it.
    Sent,
    /// Its receiver has no room, and the system will not say when it has. What is for that
    /// address is tried again a little later; others do not wait for it.
    ///
    /// Where the system does say when there is room, nothing has become of the datagram:
    /// wait, and take it from `poll_output` again.
    NoRoom,
    /// It is larger than the system can send.
    TooLarge,
    /// The system refused it. That is no fault of the socket's.
    Failed(io::ErrorKind),
}

/// One [`DatagramProtocol`] with its queue, its phase and its deadlines: a datagram socket but
/// for the socket itself.
///
/// The drivers of this crate use it, and so may you, with a socket of your own or in a test. The
/// order is that of a [`Connection`](crate::Connection): set the time of the [`Desk`], give one
/// input, send what `poll_output` has, look for requests, ask `poll_deadline`.
///
/// ```
/// use std::time::{Instant, SystemTime};
/// use switchboard::sansio::{DatagramSocket, Desk, Dispatched};
/// use switchboard::{Address, ConnectionId, DatagramLimits, DatagramProtocol, DatagramTransport};
///
/// struct Shout;
///
/// impl<S> DatagramProtocol<S> for Shout {
///     fn received(
///         &mut self,
///         transport: &mut DatagramTransport<'_, S>,
///         _: &mut S,
///         _: &Address,
///         bytes: &[u8],
///     ) {
///         transport.reply(&bytes.to_ascii_uppercase());
///     }
/// }
///
/// let mut desk = Desk::new(Instant::now(), SystemTime::now());
/// let (local, peer) = ("udp://127.0.0.1:7".parse()?, "udp://127.0.0.1:5000".parse()?);
/// let (id, limits) = (ConnectionId::new(0, 0), DatagramLimits::default());
/// let mut socket = DatagramSocket::new(id, Box::new(Shout), local, limits);
/// socket.handle_opened(&mut desk, &mut ());
/// socket.handle_received(&mut desk, &mut (), &peer, b"hello");
/// let outgoing = socket.poll_output().unwrap();
/// assert_eq!((outgoing.to, outgoing.bytes), (&peer, &b"HELLO"[..]));
/// socket.handle_dispatched(&mut desk, &mut (), Dispatched::Sent);
/// assert_eq!(socket.poll_output(), None);
/// # Ok::<(), switchboard::Misuse>(())
/// ```
pub struct DatagramSocket<S> {
    protocol: Box<dyn DatagramProtocol<S>>,
    line: Line,
}

/// Inputs.
impl<S: 'static> DatagramSocket<S> {
    /// A socket bound to `local`, whose protocol is told so by
    /// [`handle_opened`](Self::handle_opened).
    ///
    /// `id` is what its transport calls it; a program with one socket may take any.
    #[must_use]
    pub fn new(
        id: ConnectionId,
        protocol: Box<dyn DatagramProtocol<S>>,
        local: Address,
        limits: DatagramLimits,
    ) -> Self {
        Self { protocol, line: Line::new(id, local, limits) }
    }

    /// The socket is bound, and may send and receive.
    pub fn handle_opened(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if !matches!(self.line.phase, Phase::Opening) || self.is_spoilt(desk) {
            return;
        }
        self.line.enter(Phase::Open);
        self.call(desk, state, None, |protocol, transport, state| {
            protocol.opened(transport, state)
        });
        self.settle(desk, state);
    }

    /// A datagram came. One that is larger than the limit is counted and thrown away.
    pub fn handle_received(
        &mut self,
        desk: &mut Desk<S>,
        state: &mut S,
        from: &Address,
        bytes: &[u8],
    ) {
        if !self.line.phase.is_open() || self.is_spoilt(desk) {
            return;
        }
        if bytes.len() > self.line.limits.datagram {
            return self.handle_truncated();
        }
        self.line.counts.received += 1;
        self.call(desk, state, Some(from), |protocol, transport, state| {
            protocol.received(transport, state, from, bytes);
        });
        self.settle(desk, state);
    }

    /// A datagram came that was larger than there was room for, and is lost.
    pub fn handle_truncated(&mut self) {
        self.line.counts.truncated += 1;
    }

    /// Receiving failed. That ends nothing: on some systems it is how one learns that something
    /// which was sent found nobody, and anybody may cause that.
    pub fn handle_receive_error(&mut self, kind: io::ErrorKind) {
        log::debug!("socket {}: receiving failed: {kind}", self.line.id);
        self.line.counts.receive_errors += 1;
    }

    /// The fate of the datagram that [`poll_output`](Self::poll_output) gave.
    pub fn handle_dispatched(&mut self, desk: &mut Desk<S>, state: &mut S, dispatched: Dispatched) {
        if self.line.phase.is_over() || self.is_spoilt(desk) {
            return;
        }
        if dispatched == Dispatched::NoRoom {
            return self.line.out.rest_front(desk.now);
        }
        let Some(datagram) = self.line.out.pop_front() else { return };
        match dispatched {
            Dispatched::Sent => {
                self.line.counts.sent += 1;
                self.line.out.note_sent();
                desk.pool.held -= datagram.bytes.len();
            }
            Dispatched::TooLarge => {
                self.line.counts.too_large += 1;
                self.lose(desk, &datagram);
            }
            Dispatched::Failed(kind) => {
                log::debug!("socket {}: sending to {} failed: {kind}", self.line.id, datagram.to);
                self.line.counts.failed += 1;
                self.lose(desk, &datagram);
            }
            Dispatched::NoRoom => {}
        }
        self.note_room(desk, state);
        self.settle(desk, state);
    }

    /// The time of the desk may have reached a deadline.
    pub fn handle_deadlines(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if self.line.phase.is_over() || self.is_spoilt(desk) {
            return;
        }
        self.drop_overdue(desk);
        self.line.out.wake(desk.now);
        if self.line.phase.is_open() && self.line.deadline.is_some_and(|at| at <= desk.now) {
            self.line.deadline = None;
            self.call(desk, state, None, |protocol, transport, state| {
                protocol.expired(transport, state);
            });
        }
        self.note_room(desk, state);
        self.settle(desk, state);
    }

    /// A value was posted to this socket.
    pub fn handle_notified(
        &mut self,
        desk: &mut Desk<S>,
        state: &mut S,
        message: Box<dyn Any + Send>,
    ) {
        if !self.line.phase.is_open() || self.is_spoilt(desk) {
            return;
        }
        self.call(desk, state, None, |protocol, transport, state| {
            protocol.notified(transport, state, message);
        });
        self.settle(desk, state);
    }

    /// The driver drains. A socket that is not open yet ends at once.
    pub fn handle_stopping(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if self.is_spoilt(desk) {
            return;
        }
        if self.line.phase.is_open() {
            self.call(desk, state, None, |protocol, transport, state| {
                protocol.stopping(transport, state);
            });
        } else if matches!(self.line.phase, Phase::Opening) {
            self.line.end(CloseReason::Stopped);
        }
        self.settle(desk, state);
    }

    /// Somebody else asked to close this socket.
    pub fn handle_close(&mut self, desk: &mut Desk<S>, state: &mut S, closing: Closing) {
        if !self.is_spoilt(desk) {
            self.line.ask(closing);
            self.settle(desk, state);
        }
    }

    /// The driver ends this socket.
    pub fn handle_failure(&mut self, desk: &mut Desk<S>, state: &mut S, reason: CloseReason) {
        if !self.is_spoilt(desk) {
            self.line.end(reason);
            self.settle(desk, state);
        }
    }

    /// The driver is out of memory: what is queued is dropped and counted.
    pub fn handle_overload(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if self.line.phase.is_over() || self.is_spoilt(desk) {
            return;
        }
        while let Some(datagram) = self.line.out.pop_oldest() {
            self.line.counts.dropped += 1;
            self.lose(desk, &datagram);
        }
        self.note_room(desk, state);
        self.settle(desk, state);
    }

    /// Something of this socket panicked, and the driver caught it. The protocol gets no further
    /// call.
    pub fn handle_panic(&mut self, desk: &mut Desk<S>) {
        self.line.is_in_call = true;
        self.is_spoilt(desk);
    }
}

/// Outputs, and what the outside may know.
impl<S: 'static> DatagramSocket<S> {
    /// The datagram that is to be sent next. [`handle_dispatched`](Self::handle_dispatched) is
    /// told what became of it.
    #[must_use]
    pub fn poll_output(&self) -> Option<Outgoing<'_>> {
        if self.line.phase.is_over() { None } else { self.line.out.front() }
    }

    /// When [`handle_deadlines`](Self::handle_deadlines) should be called, if ever.
    #[must_use]
    pub fn poll_deadline(&self) -> Option<Instant> {
        let line = &self.line;
        if line.phase.is_over() {
            return None;
        }
        let own = line.deadline.filter(|_| line.phase.is_open());
        let overdue = line.out.oldest().map(|since| after(since, line.limits.queue_time));
        [own, overdue, line.out.retry_at()].into_iter().flatten().min()
    }

    /// Whether datagrams should be received for it.
    #[must_use]
    pub fn wants_datagrams(&self) -> bool {
        self.line.phase.is_open()
    }

    /// Whether its protocol waits for [`handle_opened`](Self::handle_opened).
    #[must_use]
    pub fn is_opening(&self) -> bool {
        matches!(self.line.phase, Phase::Opening)
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.line.phase.is_over()
    }

    /// Why it ended, if it has.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        match self.line.phase {
            Phase::Ending { reason, .. } | Phase::Closed(reason) => Some(reason),
            Phase::Opening | Phase::Open | Phase::Flushing { .. } => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.line.id
    }

    /// The address that it is bound to.
    #[must_use]
    pub fn local(&self) -> &Address {
        &self.line.local
    }

    /// The limits it lives under.
    #[must_use]
    pub fn limits(&self) -> &DatagramLimits {
        &self.line.limits
    }

    /// What became of its datagrams so far.
    #[must_use]
    pub fn counts(&self) -> DatagramCounts {
        self.line.counts
    }

    /// Bytes in memory that wait to be sent.
    #[must_use]
    pub fn held(&self) -> usize {
        self.line.out.bytes()
    }

    /// Whether the protocol is asked to produce nothing more for now.
    #[must_use]
    pub fn is_backpressured(&self) -> bool {
        self.line.is_backpressured
    }
}

impl<S> fmt::Debug for DatagramSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatagramSocket").field(&self.line).finish()
    }
}
