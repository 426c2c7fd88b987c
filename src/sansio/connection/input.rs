//! What becomes of received bytes: offered, kept, withheld, or thrown away.

use super::super::closing::CloseReason;
use super::super::desk::Desk;
use super::super::layer::LayerFault;
use super::super::limits::after;
use super::super::phase::Phase;
use super::Connection;

impl<S: 'static> Connection<S> {
    pub(super) fn receive_through_layer(
        &mut self,
        desk: &mut Desk<S>,
        state: &mut S,
        bytes: &[u8],
    ) {
        let Some(slot) = &mut self.line.layer else { return };
        match self.line.phase {
            // Nobody wants to know what these bytes carry.
            Phase::Lingering { .. } => return self.discard(bytes.len()),
            Phase::Flushing { .. } if slot.is_finished => return,
            Phase::Connecting { .. }
            | Phase::Open
            | Phase::PeerFinished
            | Phase::WriteFinishing { .. }
            | Phase::WriteFinished
            | Phase::Flushing { .. }
            | Phase::Ending(_)
            | Phase::Closed(_) => {}
        }
        let mut plain = Vec::new();
        let result = slot.layer.receive(bytes, &mut plain);
        if !plain.is_empty() {
            self.take_in(desk, state, &plain);
        }
        if let Err(fault) = result {
            self.refuse(desk, &fault);
        }
    }

    /// The layer refused the peer's bytes. What it has to say about it (a TLS alert) still goes
    /// out; what the protocol wrote and the layer did not take does not.
    pub(super) fn refuse(&mut self, desk: &mut Desk<S>, fault: &LayerFault) {
        log::debug!("connection {}: {fault}", self.line.id);
        if let Some(slot) = &mut self.line.layer {
            slot.silence();
            slot.count(&mut desk.pool);
        }
        self.line.finish(desk.now, CloseReason::Layer);
    }

    #[inline(always)]
    pub(super) fn take_in(&mut self, desk: &mut Desk<S>, state: &mut S, bytes: &[u8]) {
        if let Phase::Lingering { .. } = self.line.phase {
            self.discard(bytes.len());
        } else if self.line.kept.is_none() && self.line.may_offer() {
            let used = self.offer(desk, state, bytes);
            if used < bytes.len() && self.line.phase.takes_input() {
                self.keep(desk, &bytes[used..]);
                self.note_kept(desk, state);
            }
        } else if self.line.phase.takes_input() {
            self.keep(desk, bytes);
            if self.line.may_offer() {
                self.offer_kept(desk, state);
            }
        }
    }

    /// Throws input away, up to a limit.
    fn discard(&mut self, bytes: usize) {
        let Phase::Lingering { deadline, reason, discarded } = self.line.phase else { return };
        let discarded = discarded.saturating_add(bytes);
        self.line.enter(Phase::Lingering { deadline, reason, discarded });
        if discarded > self.line.limits().linger {
            self.line.end(reason);
        }
    }

    #[inline]
    fn offer(&mut self, desk: &mut Desk<S>, state: &mut S, bytes: &[u8]) -> usize {
        let used = self.call(desk, state, |protocol, transport, state| {
            protocol.received(transport, state, bytes)
        });
        debug_assert!(used <= bytes.len(), "a protocol used {used} of {} bytes", bytes.len());
        used.min(bytes.len())
    }

    fn keep(&mut self, desk: &mut Desk<S>, bytes: &[u8]) {
        let kept = self.line.kept.get_or_insert_with(|| desk.pool.take_kept(desk.now));
        kept.append(bytes);
        desk.pool.held += bytes.len();
    }

    pub(super) fn offer_kept(&mut self, desk: &mut Desk<S>, state: &mut S) {
        let Some(mut kept) = self.line.kept.take() else { return };
        // Nobody comes back to count it out if the call panics.
        let unused = kept.unused().len();
        desk.pool.held -= unused;
        let used = self.offer(desk, state, kept.unused());
        desk.pool.held += unused - used;
        kept.advance(used);
        if used > 0 {
            kept.needs_more = false;
        }
        if kept.unused().is_empty() {
            desk.pool.put_kept(kept);
        } else {
            self.line.kept = Some(kept);
            self.note_kept(desk, state);
        }
    }

    /// Something was left unused: because more is needed, or because something holds it back?
    fn note_kept(&mut self, desk: &mut Desk<S>, state: &mut S) {
        let needs_more = self.line.may_offer();
        let limit = self.line.limits().input;
        let Some(kept) = &mut self.line.kept else { return };
        if needs_more && !kept.needs_more {
            kept.since = desk.now;
        }
        kept.needs_more = needs_more;
        if !needs_more || kept.unused().len() < limit || self.line.is_input_full {
            return;
        }
        self.line.is_input_full = true;
        self.offer_kept(desk, state);
        let is_full = self.line.kept.as_ref().is_some_and(|kept| kept.unused().len() >= limit);
        // What the last call said may wait above the high mark: that puts nothing off.
        if is_full && self.line.may_offer_but_for_output() {
            self.line.finish(desk.now, CloseReason::InputFull);
        }
        self.line.is_input_full = false;
    }

    /// Tells the protocol that the peer has finished, once everything before that was offered.
    pub(super) fn deliver_end(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if !self.line.is_input_ended || !self.line.may_offer() {
            return;
        }
        if self.line.kept.as_ref().is_some_and(|kept| !kept.needs_more) {
            self.offer_kept(desk, state);
            if !self.line.may_offer() {
                return;
            }
        }
        let now = desk.now;
        match self.line.phase {
            Phase::Open => self.line.enter(Phase::PeerFinished),
            Phase::WriteFinishing { deadline } => {
                self.line.enter(Phase::Flushing { deadline, reason: CloseReason::Finished });
            }
            Phase::WriteFinished => {
                let deadline = after(now, self.line.limits().closing);
                self.line.enter(Phase::Flushing { deadline, reason: CloseReason::Finished });
            }
            Phase::Connecting { .. }
            | Phase::PeerFinished
            | Phase::Flushing { .. }
            | Phase::Lingering { .. }
            | Phase::Ending(_)
            | Phase::Closed(_) => return,
        }
        let rest = self.line.kept.take();
        let bytes = rest.as_ref().map_or(&[][..], |kept| kept.unused());
        // As in `offer_kept`.
        let unused = bytes.len();
        desk.pool.held -= unused;
        self.call(desk, state, |protocol, transport, state| {
            protocol.finished(transport, state, bytes);
        });
        desk.pool.held += unused;
        if let Some(kept) = rest {
            desk.pool.put_kept(kept);
        }
    }
}
