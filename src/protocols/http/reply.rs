//! A reply on its way to the wire.
//!
//! A [`Reply`] has written nothing; with its first header it becomes a [`ReplyHead`], whose
//! status line is in the connection's output already. Either ends with a body. A reply that is
//! dropped without one has a body too: 500 where nothing was written, else none.

use std::fmt;

use ::http::{Response, StatusCode};
use bytes::Bytes;

use super::date::DateLine;
use super::deferred::Deferred;
use super::head::Version;
use super::reply_lines::{
    CONTENT_LENGTH, HEAD_ROOM, refusal, write_end_of_head, write_length, write_status,
};
use super::stream::{Alarm, Framing, Source, Streaming};
use crate::sansio::{FileRange, Writer};

/// What a reply must know of the request and the connection it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) version: Version,
    /// HEAD: the reply has every header and no body.
    pub(super) is_head: bool,
    /// Whether the connection outlives the reply.
    pub(super) keeps_alive: bool,
}

impl Terms {
    /// Whether they are those of nearly all requests. Each is looked at by itself: reading them
    /// at once, right after they were written one by one, makes the processor wait.
    #[inline]
    const fn are_usual(&self) -> bool {
        matches!(self.version, Version::Http11) && !self.is_head && self.keeps_alive
    }
}

/// How a handler left its reply.
pub(super) enum Outcome<S> {
    /// The handler did not answer.
    Open,
    /// The reply is written whole.
    Done,
    /// Somebody answers later.
    Deferred,
    /// The head is written, the body is made under back-pressure.
    Streaming(Box<Streaming<S>>),
}

/// One request's way through a handler.
pub(super) struct Exchange<S> {
    pub(super) terms: Terms,
    pub(super) outcome: Outcome<S>,
    /// Which request of the connection this is.
    pub(super) number: u32,
}

/// A reply that has written nothing yet.
///
/// ```
/// use switchboard::http::{Reply, StatusCode};
///
/// fn answer(reply: Reply<'_, ()>) {
///     reply.status(StatusCode::CREATED).header("location", "/things/7").text("made");
/// }
/// ```
pub struct Reply<'a, S> {
    pub(super) writer: Writer<'a>,
    pub(super) exchange: &'a mut Exchange<S>,
    pub(super) date: &'a DateLine,
    pub(super) status: StatusCode,
}

impl<'a, S> Reply<'a, S> {
    /// Sets the status; 200 without this.
    ///
    /// An interim one (1xx) is not the end of a reply, and the client would take the next reply
    /// for this one: it becomes 500, and the log says so.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        if status.is_informational() {
            log::error!("a handler replied {status}, which is no reply");
            self.status = StatusCode::INTERNAL_SERVER_ERROR;
        }
        self
    }

    /// Adds a header. See [`ReplyHead::header`].
    #[must_use]
    pub fn header(self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> ReplyHead<'a, S> {
        self.begin().header(name, value)
    }

    /// Adds `content-type`.
    #[must_use]
    pub fn content_type(self, media_type: &str) -> ReplyHead<'a, S> {
        self.begin().header("content-type", media_type)
    }

    /// Answers with plain text.
    pub fn text(self, text: impl AsRef<str>) {
        self.counted(
            b"content-type: text/plain; charset=utf-8\r\ncontent-length: ",
            text.as_ref().as_bytes(),
        );
    }

    /// Answers with a page.
    pub fn html(self, page: impl AsRef<str>) {
        self.counted(
            b"content-type: text/html; charset=utf-8\r\ncontent-length: ",
            page.as_ref().as_bytes(),
        );
    }

    /// Answers with a copy of `body`, of no particular type.
    pub fn bytes(self, body: &[u8]) {
        self.counted(CONTENT_LENGTH, body);
    }

    /// Answers with `body`, which is not copied.
    pub fn shared(self, body: impl Into<Bytes>) {
        self.begin().shared(body);
    }

    /// Answers with part of a file. See [`FileRange`] for what is promised of it.
    pub fn file(self, range: FileRange) {
        self.begin().file(range);
    }

    /// Answers without a body.
    pub fn empty(self) {
        self.counted(CONTENT_LENGTH, b"");
    }

    /// Answers with a body that `source` makes piece by piece, as the client takes it. See
    /// [`ReplyHead::stream`].
    pub fn stream(self, length: Option<u64>, source: impl Source<S>) {
        self.begin().stream(length, source);
    }

    /// Answers later, from any thread. Requests behind this one wait: replies keep their order.
    #[must_use = "a deferred reply that is dropped answers 500"]
    pub fn defer(self) -> Deferred {
        self.exchange.outcome = Outcome::Deferred;
        Deferred::new(self.writer.remote(), self.exchange.number)
    }

    /// Answers with a reply that was put together elsewhere.
    pub fn response(self, response: Response<Bytes>) {
        let (parts, body) = response.into_parts();
        let mut head = self.status(parts.status).begin();
        for (name, value) in &parts.headers {
            head = head.header(name, value);
        }
        head.shared(body);
    }

    /// The commonest reply, in one go: `lines` end where the length goes. Inlined, the pieces have
    /// sizes known to the compiler.
    #[inline(always)]
    fn counted(mut self, lines: &[u8], body: &[u8]) {
        let Reply { writer, exchange, date, status } = &mut self;
        let status = *status;
        exchange.outcome = Outcome::Done;
        let exchange = &**exchange;
        writer.write_with(|out| {
            out.reserve(HEAD_ROOM + body.len());
            if status == StatusCode::OK && exchange.terms.are_usual() {
                out.extend_from_slice(date.after_ok());
                out.extend_from_slice(lines);
                write_length(out, body.len() as u64);
                out.extend_from_slice(body);
                return;
            }
            let terms = exchange.terms;
            write_status(out, status, date);
            out.extend_from_slice(&lines[..lines.len() - CONTENT_LENGTH.len()]);
            if write_end_of_head(out, status, terms, Some(body.len() as u64)) {
                out.extend_from_slice(body);
            }
        });
    }

    /// Writes the status line.
    fn begin(mut self) -> ReplyHead<'a, S> {
        let (status, date) = (self.status, self.date);
        self.exchange.outcome = Outcome::Done;
        self.writer.write_with(|out| write_status(out, status, date));
        let Reply { writer, exchange, .. } = self;
        ReplyHead { writer, exchange, status, is_typed: false, is_ended: false }
    }
}

