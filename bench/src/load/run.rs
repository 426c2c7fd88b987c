//! One order under way: who asks when, and what came of it.
//!
//! Clients are numbered *lanes*, each with at most one batch under way. In a closed loop a lane
//! asks again when it is answered. In an open one the requests of a schedule are dealt to the
//! lanes in turn, and one that comes late to its lane is sent when the lane is free, but timed
//! from when it was due: what a stall keeps from being sent is in the figures.

use std::time::{Duration, Instant};

use super::order::Order;
use super::tally::{Stopwatch, Waits};
use crate::failure::{Failure, Outcome};

/// How long requests may be overdue when the last one of a schedule was due.
const MOST_OVERDUE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Run {
    pace: Pace,
    /// Requests answered.
    pub(super) requests: u64,
    /// Bytes of replies.
    pub(super) bytes: u64,
    /// Lanes that wait for a reply.
    under_way: usize,
    stopwatch: Option<Stopwatch>,
    /// In use only where requests are timed.
    lanes: Vec<Lane>,
}

/// What decides when a lane asks.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// At once, until this time has come; then `is_over`.
    Until { end: Instant, is_over: bool },
    /// At once, until so many are answered.
    Requests(u64),
    /// When it is due.
    Schedule(Schedule),
}

/// Requests `0..total`, one every so often, request `n` for lane `n` modulo their number.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    began: Instant,
    per_second: u64,
    total: u64,
    /// The next one that is not due yet, or was not looked at.
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    is_busy: bool,
    /// Which request of a schedule it has sent.
    number: u64,
    /// When that was due; in a closed loop, when it was sent.
    since: Instant,
}

impl Run {
    /// Nothing under way and nothing to do.
    pub(super) const fn idle() -> Self {
        Self {
            pace: Pace::Requests(0),
            requests: 0,
            bytes: 0,
            under_way: 0,
            stopwatch: None,
            lanes: Vec::new(),
        }
    }

    /// Begins to carry out an order with so many lanes.
    pub(super) fn begin(&mut self, order: Order, lanes: usize, now: Instant) -> Outcome<()> {
        let (pace, is_timed) = match order {
            Order::Slice(time) => (Pace::Until { end: now + time, is_over: false }, false),
            Order::Waits(time) => (Pace::Until { end: now + time, is_over: false }, true),
            Order::Requests(count) => (Pace::Requests(count), false),
            Order::Rate { per_second, time } => {
                (Pace::Schedule(Schedule::new(now, per_second, time)), true)
            }
            Order::Active(_) | Order::Quit => (Pace::Requests(0), false),
        };
        *self = Self { pace, ..Self::idle() };
        if is_timed {
            self.stopwatch = Some(Stopwatch::start(now)?);
            self.lanes = vec![Lane { is_busy: false, number: 0, since: now }; lanes];
        }
        Ok(())
    }

    /// Whether lanes ask when they are answered, and so must be set going.
    pub(super) const fn is_closed_loop(&self) -> bool {
        !matches!(self.pace, Pace::Schedule(_))
    }

    /// A lane is set going in a closed loop.
    pub(super) fn set_going(&mut self, lane: usize, now: Instant) {
        self.under_way += 1;
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.since = now;
        }
    }

    /// The next lane whose request is due and which is free to send it. It counts as sent.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<usize> {
        let Pace::Schedule(schedule) = &mut self.pace else { return None };
        while schedule.next < schedule.total && schedule.due(schedule.next) <= now {
            let number = schedule.next;
            schedule.next += 1;
            let index = (number % self.lanes.len() as u64) as usize;
            let lane = &mut self.lanes[index];
            // A busy one sends it by itself when it is answered.
            if !lane.is_busy {
                *lane = Lane { is_busy: true, number, since: schedule.due(number) };
                self.under_way += 1;
                return Some(index);
            }
        }
        None
    }

    /// Notes how long a lane's request has waited, where that is timed.
    #[inline]
    pub(super) fn time(&mut self, lane: usize) {
        if let Some(stopwatch) = &mut self.stopwatch {
            stopwatch.note(self.lanes[lane].since, Instant::now());
        }
    }

    /// A lane's batch of so many requests is answered. Says whether it asks again at once.
    #[inline]
    pub(super) fn is_to_ask_again(&mut self, lane: usize, requests: u64) -> bool {
        self.requests += requests;
        let goes_on = match &self.pace {
            Pace::Until { is_over, .. } => !is_over,
            Pace::Requests(count) => self.requests < *count,
            Pace::Schedule(schedule) => {
                let lanes = self.lanes.len() as u64;
                return self.take_next(schedule.after(self.lanes[lane].number, lanes), lane);
            }
        };
        if !goes_on {
            self.under_way -= 1;
        } else if self.stopwatch.is_some() {
            self.lanes[lane].since = Instant::now();
        }
        goes_on
    }

    /// Gives a lane its next request, if that is overdue.
    fn take_next(&mut self, next: Option<(u64, Instant)>, lane: usize) -> bool {
        let lane = &mut self.lanes[lane];
        match next {
            Some((number, due)) if due <= Instant::now() => {
                (lane.number, lane.since) = (number, due);
                true
            }
            _ => {
                lane.is_busy = false;
                self.under_way -= 1;
                false
            }
        }
    }

    /// Says whether all is done, it being `now`.
    pub(super) fn is_done(&mut self, now: Instant) -> Outcome<bool> {
        match &mut self.pace {
            Pace::Until { end, is_over } => *is_over = now >= *end,
            Pace::Requests(_) => {}
            Pace::Schedule(schedule) => {
                let end = schedule.due(schedule.total);
                if now > end + MOST_OVERDUE {
                    return Err(Failure::new(format!(
                        "the server cannot keep to {} requests/s: {} s after the last was due, \
                         {} of {} were not answered",
                        schedule.per_second,
                        MOST_OVERDUE.as_secs(),
                        schedule.total.saturating_sub(self.requests),
                        schedule.total,
                    )));
                }
                if schedule.next < schedule.total {
                    return Ok(false);
                }
            }
        }
        Ok(self.under_way == 0)
    }

    /// Whether the time for asking is over.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.pace, Pace::Until { is_over: true, .. })
    }

    /// How many lanes wait for a reply.
    pub(super) const fn under_way(&self) -> usize {
        self.under_way
    }

    /// What was waited, if it was timed.
    pub(super) fn waits(&self) -> Option<Waits> {
        self.stopwatch.as_ref().map(Stopwatch::read)
    }
}

