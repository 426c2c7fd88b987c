//! A loop that a game has already: 60 frames a second, each one timed.

use std::fmt;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 60);

/// What the frames took, shortest first.
pub(crate) struct Times(Vec<Duration>);

/// Makes `count` frames, at least one. `frame` is told when it should be over.
#[expect(clippy::disallowed_methods, reason = "a game has a clock, and waits for its display")]
pub(crate) fn run(
    count: usize,
    mut frame: impl FnMut(Instant) -> io::Result<()>,
) -> io::Result<Times> {
    let mut times = Vec::new();
    for _ in 0..count.max(1) {
        let began = Instant::now();
        frame(began + FRAME)?;
        times.push(began.elapsed());
        thread::sleep(FRAME.saturating_sub(began.elapsed()));
    }
    times.sort_unstable();
    Ok(Times(times))
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = |thousandths: usize| self.0[(self.0.len() * thousandths).div_ceil(1000) - 1];
        let late = self.0.iter().filter(|time| **time > FRAME).count();
        write!(
            f,
            "a frame takes {:.2?} in the middle, {:.2?} at the 99th percentile, {:.2?} at most; \
             {late} of {} were late",
            below(500),
            below(990),
            below(1000),
            self.0.len()
        )
    }
}
