//! The server's side of a connection.
//!
//! | stage | by | to |
//! | --- | --- | --- |
//! | Head | a head whose body is all there | answered: Head, Deferred or Streaming |
//! | Head | a head whose body is not | Body |
//! | Body | the body's last byte | answered: Head, Deferred or Streaming |
//! | Deferred | the answer | Head |
//! | Streaming | the source's end | Head |
//! | any | a fault, a timeout, a reply that is the last | Last |
//!
//! While a reply is owed nothing is read: replies keep their order, and the client's system
//! holds back what it sends.

use std::any::Any;
use std::fmt;
use std::mem;
use std::sync::Arc;

use ::http::StatusCode;

use super::config::Config;
use super::date::{DateCache, DateLine};
use super::head::{self, Framing, Head, Parsed, asks, parse_head};
use super::reply::{Exchange, Outcome, Reply, Terms};
use super::request::Request;
use super::stream::Streaming;
use crate::sansio::{Protocol, Timeout, Transport};

mod body;
mod owed;
use body::Body;

/// Answers requests.
///
/// Closures do: `|request, reply, state| reply.text("hello")`.
pub trait Handler<S>: Send + Sync + 'static {
    /// Answers `request`. A handler that returns without answering answers 500.
    fn handle(&self, request: &Request<'_>, reply: Reply<'_, S>, state: &mut S);
}

impl<S, F> Handler<S> for F
where
    F: Fn(&Request<'_>, Reply<'_, S>, &mut S) + Send + Sync + 'static,
{
    fn handle(&self, request: &Request<'_>, reply: Reply<'_, S>, state: &mut S) {
        self(request, reply, state);
    }
}

/// What all connections of one server have in common.
pub(super) struct Shared<H> {
    handler: H,
    config: Config,
    date: DateCache,
}

impl<H> Shared<H> {
    pub(super) fn new(handler: H, config: Config) -> Self {
        Self { handler, config, date: DateCache::new() }
    }
}

/// The server's side of one connection: made by [`server`](super::server()) and
/// [`serve`](super::serve()).
pub struct Http<S, H> {
    shared: Arc<Shared<H>>,
    stage: Stage<S>,
    /// How far an unfinished head was looked at. Zero where none was begun.
    scanned: usize,
    /// Counts requests, so that a late answer meets only its own.
    number: u32,
    /// Whether the reply to the present request is the last. It may be decided at any stage.
    is_last: bool,
    /// Whether bytes that were offered wait to be offered again: a request was begun. What
    /// holds them back (a reply that is owed, back-pressure, others' turn) may be any stage.
    is_behind: bool,
}

enum Stage<S> {
    Head,
    Body(Box<Body>),
    Deferred(Terms),
    Streaming(Box<Streaming<S>>),
    Last,
}

