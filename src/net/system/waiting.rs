//! Waiting for what the poll announces, and for time to pass.

use std::io;
use std::time::{Duration, Instant};

use mio::Token;

use super::super::timer::{CAN_HOLD_TIMER, DeadlineTimer};
use super::super::{Clock, OwnPoll, PolledNetwork, Poller, Readiness};
use super::{SystemNetwork, readiness};

impl PolledNetwork for SystemNetwork<OwnPoll> {
    fn poll(&mut self, timeout: Option<Duration>, ready: &mut Vec<Readiness>) -> io::Result<bool> {
        let before = ready.len();
        ready.extend(self.poller.wait(timeout)?.iter().map(readiness));
        Ok(self.poller.was_full(ready.len() - before))
    }

    fn wakes_at(&mut self, at: Instant, now: Instant, token: usize) -> bool {
        // An hour of a clock that a test moves is no hour.
        let is_real = matches!(self.clock, Clock::System);
        // Where there is no descriptor to be had for it, or none of its kind, a timeout does.
        let can_be = is_real && CAN_HOLD_TIMER;
        can_be && self.timer(token).and_then(|timer| timer.fire_at(at, now, now)).is_ok()
    }
}

impl<P: Poller> SystemNetwork<P> {
    /// Has a host be told of deadlines by the poll's descriptor.
    pub(crate) fn announce_deadlines(&mut self, token: usize) -> io::Result<()> {
        self.timer(token)?;
        self.announces_deadlines = true;
        Ok(())
    }

    #[inline]
    pub(crate) const fn announces_deadlines(&self) -> bool {
        self.announces_deadlines
    }

    /// Makes the poll's descriptor readable at `at`, or before, where it announces deadlines; it
    /// is `now`.
    pub(crate) fn announce_at(&mut self, at: Instant, now: Instant) -> io::Result<()> {
        let real = self.clock.real(now);
        self.timer.as_mut().map_or(Ok(()), |timer| timer.fire_at(at, now, real))
    }

    /// The timer in the poll, which is put there by whoever needs it first.
    fn timer(&mut self, token: usize) -> io::Result<&mut DeadlineTimer> {
        match &mut self.timer {
            Some(timer) => Ok(timer),
            none => Ok(none.insert(DeadlineTimer::new(self.poller.registry(), Token(token))?)),
        }
    }

    #[cfg(test)]
    pub(crate) fn timer_calls(&self) -> usize {
        self.timer.as_ref().map_or(0, DeadlineTimer::calls)
    }
}
