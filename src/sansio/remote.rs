//! Reaching a connection from another thread, as a value that a protocol may give away.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::connection_id::ConnectionId;

/// Carries a message to a connection of some driver. The driver implements it.
pub trait Post: Send + Sync {
    /// Takes `message` for the connection `to` and wakes the driver.
    ///
    /// # Errors
    ///
    /// [`PostError`] with the message in it. That the connection is gone is not an error here:
    /// only the driver knows, later.
    fn post(&self, to: ConnectionId, message: Box<dyn Any + Send>) -> Result<(), PostError>;
}

/// Why a message was not taken. It is handed back.
#[non_exhaustive]
pub enum PostError {
    /// The driver has as many messages waiting as it may.
    Full(Box<dyn Any + Send>),
    /// The driver is gone, or the connection has none.
    LoopGone(Box<dyn Any + Send>),
}

impl fmt::Display for PostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the loop has as many messages waiting as it may",
            Self::LoopGone(_) => "the loop is gone",
        })
    }
}

impl fmt::Debug for PostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::LoopGone(_) => "LoopGone(..)",
        })
    }
}

impl std::error::Error for PostError {}

/// Posts values to one connection from any thread; they arrive in
/// [`notified`](super::Protocol::notified).
///
/// Made by [`Transport::remote`](super::Transport::remote). One that outlives its connection
/// posts to nobody.
#[derive(Clone)]
pub struct Remote {
    to: ConnectionId,
    post: Arc<dyn Post>,
}

impl Remote {
    pub(crate) fn new(to: ConnectionId, post: Arc<dyn Post>) -> Self {
        Self { to, post }
    }

    /// Posts `message` to the connection.
    ///
    /// # Errors
    ///
    /// [`PostError::Full`] when the driver has as many waiting as it may: try again later, or
    /// give up. [`PostError::LoopGone`] when nobody will ever read it.
    pub fn notify(&self, message: Box<dyn Any + Send>) -> Result<(), PostError> {
        self.post.post(self.to, message)
    }

    /// The connection it posts to.
    #[must_use]
    pub const fn connection(&self) -> ConnectionId {
        self.to
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remote").field(&self.to).finish()
    }
}

/// The post of a [`Desk`](super::Desk) that nobody gave one to.
pub(super) struct NoPost;

impl Post for NoPost {
    fn post(&self, _: ConnectionId, message: Box<dyn Any + Send>) -> Result<(), PostError> {
        Err(PostError::LoopGone(message))
    }
}
