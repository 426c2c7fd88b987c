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
use std::sync::Arc;

use ::http::{Response, StatusCode};
use bytes::Bytes;

use super::chunked::Chunked;
use super::config::Config;
use super::date::{DateCache, DateLine};
use super::deferred::Answer;
use super::head::{self, Framing, Head, Parsed, parse_head};
use super::reply::{Exchange, Outcome, Reply, Terms};
use super::request::Request;
use super::stream::{Flow, Ring, Streaming};
use crate::sansio::{Protocol, Timeout, Transport};

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
}

enum Stage<S> {
    Head,
    Body(Box<Body>),
    Deferred(Terms),
    Streaming(Box<Streaming<S>>),
    Last,
}

/// A request whose body is being collected.
struct Body {
    /// The head, which parsed.
    head: Vec<u8>,
    bytes: Vec<u8>,
    rest: Rest,
}

enum Rest {
    Counted(usize),
    Chunked(Chunked),
}

impl<S: 'static, H: Handler<S>> Http<S, H> {
    pub(super) fn new(shared: Arc<Shared<H>>) -> Self {
        Self { shared, stage: Stage::Head, scanned: 0, number: 0, is_last: false }
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
        match parse_head(bytes, &mut self.scanned, &limits) {
            Parsed::Complete(head) => {
                let rest = &bytes[head.length..];
                match head.framing {
                    Framing::None | Framing::Counted(0) => {
                        self.answer(transport, state, &head, &[], date);
                        Some(head.length)
                    }
                    Framing::Counted(_) | Framing::Chunked => {
                        Some(self.begin_body(transport, state, &head, bytes, rest, date))
                    }
                }
            }
            Parsed::NeedMore if transport.is_input_full() => {
                // The listener keeps less input than a head may have.
                self.refuse(transport, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, date);
                Some(bytes.len())
            }
            Parsed::NeedMore => None,
            Parsed::Fault(fault) => {
                log::debug!("a request from {} is refused: {fault}", transport.peer());
                self.refuse(transport, fault.status(), date);
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
        let body_rest = match head.framing {
            Framing::Counted(length) => match usize::try_from(length) {
                Ok(length) if length <= limit => {
                    if let Some(body) = rest.get(..length) {
                        self.answer(transport, state, head, body, date);
                        return head.length + length;
                    }
                    Rest::Counted(length)
                }
                _ => {
                    self.refuse(transport, StatusCode::PAYLOAD_TOO_LARGE, date);
                    return bytes.len();
                }
            },
            Framing::Chunked | Framing::None => Rest::Chunked(Chunked::new()),
        };
        if head.expects_continue && rest.is_empty() {
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let body = Body { head: bytes[..head.length].to_vec(), bytes: Vec::new(), rest: body_rest };
        self.stage = Stage::Body(Box::new(body));
        transport.set_deadline(transport.now() + self.shared.config.body_timeout);
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
        let (used, is_complete) = match &mut body.rest {
            Rest::Counted(left) => {
                let used = bytes.len().min(*left);
                body.bytes.extend_from_slice(&bytes[..used]);
                *left -= used;
                (used, *left == 0)
            }
            Rest::Chunked(chunked) => {
                match chunked.decode(bytes, &mut body.bytes, self.shared.config.body) {
                    Ok(decoded) => (decoded.used, decoded.complete),
                    Err(fault) => {
                        log::debug!("a body from {} is refused: {fault}", transport.peer());
                        self.refuse(transport, fault.status(), date);
                        return bytes.len();
                    }
                }
            }
        };
        if is_complete && let Stage::Body(body) = std::mem::replace(&mut self.stage, Stage::Head) {
            transport.clear_deadline();
                let limits = self.shared.config.head_limits();
            if let Parsed::Complete(head) = parse_head(&body.head, &mut 0, &limits) {
                self.answer(transport, state, &head, &body.bytes, date);
            }
        }
        used
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
        self.scanned = 0;
        self.number = self.number.wrapping_add(1);
        let terms = Terms {
            version: head.version,
            is_head: head.is_head(),
            keeps_alive: head.keep_alive && !self.is_last,
        };
        let peer = transport.peer().clone();
        let request = Request { head: *head, body, peer: &peer };
        let mut exchange = Exchange { terms, outcome: Outcome::Open, number: self.number };
        let writer = transport.writer();
        let reply = Reply { writer, exchange: &mut exchange, date, status: StatusCode::OK };
        self.shared.handler.handle(&request, reply, state);
        self.settle(transport, state, exchange, date);
    }

    /// Goes on from how a reply was left.
    #[inline]
    fn settle(
        &mut self,
        transport: &mut Transport<'_, S>,
        state: &mut S,
        mut exchange: Exchange<S>,
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
                Reply { writer, exchange: &mut exchange, date, status }.text("no answer");
                self.end_reply(transport);
            }
            Outcome::Deferred => {
                self.stage = Stage::Deferred(exchange.terms);
                transport.pause_reading();
                transport.set_deadline(transport.now() + self.shared.config.reply_timeout);
            }
            Outcome::Streaming(streaming) => {
                self.stage = Stage::Streaming(streaming);
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

    /// A reply that was owed is written whole: requests behind it are read again.
    fn end_owed_reply(&mut self, transport: &mut Transport<'_, S>) {
        transport.clear_deadline();
        transport.resume_reading();
        self.end_reply(transport);
    }

    /// Asks the source of a streamed body for more.
    fn produce(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        let Stage::Streaming(streaming) = &mut self.stage else { return };
        transport.clear_deadline();
        for _ in 0..PIECES_PER_TURN {
            if transport.is_backpressured() {
                return; // `writable` comes here again.
            }
            let flow = streaming.produce(transport.writer(), state);
            if streaming.is_exceeded() {
                log::error!("a source made more of a body than it had announced");
                return transport.abort();
            }
            match flow {
                Flow::More => {}
                Flow::Wait => return,
                Flow::At(at) => return transport.set_deadline(at),
                Flow::End => {
                    if !streaming.end(transport.writer()) {
                        log::error!("a source made less of a body than it had announced");
                        return transport.abort();
                    }
                    return self.end_owed_reply(transport);
                }
            }
        }
        // Others have their turn first.
        transport.set_deadline(transport.now());
    }

    /// Writes `response` as the reply to the request that `terms` are of.
    fn reply(&mut self, transport: &mut Transport<'_, S>, terms: Terms, response: Response<Bytes>) {
        let terms = Terms { keeps_alive: terms.keeps_alive && !self.is_last, ..terms };
        let date = self.shared.date.at(transport.wall_time());
        let mut exchange = Exchange::<S> { terms, outcome: Outcome::Open, number: self.number };
        let writer = transport.writer();
        Reply { writer, exchange: &mut exchange, date: &date, status: StatusCode::OK }
            .response(response);
        self.is_last = !exchange.terms.keeps_alive;
    }

    /// Answers what cannot be served, and closes.
    fn refuse(&mut self, transport: &mut Transport<'_, S>, status: StatusCode, date: &DateLine) {
        let version = head::Version::Http11;
        let terms = Terms { version, is_head: false, keeps_alive: false };
        let mut exchange = Exchange::<S> { terms, outcome: Outcome::Open, number: 0 };
        let writer = transport.writer();
        Reply { writer, exchange: &mut exchange, date, status }
            .text(status.canonical_reason().unwrap_or("refused"));
        self.stage = Stage::Last;
        transport.finish();
    }

    fn refuse_now(&mut self, transport: &mut Transport<'_, S>, status: StatusCode) {
        let date = self.shared.date.at(transport.wall_time());
        self.refuse(transport, status, &date);
    }
}

impl<S: 'static, H: Handler<S>> Protocol<S> for Http<S, H> {
    fn received(&mut self, transport: &mut Transport<'_, S>, state: &mut S, bytes: &[u8]) -> usize {
        let date = self.shared.date.at(transport.wall_time());
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

    fn writable(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        self.produce(transport, state);
    }

    fn expired(&mut self, transport: &mut Transport<'_, S>, state: &mut S, timeout: Timeout) {
        match (&self.stage, timeout) {
            (Stage::Streaming(_), Timeout::Own) => self.produce(transport, state),
            (Stage::Body(_), _) | (Stage::Head, Timeout::Message) => {
                self.refuse_now(transport, StatusCode::REQUEST_TIMEOUT);
            }
            (Stage::Deferred(_), _) => {
                log::warn!("a deferred reply to {} came to its timeout", transport.peer());
                self.refuse_now(transport, StatusCode::SERVICE_UNAVAILABLE);
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
        let message = match message.downcast::<Answer>() {
            Ok(answer) => {
                if let Stage::Deferred(terms) = self.stage
                    && answer.number == self.number
                {
                    self.reply(transport, terms, answer.response);
                    self.end_owed_reply(transport);
                }
                return;
            }
            Err(message) => message,
        };
        if message.downcast::<Ring>().is_ok_and(|ring| ring.number == self.number) {
            self.produce(transport, state);
        }
    }

    fn stopping(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        self.is_last = true;
        match &mut self.stage {
            Stage::Head if self.scanned == 0 => transport.finish(),
            Stage::Streaming(streaming) => {
                streaming.stopping();
                self.produce(transport, state);
            }
            // What was begun is answered, with `connection: close`.
            Stage::Head | Stage::Body(_) | Stage::Deferred(_) | Stage::Last => {}
        }
    }
}

/// So many pieces of a streamed body are asked for before others have their turn.
const PIECES_PER_TURN: usize = 16;

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
