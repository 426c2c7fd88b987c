//! Everything a connection has beside its protocol: buffers, phase, clocks, and what was asked.
//!
//! It is apart from [`Connection`](super::Connection) so that a call can lend it to a
//! [`Transport`](super::Transport) while the protocol itself is being called.

use std::sync::Arc;
use std::time::Instant;

use super::address::Address;
use super::closing::{CloseReason, Closing};
use super::connection_id::{ConnectionId, ListenerId};
use super::inbound::Kept;
use super::layer::LayerSlot;
use super::limits::Limits;
use super::outbound::Queue;
use super::phase::Phase;
use super::pool::Pool;

/// What all connections of one listener have in common.
#[derive(Debug)]
pub struct Origin {
    /// The listener, or none for a connection that was adopted or that we opened.
    pub(super) listener: Option<ListenerId>,
    /// The address listened on, unless that was a wildcard.
    pub(super) local: Option<Address>,
    pub(super) limits: Limits,
}

impl Origin {
    /// The origin of connections that no listener accepted, under `limits`.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { listener: None, local: None, limits }
    }

    /// The origin of connections accepted by `listener`. `local` is their local address where
    /// that is the same for all, which it is not for a listener on a wildcard.
    #[must_use]
    pub const fn accepted(listener: ListenerId, local: Option<Address>, limits: Limits) -> Self {
        Self { listener: Some(listener), local, limits }
    }

    /// The local address that all of them have, if they do.
    #[must_use]
    pub const fn local(&self) -> Option<&Address> {
        self.local.as_ref()
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// What a protocol asked for its own connection during the call that is under way. The strongest
/// wish wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    Nothing,
    FinishWriting,
    Finish,
    Abort,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: ConnectionId,
    pub(super) origin: Arc<Origin>,
    pub(super) peer: Address,
    /// Where it differs from the origin's.
    pub(super) local: Option<Box<Address>>,
    pub(super) phase: Phase,
    pub(super) wish: Wish,
    /// The protocol's own deadline.
    pub(super) deadline: Option<Instant>,
    /// When a byte last moved, or when the connection was established.
    pub(super) active: Instant,
    /// Received bytes that were not used, if any.
    pub(super) kept: Option<Box<Kept>>,
    /// Unsent bytes, if any.
    pub(super) out: Option<Box<Queue>>,
    /// Boxed twice so that a connection without one pays 8 bytes.
    pub(super) layer: Option<Box<LayerSlot>>,
    /// Bytes that the protocol said it holds itself. Counted in the pool.
    pub(super) claimed: usize,
    /// The number of the last request that was made of others.
    pub(super) last_request: u32,
    /// How many connections, being over their mark, have this one paused.
    pub(super) holders: u16,
    /// Whether the peer has sent anything. It may stop in any phase.
    pub(super) is_heard: bool,
    /// Whether the peer's FIN was read. The protocol may not know yet.
    pub(super) is_input_ended: bool,
    /// Whether the protocol paused reading.
    pub(super) is_paused: bool,
    /// Whether the protocol gave way and wants to be offered its kept input again.
    pub(super) is_yielding: bool,
    /// Whether unsent bytes rose above the high mark and have not come down to the low one.
    pub(super) is_backpressured: bool,
    /// Whether input goes on meanwhile, because none of it becomes output here.
    pub(super) is_read_on: bool,
    /// Whether the input is at its limit: the call under way is the last.
    pub(super) is_input_full: bool,
    /// Whether the protocol is being called. Still set when nobody is: that call panicked.
    pub(super) is_in_call: bool,
}

