//! A reason to close as the exit status of a process, and back.
//!
//! The status is this crate's own affair: parent and child are the same program.

use std::io::ErrorKind;

use switchboard::sansio::{Driver, RequestKind, Unsupported};
use switchboard::{CloseReason, Timeout};

/// The exit status that says `reason`.
pub(crate) fn to_code(reason: CloseReason) -> i32 {
    let place = REASONS.iter().position(|known| *known == reason).unwrap_or(UNKNOWN);
    i32::try_from(place).unwrap_or(i32::MAX)
}

/// The reason that an exit status says.
pub(crate) fn from_code(code: i32) -> Option<CloseReason> {
    REASONS.get(usize::try_from(code).ok()?).copied()
}

const fn unsupported(request: RequestKind) -> CloseReason {
    CloseReason::Unsupported(Unsupported::new(request, Driver::Forks))
}

/// Failures of the system come in too many kinds to list; the others are this one.
const UNKNOWN: usize = 1;

/// By exit status. All are below 101, with which a Rust program ends after a panic, and 128,
/// above which a shell reports signals.
const REASONS: [CloseReason; 33] = [
    CloseReason::Finished,
    CloseReason::Io(ErrorKind::Other),
    CloseReason::Aborted,
    CloseReason::TimedOut(Timeout::Own),
    CloseReason::TimedOut(Timeout::FirstByte),
    CloseReason::TimedOut(Timeout::Idle),
    CloseReason::TimedOut(Timeout::Message),
    CloseReason::TimedOut(Timeout::WriteStall),
    CloseReason::TimedOut(Timeout::Closing),
    CloseReason::TimedOut(Timeout::Connect),
    CloseReason::InputFull,
    CloseReason::OutputFull,
    CloseReason::TooSlow,
    CloseReason::Overloaded,
    CloseReason::Panicked,
    CloseReason::File,
    CloseReason::Layer,
    CloseReason::Stopped,
    CloseReason::Gone,
    unsupported(RequestKind::Send),
    unsupported(RequestKind::Broadcast),
    unsupported(RequestKind::Close),
    unsupported(RequestKind::Notify),
    unsupported(RequestKind::HandOver),
    unsupported(RequestKind::Connect),
    CloseReason::Io(ErrorKind::ConnectionReset),
    CloseReason::Io(ErrorKind::ConnectionAborted),
    CloseReason::Io(ErrorKind::BrokenPipe),
    CloseReason::Io(ErrorKind::NotConnected),
    CloseReason::Io(ErrorKind::TimedOut),
    CloseReason::Io(ErrorKind::HostUnreachable),
    CloseReason::Io(ErrorKind::NetworkUnreachable),
    CloseReason::Io(ErrorKind::OutOfMemory),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_the_way_through_an_exit_status() {
        for reason in REASONS {
            assert_eq!(from_code(to_code(reason)), Some(reason));
        }
    }

    #[test]
    fn a_failure_that_is_not_listed_is_still_a_failure() {
        let code = to_code(CloseReason::Io(ErrorKind::Deadlock));
        assert_eq!(from_code(code), Some(CloseReason::Io(ErrorKind::Other)));
    }

    #[test]
    fn what_no_child_of_ours_says_is_no_reason() {
        assert_eq!(from_code(101), None);
        assert_eq!(from_code(-1), None);
    }
}
