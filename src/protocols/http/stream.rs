//! A body that is made piece by piece, as the client takes it.

use std::fmt;
use std::io::Write as _;
use std::time::Instant;

use bytes::Bytes;

use crate::sansio::{Remote, Writer};

/// Makes a body piece by piece.
///
/// It is asked whenever the client has room: never while what was made before waits above the
/// high-water mark. So the memory of a stream is bounded however slow its reader is.
pub trait Source<S>: Send + 'static {
    /// Writes a piece of the body, or none, and says when to be asked again.
    fn produce(&mut self, body: &mut BodyWriter<'_>, state: &mut S) -> Flow;

    /// The driver drains: an endless stream should end, by answering [`Flow::End`] next.
    fn stopping(&mut self) {}
}

/// When a [`Source`] is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flow {
    /// As soon as the client has room, after others have had their turn.
    More,
    /// At this time, or when the [`Alarm`] rings.
    At(Instant),
    /// When the [`Alarm`] rings. Meanwhile the connection's idle timeout runs.
    Wait,
    /// Never: the body is complete.
    End,
}

/// Where a [`Source`] writes.
pub struct BodyWriter<'a> {
    pub(super) writer: Writer<'a>,
    pub(super) framing: &'a mut Framing,
}

/// How a streamed body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Counted {
        left: u64,
    },
    Chunked,
    UntilClose,
    /// The source made more than it had announced.
    Exceeded,
}

/// A body that is being made.
pub(super) struct Streaming<S> {
    source: Box<dyn Source<S>>,
    framing: Framing,
    /// Whether the source is due and only back-pressure keeps it from being asked. Otherwise it
    /// said itself when it wants to be.
    pub(super) wants_room: bool,
}

impl BodyWriter<'_> {
    /// Writes a copy of `bytes`.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.begin_piece(bytes.len()) {
            self.writer.write(bytes);
            self.end_piece();
        }
    }

    /// Writes `bytes` without copying them.
    pub fn write_shared(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if self.begin_piece(bytes.len()) {
            self.writer.write_shared(bytes);
            self.end_piece();
        }
    }

    /// Whether the client has enough for now: time to answer [`Flow::More`].
    #[must_use]
    pub fn is_backpressured(&self) -> bool {
        self.writer.is_backpressured()
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.writer.now()
    }

    fn begin_piece(&mut self, length: usize) -> bool {
        if length == 0 {
            return false; // An empty chunk would end the body.
        }
        match self.framing {
            Framing::Counted { left } => match left.checked_sub(length as u64) {
                Some(rest) => *left = rest,
                None => *self.framing = Framing::Exceeded,
            },
            Framing::Chunked => self.writer.write_with(|out| {
                write!(out, "{length:x}\r\n").expect("writing to a Vec does not fail");
            }),
            Framing::UntilClose | Framing::Exceeded => {}
        }
        *self.framing != Framing::Exceeded
    }

    fn end_piece(&mut self) {
        if *self.framing == Framing::Chunked {
            self.writer.write(b"\r\n");
        }
    }
}

impl<S> Streaming<S> {
    pub(super) fn new(source: Box<dyn Source<S>>, framing: Framing) -> Self {
        Self { source, framing, wants_room: false }
    }

    pub(super) fn stopping(&mut self)
    where
        S: 'static,
    {
        self.source.stopping();
    }

    /// Asks the source once.
    pub(super) fn produce(&mut self, writer: Writer<'_>, state: &mut S) -> Flow
    where
        S: 'static,
    {
        let mut body = BodyWriter { writer, framing: &mut self.framing };
        self.source.produce(&mut body, state)
    }

    /// Writes what ends the body. Says whether it is what was announced.
    pub(super) fn end(&self, mut writer: Writer<'_>) -> bool {
        match self.framing {
            Framing::Counted { left } => left == 0,
            Framing::Exceeded => false,
            Framing::Chunked => {
                writer.write(b"0\r\n\r\n");
                true
            }
            Framing::UntilClose => true,
        }
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.framing == Framing::Exceeded
    }

    pub(super) fn lasts_until_close(&self) -> bool {
        self.framing == Framing::UntilClose
    }
}

/// Wakes a [`Source`] that answered [`Flow::Wait`], from any thread.
#[derive(Clone, Debug)]
pub struct Alarm {
    remote: Remote,
    number: u32,
}

/// What an [`Alarm`] posts to its connection.
pub(super) struct Ring {
    pub(super) number: u32,
}

impl Alarm {
    pub(super) fn new(remote: Remote, number: u32) -> Self {
        Self { remote, number }
    }

    /// Has the source asked again. Says whether the loop took the message: if not, ring again
    /// later.
    pub fn ring(&self) -> bool {
        self.remote.notify(Box::new(Ring { number: self.number })).is_ok()
    }
}

impl fmt::Debug for BodyWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWriter").field("framing", &self.framing).finish_non_exhaustive()
    }
}
