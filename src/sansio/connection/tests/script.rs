//! A protocol that records its calls, checks their order, and answers with a closure.

use std::any::Any;
use std::collections::HashMap;

use crate::sansio::{CloseReason, Closed, ConnectionId, Protocol, Timeout, Transport};

/// What a protocol was told.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    Connected,
    Received(Vec<u8>),
    Writable,
    Expired(Timeout),
    Notified(&'static str),
    Stopping,
    Finished(Vec<u8>),
    Closed(CloseReason, u64),
}

pub(super) fn received(bytes: &str) -> Call {
    Call::Received(bytes.into())
}

pub(super) fn finished(rest: &str) -> Call {
    Call::Finished(rest.into())
}

/// What the protocols of a test share: who was told what.
#[derive(Default)]
pub(super) struct World {
    pub(super) calls: Vec<(ConnectionId, &'static str, Call)>,
    /// How often each connection's protocols were told that they are closed.
    pub(super) ends: HashMap<ConnectionId, usize>,
}

/// The answer to `received` that uses everything.
pub(super) const ALL: usize = usize::MAX;

type Answer = dyn FnMut(&mut Transport<'_, World>, &Call) -> usize + Send;

/// A protocol that records its calls, checks their order, and answers with a closure.
pub(super) struct Script {
    name: &'static str,
    last: Option<Call>,
    is_finished: bool,
    answer: Box<Answer>,
}

/// A closure as a protocol. What it returns matters for `received` only.
pub(super) fn script(
    answer: impl FnMut(&mut Transport<'_, World>, &Call) -> usize + Send + 'static,
) -> Script {
    named("script", answer)
}

pub(super) fn named(
    name: &'static str,
    answer: impl FnMut(&mut Transport<'_, World>, &Call) -> usize + Send + 'static,
) -> Script {
    Script { name, last: None, is_finished: false, answer: Box::new(answer) }
}

/// Uses everything and says nothing.
pub(super) fn listener() -> Script {
    script(|_, _| ALL)
}

/// Uses whole messages, each ended by a semicolon, and says each back in brackets.
pub(super) fn messages() -> Script {
    script(|transport, call| match call {
        Call::Received(bytes) => answer_messages(transport, bytes),
        _ => 0,
    })
}

pub(super) fn answer_messages(transport: &mut Transport<'_, World>, bytes: &[u8]) -> usize {
    let mut used = 0;
    while let Some(length) = bytes[used..].iter().position(|byte| *byte == b';') {
        transport.write(b"[");
        transport.write(&bytes[used..used + length]);
        transport.write(b"]");
        used += length + 1;
    }
    used
}

impl Script {
    fn told(
        &mut self,
        transport: &mut Transport<'_, World>,
        world: &mut World,
        call: Call,
    ) -> usize {
        let is_in_order = match (&self.last, &call) {
            (None, Call::Connected | Call::Closed(..)) => true,
            (None, _) | (Some(Call::Closed(..)), _) | (Some(_), Call::Connected) => false,
            (Some(_), Call::Received(_) | Call::Finished(_)) => !self.is_finished,
            (Some(_), _) => true,
        };
        assert!(is_in_order, "{call:?} came after {:?}", self.last);
        self.is_finished |= matches!(call, Call::Finished(_));
        self.last = Some(call.clone());
        *world.ends.entry(transport.id()).or_default() +=
            usize::from(matches!(call, Call::Closed(..)));
        world.calls.push((transport.id(), self.name, call.clone()));
        (self.answer)(transport, &call)
    }
}

/// Something to be asked in a call of its own, which is not recorded.
pub(super) struct Ask(pub(super) Box<Question>);

type Question = dyn FnOnce(&mut Transport<'_, World>) + Send;

impl Protocol<World> for Script {
    fn connected(&mut self, transport: &mut Transport<'_, World>, world: &mut World) {
        self.told(transport, world, Call::Connected);
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_, World>,
        world: &mut World,
        bytes: &[u8],
    ) -> usize {
        self.told(transport, world, Call::Received(bytes.to_vec())).min(bytes.len())
    }

    fn writable(&mut self, transport: &mut Transport<'_, World>, world: &mut World) {
        self.told(transport, world, Call::Writable);
    }

    fn expired(
        &mut self,
        transport: &mut Transport<'_, World>,
        world: &mut World,
        timeout: Timeout,
    ) {
        self.told(transport, world, Call::Expired(timeout));
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, World>,
        world: &mut World,
        message: Box<dyn Any + Send>,
    ) {
        match message.downcast::<Ask>() {
            Ok(ask) => (ask.0)(transport),
            Err(message) => {
                let text = message.downcast_ref().copied().unwrap_or("something");
                self.told(transport, world, Call::Notified(text));
            }
        }
    }

    fn stopping(&mut self, transport: &mut Transport<'_, World>, world: &mut World) {
        self.told(transport, world, Call::Stopping);
    }

    fn finished(&mut self, transport: &mut Transport<'_, World>, world: &mut World, rest: &[u8]) {
        self.told(transport, world, Call::Finished(rest.to_vec()));
    }

    fn closed(&mut self, transport: &mut Transport<'_, World>, world: &mut World, closed: Closed) {
        self.told(transport, world, Call::Closed(closed.reason, closed.unsent));
    }
}
