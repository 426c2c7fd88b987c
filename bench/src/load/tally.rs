//! What an order came to.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::failure::{Attempt, Outcome};

/// What an order came to. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Requests that were answered; lines that were delivered; connections that came and went.
    pub(crate) requests: u64,
    /// From the first request to the last reply.
    pub(crate) elapsed_ns: u64,
    /// The part of it in which the load had nothing to do.
    pub(crate) idle_ns: u64,
    /// The load's own CPU time. As it spins, this is the elapsed time less what others took of
    /// its core.
    pub(crate) cpu_ns: u64,
    /// Bytes of replies.
    pub(crate) bytes: u64,
    /// What was waited, if it was timed.
    pub(crate) latency: Option<Waits>,
    /// What clients of another sort did meanwhile.
    pub(crate) others: Others,
}

/// What clients did that are in no other figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Others {
    /// Bytes that they received.
    pub(crate) bytes: u64,
    /// Whole replies that those are.
    pub(crate) replies: u64,
    /// Those that the server has got rid of since they connected.
    pub(crate) closed: u64,
}

/// How long requests waited for their replies, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waits {
    /// How many were timed.
    pub(crate) count: u64,
    /// The median.
    pub(crate) p50_ns: u64,
    /// 99 of 100 waited no longer.
    pub(crate) p99_ns: u64,
    /// 999 of 1000 waited no longer.
    pub(crate) p999_ns: u64,
    /// The longest.
    pub(crate) max_ns: u64,
    /// The longest wait of a typical second, which is the median of each second's longest. On a
    /// virtual machine a core may be away for milliseconds, so the longest of all is often the
    /// machine's.
    pub(crate) second_ns: u64,
}

impl Tally {
    /// From the first request to the last reply.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.elapsed_ns)
    }
}

/// Where waits are collected.
#[derive(Debug)]
pub(super) struct Stopwatch {
    waits: Histogram<u64>,
    /// Until when the longest is sought for.
    second_ends: Instant,
    longest: u64,
    longest_of_each: Vec<u64>,
}

/// A wait that is longer counts as this.
const LONGEST: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

impl Stopwatch {
    /// Begins to collect, with three significant figures.
    pub(super) fn start(now: Instant) -> Outcome<Self> {
        let waits = Histogram::new_with_max(nanoseconds(LONGEST), 3).attempt("histogram")?;
        let second_ends = now + SECOND;
        Ok(Self { waits, second_ends, longest: 0, longest_of_each: Vec::new() })
    }

    /// A request that was due at `since` was answered `now`.
    pub(super) fn note(&mut self, since: Instant, now: Instant) {
        let wait = nanoseconds(now.saturating_duration_since(since));
        self.waits.saturating_record(wait);
        if now >= self.second_ends {
            self.longest_of_each.push(std::mem::take(&mut self.longest));
            self.second_ends = now + SECOND;
        }
        self.longest = self.longest.max(wait);
    }

    /// What was collected.
    pub(super) fn read(&self) -> Waits {
        // What is left is part of a second. It counts only where there is no whole one.
        let mut seconds = self.longest_of_each.clone();
        if seconds.is_empty() {
            seconds.push(self.longest);
        }
        seconds.sort_unstable();
        Waits {
            count: self.waits.len(),
            p50_ns: self.waits.value_at_quantile(0.5),
            p99_ns: self.waits.value_at_quantile(0.99),
            p999_ns: self.waits.value_at_quantile(0.999),
            max_ns: self.waits.max(),
            second_ns: seconds[seconds.len() / 2],
        }
    }
}

/// A time as a whole number; one of more than 584 years as the greatest.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_of_a_typical_second_is_not_the_longest_of_all() {
        let begin = Instant::now();
        let mut stopwatch = Stopwatch::start(begin).expect("a histogram of a minute");
        for (second, millis) in [(0, 2), (1, 90), (2, 1), (3, 1)] {
            let now = begin + SECOND * second;
            stopwatch.note(now - Duration::from_millis(millis), now);
        }
        let waits = stopwatch.read();
        assert_eq!(waits.second_ns, 2_000_000);
        assert_eq!((waits.count, waits.max_ns / 1_000_000), (4, 90));
    }
}
