//! What work on the loop's thread may do to the loop. It is not the loop: it cannot turn it.

use std::any::Any;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::entry::Entry;
use super::mailbox::Mailbox;
use super::sockets::Sockets;
use super::stats::Stats;
use crate::sansio::{
    Closing, Connection, ConnectionId, ConnectionMap, DatagramCounts, Desk, Destination, Limits,
    ListenerId, Protocol, Request, WhenFull,
};

/// Reaches into the loop between callbacks: for work that was [posted](super::Handle::post), and
/// for the host itself.
///
/// Like a [`Transport`](crate::Transport) it records requests, which are carried out in order.
pub struct Control<'a, S> {
    pub(super) desk: &'a mut Desk<S>,
    pub(super) connections: &'a dyn Visit<S>,
    pub(super) sockets: &'a dyn Count,
    pub(super) stats: &'a Stats,
    pub(super) mailbox: &'a Mailbox<S>,
    /// Whether somebody waits for the loop's descriptor meanwhile, who has to be told.
    pub(super) wakes: bool,
}

impl<S> Control<'_, S> {
    /// Queues `bytes` on the connection `to`.
    pub fn send(&mut self, to: ConnectionId, bytes: impl Into<Bytes>, when_full: WhenFull) {
        let bytes = bytes.into();
        self.ask(Request::Send { to, from: None, bytes, when_full });
    }

    /// Queues `bytes` on every connection of `listener`.
    pub fn broadcast(
        &mut self,
        listener: ListenerId,
        bytes: impl Into<Bytes>,
        when_full: WhenFull,
    ) {
        let bytes = bytes.into();
        let request = Request::Broadcast { listener, from: None, bytes, when_full, next_slot: 0 };
        self.ask(request);
    }

    /// Hands `message` to the connection `to`.
    pub fn notify(&mut self, to: ConnectionId, message: Box<dyn Any + Send>) {
        self.ask(Request::Notify { to, message });
    }

    /// Closes the connection `to`.
    pub fn close(&mut self, to: ConnectionId, closing: Closing) {
        self.ask(Request::Close { to, closing });
    }

    /// Hands the connection `to` over to `next`: see
    /// [`Transport::hand_over`](crate::Transport::hand_over).
    pub fn hand_over(&mut self, to: ConnectionId, next: impl Protocol<S>) {
        self.ask(Request::HandOver { to, protocol: Box::new(next) });
    }

    /// Opens a connection to `to`, an address or a name, on which `protocol` converses.
    pub fn connect(
        &mut self,
        to: impl Into<Destination>,
        protocol: impl Protocol<S>,
        limits: Limits,
    ) {
        self.ask(Request::connect(to.into(), Box::new(protocol), limits));
    }

    /// Shows every connection to `visit`.
    pub fn visit(&self, visit: &mut dyn FnMut(&Connection<S>)) {
        self.connections.visit(visit);
    }

    /// What the loop has done so far, but for the turn that is under way.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats.snapshot(self.connections.count(), self.desk.held(), self.sockets.count())
    }

    /// The time of this turn.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.desk.now()
    }

    /// Begins to drain, in the next turn.
    pub fn drain(&mut self, grace: Duration) {
        // It refuses only when the loop is gone, and the loop is who is calling.
        let _ = self.mailbox.order(|orders| orders.drain(grace));
    }

    /// Ends [`run`](super::EventLoop::run) after the next turn.
    pub fn stop(&mut self) {
        let _ = self.mailbox.order(|orders| orders.is_stop = true);
    }

    fn ask(&mut self, request: Request<S>) {
        self.desk.push_request(request);
        if self.wakes {
            self.mailbox.wake();
        }
    }
}

impl<S> fmt::Debug for Control<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("stats", &self.stats).finish_non_exhaustive()
    }
}

/// The connections of a loop, whatever their streams are.
pub(super) trait Visit<S> {
    fn visit(&self, visit: &mut dyn FnMut(&Connection<S>));

    /// How many there are.
    fn count(&self) -> usize;
}

impl<S, T> Visit<S> for ConnectionMap<Entry<S, T>> {
    fn visit(&self, visit: &mut dyn FnMut(&Connection<S>)) {
        self.iter().for_each(|(_, entry)| visit(&entry.connection));
    }

    fn count(&self) -> usize {
        self.len()
    }
}

/// The datagram sockets of a loop, whatever the system calls them.
pub(super) trait Count {
    /// How many there are, and what became of their datagrams.
    fn count(&self) -> (usize, DatagramCounts);
}

impl<S: 'static, T> Count for Sockets<S, T> {
    fn count(&self) -> (usize, DatagramCounts) {
        (self.len(), self.counts())
    }
}
