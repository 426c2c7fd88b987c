//! Replies that are not whole when their handler returns: deferred and streamed ones.
//!
//! Reading is paused while one is owed, so nothing here ever meets another request.

use std::any::Any;

use ::http::{Response, StatusCode};
use bytes::Bytes;

use super::super::deferred::Answer;
use super::super::reply::{Exchange, Outcome, Reply, Terms};
use super::super::stream::{Flow, Ring};
use super::{Handler, Http, Stage};
use crate::sansio::Transport;

/// So many pieces of a streamed body are asked for before others have their turn.
const PIECES_PER_TURN: usize = 16;

impl<S: 'static, H: Handler<S>> Http<S, H> {
    /// Something was posted: an answer, an alarm, or what is none of ours.
    pub(super) fn take_message(
        &mut self,
        transport: &mut Transport<'_, S>,
        state: &mut S,
        message: Box<dyn Any + Send>,
    ) {
        match message.downcast::<Answer>() {
            Ok(answer) => {
                if let Stage::Deferred(terms) = self.stage
                    && answer.number == self.number
                {
                    self.reply(transport, terms, answer.response);
                    self.end_owed_reply(transport);
                }
            }
            Err(message) => {
                if message.downcast::<Ring>().is_ok_and(|ring| ring.number == self.number) {
                    self.produce(transport, state);
                }
            }
        }
    }

    /// Writes `response` as the reply to the request that `terms` are of.
    fn reply(&mut self, transport: &mut Transport<'_, S>, terms: Terms, response: Response<Bytes>) {
        let terms = Terms { keeps_alive: terms.keeps_alive && !self.is_last, ..terms };
        let date = self.shared.date.at(transport.wall_second());
        let mut exchange = Exchange::<S> { terms, outcome: Outcome::Open, number: self.number };
        let writer = transport.writer();
        Reply { writer, exchange: &mut exchange, date: &date, status: StatusCode::OK }
            .response(response);
        self.is_last = !exchange.terms.keeps_alive;
    }

    /// The client has room: a source that waits for that alone is asked again.
    pub(super) fn produce_more(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        if let Stage::Streaming(streaming) = &self.stage
            && streaming.wants_room
        {
            self.produce(transport, state);
        }
    }

    /// Asks the source of a streamed body for more.
    pub(super) fn produce(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        let Stage::Streaming(streaming) = &mut self.stage else { return };
        transport.clear_deadline();
        streaming.wants_room = false;
        for _ in 0..PIECES_PER_TURN {
            if transport.is_backpressured() {
                streaming.wants_room = true;
                return;
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

    /// A reply that was owed is written whole: requests behind it are read again.
    fn end_owed_reply(&mut self, transport: &mut Transport<'_, S>) {
        transport.clear_deadline();
        transport.resume_reading();
        self.end_reply(transport);
    }
}
