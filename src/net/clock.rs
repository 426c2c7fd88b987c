//! Where the time comes from: the one place that reads the clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The system's clock, or one that a test moves.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    Manual(ManualClock),
}

#[expect(clippy::disallowed_methods, reason = "this is where drivers read the clock")]
impl Clock {
    pub(crate) fn now(&self) -> Instant {
        match self {
            Self::System => Instant::now(),
            Self::Manual(clock) => clock.now(),
        }
    }

    pub(crate) fn wall_time(&self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            Self::Manual(clock) => clock.wall_time(),
        }
    }

    /// The system's time, when by this clock it is `now`.
    pub(crate) fn real(&self, now: Instant) -> Instant {
        match self {
            Self::System => now,
            Self::Manual(_) => Instant::now(),
        }
    }
}

/// Tells whether time has passed, for a fraction of what reading the clock costs: the processor's
/// counter, which a reading waits for, is not looked at.
#[derive(Debug, Default)]
pub(crate) struct Ticks {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    last: Option<rustix::time::Timespec>,
}

impl Ticks {
    /// Whether `clock` has moved since this was last asked, to the tick: 1 to 10 ms, as the
    /// kernel was built (`CLOCK_MONOTONIC_COARSE`, clock_gettime(2)).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[inline]
    pub(crate) fn have_moved(&mut self, clock: &Clock) -> bool {
        let Clock::System = clock else { return true };
        let tick = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
        self.last.replace(tick) != Some(tick)
    }

    /// Nothing can be told here.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn have_moved(&mut self, _: &Clock) -> bool {
        true
    }
}

/// A clock that stands still until it is moved, for tests: deadlines of minutes pass at once.
///
/// Clones show the same time. The loop's own wait is not virtual: a turn that finds nothing to
/// do still waits, in real time, as long as it was told to.
#[derive(Clone, Debug)]
pub struct ManualClock {
    reading: Arc<Mutex<(Instant, SystemTime)>>,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl ManualClock {
    /// A clock that shows the present until it is moved.
    #[must_use]
    pub fn new() -> Self {
        let reading = (Clock::System.now(), Clock::System.wall_time());
        Self { reading: Arc::new(Mutex::new(reading)) }
    }

    /// Moves both the monotonic time and the wall clock on by `time`.
    pub fn advance(&self, time: Duration) {
        self.with(|(now, wall_time)| {
            *now += time;
            *wall_time += time;
        });
    }

    /// Sets the wall clock alone, as an administrator may at any time.
    pub fn set_wall_time(&self, wall_time: SystemTime) {
        self.with(|reading| reading.1 = wall_time);
    }

    /// The monotonic time it shows.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.with(|(now, _)| *now)
    }

    /// The wall time it shows.
    #[must_use]
    pub fn wall_time(&self) -> SystemTime {
        self.with(|(_, wall_time)| *wall_time)
    }

    fn with<R>(&self, look: impl FnOnce(&mut (Instant, SystemTime)) -> R) -> R {
        // A panic while the reading is held leaves two plain values, each whole.
        look(&mut self.reading.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
