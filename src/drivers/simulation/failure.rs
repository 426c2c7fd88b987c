//! What a simulation found, and how to see it again.

use std::fmt;

/// Something that must not happen has happened. Printed, it says what, shows what came before,
/// and gives the command that repeats it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The seed with which it happens.
    pub seed: u64,
    /// What happened.
    pub finding: String,
    /// The last lines of the trace.
    pub trace: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, finding, trace } = self;
        writeln!(f, "seed {seed}, the last that happened:")?;
        f.write_str(trace)?;
        writeln!(f, "seed {seed}: {finding}")?;
        writeln!(f, "to repeat it, name the test: SWITCHBOARD_SEED={seed} cargo test NAME")?;
        write!(f, "SWITCHBOARD_TRACE=10000 beside it shows so many lines")
    }
}

impl std::error::Error for Failure {}

/// Which seeds a check runs: an iterator.
///
/// `SWITCHBOARD_SEEDS=1000` in the environment makes it so many, `SWITCHBOARD_SEED=7` makes it
/// that one alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds {
    next: u64,
    end: u64,
}

/// The first `count` seeds, unless the environment says otherwise: see [`Seeds`].
#[must_use]
pub fn seeds(count: u64) -> Seeds {
    match number("SWITCHBOARD_SEED") {
        Some(seed) => Seeds { next: seed, end: seed.saturating_add(1) },
        None => Seeds { next: 0, end: number("SWITCHBOARD_SEEDS").unwrap_or(count) },
    }
}

/// How many lines of the trace a failure shows: 60, or `SWITCHBOARD_TRACE`.
pub(super) fn lines_shown() -> usize {
    number("SWITCHBOARD_TRACE").and_then(|lines| usize::try_from(lines).ok()).unwrap_or(60)
}

/// A number in the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.trim().parse().ok())
}

impl Iterator for Seeds {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        (self.next < self.end).then(|| {
            self.next += 1;
            self.next - 1
        })
    }
}
