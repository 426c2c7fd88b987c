//! What a datagram protocol is handed during a call: it records requests and performs none.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::counts::DatagramCounts;
use super::limits::DatagramLimits;
use super::line::{Line, SendOutcome};
use crate::sansio::address::Address;
use crate::sansio::closing::Closing;
use crate::sansio::connection_id::{ConnectionId, ListenerId};
use crate::sansio::desk::Desk;
use crate::sansio::destination::Destination;
use crate::sansio::limits::{Limits, after};
use crate::sansio::protocol::Protocol;
use crate::sansio::remote::Remote;
use crate::sansio::request::{Request, WhenFull};

/// What a [`DatagramProtocol`](super::DatagramProtocol) may ask for during a call.
///
/// Everything asked for is carried out after the call returns, in order.
pub struct DatagramTransport<'a, S> {
    pub(super) line: &'a mut Line,
    pub(super) desk: &'a mut Desk<S>,
    /// Who sent the datagram that the call is about.
    pub(super) from: Option<&'a Address>,
}

/// Sending.
impl<S> DatagramTransport<'_, S> {
    /// Sends one datagram, a copy of `bytes`, to `to`. What is refused is counted as well as
    /// said, so a protocol that can do nothing about it need not look.
    pub fn send_to(&mut self, to: &Address, bytes: &[u8]) -> SendOutcome {
        let Desk { pool, now, .. } = &mut *self.desk;
        self.line.queue(pool, *now, to, bytes.len(), || Bytes::copy_from_slice(bytes))
    }

    /// Sends one datagram without copying it. For one that goes to many.
    pub fn send_shared_to(&mut self, to: &Address, bytes: Bytes) -> SendOutcome {
        let Desk { pool, now, .. } = &mut *self.desk;
        self.line.queue(pool, *now, to, bytes.len(), || bytes)
    }

    /// Sends one datagram to the sender of the one that was received in this call.
    pub fn reply(&mut self, bytes: &[u8]) -> SendOutcome {
        match self.from {
            Some(from) => self.send_to(from, bytes),
            None => {
                self.line.counts.failed += 1;
                SendOutcome::NoReceiver
            }
        }
    }

    /// Bytes that wait to be sent.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.line.out.bytes() as u64
    }

    /// Whether the protocol is asked to produce nothing more for now: the queue was more than
    /// half full, in bytes or in datagrams, and is not yet down to an eighth. At the end
    /// [`writable`](super::DatagramProtocol::writable) is called. Receiving goes on: answers that
    /// find no room are dropped and counted.
    #[must_use]
    pub fn is_backpressured(&self) -> bool {
        self.line.is_backpressured
    }

    /// What became of this socket's datagrams so far.
    #[must_use]
    pub fn counts(&self) -> DatagramCounts {
        self.line.counts
    }
}

/// Time.
impl<S> DatagramTransport<'_, S> {
    /// Calls [`expired`](super::DatagramProtocol::expired) at `deadline`. There is one: a later
    /// call moves it.
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
}

/// Closing, and who is talking.
impl<S> DatagramTransport<'_, S> {
    /// Closes the socket when what is queued has been sent, or has waited as long as it may.
    /// Nothing is received any more, and nothing sent after this is queued.
    pub fn finish(&mut self) {
        self.line.ask(Closing::Finish);
    }

    /// Closes the socket at once. What is queued is dropped.
    pub fn abort(&mut self) {
        self.line.ask(Closing::Abort);
    }

    /// This socket's name, for others to reach it by: a connection may
    /// [`notify`](crate::Transport::notify) it, or close it. It shares one space of names with
    /// connections.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.line.id
    }

    /// The address that the socket is bound to, with its real port.
    #[must_use]
    pub fn local(&self) -> &Address {
        &self.line.local
    }

    /// The limits of this socket.
    #[must_use]
    pub fn limits(&self) -> &DatagramLimits {
        &self.line.limits
    }

    /// A value that reaches this socket from any thread.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote::new(self.line.id, Arc::clone(&self.desk.post))
    }
}

/// Others.
impl<S> DatagramTransport<'_, S> {
    /// Queues `bytes` on the connection `to`. [`WhenFull::PauseSource`] has no source to pause
    /// here, since no peer can be held back, and queues up to the connection's cap.
    pub fn send(&mut self, to: ConnectionId, bytes: Bytes, when_full: WhenFull) {
        self.desk.push_request(Request::Send { to, from: None, bytes, when_full });
    }

    /// Queues `bytes` on every connection of `listener`.
    pub fn broadcast(&mut self, listener: ListenerId, bytes: Bytes, when_full: WhenFull) {
        let request = Request::Broadcast { listener, from: None, bytes, when_full, next_slot: 0 };
        self.desk.push_request(request);
    }

    /// Closes the connection or socket `to`, which may be this one.
    pub fn close(&mut self, to: ConnectionId, closing: Closing) {
        if to == self.line.id {
            return self.line.ask(closing);
        }
        self.desk.push_request(Request::Close { to, closing });
    }

    /// Hands `message` to the `notified` of the connection or socket `to`.
    pub fn notify(&mut self, to: ConnectionId, message: Box<dyn Any + Send>) {
        self.desk.push_request(Request::Notify { to, message });
    }

    /// Opens a connection to `to`, an address or a name, on which `protocol` converses. Where that
    /// fails, `protocol` gets `closed` alone, with the reason.
    pub fn connect(
        &mut self,
        to: impl Into<Destination>,
        protocol: impl Protocol<S>,
        limits: Limits,
    ) {
        self.desk.push_request(Request::connect(to.into(), Box::new(protocol), limits));
    }
}

impl<S> fmt::Debug for DatagramTransport<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatagramTransport").field(&self.line).finish()
    }
}
