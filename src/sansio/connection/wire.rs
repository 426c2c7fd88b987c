//! The outputs of a connection: bytes for the wire, and what to do to the wire itself.

use std::io::IoSlice;

use super::super::desk::Desk;
use super::super::outbound::{MAX_SLICES, Output};
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
            desk.pool.held -= bytes as usize;
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
    /// cannot bypass the connection.
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
            Phase::Flushing { reason, .. } if self.is_flushed() => {
                let deadline = desk.now + self.line.limits().closing;
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

    /// How many bytes may be read from the wire now. Zero: none, leave them where they are.
    #[must_use]
    #[inline]
    pub fn wants_bytes(&self) -> usize {
        if let Phase::Lingering { .. } = self.line.phase {
            return if self.line.is_input_ended { 0 } else { usize::MAX };
        }
        if !self.line.may_offer() || self.line.is_input_ended {
            return 0;
        }
        match &self.line.kept {
            None => self.line.limits().input,
            // What waits to be offered again comes before what is new.
            Some(kept) if !kept.needs_more => 0,
            Some(kept) => self.line.limits().input.saturating_sub(kept.unused().len()),
        }
    }

    /// Whether [`handle_turn`](Self::handle_turn) should be called in the driver's next round.
    #[must_use]
    #[inline]
    pub fn wants_turn(&self) -> bool {
        let line = &self.line;
        if !line.phase.takes_input() || line.is_paused || line.is_backpressured || line.holders > 0
        {
            return false;
        }
        line.is_yielding
            || line.is_input_ended
            || line.kept.as_ref().is_some_and(|kept| !kept.needs_more)
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
        let queued = self.line.out.as_ref().map_or(0, |queue| queue.total());
        let is_layer_done = match &self.line.layer {
            None => true,
            Some(slot) => slot.is_finished && slot.unsent().is_empty(),
        };
        queued == 0 && is_layer_done
    }

    fn poll_layer_output(&mut self, desk: &mut Desk<S>) -> Output<'_> {
        let Some(slot) = &mut self.line.layer else {
            return Output::Nothing;
        };
        let before = slot.unsent().len();
        slot.layer.produce(&mut slot.wire);
        if let Some(queue) = &mut self.line.out {
            while slot.room() > 0 {
                let front = queue.front_bytes();
                let taken = slot.layer.send(&front[..front.len().min(slot.room())], &mut slot.wire);
                if taken == 0 {
                    break;
                }
                desk.pool.held -= queue.advance(taken as u64);
            }
        }
        let queued = self.line.out.as_ref().map_or(0, |queue| queue.total());
        let is_last =
            matches!(self.line.phase, Phase::WriteFinishing { .. } | Phase::Flushing { .. });
        if is_last && queued == 0 && !slot.is_finished {
            slot.is_finished = true;
            slot.layer.finish(&mut slot.wire);
        }
        if before == 0 {
            slot.progress = desk.now;
        }
        desk.pool.held += slot.unsent().len() - before;
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
        if self.line.out.as_ref().is_some_and(|queue| queue.total() == 0) {
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
                memory <= line.limits().output || line.phase.is_over(),
                "{memory} bytes unsent in memory"
            );
        }
        if line.phase.is_over() && !matches!(line.phase, Phase::Ending(CloseReason::Panicked)) {
            assert_eq!((kept, line.unsent()), (0, 0), "a closed connection holds nothing");
        }
        assert!(
            !line.is_backpressured
                || line.unsent() > line.limits().low_water as u64
                || line.phase.is_over(),
            "back-pressure ends at the low mark"
        );
        assert!(
            line.phase.is_over() || self.poll_deadline().is_some(),
            "a live connection has a deadline"
        );
    }
}
