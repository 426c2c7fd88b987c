//! Calling the protocol, and carrying out what it asked for.
//!
//! Every call goes through here, so that this is the one place which knows whether a protocol
//! is being called, has panicked, or handed over.

use super::super::desk::Desk;
use super::super::line::Wish;
use super::super::phase::Phase;
use super::super::protocol::Protocol;
use super::super::request::Request;
use super::super::transport::Transport;
use super::{CloseReason, Closed, Connection};

impl<S: 'static> Connection<S> {
    /// Whether a call to the protocol panicked. Such a connection is over, and says no more.
    #[inline]
    pub(super) fn is_spoilt(&mut self, desk: &mut Desk<S>) -> bool {
        if self.line.is_in_call {
            self.end_spoilt(desk);
        }
        self.line.is_in_call
    }

    #[cold]
    fn end_spoilt(&mut self, desk: &mut Desk<S>) {
        if !matches!(self.line.phase, Phase::Closed(_)) {
            desk.next_protocol = None;
            self.forget_buffers(desk);
            self.line.enter(Phase::Closed(CloseReason::Panicked));
        }
    }

    /// Calls the protocol. Everything that reaches it goes through here.
    #[inline]
    pub(super) fn call<R>(
        &mut self,
        desk: &mut Desk<S>,
        state: &mut S,
        call: impl FnOnce(&mut dyn Protocol<S>, &mut Transport<'_, S>, &mut S) -> R,
    ) -> R {
        // Another connection's call may have panicked after it asked for a successor.
        desk.next_protocol = None;
        self.line.is_in_call = true;
        let mut transport = Transport { line: &mut self.line, desk };
        let result = call(&mut *self.protocol, &mut transport, state);
        self.line.is_in_call = false;
        if desk.next_protocol.is_some() {
            self.hand_over(desk, state);
        }
        result
    }

    /// Puts what was asked for in place of the protocol.
    pub(super) fn hand_over(&mut self, desk: &mut Desk<S>, state: &mut S) {
        while let Some(next) = desk.next_protocol.take() {
            if !self.line.phase.is_open() {
                return;
            }
            self.line.deadline = None;
            self.line.is_paused = false;
            self.line.is_read_on = false;
            self.line.claim(&mut desk.pool, 0);
            // What the predecessor left is offered in the next turn.
            self.line.is_yielding = true;
            // The predecessor is dropped here, and that may panic too.
            self.line.is_in_call = true;
            self.protocol = next;
            let mut transport = Transport { line: &mut self.line, desk };
            self.protocol.connected(&mut transport, state);
            if let Phase::PeerFinished = transport.line.phase
                && transport.desk.next_protocol.is_none()
            {
                // Its predecessor was told before, with all that was left.
                self.protocol.finished(&mut transport, state, &[]);
            }
            self.line.is_in_call = false;
        }
    }

    /// Carries out what was asked during the calls of one input. Ends every input.
    #[inline(always)]
    pub(super) fn settle(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if self.line.kept.is_some() {
            self.line.stand_back();
        }
        // The common case: nothing was asked, and nothing is closing.
        if self.line.wish != Wish::Nothing || !matches!(self.line.phase, Phase::Open) {
            self.carry_out(desk, state);
        }
        if cfg!(debug_assertions) {
            self.check_invariants();
        }
    }

    fn carry_out(&mut self, desk: &mut Desk<S>, state: &mut S) {
        match self.line.wish {
            Wish::Nothing => {}
            Wish::FinishWriting => self.line.finish_writing(desk.now),
            Wish::Finish => self.line.finish(desk.now, CloseReason::Finished),
            Wish::Abort => self.line.end(CloseReason::Aborted),
        }
        self.line.wish = Wish::Nothing;
        self.settle_closing(desk, state);
    }

    fn settle_closing(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if !self.line.phase.takes_input()
            && let Some(kept) = self.line.kept.take()
        {
            desk.pool.put_kept(kept);
        }
        match self.line.phase {
            Phase::Flushing { reason, .. } if self.line.is_input_ended && self.is_flushed() => {
                self.line.end(reason);
            }
            Phase::Lingering { reason, .. } if self.line.is_input_ended => self.line.end(reason),
            Phase::Connecting { .. }
            | Phase::Open
            | Phase::PeerFinished
            | Phase::WriteFinishing { .. }
            | Phase::WriteFinished
            | Phase::Flushing { .. }
            | Phase::Lingering { .. }
            | Phase::Ending(_)
            | Phase::Closed(_) => {}
        }
        if let Phase::Ending(reason) = self.line.phase {
            let closed = Closed::new(reason, self.line.unsent());
            self.forget_buffers(desk);
            self.line.enter(Phase::Closed(reason));
            self.line.is_in_call = true;
            let mut transport = Transport { line: &mut self.line, desk };
            self.protocol.closed(&mut transport, state, closed);
            desk.next_protocol = None;
            self.line.is_in_call = false;
        }
    }

    /// Gives the buffers back, and lets those go on who were paused for this connection's sake.
    fn forget_buffers(&mut self, desk: &mut Desk<S>) {
        self.release_sources(desk);
        self.line.release(&mut desk.pool);
        if let Some(slot) = self.line.layer.take() {
            slot.forget(&mut desk.pool);
        }
    }

    pub(super) fn release_sources(&mut self, desk: &mut Desk<S>) {
        if let Some(queue) = &mut self.line.out {
            let sources = queue.sources.drain(..).map(|source| Request::Release { source });
            desk.requests.extend(sources);
        }
    }
}