impl Schedule {
    fn new(began: Instant, per_second: u64, time: Duration) -> Self {
        let total = u128::from(per_second) * time.as_nanos() / NANOSECONDS;
        Self { began, per_second, total: u64::try_from(total).unwrap_or(u64::MAX), next: 0 }
    }

    /// When a request is due.
    fn due(&self, number: u64) -> Instant {
        let nanoseconds = u128::from(number) * NANOSECONDS / u128::from(self.per_second);
        self.began + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// The request that its lane sends after this one, and when it is due.
    fn after(&self, number: u64, lanes: u64) -> Option<(u64, Instant)> {
        let next = number + lanes;
        (next < self.total).then(|| (next, self.due(next)))
    }
}

const NANOSECONDS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Two lanes and a request every 10 ms, begun a while ago.
    fn overdue(began: Instant) -> Run {
        let mut run = Run::idle();
        let order = Order::Rate { per_second: 100, time: Duration::from_millis(40) };
        run.begin(order, 2, began).expect("a histogram of a minute");
        run
    }

    #[test]
    fn a_late_request_is_timed_from_when_it_was_due() {
        // Due 100, 90, 80 and 70 ms ago, for the lanes 0, 1, 0 and 1.
        let mut run = overdue(Instant::now() - Duration::from_millis(100));
        let now = Instant::now();
        assert_eq!((run.take_due(now), run.take_due(now)), (Some(0), Some(1)));
        assert_eq!(run.take_due(now), None, "both lanes are busy");
        assert!(!run.is_done(now).expect("not late enough to fail"));
        for lane in [1, 0] {
            run.time(lane);
            assert!(run.is_to_ask_again(lane, 1), "its second request is overdue");
            run.time(lane);
            assert!(!run.is_to_ask_again(lane, 1), "there is no third");
        }
        assert!(run.is_done(now).expect("all answered"));
        let waits = run.waits().expect("they were timed");
        assert_eq!((run.requests, waits.count), (4, 4));
        assert!(waits.p50_ns >= 70_000_000, "{waits:?}");
    }

    #[test]
    fn a_request_that_is_not_due_waits_for_its_time() {
        let began = Instant::now() + Duration::from_secs(3600);
        let mut run = overdue(began);
        assert_eq!(run.take_due(Instant::now()), None);
        assert_eq!(run.take_due(began), Some(0));
        assert!(!run.is_to_ask_again(0, 1), "its next is due in an hour");
        assert_eq!(run.take_due(began + Duration::from_millis(20)), Some(1));
        assert_eq!(run.take_due(began + Duration::from_millis(20)), Some(0));
    }

    #[test]
    fn a_server_that_cannot_keep_up_is_told_from_one_that_does() {
        let mut run = overdue(Instant::now());
        let late = Instant::now() + MOST_OVERDUE + Duration::from_secs(1);
        assert!(run.is_done(late).is_err());
    }

    #[test]
    fn each_lane_asks_at_least_once_and_no_lane_after_the_goal() {
        let mut run = Run::idle();
        run.begin(Order::Requests(3), 2, Instant::now()).expect("a plain order");
        run.set_going(0, Instant::now());
        run.set_going(1, Instant::now());
        assert!(run.is_to_ask_again(0, 1));
        assert!(run.is_to_ask_again(0, 1));
        assert!(!run.is_to_ask_again(1, 1));
        assert!(!run.is_done(Instant::now()).expect("one is under way"));
        assert!(!run.is_to_ask_again(0, 1));
        assert!(run.is_done(Instant::now()).expect("all are answered"));
    }
}
