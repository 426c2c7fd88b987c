//! Where a connection is in its life.
//!
//! | from | by | to |
//! | --- | --- | --- |
//! | Connecting | another address is tried | Connecting |
//! | Connecting | established | Open |
//! | Open | the end of input was delivered | PeerFinished |
//! | Open | `finish_writing` | WriteFinishing |
//! | WriteFinishing | everything sent, FIN sent | WriteFinished |
//! | PeerFinished | `finish_writing` | Flushing |
//! | WriteFinishing | the end of input was delivered | Flushing |
//! | WriteFinished | the end of input was delivered | Ending |
//! | Open, PeerFinished, WriteFinishing | `finish`, or a timeout that may still speak | Flushing |
//! | WriteFinished | `finish` | Lingering |
//! | Flushing | everything sent, the peer's FIN seen | Ending |
//! | Flushing | everything sent, FIN sent | Lingering |
//! | Lingering | the peer's FIN, or its limit | Ending |
//! | any but Ending, Closed | `abort`, a failure, a limit, a deadline | Ending |
//! | Ending | `closed` was called | Closed |

use std::time::Instant;

use super::closing::CloseReason;

/// Where a connection is in its life. Only `Line::enter` assigns it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// We connect out and the system has not said how it went.
    Connecting { deadline: Instant },
    /// Both directions are open.
    Open,
    /// The peer has finished and the protocol knows; we may still write.
    PeerFinished,
    /// We write nothing more; what is queued goes out, then FIN. Reading goes on.
    WriteFinishing { deadline: Instant },
    /// Our FIN is sent. Reading goes on.
    WriteFinished,
    /// Reading has stopped; what is queued goes out by `deadline`, then FIN.
    Flushing { deadline: Instant, reason: CloseReason },
    /// Our FIN is sent, and what comes is thrown away: closing a socket with input unread makes
    /// the system reset it, and the peer would lose what it has not read yet.
    Lingering { deadline: Instant, reason: CloseReason, discarded: usize },
    /// It is over, and the protocol is told next.
    Ending(CloseReason),
    /// The protocol was told.
    Closed(CloseReason),
}

/// Where a connection is in its life, as the outside may know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// We connect out and the system has not said how it went.
    Connecting,
    /// At least one direction is open for the protocol.
    Open,
    /// It was finished; what is queued goes out, or the peer's FIN is awaited.
    Closing,
    /// It is over.
    Closed,
}

impl Phase {
    /// Whether the protocol may be called and may write.
    pub(super) const fn is_open(&self) -> bool {
        match self {
            Self::Open | Self::PeerFinished | Self::WriteFinishing { .. } | Self::WriteFinished => {
                true
            }
            Self::Connecting { .. }
            | Self::Flushing { .. }
            | Self::Lingering { .. }
            | Self::Ending(_)
            | Self::Closed(_) => false,
        }
    }

    /// Whether what the protocol writes is queued.
    pub(super) const fn takes_output(&self) -> bool {
        matches!(self, Self::Connecting { .. } | Self::Open | Self::PeerFinished)
    }

    /// Whether input is offered to the protocol.
    pub(super) const fn takes_input(&self) -> bool {
        matches!(self, Self::Open | Self::WriteFinishing { .. } | Self::WriteFinished)
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self, Self::Ending(_) | Self::Closed(_))
    }

    pub(super) const fn stage(&self) -> Stage {
        match self {
            Self::Connecting { .. } => Stage::Connecting,
            Self::Open | Self::PeerFinished | Self::WriteFinishing { .. } | Self::WriteFinished => {
                Stage::Open
            }
            Self::Flushing { .. } | Self::Lingering { .. } => Stage::Closing,
            Self::Ending(_) | Self::Closed(_) => Stage::Closed,
        }
    }
}