impl Line {
    pub(super) fn new(
        id: ConnectionId,
        origin: Arc<Origin>,
        peer: Address,
        phase: Phase,
        now: Instant,
    ) -> Self {
        Self {
            id,
            origin,
            peer,
            local: None,
            phase,
            wish: Wish::Nothing,
            deadline: None,
            active: now,
            kept: None,
            out: None,
            layer: None,
            claimed: 0,
            last_request: 0,
            holders: 0,
            is_heard: false,
            is_input_ended: false,
            is_paused: false,
            is_yielding: false,
            is_backpressured: false,
            is_read_on: false,
            is_input_full: false,
            is_in_call: false,
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.origin.limits
    }

    /// The one place that assigns the phase.
    pub(super) fn enter(&mut self, phase: Phase) {
        debug_assert!(!matches!(self.phase, Phase::Closed(_)), "nothing follows Closed");
        self.phase = phase;
    }

    /// Ends the connection for `reason`, unless it has ended before.
    pub(super) fn end(&mut self, reason: CloseReason) {
        if !self.phase.is_over() {
            self.enter(Phase::Ending(reason));
        }
    }

    /// Unsent plain bytes, and those that the layer has made of them.
    pub(super) fn unsent(&self) -> u64 {
        let queued = self.out.as_ref().map_or(0, |queue| queue.total());
        let sealed = self.layer.as_ref().map_or(0, |slot| slot.unsent().len());
        queued + sealed as u64
    }

    /// Whether what the protocol writes now is queued.
    pub(super) fn takes_output(&self) -> bool {
        self.phase.takes_output() && self.wish == Wish::Nothing
    }

    /// Whether received bytes may be offered.
    pub(super) fn may_offer(&self) -> bool {
        !self.is_waiting_for_output() && self.may_offer_but_for_output()
    }

    /// The same, where output that waits does not count.
    pub(super) fn may_offer_but_for_output(&self) -> bool {
        let is_held = self.is_yielding || self.is_stopped();
        self.phase.takes_input() && !is_held && self.wish < Wish::Finish
    }

    /// Whether something keeps the protocol from being offered input.
    pub(super) const fn is_held(&self) -> bool {
        self.is_yielding || self.is_waiting()
    }

    /// Whether something other than its turn must come before it is offered input.
    pub(super) const fn is_waiting(&self) -> bool {
        self.is_waiting_for_output() || self.is_stopped()
    }

    const fn is_waiting_for_output(&self) -> bool {
        self.is_backpressured && !self.is_read_on
    }

    /// Whether it stopped reading itself, or somebody has it stopped.
    const fn is_stopped(&self) -> bool {
        self.is_paused || self.holders > 0
    }

    /// While something holds input back, the peer cannot complete the message it began: its time
    /// begins again when what was kept is next offered.
    #[inline]
    pub(super) fn stand_back(&mut self) {
        let is_held = self.is_held();
        if let Some(kept) = &mut self.kept {
            kept.needs_more &= !is_held;
        }
    }

    /// Whether the layer needs input before it takes output.
    #[inline]
    pub(super) fn is_layer_waiting(&self) -> bool {
        self.layer.as_ref().is_some_and(|slot| slot.is_waiting)
    }

    pub(super) fn ask(&mut self, wish: Wish) {
        self.wish = self.wish.max(wish);
    }

    pub(super) fn ask_closing(&mut self, closing: Closing) {
        self.ask(match closing {
            Closing::Finish => Wish::Finish,
            Closing::FinishWriting => Wish::FinishWriting,
            Closing::Abort => Wish::Abort,
        });
    }

    /// What was written may have crossed a mark. Called whenever output was appended.
    pub(super) fn note_written(&mut self) {
        let Some(queue) = &self.out else { return };
        let memory = queue.memory();
        if self.unsent() > self.origin.limits.high_water as u64 {
            self.is_backpressured = true;
        }
        if memory > self.origin.limits.output {
            self.end(CloseReason::OutputFull);
        }
    }

    /// The queue that output is appended to.
    #[inline]
    pub(super) fn queue<'a>(&'a mut self, pool: &mut Pool, now: Instant) -> &'a mut Queue {
        self.out.get_or_insert_with(|| pool.take_queue(now))
    }

    /// The protocol holds so many bytes of its own now.
    pub(super) fn claim(&mut self, pool: &mut Pool, bytes: usize) {
        // Added first: the sum holds what is taken away.
        pool.held = pool.held.saturating_add(bytes) - self.claimed;
        self.claimed = bytes;
    }

    /// Gives the buffers back.
    pub(super) fn release(&mut self, pool: &mut Pool) {
        self.claim(pool, 0);
        if let Some(kept) = self.kept.take() {
            pool.put_kept(kept);
        }
        if let Some(queue) = self.out.take() {
            pool.put_queue(queue);
        }
    }
}
