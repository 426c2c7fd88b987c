//! Reaching the loop from another thread.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::control::Control;
use super::mailbox::{Letter, Mailbox, Refusal};
use crate::sansio::{Closing, ConnectionId, Delivery, ListenerId, Request, WhenFull};

/// Reaches the loop from any thread: send, broadcast, close, run work there, drain, stop, wake.
///
/// Everything returns at once. Whether a connection still lives is known only to the loop, so a
/// message to one that is gone is no error here: it is counted in
/// [`Stats::dead_letters`](super::Stats::dead_letters), and told to a completion.
pub struct Handle<S> {
    mailbox: Arc<Mailbox<S>>,
}

/// Why the loop did not take something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandleError {
    /// As many messages wait as may: [`Config::mailbox`](super::Config::mailbox). Try again
    /// later, or give up.
    Full,
    /// The loop was dropped.
    LoopGone,
}

impl<S> Handle<S> {
    pub(super) fn new(mailbox: Arc<Mailbox<S>>) -> Self {
        Self { mailbox }
    }

    /// Queues `bytes` on the connection `to`. [`WhenFull::PauseSource`] has no source to pause
    /// here and queues up to the connection's cap.
    ///
    /// # Errors
    ///
    /// [`HandleError`], as everything here.
    pub fn send(
        &self,
        to: ConnectionId,
        bytes: impl Into<Bytes>,
        when_full: WhenFull,
    ) -> Result<(), HandleError> {
        self.put(Letter::Send { to, bytes: bytes.into(), when_full, completion: None })
    }

    /// As [`send`](Self::send), and calls `completion` on the loop's thread with what became of
    /// the message. It is dropped without a call when the loop is dropped before.
    ///
    /// # Errors
    ///
    /// [`HandleError`], as everything here.
    pub fn send_then(
        &self,
        to: ConnectionId,
        bytes: impl Into<Bytes>,
        when_full: WhenFull,
        completion: impl FnOnce(Delivery) + Send + 'static,
    ) -> Result<(), HandleError> {
        let completion = Some(Box::new(completion) as _);
        self.put(Letter::Send { to, bytes: bytes.into(), when_full, completion })
    }

    /// Queues `bytes` on every connection of `listener`, without copying them.
    ///
    /// # Errors
    ///
    /// [`HandleError`], as everything here.
    pub fn broadcast(
        &self,
        listener: ListenerId,
        bytes: impl Into<Bytes>,
        when_full: WhenFull,
    ) -> Result<(), HandleError> {
        let bytes = bytes.into();
        let request = Request::Broadcast { listener, from: None, bytes, when_full, next_slot: 0 };
        self.put(Letter::Request(request))
    }

    /// Hands `message` to the [`notified`](crate::Protocol::notified) of the connection `to`.
    ///
    /// # Errors
    ///
    /// [`HandleError`], as everything here.
    pub fn notify(
        &self,
        to: ConnectionId,
        message: Box<dyn Any + Send>,
    ) -> Result<(), HandleError> {
        self.put(Letter::Notify { to, message })
    }

    /// Closes the connection `to`.
    ///
    /// # Errors
    ///
    /// [`HandleError`], as everything here.
    pub fn close(&self, to: ConnectionId, closing: Closing) -> Result<(), HandleError> {
        self.put(Letter::Request(Request::Close { to, closing }))
    }

    /// Runs `work` on the loop's thread, in a turn.
    ///
    /// # Errors
    ///
    /// [`HandleError`], as everything here.
    pub fn post(
        &self,
        work: impl FnOnce(&mut Control<'_, S>, &mut S) + Send + 'static,
    ) -> Result<(), HandleError> {
        self.put(Letter::Run(Box::new(work)))
    }

    /// Begins to drain: see [`EventLoop::drain`](super::EventLoop::drain). There is always room
    /// for this.
    ///
    /// # Errors
    ///
    /// [`HandleError::LoopGone`].
    pub fn drain(&self, grace: Duration) -> Result<(), HandleError> {
        Ok(self.mailbox.order(|orders| orders.drain(grace))?)
    }

    /// Makes [`run`](super::EventLoop::run) return. Connections stay as they are, and end when
    /// the loop is dropped. There is always room for this.
    ///
    /// # Errors
    ///
    /// [`HandleError::LoopGone`].
    pub fn stop(&self) -> Result<(), HandleError> {
        Ok(self.mailbox.order(|orders| orders.is_stop = true)?)
    }

    /// Ends the loop's wait, if it is waiting: it makes a turn.
    pub fn wake(&self) {
        self.mailbox.wake();
    }

    fn put(&self, letter: Letter<S>) -> Result<(), HandleError> {
        Ok(self.mailbox.put(letter).map_err(|(refusal, _)| refusal)?)
    }
}

impl From<Refusal> for HandleError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full => Self::Full,
            Refusal::LoopGone => Self::LoopGone,
        }
    }
}

impl<S> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Self { mailbox: Arc::clone(&self.mailbox) }
    }
}

impl<S> fmt::Debug for Handle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.mailbox).finish()
    }
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the loop has as many messages waiting as it may",
            Self::LoopGone => "the loop is gone",
        })
    }
}

impl std::error::Error for HandleError {}
