//! The ways a connection is asked to close, and the reasons for which it did.

use std::{fmt, io};

use super::unsupported::Unsupported;

/// How to close a connection, where a request for it is a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Closing {
    /// Send what is queued, say FIN, read on (discarding) until the peer's FIN; by a deadline.
    Finish,
    /// Close our direction alone: send what is queued, say FIN, and go on reading. Ignored by a
    /// connection that is not established yet.
    FinishWriting,
    /// Drop what is queued and reset: the peer sees an error at once.
    Abort,
}

/// Which of a connection's clocks ran out. The defaults are in [`Limits`](super::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timeout {
    /// A deadline that the protocol set itself. It ends nothing.
    Own,
    /// The peer connected and sent nothing.
    FirstByte,
    /// Neither side moved a byte, and the protocol had no deadline of its own.
    Idle,
    /// A message was begun and not completed.
    Message,
    /// The peer took nothing of what is queued for it.
    WriteStall,
    /// What was queued could not be sent, or the peer did not close its side, after a close.
    Closing,
    /// A connection that we opened was not established.
    Connect,
}

/// Why a name led to no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unresolved {
    /// The driver was given nothing to look names up with.
    NoResolver,
    /// As many lookups wait as may.
    Busy,
    /// The name has no address, or none could be found out.
    NotFound,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// Both sides finished, and the system accepted everything that was written.
    Finished,
    /// [`abort`](super::Transport::abort) was asked for.
    Aborted,
    /// A clock ran out.
    TimedOut(Timeout),
    /// The peer's input reached [`Limits::input`](super::Limits::input) without a message.
    InputFull,
    /// Unsent bytes in memory reached [`Limits::output`](super::Limits::output).
    OutputFull,
    /// A message for this connection came while it was over its high-water mark, and its sender
    /// had said [`WhenFull::Close`](super::WhenFull::Close).
    TooSlow,
    /// The loop held more bytes than it may; this connection held most and made no progress.
    Overloaded,
    /// The protocol panicked, and the driver was told to close the connection for that.
    Panicked,
    /// A file became shorter while it was being sent, or could not be read.
    File,
    /// The layer between wire and protocol refused the peer's bytes.
    Layer,
    /// The driver stopped, or its drain came to its deadline.
    Stopped,
    /// The protocol was to [take a connection over](super::Transport::hand_over) that had ended,
    /// or was about to.
    Gone,
    /// The name that was to be connected to led to no address.
    Unresolved(Unresolved),
    /// The protocol asked for what its driver cannot do, such as a message to another
    /// connection in a thread per connection.
    Unsupported(Unsupported),
    /// The system reported a failure: `ConnectionReset` where the peer is gone.
    Io(io::ErrorKind),
}

/// Who has to act when a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Blame {
    /// Nobody: this is how connections should end.
    Nobody,
    /// The program: it asked for the end, stopped, or has a fault.
    Program,
    /// The peer: it was too slow, sent too much, or went away.
    Peer,
    /// The system, or the load on it.
    System,
}

impl CloseReason {
    /// Who has to act.
    #[must_use]
    pub const fn blame(self) -> Blame {
        match self {
            Self::Finished => Blame::Nobody,
            Self::Aborted | Self::Panicked | Self::File | Self::Gone | Self::Stopped => {
                Blame::Program
            }
            Self::TimedOut(_) | Self::InputFull | Self::TooSlow | Self::Layer => Blame::Peer,
            Self::OutputFull | Self::Unsupported(_) => Blame::Program,
            Self::Io(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => Blame::Peer,
            Self::Unresolved(Unresolved::NoResolver) => Blame::Program,
            Self::Overloaded | Self::Unresolved(_) | Self::Io(_) => Blame::System,
        }
    }

    /// Whether the peer is told by a reset. What ends for want of time or memory should free the
    /// system's buffers too, which an orderly close of a peer that does not read would keep.
    ///
    /// What was finished in order has its last words in those buffers: a reset could overtake
    /// them. (One that could not be flushed in time ends for another reason.)
    #[must_use]
    pub(crate) const fn resets(self) -> bool {
        match self {
            Self::Finished
            | Self::TimedOut(Timeout::Idle | Timeout::FirstByte | Timeout::Message)
            | Self::InputFull
            | Self::Layer => false,
            Self::Aborted
            | Self::TimedOut(_)
            | Self::OutputFull
            | Self::TooSlow
            | Self::Overloaded
            | Self::Panicked
            | Self::File
            | Self::Gone
            | Self::Stopped
            | Self::Unresolved(_)
            | Self::Unsupported(_)
            | Self::Io(_) => true,
        }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "own",
            Self::FirstByte => "first byte",
            Self::Idle => "idle",
            Self::Message => "message",
            Self::WriteStall => "write stall",
            Self::Closing => "closing",
            Self::Connect => "connect",
        })
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoResolver => "no resolver to look the name up with",
            Self::Busy => "too many lookups of names at once",
            Self::NotFound => "name does not resolve",
        })
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Aborted => f.write_str("aborted"),
            Self::TimedOut(timeout) => write!(f, "{timeout} timeout"),
            Self::InputFull => f.write_str("input full"),
            Self::OutputFull => f.write_str("output full"),
            Self::TooSlow => f.write_str("too slow for a message"),
            Self::Overloaded => f.write_str("loop overloaded"),
            Self::Panicked => f.write_str("protocol panicked"),
            Self::File => f.write_str("file became shorter or unreadable"),
            Self::Layer => f.write_str("refused by the layer"),
            Self::Stopped => f.write_str("driver stopped"),
            Self::Gone => f.write_str("connection to be taken over was gone"),
            Self::Unresolved(why) => why.fmt(f),
            Self::Unsupported(unsupported) => unsupported.fmt(f),
            Self::Io(kind) => write!(f, "{kind}"),
        }
    }
}

/// The end of a connection, as its protocol is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Why it ended.
    pub reason: CloseReason,
    /// Bytes written by the protocol that the system had not accepted. Zero does not say that
    /// the peer has them: delivery is not knowable here.
    pub unsent: u64,
}

impl Closed {
    /// An end for `reason` with `unsent` bytes left.
    #[must_use]
    pub const fn new(reason: CloseReason, unsent: u64) -> Self {
        Self { reason, unsent }
    }
}
