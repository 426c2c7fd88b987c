//! One protocol driven by `handle_…` and `poll_…`: the inputs.
//!
//! What becomes of received bytes is in `connection/input.rs`, the calls are in
//! `connection/calls.rs`, the outputs in `connection/wire.rs`, the clocks in
//! `connection/deadlines.rs`.
//! A connection must never call a protocol that has panicked or was told that it is closed, and
//! never keep more input than its limits say.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::address::Address;
use super::closing::{CloseReason, Closed, Closing};
use super::connection_id::{ConnectionId, ListenerId};
use super::desk::Desk;
use super::layer::{Layer, LayerSlot};
use super::limits::{Limits, after};
use super::line::{Line, Origin};
use super::phase::{Phase, Stage};
use super::protocol::Protocol;
use super::request::{Delivery, WhenFull};

mod calls;
mod deadlines;
mod input;
#[cfg(test)]
mod tests;
mod wire;
pub use wire::Wire;

/// One [`Protocol`] with its buffers, its phase and its deadlines.
///
/// The drivers of this crate use it, and so may you, with a socket of your own, in WebAssembly,
/// or in a test: see the [order of calls](super), and `examples/connection_by_hand.rs`.
pub struct Connection<S> {
    protocol: Box<dyn Protocol<S>>,
    pub(super) line: Line,
}

impl<S: 'static> Connection<S> {
    /// A connection to `peer` that is not established yet: `handle_connected` says when it is.
    ///
    /// `id` is what its transport calls it; a program with one connection may take any.
    #[must_use]
    pub fn new(
        id: ConnectionId,
        protocol: Box<dyn Protocol<S>>,
        origin: Arc<Origin>,
        peer: Address,
        desk: &Desk<S>,
    ) -> Self {
        let deadline = after(desk.now, origin.limits.connect);
        let line = Line::new(id, origin, peer, Phase::Connecting { deadline }, desk.now);
        Self { protocol, line }
    }

    /// Puts `layer` between wire and protocol. Before the first byte either way.
    #[must_use]
    pub fn with_layer(mut self, layer: Box<dyn Layer>) -> Self {
        self.line.layer = Some(Box::new(LayerSlot::new(layer, self.line.active)));
        self
    }

    /// Sets our own address, where it differs from the listener's.
    pub fn set_local(&mut self, local: Address) {
        self.line.local = Some(Box::new(local));
    }

    /// The connection is tried with another address of its peer, until `deadline`. Ignored once
    /// it is established.
    pub fn handle_address(&mut self, peer: Address, deadline: Instant) {
        if let Phase::Connecting { .. } = self.line.phase {
            self.line.peer = peer;
            self.line.enter(Phase::Connecting { deadline });
        }
    }

    /// The connection is established.
    pub fn handle_connected(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if !matches!(self.line.phase, Phase::Connecting { .. }) || self.is_spoilt(desk) {
            return;
        }
        self.line.active = desk.now;
        self.line.enter(Phase::Open);
        self.call(desk, state, |protocol, transport, state| protocol.connected(transport, state));
        self.settle(desk, state);
    }

    /// Bytes arrived from the wire.
    #[inline]
    pub fn handle_received(&mut self, desk: &mut Desk<S>, state: &mut S, bytes: &[u8]) {
        if bytes.is_empty() || self.is_spoilt(desk) {
            return;
        }
        self.line.active = desk.now;
        self.line.is_heard = true;
        if self.line.layer.is_some() {
            self.receive_through_layer(desk, state, bytes);
        } else {
            self.take_in(desk, state, bytes);
        }
        self.settle(desk, state);
    }

    /// The peer has finished sending: the wire gave its end.
    pub fn handle_end_of_input(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if self.is_spoilt(desk) {
            return;
        }
        self.line.is_input_ended = true;
        if self.line.phase.takes_input()
            && let Some(slot) = &mut self.line.layer
            && let Err(fault) = slot.layer.end_of_input()
        {
            self.refuse(desk, &fault);
        }
        if let Phase::Lingering { reason, .. } = self.line.phase {
            self.line.end(reason);
        }
        self.deliver_end(desk, state);
        self.settle(desk, state);
    }

    /// The wire failed, or the driver ends this connection: nothing more can be said.
    pub fn handle_failure(&mut self, desk: &mut Desk<S>, state: &mut S, reason: CloseReason) {
        if !self.is_spoilt(desk) {
            self.line.end(reason);
            self.settle(desk, state);
        }
    }

    /// Time to offer again what was kept, after [`wants_turn`](Self::wants_turn) said so.
    pub fn handle_turn(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if self.is_spoilt(desk) {
            return;
        }
        self.line.is_yielding = false;
        if self.line.may_offer() && self.line.kept.is_some() {
            self.offer_kept(desk, state);
        }
        self.deliver_end(desk, state);
        self.settle(desk, state);
    }

    /// A value was posted to this connection.
    pub fn handle_notified(
        &mut self,
        desk: &mut Desk<S>,
        state: &mut S,
        message: Box<dyn Any + Send>,
    ) {
        if !self.line.phase.is_open() || self.is_spoilt(desk) {
            return;
        }
        self.call(desk, state, |protocol, transport, state| {
            protocol.notified(transport, state, message);
        });
        self.settle(desk, state);
    }

    /// The driver drains. A connection that is not established yet ends at once.
    pub fn handle_stopping(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if self.is_spoilt(desk) {
            return;
        }
        if let Phase::Connecting { .. } = self.line.phase {
            self.line.end(CloseReason::Stopped);
        } else if self.line.phase.is_open() {
            self.call(desk, state, |protocol, transport, state| {
                protocol.stopping(transport, state)
            });
        }
        self.settle(desk, state);
    }

    /// Somebody else asked to close this connection.
    pub fn handle_close(&mut self, desk: &mut Desk<S>, state: &mut S, closing: Closing) {
        if !self.is_spoilt(desk) {
            self.line.ask_closing(closing);
            self.settle(desk, state);
        }
    }

    /// Somebody else hands this connection over to `next`, which is handed back where there is
    /// nothing to converse about any more.
    ///
    /// # Errors
    ///
    /// `next`, which has not been called.
    pub fn handle_successor(
        &mut self,
        desk: &mut Desk<S>,
        state: &mut S,
        next: Box<dyn Protocol<S>>,
    ) -> Result<(), Box<dyn Protocol<S>>> {
        let is_connecting = matches!(self.line.phase, Phase::Connecting { .. });
        if self.is_spoilt(desk) || !(is_connecting || self.line.phase.is_open()) {
            return Err(next);
        }
        if is_connecting {
            // Nobody was told anything yet. The drop of the predecessor may panic.
            self.line.is_in_call = true;
            self.protocol = next;
            self.line.is_in_call = false;
        } else {
            desk.next_protocol = Some(next);
            self.hand_over(desk, state);
            self.settle(desk, state);
        }
        Ok(())
    }

    /// A message from another connection or from the host.
    pub fn handle_delivery(
        &mut self,
        desk: &mut Desk<S>,
        state: &mut S,
        bytes: Bytes,
        when_full: WhenFull,
        from: Option<ConnectionId>,
    ) -> Delivery {
        if !self.line.phase.is_open() || !self.line.takes_output() || self.is_spoilt(desk) {
            return Delivery::NoSuchConnection;
        }
        if bytes.is_empty() {
            return Delivery::Queued;
        }
        if self.line.is_backpressured {
            match when_full {
                WhenFull::Drop => return Delivery::Dropped,
                WhenFull::Close => {
                    self.handle_failure(desk, state, CloseReason::TooSlow);
                    return Delivery::Closed;
                }
                WhenFull::PauseSource => {}
            }
        }
        desk.pool.held += bytes.len();
        let queue = self.line.queue(&mut desk.pool, desk.now);
        queue.share(bytes);
        self.line.note_written();
        self.settle(desk, state);
        if self.line.phase.is_over() {
            return Delivery::Closed;
        }
        match (when_full, from, &mut self.line.out) {
            (WhenFull::PauseSource, Some(from), Some(queue))
                if self.line.is_backpressured && from != self.line.id =>
            {
                queue.sources.push(from);
                Delivery::QueuedAndFull
            }
            _ => Delivery::Queued,
        }
    }

    /// A connection that this one wrote to is over its mark: this one is not read from until
    /// [`handle_release`](Self::handle_release) came as often.
    pub fn handle_hold(&mut self) {
        self.line.holders = self.line.holders.saturating_add(1);
        self.line.stand_back();
    }

    /// The counterpart of [`handle_hold`](Self::handle_hold).
    pub fn handle_release(&mut self) {
        self.line.holders = self.line.holders.saturating_sub(1);
    }

    /// Something of this connection panicked (a call, the layer, the drop of a predecessor), and
    /// the driver caught it. The protocol gets no further call.
    pub fn handle_panic(&mut self, desk: &mut Desk<S>) {
        self.line.is_in_call = true;
        self.is_spoilt(desk);
    }
}