/// A reply whose status line is written. Dropped, it ends without a body.
pub struct ReplyHead<'a, S> {
    writer: Writer<'a>,
    exchange: &'a mut Exchange<S>,
    status: StatusCode,
    /// Whether the handler gave the body's type.
    is_typed: bool,
    /// Whether the head's end is written. Nothing is written after the body.
    is_ended: bool,
}

impl<S> ReplyHead<'_, S> {
    /// Adds a header.
    ///
    /// One that is not well formed (RFC 9110, 5) is left out, and so are the headers that frame
    /// the body, which are this library's business; the log says so. `connection: close` closes
    /// the connection after this reply; of that header nothing else is sent.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = (name.as_ref(), value.as_ref());
        if let Some(reason) = refusal(name, value) {
            log::error!("a header {name:?} is left out of a reply: {reason}");
        } else if name.eq_ignore_ascii_case("connection") {
            let mut options = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            if options.any(|option| option.eq_ignore_ascii_case(b"close")) {
                self.exchange.terms.keeps_alive = false;
            }
        } else {
            self.is_typed |= name.eq_ignore_ascii_case("content-type");
            self.writer.write_with(|out| {
                for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                    out.extend_from_slice(part);
                }
            });
        }
        self
    }

    /// Ends with text: plain, unless a `content-type` was given.
    pub fn text(self, text: impl AsRef<str>) {
        self.typed("text/plain; charset=utf-8").bytes(text.as_ref().as_bytes());
    }

    /// Ends with a page: HTML, unless a `content-type` was given.
    pub fn html(self, page: impl AsRef<str>) {
        self.typed("text/html; charset=utf-8").bytes(page.as_ref().as_bytes());
    }

    /// Ends with a copy of `body`.
    pub fn bytes(mut self, body: &[u8]) {
        if self.end_head(Some(body.len() as u64)) {
            self.writer.write(body);
        }
    }

    /// Ends with `body`, which is not copied.
    pub fn shared(mut self, body: impl Into<Bytes>) {
        let body = body.into();
        if self.end_head(Some(body.len() as u64)) {
            self.writer.write_shared(body);
        }
    }

    /// Ends with part of a file.
    pub fn file(mut self, range: FileRange) {
        if self.end_head(Some(range.length())) {
            self.writer.write_file(range);
        }
    }

    /// Ends without a body.
    pub fn empty(self) {}

    /// Ends with a body that `source` makes piece by piece, as the client takes it.
    ///
    /// With a `length` the source must make exactly so many bytes. Without one the body is sent
    /// in chunks, or, to an HTTP/1.0 client, until the connection closes.
    pub fn stream(self, length: Option<u64>, source: impl Source<S>) {
        self.stream_boxed(length, Box::new(source));
    }

    /// As [`stream`](Self::stream), for a source that somebody else wakes: `make` gets the
    /// [`Alarm`] that does so.
    pub fn stream_with<B: Source<S>>(self, length: Option<u64>, make: impl FnOnce(Alarm) -> B) {
        let alarm = Alarm::new(self.writer.remote(), self.exchange.number);
        self.stream_boxed(length, Box::new(make(alarm)));
    }

    fn stream_boxed(mut self, length: Option<u64>, source: Box<dyn Source<S>>) {
        let framing = match (length, self.exchange.terms.version) {
            (Some(left), _) => Framing::Counted { left },
            (None, Version::Http11) => Framing::Chunked,
            (None, Version::Http10) => {
                self.exchange.terms.keeps_alive = false;
                Framing::UntilClose
            }
        };
        if self.end_head(length) {
            let streaming = Streaming::new(source, framing);
            self.exchange.outcome = Outcome::Streaming(Box::new(streaming));
        }
    }

    fn typed(self, media_type: &str) -> Self {
        if self.is_typed { self } else { self.header("content-type", media_type) }
    }

    /// Writes the end of the head. Says whether a body may follow.
    fn end_head(&mut self, length: Option<u64>) -> bool {
        self.is_ended = true;
        let (status, terms) = (self.status, self.exchange.terms);
        let mut has_body = false;
        self.writer.write_with(|out| has_body = write_end_of_head(out, status, terms, length));
        has_body
    }
}

impl<S> Drop for ReplyHead<'_, S> {
    fn drop(&mut self) {
        if !self.is_ended {
            self.end_head(Some(0));
        }
    }
}

impl<S> fmt::Debug for Reply<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for ReplyHead<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyHead").field("status", &self.status).finish_non_exhaustive()
    }
}
