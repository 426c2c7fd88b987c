//! What a driver cannot do, as a value: which request it was, and which driver.

use std::fmt;

/// A request that the driver of a connection cannot carry out.
///
/// The connection that asked ends with
/// [`CloseReason::Unsupported`](super::CloseReason::Unsupported), because a conversation that
/// counts on it would go wrong in silence. What each driver can do is in the table of
/// [`drivers`](crate::drivers).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Unsupported {
    /// What was asked for.
    pub request: RequestKind,
    /// Who was asked.
    pub driver: Driver,
}

/// What was asked for, without what was to be sent and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestKind {
    /// [`Transport::send`](super::Transport::send) to another connection.
    Send,
    /// [`Transport::broadcast`](super::Transport::broadcast).
    Broadcast,
    /// [`Transport::close`](super::Transport::close) of another connection.
    Close,
    /// [`Transport::notify`](super::Transport::notify) of another connection.
    Notify,
    /// [`Transport::hand_over`](super::Transport::hand_over) of another connection.
    HandOver,
    /// [`Transport::connect`](super::Transport::connect).
    Connect,
}

/// Who runs a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Driver {
    /// One thread and one poll for all connections.
    EventLoop,
    /// A thread for each connection.
    Threads,
    /// A process for each connection.
    Forks,
}

impl Unsupported {
    /// That `driver` cannot do what `request` asks for.
    #[must_use]
    pub const fn new(request: RequestKind, driver: Driver) -> Self {
        Self { request, driver }
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "send to another connection",
            Self::Broadcast => "broadcast",
            Self::Close => "close another connection",
            Self::Notify => "notify another connection",
            Self::HandOver => "hand another connection over",
            Self::Connect => "connect out",
        })
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EventLoop => "an event loop",
            Self::Threads => "a thread per connection",
            Self::Forks => "a process per connection",
        })
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot {}", self.driver, self.request)
    }
}

impl std::error::Error for Unsupported {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_done_is_said_with_who_cannot() {
        let unsupported = Unsupported::new(RequestKind::Broadcast, Driver::Threads);
        assert_eq!(unsupported.to_string(), "a thread per connection cannot broadcast");
    }
}
