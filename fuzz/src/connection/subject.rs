//! A protocol that does as it is told, and checks that what it is given is what comes next.

use std::any::Any;
use std::time::Duration;

use switchboard::{
    Bytes, Closed, Closing, ConnectionId, FileRange, Protocol, Timeout, Transport, WhenFull,
};

use super::{LARGEST, Sea, byte, file, of_peer, stream};
use crate::choices::Choices;
use crate::talk::Order;

/// What must be true of one connection.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// Bytes of the peer's stream that protocols have used.
    pub(super) used: u64,
    /// Bytes of our stream that were taken to be sent.
    pub(super) written: u64,
    pub(super) order: Order,
    /// The protocol takes input while its output waits.
    is_read_on: bool,
}

pub(super) struct Subject;

pub(super) fn when_full(choices: &mut Choices) -> WhenFull {
    [WhenFull::PauseSource, WhenFull::Drop, WhenFull::Close][choices.below(3)]
}

/// Does one thing. Where the choices are spent that is nothing, so that everything ends.
fn act(transport: &mut Transport<'_, Sea>, sea: &mut Sea) {
    let id = transport.id();
    let other = ConnectionId::new(1 - id.slot(), 1 - id.slot());
    match sea.choices.below(32) {
        1..8 => (0..=sea.choices.below(3)).for_each(|_| write(transport, sea)),
        8 => (0..sea.choices.below(64)).for_each(|_| write(transport, sea)),
        9 => transport.pause_reading(),
        10..12 => transport.resume_reading(),
        12..14 => transport.yield_now(),
        14 => {
            let wait = Duration::from_millis(sea.choices.word() as u64);
            transport.set_timeout(wait);
        }
        15 => transport.clear_deadline(),
        16 => {
            transport.become_protocol(Subject);
            sea.model(id).order.is_connected = false;
        }
        17 => transport.finish(),
        18 => transport.finish_writing(),
        19 => transport.abort(),
        20..24 => {
            let bytes = Bytes::from(vec![0; sea.choices.below(LARGEST)]);
            transport.send(other, bytes, WhenFull::Drop);
        }
        24 => transport.close(other, closing(&mut sea.choices)),
        25 => transport.close(id, closing(&mut sea.choices)),
        26 => transport.notify(other, Box::new(())),
        27 => transport.claim_memory(sea.choices.below(256)),
        28 => transport.hand_over(other, Subject),
        29 => {
            transport.read_on();
            sea.model(id).is_read_on = true;
        }
        _ => {}
    }
}

pub(super) fn closing(choices: &mut Choices) -> Closing {
    [Closing::Finish, Closing::FinishWriting, Closing::Abort][choices.below(3)]
}

/// Writes the next bytes of the stream, one way or another.
fn write(transport: &mut Transport<'_, Sea>, sea: &mut Sea) {
    let id = transport.id();
    let length = 1 + sea.choices.below(LARGEST);
    let written = sea.model(id).written;
    let bytes = stream(id.to_u64(), written, length);
    let before = transport.unsent();
    match sea.choices.below(6) {
        0 => transport.write_shared(Bytes::from(bytes)),
        1 => {
            let offset = u64::from(byte(id.to_u64(), written));
            transport.write_file(FileRange::new(file(), offset, length as u64));
        }
        2 => transport.writer().write_with(|out| out.extend_from_slice(&bytes)),
        3 => transport.writer().write_with(|_| ()),
        _ => transport.write(&bytes),
    }
    sea.model(id).written += transport.unsent() - before;
}

impl Protocol<Sea> for Subject {
    fn connected(&mut self, transport: &mut Transport<'_, Sea>, sea: &mut Sea) {
        let model = sea.model(transport.id());
        model.order.connected();
        model.is_read_on = false;
        act(transport, sea);
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_, Sea>,
        sea: &mut Sea,
        bytes: &[u8],
    ) -> usize {
        let id = transport.id();
        let is_read_on = sea.model(id).is_read_on;
        assert!(!transport.is_backpressured() || is_read_on, "nothing is offered then");
        let used =
            [bytes.len(), 0, sea.choices.below(bytes.len().min(255) + 1), 1][sea.choices.below(4)];
        let model = sea.model(id);
        model.order.received();
        assert!(!bytes.is_empty(), "nothing is offered for nothing");
        assert_eq!(bytes, stream(of_peer(id), model.used, bytes.len()), "what comes next");
        model.used += used as u64;
        act(transport, sea);
        used
    }

    fn writable(&mut self, transport: &mut Transport<'_, Sea>, sea: &mut Sea) {
        sea.model(transport.id()).order.between();
        assert!(!transport.is_backpressured(), "it has ended");
        act(transport, sea);
    }

    fn expired(&mut self, transport: &mut Transport<'_, Sea>, sea: &mut Sea, timeout: Timeout) {
        sea.model(transport.id()).order.between();
        let is_announced =
            matches!(timeout, Timeout::Own | Timeout::FirstByte | Timeout::Idle | Timeout::Message);
        assert!(is_announced, "{timeout} is not told");
        act(transport, sea);
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, Sea>,
        sea: &mut Sea,
        _: Box<dyn Any + Send>,
    ) {
        sea.model(transport.id()).order.between();
        act(transport, sea);
    }

    fn stopping(&mut self, transport: &mut Transport<'_, Sea>, sea: &mut Sea) {
        sea.model(transport.id()).order.between();
        act(transport, sea);
    }

    fn finished(&mut self, transport: &mut Transport<'_, Sea>, sea: &mut Sea, rest: &[u8]) {
        let id = transport.id();
        let model = sea.model(id);
        assert!(!model.order.is_finished || rest.is_empty(), "only a successor is told again");
        model.order.between();
        model.order.is_finished = true;
        assert_eq!(rest, stream(of_peer(id), model.used, rest.len()), "what was left");
        model.used += rest.len() as u64;
        act(transport, sea);
        if sea.choices.below(2) == 0 {
            transport.finish();
        }
    }

    fn closed(&mut self, transport: &mut Transport<'_, Sea>, sea: &mut Sea, closed: Closed) {
        sea.model(transport.id()).order.closed(closed);
        act(transport, sea);
    }
}