impl<S: 'static, H: Handler<S>> Http<S, H> {
    pub(super) fn new(shared: Arc<Shared<H>>) -> Self {
        Self { shared, stage: Stage::Head, scanned: 0, number: 0, is_last: false, is_behind: false }
    }

    /// Takes a request from the front of `bytes`, or a piece of its body. Gives how many bytes
    /// it used, or none where it needs more.
    #[inline]
    fn take(
        &mut self,
        transport: &mut Transport<'_, S>,
        state: &mut S,
        bytes: &[u8],
        date: &DateLine,
    ) -> Option<usize> {
        if let Stage::Body(_) = self.stage {
            return Some(self.collect(transport, state, bytes, date));
        }
        let limits = self.shared.config.head_limits();
        // By reference: a head that is moved is read back whole right after its parts were
        // written, and the processor waits for that.
        match &parse_head(bytes, &mut self.scanned, &limits) {
            Parsed::Complete(head) if head.is_connect() => {
                // Its success would promise a tunnel (RFC 9110, 9.3.6): no handler may say 200.
                self.refuse(transport, StatusCode::NOT_IMPLEMENTED, false, date);
                Some(bytes.len())
            }
            Parsed::Complete(head) => {
                let rest = &bytes[head.length..];
                match head.framing {
                    Framing::None | Framing::Counted(0) => {
                        self.answer(transport, state, head, &[], date);
                        Some(head.length)
                    }
                    Framing::Counted(_) | Framing::Chunked => {
                        Some(self.begin_body(transport, state, head, bytes, rest, date))
                    }
                }
            }
            Parsed::NeedMore if transport.is_input_full() => {
                // The listener keeps less input than a head may have.
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                self.refuse(transport, status, asks(bytes, b"HEAD "), date);
                Some(bytes.len())
            }
            Parsed::NeedMore => None,
            Parsed::Fault(fault) => {
                log::debug!("a request from {} is refused: {fault}", transport.peer());
                self.refuse(transport, fault.status(), asks(bytes, b"HEAD "), date);
                Some(bytes.len())
            }
        }
    }

    /// A head that has a body. Gives how many of all `bytes` were used.
    fn begin_body(
        &mut self,
        transport: &mut Transport<'_, S>,
        state: &mut S,
        head: &Head<'_>,
        bytes: &[u8],
        rest: &[u8],
        date: &DateLine,
    ) -> usize {
        let limit = self.shared.config.body;
        let whole_head = &bytes[..head.length];
        let body = match head.framing {
            Framing::Counted(length) => match usize::try_from(length) {
                Ok(length) if length <= limit => {
                    if let Some(body) = rest.get(..length) {
                        self.answer(transport, state, head, body, date);
                        return head.length + length;
                    }
                    Body::counted(whole_head, length)
                }
                Ok(_) | Err(_) => {
                    self.refuse(transport, StatusCode::PAYLOAD_TOO_LARGE, head.is_head(), date);
                    return bytes.len();
                }
            },
            Framing::Chunked | Framing::None => Body::chunked(whole_head),
        };
        if head.expects_continue && rest.is_empty() {
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.stage = Stage::Body(Box::new(body));
        transport.set_timeout(self.shared.config.body_timeout);
        let used = if rest.is_empty() { 0 } else { self.collect(transport, state, rest, date) };
        head.length + used
    }

    /// More of a body. Gives how many bytes of it were used.
    fn collect(
        &mut self,
        transport: &mut Transport<'_, S>,
        state: &mut S,
        bytes: &[u8],
        date: &DateLine,
    ) -> usize {
        let Stage::Body(body) = &mut self.stage else { return 0 };
        let decoded = match body.take(bytes, self.shared.config.body) {
            Ok(decoded) => decoded,
            Err(fault) => {
                log::debug!("a body from {} is refused: {fault}", transport.peer());
                let is_head = asks(body.head(), b"HEAD ");
                self.refuse(transport, fault.status(), is_head, date);
                return bytes.len();
            }
        };
        transport.claim_memory(if decoded.complete { 0 } else { body.size() });
        if decoded.complete
            && let Stage::Body(body) = mem::replace(&mut self.stage, Stage::Head)
        {
            transport.clear_deadline();
            let limits = self.shared.config.head_limits();
            let parsed = parse_head(body.head(), &mut 0, &limits);
            debug_assert!(matches!(parsed, Parsed::Complete(_)), "a head parses twice alike");
            if let Parsed::Complete(head) = parsed {
                self.answer(transport, state, &head, body.bytes(), date);
            }
        }
        decoded.used
    }

    /// Has the handler answer a whole request.
    #[inline]
    fn answer(
        &mut self,
        transport: &mut Transport<'_, S>,
        state: &mut S,
        head: &Head<'_>,
        body: &[u8],
        date: &DateLine,
    ) {
        self.number = self.number.wrapping_add(1);
        let terms = Terms {
            version: head.version,
            is_head: head.is_head(),
            keeps_alive: head.keep_alive && !self.is_last,
        };
        let peer = transport.peer().clone();
        let request = Request { head, body, peer: &peer };
        let mut exchange = Exchange { terms, outcome: Outcome::Open, number: self.number };
        let writer = transport.writer();
        let reply = Reply { writer, exchange: &mut exchange, date, status: StatusCode::OK };
        self.shared.handler.handle(&request, reply, state);
        self.settle(transport, state, &mut exchange, date);
    }

    /// Goes on from how a reply was left.
    #[inline]
    fn settle(
        &mut self,
        transport: &mut Transport<'_, S>,
        state: &mut S,
        exchange: &mut Exchange<S>,
        date: &DateLine,
    ) {
        self.is_last = !exchange.terms.keeps_alive;
        match exchange.outcome {
            Outcome::Done => self.end_reply(transport),
            Outcome::Open => {
                log::error!("a handler returned without answering");
                exchange.outcome = Outcome::Done;
                let writer = transport.writer();
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Reply { writer, exchange, date, status }.text("no answer");
                self.end_reply(transport);
            }
            Outcome::Deferred => {
                self.stage = Stage::Deferred(exchange.terms);
                transport.pause_reading();
                transport.set_timeout(self.shared.config.reply_timeout);
            }
            Outcome::Streaming(_) => {
                // Taken here and not above, where every reply would be moved for the sake of few.
                let outcome = mem::replace(&mut exchange.outcome, Outcome::Done);
                if let Outcome::Streaming(streaming) = outcome {
                    self.stage = Stage::Streaming(streaming);
                }
                transport.pause_reading();
                self.produce(transport, state);
            }
        }
    }

    /// A reply is written whole.
    #[inline]
    fn end_reply(&mut self, transport: &mut Transport<'_, S>) {
        if self.is_last {
            self.stage = Stage::Last;
            transport.finish();
        } else if !matches!(self.stage, Stage::Head) {
            self.stage = Stage::Head;
        }
    }

    /// Answers what cannot be served, and closes.
    fn refuse(
        &mut self,
        transport: &mut Transport<'_, S>,
        status: StatusCode,
        is_head: bool,
        date: &DateLine,
    ) {
        let terms = Terms { version: head::Version::Http11, is_head, keeps_alive: false };
        let mut exchange = Exchange::<S> { terms, outcome: Outcome::Open, number: 0 };
        let writer = transport.writer();
        Reply { writer, exchange: &mut exchange, date, status }
            .text(status.canonical_reason().unwrap_or("refused"));
        transport.claim_memory(0);
        self.stage = Stage::Last;
        transport.finish();
    }

    /// Answers a request that ran out of time, and closes.
    fn refuse_late(&mut self, transport: &mut Transport<'_, S>, status: StatusCode) {
        let is_head = match &self.stage {
            Stage::Body(body) => asks(body.head(), b"HEAD "),
            Stage::Deferred(terms) => terms.is_head,
            Stage::Head | Stage::Streaming(_) | Stage::Last => false,
        };
        let date = self.shared.date.at(transport.wall_second());
        self.refuse(transport, status, is_head, &date);
    }

    /// Takes all the requests that `bytes` hold and this turn has room for.
    #[inline]
    fn take_all(&mut self, transport: &mut Transport<'_, S>, state: &mut S, bytes: &[u8]) -> usize {
        let date = self.shared.date.at(transport.wall_second());
        let mut used = 0;
        for _ in 0..self.shared.config.requests_per_turn.max(1) {
            match self.take(transport, state, &bytes[used..], &date) {
                Some(more) => used += more,
                None => return used,
            }
            match self.stage {
                Stage::Last => return bytes.len(),
                Stage::Deferred(_) | Stage::Streaming(_) => return used,
                Stage::Head | Stage::Body(_) => {}
            }
            if used == bytes.len() || transport.is_backpressured() {
                return used;
            }
        }
        transport.yield_now();
        used
    }
}

