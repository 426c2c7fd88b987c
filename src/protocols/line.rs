//! Lines: messages that end with a newline. The smallest complete protocol here, to learn from.
//!
//! A [`Session`] is told of each line, without the LF or CRLF that ended it. What the bytes mean
//! is its business: nothing is decoded, and a CR elsewhere is a byte like any other.
//!
//! ```no_run
//! use switchboard::EventLoop;
//! use switchboard::protocols::line;
//!
//! let mut event_loop = EventLoop::new()?;
//! event_loop.listen("127.0.0.1:7000", line::server(|transport, count: &mut u64, line| {
//!     *count += 1;
//!     transport.write(line);
//!     transport.write(format!(" is line {count}\n").as_bytes());
//! }))?;
//! event_loop.run(&mut 0)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What each rule of a protocol looks like here:
//!
//! * every whole line of a slice is used before `received` returns, and what is left of the last
//!   one is left to the connection, which offers it again with more;
//! * what was searched for a newline is not searched again, so that a peer that sends a byte at
//!   a time costs a byte's work each time;
//! * it stops where it must (back-pressure, a pause, a close, a successor), and gives way to
//!   others after many lines;
//! * a line that is too long is refused by [`Limits::input`](crate::sansio::Limits::input), after
//!   a last word.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::sansio::{Closed, Protocol, Timeout, Transport};

/// One side of a conversation in lines. Only [`line`](Self::line) has to be written; the other
/// calls are those of [`Protocol`].
pub trait Session<S = ()>: Send + 'static {
    /// The connection is established. Comes first.
    fn connected(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        let _ = (transport, state);
    }

    /// A line arrived: `line`, without the LF or CRLF that ended it. The last one may have come
    /// without an end.
    fn line(&mut self, transport: &mut Transport<'_, S>, state: &mut S, line: &[u8]);

    /// The line that has begun is too long to be kept. This is the last chance to say something:
    /// the connection closes.
    fn too_long(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        let _ = (transport, state);
    }

    /// Back-pressure has ended.
    fn writable(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        let _ = (transport, state);
    }

    /// A clock ran out: see [`Protocol::expired`].
    fn expired(&mut self, transport: &mut Transport<'_, S>, state: &mut S, timeout: Timeout) {
        let _ = (transport, state, timeout);
    }

    /// A value was posted to this connection.
    fn notified(
        &mut self,
        transport: &mut Transport<'_, S>,
        state: &mut S,
        message: Box<dyn Any + Send>,
    ) {
        let _ = (transport, state, message);
    }

    /// The driver drains. By default this finishes at once.
    fn stopping(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        let _ = state;
        transport.finish();
    }

    /// The peer has sent its last line. By default this finishes.
    fn finished(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        let _ = state;
        transport.finish();
    }

    /// The connection has ended. Comes exactly once, last.
    fn closed(&mut self, transport: &mut Transport<'_, S>, state: &mut S, closed: Closed) {
        let _ = (transport, state, closed);
    }
}

/// The protocol around a [`Session`].
#[derive(Debug)]
pub struct Line<T> {
    session: T,
    /// How many bytes of what was left unused are known to hold no newline.
    scanned: usize,
}

impl<T> Line<T> {
    /// A conversation in lines that `session` conducts.
    #[must_use]
    pub const fn new(session: T) -> Self {
        Self { session, scanned: 0 }
    }
}

/// So many lines are used in one call; then others are served first.
const LINES_PER_CALL: usize = 256;

impl<S: 'static, T: Session<S>> Protocol<S> for Line<T> {
    fn connected(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        self.session.connected(transport, state);
    }

    fn received(&mut self, transport: &mut Transport<'_, S>, state: &mut S, bytes: &[u8]) -> usize {
        let mut used = 0;
        for _ in 0..LINES_PER_CALL {
            let rest = &bytes[used..];
            let searched = self.scanned.min(rest.len());
            let Some(newline) = memchr::memchr(b'\n', &rest[searched..]) else {
                self.scanned = rest.len();
                if transport.is_input_full() {
                    self.session.too_long(transport, state);
                }
                return used;
            };
            let end = searched + newline;
            used += end + 1;
            self.scanned = 0;
            let line = &rest[..end];
            self.session.line(transport, state, line.strip_suffix(b"\r").unwrap_or(line));
            if !transport.wants_input() {
                return used;
            }
        }
        transport.yield_now();
        used
    }

    fn writable(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        self.session.writable(transport, state);
    }

    fn expired(&mut self, transport: &mut Transport<'_, S>, state: &mut S, timeout: Timeout) {
        self.session.expired(transport, state, timeout);
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, S>,
        state: &mut S,
        message: Box<dyn Any + Send>,
    ) {
        self.session.notified(transport, state, message);
    }

    fn stopping(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        self.session.stopping(transport, state);
    }

    fn finished(&mut self, transport: &mut Transport<'_, S>, state: &mut S, rest: &[u8]) {
        if !rest.is_empty() {
            self.session.line(transport, state, rest);
        }
        self.session.finished(transport, state);
    }

    fn closed(&mut self, transport: &mut Transport<'_, S>, state: &mut S, closed: Closed) {
        self.session.closed(transport, state, closed);
    }
}

/// A factory of conversations in which a closure answers every line: what
/// `EventLoop::listen` takes. All its connections share the closure; what one connection has to
/// remember is for a [`Session`].
pub fn server<A, S, F>(answer: F) -> impl FnMut(A) -> Line<Answer<S, F>> + Clone + Send + 'static
where
    S: 'static,
    F: Fn(&mut Transport<'_, S>, &mut S, &[u8]) + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    move |_| Line::new(Answer { answer: Arc::clone(&answer), state: PhantomData })
}

/// The [`Session`] of [`server`].
pub struct Answer<S, F> {
    answer: Arc<F>,
    /// With which state it is called, so that a closure's type is known from its use.
    state: PhantomData<fn(&mut S)>,
}

impl<S, F> Session<S> for Answer<S, F>
where
    S: 'static,
    F: Fn(&mut Transport<'_, S>, &mut S, &[u8]) + Send + Sync + 'static,
{
    fn line(&mut self, transport: &mut Transport<'_, S>, state: &mut S, line: &[u8]) {
        (self.answer)(transport, state, line);
    }
}

impl<S, F> fmt::Debug for Answer<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
