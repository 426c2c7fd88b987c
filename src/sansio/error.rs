//! Errors, named by who must act.

use std::convert::Infallible;
use std::ops::Range;
use std::time::Duration;
use std::{fmt, io};

use super::address;
use super::closing::Unresolved;

/// Why something that the program asked for could not be done.
///
/// What a *peer* does wrong never becomes an error of the program: it ends that one connection,
/// with a [`CloseReason`](super::CloseReason).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Our caller must act: reading the calling code shows the mistake.
    Misuse(Misuse),
    /// The system refused.
    Io {
        /// What was being done, ready to be put before the reason.
        attempt: String,
        /// What the system said.
        source: io::Error,
    },
    /// A name cannot be looked up.
    Unresolved {
        /// The name, as it was given.
        name: String,
        /// Why.
        why: Unresolved,
    },
}

impl Error {
    /// The error `source`, met while doing `attempt`: the system's, unless it was a [`Misuse`]
    /// all along.
    #[must_use]
    pub fn io(attempt: impl Into<String>, source: io::Error) -> Self {
        match source.downcast::<Misuse>() {
            Ok(misuse) => Self::Misuse(misuse),
            Err(source) => Self::Io { attempt: attempt.into(), source },
        }
    }
}

/// A mistake in the calling code or in the options a person gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// An address did not parse.
    Address {
        /// What was given.
        text: String,
        /// Which part is at fault.
        problem: &'static str,
    },
    /// A limit was set to a value with which nothing would work.
    Limit {
        /// The field of [`Limits`](super::Limits) or of a driver's configuration.
        field: &'static str,
        /// What it was set to.
        found: u64,
        /// The smallest value that works.
        least: u64,
    },
    /// A timeout was set to zero, with which every connection would end at once.
    ZeroTimeout {
        /// The field of [`Limits`](super::Limits).
        field: &'static str,
    },
    /// The low-water mark is above the high-water mark.
    WaterMarks {
        /// The low mark, in bytes.
        low: usize,
        /// The high mark, in bytes.
        high: usize,
    },
    /// No listener has this id, or it was stopped before.
    NoSuchListener,
    /// A token that is not a guest's, in an event that was handed to it.
    ForeignToken {
        /// The event's.
        token: usize,
        /// The guest's.
        tokens: Range<usize>,
    },
    /// Every token that a guest was given is in use.
    TokensInUse {
        /// Those.
        tokens: Range<usize>,
    },
    /// `Config::timer_in_descriptor` for a loop without a descriptor that could hold one: of a
    /// guest, on poll(2), or on another system than Linux.
    NoDescriptor,
    /// The loop was made in another process: a fork shares its poll with the parent, and the
    /// events of one would reach the other.
    Forked,
}

impl Misuse {
    pub(crate) fn check_least(field: &'static str, found: usize, least: usize) -> Result<(), Self> {
        if found >= least {
            return Ok(());
        }
        Err(Self::Limit { field, found: found as u64, least: least as u64 })
    }

    pub(crate) fn check_timeout(field: &'static str, timeout: Duration) -> Result<(), Self> {
        if timeout.is_zero() { Err(Self::ZeroTimeout { field }) } else { Ok(()) }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { text, problem } => {
                let example = address::example_like(text);
                write!(f, "{text:?} is not an address: {problem}; one that works is {example}")
            }
            Self::Limit { field, found, least } => {
                write!(f, "{field} is {found}, but must be at least {least}")
            }
            Self::ZeroTimeout { field } => {
                write!(f, "the timeout {field} is zero, which would end every connection at once")
            }
            Self::WaterMarks { low, high } => {
                write!(f, "the low-water mark ({low} bytes) is above the high one ({high} bytes)")
            }
            Self::NoSuchListener => f.write_str("no such listener, or it was stopped before"),
            Self::ForeignToken { token, tokens } => {
                write!(f, "the event of token {token} is not the guest's, whose are {tokens:?}")
            }
            Self::TokensInUse { tokens } => write!(
                f,
                "each of the {} tokens {tokens:?} is in use: give the guest a larger range",
                tokens.len()
            ),
            Self::NoDescriptor => f.write_str(
                "no timer_in_descriptor here: this loop has no descriptor that could hold a timer",
            ),
            Self::Forked => f.write_str(
                "this loop was made before a fork: make one in each process, after forking",
            ),
        }
    }
}

impl std::error::Error for Misuse {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::Io { attempt, source } => write!(f, "{attempt}: {source}"),
            Self::Unresolved { name, why } => write!(f, "cannot look up {name}: {why}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Misuse(misuse) => Some(misuse),
            Self::Io { source, .. } => Some(source),
            Self::Unresolved { .. } => None,
        }
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

/// So that an address which cannot fail to convert fits where one may.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// So that a function which returns `io::Result` can use `?` on everything here.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Misuse(misuse) => Self::new(io::ErrorKind::InvalidInput, misuse),
            Error::Unresolved { .. } => Self::other(error.to_string()),
            Error::Io { source, attempt } => {
                Self::new(source.kind(), format!("{attempt}: {source}"))
            }
        }
    }
}
