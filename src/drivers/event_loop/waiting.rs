//! How long a turn may wait, and when the next one is due.

use std::time::{Duration, Instant};

use super::engine::Engine;
use super::tokens;
use super::turn::Budget;
use crate::net::PolledNetwork;

/// How long a turn may wait for something to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// Not at all.
    No,
    /// At most so long.
    UpTo(Duration),
    /// Until something happens.
    Forever,
}

/// When the next turn should be made. What is earlier is less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Deadline {
    /// At once: work is left over.
    Now,
    /// At this time, unless something happens before.
    At(Instant),
    /// When something happens.
    #[default]
    Never,
}

impl Deadline {
    /// How long to wait for it from `now`, at most: nothing, so long, or (`None`) for ever. That
    /// is what the poll of most loops takes.
    #[must_use]
    pub fn timeout(self, now: Instant) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::At(at) => Some(at.saturating_duration_since(now)),
            Self::Never => None,
        }
    }

    /// The earlier of this and `other`.
    pub(super) fn or_at(self, other: Option<Instant>) -> Self {
        match (self, other) {
            (Self::Now, _) => Self::Now,
            (Self::At(at), Some(other)) => Self::At(at.min(other)),
            (Self::Never, Some(other)) => Self::At(other),
            (deadline, None) => deadline,
        }
    }
}

impl<S: 'static, N: PolledNetwork> Engine<S, N> {
    /// How long the poll may wait.
    pub(super) fn timeout(
        &mut self,
        next: Deadline,
        wait: Wait,
        budget: &Budget,
    ) -> Option<Duration> {
        let wait = match wait {
            Wait::No => return Some(Duration::ZERO),
            Wait::UpTo(wait) => Some(wait),
            Wait::Forever => None,
        };
        let at = match next.or_at(budget.until) {
            Deadline::Now => return Some(Duration::ZERO),
            Deadline::At(at) => at,
            Deadline::Never => return wait,
        };
        let now = self.net.now();
        let until = at.saturating_duration_since(now);
        if wait.is_none() && until >= LONG_WAIT && self.net.wakes_at(at, now, tokens::TIMER) {
            return None;
        }
        Some(wait.map_or(until, |wait| wait.min(until)))
    }
}

/// From here on a wait is left to a timer, where the network has one. Below, deadlines may move so
/// fast that setting it each time would cost more than it saves.
const LONG_WAIT: Duration = Duration::from_secs(1);
