//! Calling the protocol, and carrying out what it asked for.
//!
//! Every call goes through here, so that this is the one place which knows whether a protocol
//! is being called or has panicked.

use super::{
    Address, CloseReason, Closed, Closing, Datagram, DatagramProtocol, DatagramSocket,
    DatagramTransport, Desk, Phase, Timeout,
};

impl<S: 'static> DatagramSocket<S> {
    /// Whether a call to the protocol panicked. Such a socket is over, and says no more.
    pub(super) fn is_spoilt(&mut self, desk: &mut Desk<S>) -> bool {
        if self.line.is_in_call && !matches!(self.line.phase, Phase::Closed(_)) {
            self.line.release(&mut desk.pool);
            self.line.enter(Phase::Closed(CloseReason::Panicked));
        }
        self.line.is_in_call
    }

    /// Calls the protocol. Everything that reaches it goes through here.
    pub(super) fn call(
        &mut self,
        desk: &mut Desk<S>,
        state: &mut S,
        from: Option<&Address>,
        call: impl FnOnce(&mut dyn DatagramProtocol<S>, &mut DatagramTransport<'_, S>, &mut S),
    ) {
        self.line.is_in_call = true;
        let mut transport = DatagramTransport { line: &mut self.line, desk, from };
        call(&mut *self.protocol, &mut transport, state);
        self.line.is_in_call = false;
    }

    /// Drops what has waited as long as it may.
    pub(super) fn drop_overdue(&mut self, desk: &mut Desk<S>) {
        while self.line.out.is_overdue(desk.now, self.line.limits.queue_time)
            && let Some(datagram) = self.line.out.pop_oldest()
        {
            self.line.counts.expired += 1;
            self.lose(desk, &datagram);
            if let Phase::Flushing { lost, .. } = self.line.phase {
                let reason = CloseReason::TimedOut(Timeout::Closing);
                self.line.enter(Phase::Flushing { reason, lost });
            }
        }
    }

    /// A datagram was taken out of the queue and not sent.
    pub(super) fn lose(&mut self, desk: &mut Desk<S>, datagram: &Datagram) {
        let length = datagram.bytes.len();
        desk.pool.held -= length;
        if let Phase::Flushing { reason, lost } = self.line.phase {
            self.line.enter(Phase::Flushing { reason, lost: lost + length as u64 });
        }
    }

    /// Datagrams left the queue: ends back-pressure if that is enough.
    pub(super) fn note_room(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if !self.line.is_backpressured || !self.line.is_nearly_empty() {
            return;
        }
        self.line.is_backpressured = false;
        if self.line.phase.is_open() {
            self.call(desk, state, None, |protocol, transport, state| {
                protocol.writable(transport, state);
            });
        }
    }

    /// Carries out what was asked during the calls of one input. Ends every input.
    pub(super) fn settle(&mut self, desk: &mut Desk<S>, state: &mut S) {
        match (self.line.wish.take(), self.line.phase) {
            (Some(Closing::Finish), Phase::Opening | Phase::Open) => {
                let reason = CloseReason::Finished;
                self.line.enter(Phase::Flushing { reason, lost: 0 });
            }
            (Some(Closing::Abort), _) => self.line.end(CloseReason::Aborted),
            (Some(Closing::Finish | Closing::FinishWriting) | None, _) => {}
        }
        if let Phase::Flushing { reason, .. } = self.line.phase
            && self.line.out.is_empty()
        {
            self.line.end(reason);
        }
        if let Phase::Ending { reason, unsent } = self.line.phase {
            self.line.counts.dropped += self.line.release(&mut desk.pool) as u64;
            self.line.enter(Phase::Closed(reason));
            self.call(desk, state, None, |protocol, transport, state| {
                protocol.closed(transport, state, Closed::new(reason, unsent));
            });
            self.line.wish = None;
        }
        if cfg!(debug_assertions) {
            self.check_invariants();
        }
    }

    /// Panics where a field contradicts another. Debug builds call it after every input.
    pub fn check_invariants(&self) {
        let (line, out) = (&self.line, &self.line.out);
        out.check_invariants();
        assert!(out.bytes() <= line.limits.queue_bytes, "{} bytes queued", out.bytes());
        assert!(out.len() <= line.limits.queue_datagrams, "{} datagrams queued", out.len());
        assert!(!line.phase.is_over() || out.is_empty(), "a closed socket holds nothing");
        assert!(
            !line.is_backpressured || !out.is_empty() || line.phase.is_over(),
            "back-pressure ends when the queue is empty, or before"
        );
        assert!(out.is_empty() || self.poll_deadline().is_some(), "no datagram waits for ever");
    }
}
