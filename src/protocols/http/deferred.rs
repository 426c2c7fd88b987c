//! Answering later, from any thread.

use std::fmt;

use ::http::{Response, StatusCode};
use bytes::Bytes;

use crate::sansio::{PostError, Remote};

/// A reply that is still owed. [`send`](Self::send) pays it, from any thread; dropped, it
/// answers 500. A client that has gone meanwhile is no error.
#[derive(Debug)]
pub struct Deferred {
    remote: Remote,
    number: u32,
    is_answered: bool,
}

/// What [`Deferred`] posts to its connection.
pub(super) struct Answer {
    pub(super) number: u32,
    pub(super) response: Response<Bytes>,
}

/// A reply that the loop did not take, with everything needed to try again. Dropped, it answers
/// 500 if the loop takes that, and otherwise the connection's reply timeout does.
pub struct Undelivered {
    /// Still owed.
    pub deferred: Deferred,
    /// What was to be sent.
    pub response: Response<Bytes>,
    /// Whether trying again can help: not when the loop is gone.
    pub is_final: bool,
}

impl Deferred {
    pub(super) fn new(remote: Remote, number: u32) -> Self {
        Self { remote, number, is_answered: false }
    }

    /// Answers with plain text.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn text(self, text: impl Into<String>) -> Result<(), Box<Undelivered>> {
        let mut response = Response::new(Bytes::from(text.into()));
        let plain = ::http::HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(::http::header::CONTENT_TYPE, plain);
        self.send(response)
    }

    /// Answers with `response`. Its version is ignored, and so are headers that frame the body.
    ///
    /// # Errors
    ///
    /// [`Undelivered`] when the loop has as many messages waiting as it may, or is gone.
    pub fn send(mut self, response: Response<impl Into<Bytes>>) -> Result<(), Box<Undelivered>> {
        let answer = Answer { number: self.number, response: response.map(Into::into) };
        let (message, is_final) = match self.remote.notify(Box::new(answer)) {
            Ok(()) => {
                self.is_answered = true;
                return Ok(());
            }
            Err(PostError::Full(message)) => (message, false),
            Err(PostError::LoopGone(message)) => (message, true),
        };
        let response = message.downcast::<Answer>().map(|answer| answer.response);
        let response = response.unwrap_or_default();
        Err(Box::new(Undelivered { deferred: self, response, is_final }))
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        if !self.is_answered {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            // Should the loop not take it, the reply timeout answers in its place.
            let _ = self.remote.notify(Box::new(Answer { number: self.number, response }));
        }
    }
}

impl fmt::Debug for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undelivered").field("is_final", &self.is_final).finish_non_exhaustive()
    }
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_final {
            "the loop is gone"
        } else {
            "the loop has as many messages waiting as it may"
        })
    }
}

impl std::error::Error for Undelivered {}
