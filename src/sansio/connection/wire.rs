//! The outputs of a connection: bytes for the wire, and what to do to the wire itself.

use std::io::IoSlice;

use super::super::desk::Desk;
use super::super::limits::after;
use super::super::outbound::{MAX_LOAD, MAX_SLICES, Output};
use super::super::phase::Phase;
use super::{CloseReason, Connection};

/// What a driver must do to the wire, after everything that could be sent was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wire {
    /// Nothing.
    Keep,
    /// Say FIN: shut down the writing direction.
    ShutdownWrite,
    /// Close it. The connection is over and may be dropped.
    Close,
    /// Reset it. The connection is over and may be dropped.
    Reset,
}

impl<S: 'static> Connection<S> {
    /// What goes out next. After it went, [`handle_sent`](Self::handle_sent).
    #[inline]
    pub fn poll_output(&mut self, desk: &mut Desk<S>) -> Output<'_> {
        if self.line.layer.is_some() {
            return self.poll_layer_output(desk);
        }
        self.line.out.as_ref().map_or(Output::Nothing, |queue| queue.output(true))
    }

    /// Fills `slices` with what goes out next, after [`Output::Slices`]. Returns how many.
    pub fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>; MAX_SLICES]) -> usize {
        self.line.out.as_ref().map_or(0, |queue| queue.gather(slices))
    }

    /// The wire took `bytes` bytes of what [`poll_output`](Self::poll_output) gave.
    #[inline]
    pub fn handle_sent(&mut self, desk: &mut Desk<S>, state: &mut S, bytes: u64) {
        if self.is_spoilt(desk) {
            return;
        }
        self.line.active = desk.now;
        let is_all = self.line.out.as_ref().is_some_and(|queue| queue.total() == bytes);
        if is_all && !self.line.is_backpressured && self.line.layer.is_none() {
            // The common case: everything went at once.
            self.return_queue(desk);
        } else {
            self.note_sent(desk, state, bytes);
        }
        self.settle(desk, state);
    }

    fn note_sent(&mut self, desk: &mut Desk<S>, state: &mut S, bytes: u64) {
        let now = desk.now;
        if let Some(slot) = &mut self.line.layer {
            slot.progress = now;
            slot.advance(bytes as usize);
            slot.count(&mut desk.pool);
            if let Some(queue) = &mut self.line.out {
                queue.progress = now;
            }
        } else if let Some(queue) = &mut self.line.out {
            queue.progress = now;
            desk.pool.held -= queue.advance(bytes);
        }
        if self.line.is_backpressured && self.line.unsent() <= self.line.limits().low_water as u64 {
            self.line.is_backpressured = false;
            self.release_sources(desk);
            if self.line.phase.is_open() {
                self.call(desk, state, |protocol, transport, state| {
                    protocol.writable(transport, state);
                });
            }
        }
        self.return_empty_queue(desk);
    }

    /// The wire took less than it was offered: it will say when it takes more.
    pub fn handle_blocked(&mut self) {
        if let Some(queue) = &mut self.line.out {
            queue.handle_stall();
        }
    }

    /// The first bytes of the file that [`Output::File`] gave, read by the driver because they
    /// cannot bypass the connection. Of more than 64 KiB the rest is left in the file.
    pub fn handle_file_bytes(&mut self, desk: &mut Desk<S>, bytes: &[u8]) {
        if let Some(queue) = &mut self.line.out {
            let before = queue.memory();
            queue.load(bytes);
            desk.pool.held += queue.memory() - before;
        }
    }

    /// What to do to the wire. After [`poll_output`](Self::poll_output) gave nothing or the wire
    /// took nothing, and again after every input.
    pub fn poll_wire(&mut self, desk: &Desk<S>) -> Wire {
        match self.line.phase {
            Phase::Closed(reason) if reason.resets() => Wire::Reset,
            Phase::Closed(_) => Wire::Close,
            Phase::WriteFinishing { .. } if self.is_flushed() => {
                self.line.enter(Phase::WriteFinished);
                Wire::ShutdownWrite
            }
            // Where the peer's FIN was seen there is nothing to linger for: `wants_turn`.
            Phase::Flushing { deadline, reason }
                if self.is_flushed() && !self.line.is_input_ended =>
            {
                let deadline = deadline.min(after(desk.now, self.line.limits().closing));
                self.line.enter(Phase::Lingering { deadline, reason, discarded: 0 });
                Wire::ShutdownWrite
            }
            Phase::Connecting { .. }
            | Phase::Open
            | Phase::PeerFinished
            | Phase::WriteFinishing { .. }
            | Phase::WriteFinished
            | Phase::Flushing { .. }
            | Phase::Lingering { .. }
            | Phase::Ending(_) => Wire::Keep,
        }
    }

    /// Whether [`poll_wire`](Self::poll_wire) has nothing to say, as far as can be told at a
    /// glance.
    #[inline]
    pub(crate) fn keeps_wire(&self) -> bool {
        matches!(self.line.phase, Phase::Open)
    }

    /// How many bytes may be read from the wire now. Zero: none, leave them where they are.
    #[must_use]
    #[inline]
    pub fn wants_bytes(&self) -> usize {
        let line = &self.line;
        if line.is_input_ended {
            return 0;
        }
        if let Phase::Lingering { .. } = line.phase {
            return usize::MAX;
        }
        let (kept, needs_more) = match &line.kept {
            None => (0, true),
            // What waits to be offered again comes before what is new.
            Some(kept) => (kept.unused().len(), kept.needs_more),
        };
        // A layer's handshake goes on whatever holds the protocol back: else output that waits
        // for it would wait for ever.
        if (needs_more && line.may_offer()) || line.is_layer_waiting() {
            line.limits().input.saturating_sub(kept)
        } else {
            0
        }
    }

    /// Whether [`handle_turn`](Self::handle_turn) should be called in the driver's next round.
    #[must_use]
    #[inline]
    pub fn wants_turn(&self) -> bool {
        let line = &self.line;
        if let Phase::Flushing { .. } = line.phase {
            // Everything is sent and the peer's FIN seen, without an input that could tell.
            return line.is_input_ended && self.is_flushed();
        }
        if !line.phase.takes_input() || line.is_waiting() {
            return false;
        }
        line.is_yielding
            || line.is_input_ended
            || line.kept.as_ref().is_some_and(|kept| !kept.needs_more)
    }

    /// Whether something that its protocol asked of others waits to be carried out. A driver that
    /// leaves requests over reads nothing from it meanwhile: what is asked piles up else, and a
    /// source could not be held in time.
    #[must_use]
    #[inline]
    pub fn is_ahead(&self, desk: &Desk<S>) -> bool {
        desk.has_requests() && desk.is_waiting(self.line.last_request)
    }

    /// Whether it only waits for its peer's next byte: its deadline, for idling, moves away with
    /// each byte.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        let line = &self.line;
        matches!(line.phase, Phase::Open)
            && line.is_heard
            && !line.is_input_ended
            && !line.is_yielding
            && line.deadline.is_none()
            && line.kept.is_none()
            && line.out.is_none()
            && line.layer.is_none()
    }

    /// Whether something is unsent.
    #[must_use]
    #[inline]
    pub fn has_output(&self) -> bool {
        self.line.out.is_some() || self.line.layer.is_some()
    }

    /// Whether everything is sent that will be: also the layer's farewell.
    pub(in super::super) fn is_flushed(&self) -> bool {
        match &self.line.layer {
            None => self.line.out.as_ref().is_none_or(|queue| queue.total() == 0),
            // It finishes after the last plain byte, or takes no more of them after a fault.
            Some(slot) => slot.is_finished && slot.unsent().is_empty(),
        }
    }

    fn poll_layer_output(&mut self, desk: &mut Desk<S>) -> Output<'_> {
        let Some(slot) = &mut self.line.layer else {
            return Output::Nothing;
        };
        let is_last = match self.line.phase {
            Phase::Open | Phase::PeerFinished => false,
            Phase::WriteFinishing { .. } | Phase::Flushing { .. } => true,
            // Nothing can be sent yet, or any more.
            Phase::Connecting { .. }
            | Phase::WriteFinished
            | Phase::Lingering { .. }
            | Phase::Ending(_)
            | Phase::Closed(_) => return Output::Nothing,
        };
        if slot.unsent().is_empty() {
            slot.progress = desk.now;
        }
        if !slot.is_finished {
            slot.layer.produce(&mut slot.wire);
            if let Some(queue) = &mut self.line.out {
                slot.seal(queue, &mut desk.pool);
            }
        }
        let queued = self.line.out.as_ref().map_or(0, |queue| queue.total());
        if is_last && queued == 0 && !slot.is_finished {
            slot.is_finished = true;
            slot.layer.finish(&mut slot.wire);
        }
        slot.count(&mut desk.pool);
        self.return_empty_queue(desk);
        match (&self.line.layer, &self.line.out) {
            (Some(slot), _) if !slot.unsent().is_empty() => Output::Bytes(slot.unsent()),
            (_, Some(queue)) => match queue.output(false) {
                file @ Output::File { .. } => file,
                // The layer takes no plain bytes now: its handshake is under way.
                Output::Nothing | Output::Bytes(_) | Output::Slices => Output::Nothing,
            },
            _ => Output::Nothing,
        }
    }

    fn return_empty_queue(&mut self, desk: &mut Desk<S>) {
        // The layer may have everything that sources wait for.
        if self
            .line
            .out
            .as_ref()
            .is_some_and(|queue| queue.total() == 0 && queue.sources.is_empty())
        {
            self.return_queue(desk);
        }
    }

    #[inline]
    fn return_queue(&mut self, desk: &mut Desk<S>) {
        if let Some(queue) = self.line.out.take() {
            desk.pool.put_queue(queue);
        }
    }

    /// Panics where a field contradicts another. Debug builds call it after every input.
    pub fn check_invariants(&self) {
        let line = &self.line;
        let kept = line.kept.as_ref().map_or(0, |kept| kept.unused().len());
        if let Some(queue) = &line.out {
            queue.check_invariants();
            let memory = queue.memory();
            assert!(
                memory <= line.limits().output + MAX_LOAD || line.phase.is_over(),
                "{memory} bytes unsent in memory"
            );
        }
        if line.phase.is_over() && !matches!(line.phase, Phase::Ending(CloseReason::Panicked)) {
            assert_eq!((kept, line.unsent()), (0, 0), "a closed connection holds nothing");
        }
        assert!(
            !line.is_backpressured
                || line.unsent() > line.limits().low_water as u64
                || line.layer.is_some() // It may make less of it.
                || line.phase.is_over(),
            "back-pressure ends at the low mark"
        );
        assert!(
            line.phase.is_over() || self.poll_deadline().is_some(),
            "a live connection has a deadline"
        );
    }
}