impl<S: 'static, H: Handler<S>> Protocol<S> for Http<S, H> {
    fn received(&mut self, transport: &mut Transport<'_, S>, state: &mut S, bytes: &[u8]) -> usize {
        let used = self.take_all(transport, state, bytes);
        self.is_behind = used < bytes.len();
        used
    }

    fn writable(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        self.produce_more(transport, state);
    }

    fn expired(&mut self, transport: &mut Transport<'_, S>, state: &mut S, timeout: Timeout) {
        match (&self.stage, timeout) {
            (Stage::Streaming(_), Timeout::Own) => self.produce(transport, state),
            // An orderly close would pass for the body's end (RFC 9112, 8).
            (Stage::Streaming(streaming), _) if streaming.lasts_until_close() => transport.abort(),
            (Stage::Body(_), _) | (Stage::Head, Timeout::Message) => {
                self.refuse_late(transport, StatusCode::REQUEST_TIMEOUT);
            }
            (Stage::Deferred(_), _) => {
                log::warn!("a deferred reply to {} came to its timeout", transport.peer());
                self.refuse_late(transport, StatusCode::SERVICE_UNAVAILABLE);
            }
            (Stage::Head | Stage::Streaming(_) | Stage::Last, _) => {}
        }
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, S>,
        state: &mut S,
        message: Box<dyn Any + Send>,
    ) {
        self.take_message(transport, state, message);
    }

    fn stopping(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        self.is_last = true;
        match &mut self.stage {
            Stage::Head if !self.is_behind => transport.finish(),
            Stage::Streaming(streaming) => {
                streaming.stopping();
                self.produce(transport, state);
            }
            // What was begun is answered, with `connection: close`.
            Stage::Head | Stage::Body(_) | Stage::Deferred(_) | Stage::Last => {}
        }
    }
}

impl<S, H> fmt::Debug for Http<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Head => "Head",
            Stage::Body(_) => "Body",
            Stage::Deferred(_) => "Deferred",
            Stage::Streaming(_) => "Streaming",
            Stage::Last => "Last",
        };
        f.debug_struct("Http").field("stage", &stage).finish_non_exhaustive()
    }
}
