//! The one error of this program: a line for the person at the terminal.
//!
//! Nothing here is matched on by code, so a failure is its text: what was
//! attempted, then what the system said.

use std::fmt;

/// What a function here returns.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why a measurement could not be made, in one line.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// A failure with this text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The failure of an attempt, with its cause.
    pub(crate) fn because(attempt: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self(format!("{attempt}: {cause}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was attempted when something failed.
pub(crate) trait Attempt<T> {
    /// Turns an error into a [`Failure`] of this attempt.
    fn attempt(self, what: impl fmt::Display) -> Outcome<T>;
}

impl<T, E: fmt::Display> Attempt<T> for Result<T, E> {
    fn attempt(self, what: impl fmt::Display) -> Outcome<T> {
        self.map_err(|cause| Failure::because(what, cause))
    }
}
