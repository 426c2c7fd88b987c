//! The clocks of a connection: which runs out next, and what happens then.
//!
//! Nothing is armed or cancelled here. Each clock is derived from what the connection knows
//! anyway (when a byte last moved, when a message was begun), so none can be forgotten, and
//! moving one costs nothing. A driver asks `poll_deadline` after every input and may be late.

use std::time::Instant;

use super::super::closing::{CloseReason, Timeout};
use super::super::desk::Desk;
use super::super::limits::after;
use super::super::line::Line;
use super::super::phase::Phase;
use super::Connection;

impl<S: 'static> Connection<S> {
    /// When [`handle_deadlines`](Self::handle_deadlines) should be called. A live connection
    /// always has such a time.
    #[must_use]
    #[inline]
    pub fn poll_deadline(&self) -> Option<Instant> {
        self.line.next_timeout().map(|(deadline, _)| deadline)
    }

    /// The time of the desk may have reached a deadline. At most one is acted on; ask
    /// [`poll_deadline`](Self::poll_deadline) again.
    pub fn handle_deadlines(&mut self, desk: &mut Desk<S>, state: &mut S) {
        if self.is_spoilt(desk) {
            return;
        }
        let timeout = match self.line.next_timeout() {
            Some((deadline, timeout)) if deadline <= desk.now => timeout,
            Some(_) | None => return,
        };
        match timeout {
            Timeout::Own => {
                self.line.deadline = None;
                self.expire(desk, state, timeout);
            }
            Timeout::FirstByte | Timeout::Idle if self.line.holders > 0 => {
                // We refuse to read, for another's sake: its clocks see to it that this ends.
                self.line.active = desk.now;
            }
            Timeout::FirstByte | Timeout::Idle | Timeout::Message => {
                self.expire(desk, state, timeout);
                // The protocol may have asked for something stronger, or handed over; the time
                // is out all the same.
                self.line.finish(desk.now, CloseReason::TimedOut(timeout));
            }
            Timeout::WriteStall | Timeout::Closing | Timeout::Connect => {
                if let Phase::Lingering { reason, .. } = self.line.phase
                    && reason != CloseReason::Finished
                {
                    // Everything was said, and that the peer is silent is no news: the reason
                    // for which it was finished tells more.
                    self.line.end(reason);
                } else {
                    self.line.end(CloseReason::TimedOut(timeout));
                }
            }
        }
        self.settle(desk, state);
    }

    fn expire(&mut self, desk: &mut Desk<S>, state: &mut S, timeout: Timeout) {
        self.call(desk, state, |protocol, transport, state| {
            protocol.expired(transport, state, timeout);
        });
    }
}

impl Line {
    /// The clock that runs out first.
    fn next_timeout(&self) -> Option<(Instant, Timeout)> {
        match self.phase {
            Phase::Connecting { deadline } => Some((deadline, Timeout::Connect)),
            Phase::Open | Phase::PeerFinished | Phase::WriteFinished => self.next_open_timeout(),
            Phase::WriteFinishing { deadline } => {
                earlier(self.next_open_timeout(), Some((deadline, Timeout::Closing)))
            }
            Phase::Flushing { deadline, .. } => {
                earlier(self.write_stall(), Some((deadline, Timeout::Closing)))
            }
            Phase::Lingering { deadline, .. } => Some((deadline, Timeout::Closing)),
            Phase::Ending(_) | Phase::Closed(_) => None,
        }
    }

    fn next_open_timeout(&self) -> Option<(Instant, Timeout)> {
        let limits = self.limits();
        let own = self.deadline.map(|deadline| (deadline, Timeout::Own));
        let stall = self.write_stall();
        let silence = if !self.is_heard && !self.is_input_ended {
            Some((after(self.active, limits.first_byte), Timeout::FirstByte))
        } else if own.is_none() && stall.is_none() {
            Some((after(self.active, limits.idle), Timeout::Idle))
        } else {
            None
        };
        let message = match &self.kept {
            Some(kept) if kept.needs_more => {
                Some((after(kept.since, limits.message), Timeout::Message))
            }
            Some(_) | None => None,
        };
        earlier(earlier(silence, message), earlier(own, stall))
    }

    fn write_stall(&self) -> Option<(Instant, Timeout)> {
        let stalled = match (&self.layer, &self.out) {
            (Some(slot), _) if !slot.unsent().is_empty() => slot.progress,
            (_, Some(queue)) => queue.progress,
            (_, None) => return None,
        };
        Some((after(stalled, self.limits().write_stall), Timeout::WriteStall))
    }

    /// Closes in order, for `reason`; unless that is under way.
    pub(in super::super) fn finish(&mut self, now: Instant, reason: CloseReason) {
        let deadline = after(now, self.limits().closing_time(self.unsent()));
        match self.phase {
            Phase::Connecting { .. } => self.end(CloseReason::Aborted),
            Phase::Open | Phase::PeerFinished | Phase::WriteFinishing { .. } => {
                self.enter(Phase::Flushing { deadline, reason });
            }
            Phase::WriteFinished => {
                self.enter(Phase::Lingering { deadline, reason, discarded: 0 });
            }
            Phase::Flushing { .. }
            | Phase::Lingering { .. }
            | Phase::Ending(_)
            | Phase::Closed(_) => {}
        }
    }

    /// Closes our direction.
    pub(in super::super) fn finish_writing(&mut self, now: Instant) {
        let deadline = after(now, self.limits().closing_time(self.unsent()));
        match self.phase {
            Phase::Open => self.enter(Phase::WriteFinishing { deadline }),
            Phase::PeerFinished => self.finish(now, CloseReason::Finished),
            Phase::Connecting { .. }
            | Phase::WriteFinishing { .. }
            | Phase::WriteFinished
            | Phase::Flushing { .. }
            | Phase::Lingering { .. }
            | Phase::Ending(_)
            | Phase::Closed(_) => {}
        }
    }
}

type Clock = Option<(Instant, Timeout)>;

#[inline]
fn earlier(one: Clock, other: Clock) -> Clock {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.0 < one.0 { other } else { one }),
        (one, other) => one.or(other),
    }
}