/// What the outside may know.
impl<S: 'static> Connection<S> {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.line.id
    }

    /// The peer's address.
    #[must_use]
    pub fn peer(&self) -> &Address {
        &self.line.peer
    }

    /// The limits it lives under.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.line.limits()
    }

    /// The listener that accepted it.
    #[must_use]
    pub fn listener(&self) -> Option<ListenerId> {
        self.line.origin.listener
    }

    /// Where it is in its life.
    #[must_use]
    #[inline]
    pub fn stage(&self) -> Stage {
        self.line.phase.stage()
    }

    /// Why it ended, if it has.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        match self.line.phase {
            Phase::Ending(reason) | Phase::Closed(reason) => Some(reason),
            Phase::Connecting { .. }
            | Phase::Open
            | Phase::PeerFinished
            | Phase::WriteFinishing { .. }
            | Phase::WriteFinished
            | Phase::Flushing { .. }
            | Phase::Lingering { .. } => None,
        }
    }

    /// Bytes written that the wire has not accepted.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.line.unsent()
    }

    /// Whether the protocol is asked to produce nothing more for now.
    #[must_use]
    pub fn is_backpressured(&self) -> bool {
        self.line.is_backpressured
    }

    /// Bytes in memory that it holds: kept input, unsent output, and what its protocol claims.
    #[must_use]
    pub fn held(&self) -> usize {
        let kept = self.line.kept.as_ref().map_or(0, |kept| kept.unused().len());
        let queued = self.line.out.as_ref().map_or(0, |queue| queue.memory());
        let sealed = self.line.layer.as_ref().map_or(0, |slot| slot.unsent().len());
        kept + queued + sealed + self.line.claimed
    }
}

impl<S> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.line).finish()
    }
}
