//! A protocol that does anything, to its own connection and to those of others.

use std::any::Any;
use std::time::Duration;

use switchboard::{Bytes, Closed, Closing, ConnectionId, Protocol, Timeout, Transport, WhenFull};

use super::limits;
use crate::choices::Choices;

/// What all guests share.
pub(crate) struct Hall {
    pub(super) choices: Choices,
    /// Everybody who ever came, the gone among them.
    pub(super) names: Vec<ConnectionId>,
}

impl Hall {
    /// Somebody, who may be gone; nobody while nobody came.
    pub(super) fn draw_name(&mut self) -> ConnectionId {
        let number = self.choices.below(256);
        let index = number % self.names.len().max(1);
        self.names.get(index).copied().unwrap_or(ConnectionId::new(0, 0))
    }
}

pub(super) fn when_full(choices: &mut Choices) -> WhenFull {
    [WhenFull::PauseSource, WhenFull::Drop, WhenFull::Close][choices.below(3)]
}

pub(super) struct Guest;

/// Does one thing. Where the choices are spent that is nothing, so that everything ends.
fn act(transport: &mut Transport<'_, Hall>, hall: &mut Hall) {
    match hall.choices.below(40) {
        1..8 => {
            let bytes = vec![b'g'; 8 * hall.choices.below(256)];
            transport.write(&bytes);
        }
        8 => transport.write_shared(Bytes::from(vec![b's'; 30 * hall.choices.below(256)])),
        9 => {
            transport.pause_reading();
            transport.set_timeout(Duration::from_millis(hall.choices.byte().into()));
        }
        10..13 => transport.resume_reading(),
        13 | 14 => transport.yield_now(),
        15 => transport.set_timeout(Duration::from_millis(hall.choices.word() as u64 * 8)),
        16 => transport.set_timeout(Duration::ZERO),
        17 => transport.clear_deadline(),
        18 => transport.become_protocol(Guest),
        19 => transport.finish(),
        20 => transport.finish_writing(),
        21 => transport.abort(),
        22 => transport.claim_memory(hall.choices.below(256)),
        23 => drop(transport.remote().notify(Box::new(()))),
        24 => transport.connect(transport.peer().clone(), Guest, limits(&mut hall.choices)),
        25..28 => {
            let bytes = Bytes::from(vec![b'c'; 4 * hall.choices.below(256)]);
            let when_full = when_full(&mut hall.choices);
            transport.broadcast(bytes, when_full);
        }
        28..32 => {
            let name = hall.draw_name();
            let bytes = Bytes::from(vec![b't'; 8 * hall.choices.below(256)]);
            let when_full = when_full(&mut hall.choices);
            transport.send(name, bytes, when_full);
        }
        32 => transport.close(hall.draw_name(), Closing::Finish),
        35 => transport.close(hall.draw_name(), Closing::FinishWriting),
        36 => transport.hand_over(hall.draw_name(), Guest),
        37 => transport.read_on(),
        33 => transport.close(hall.draw_name(), Closing::Abort),
        34 => transport.notify(hall.draw_name(), Box::new(())),
        _ => {}
    }
}

impl Protocol<Hall> for Guest {
    fn connected(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall) {
        hall.names.push(transport.id());
        act(transport, hall);
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_, Hall>,
        hall: &mut Hall,
        bytes: &[u8],
    ) -> usize {
        let used = [bytes.len(), 0, bytes.len() / 2, bytes.len()][hall.choices.below(4)];
        act(transport, hall);
        used
    }

    fn writable(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall) {
        act(transport, hall);
    }

    fn expired(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall, _: Timeout) {
        transport.resume_reading();
        act(transport, hall);
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, Hall>,
        hall: &mut Hall,
        _: Box<dyn Any + Send>,
    ) {
        act(transport, hall);
    }

    fn stopping(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall) {
        act(transport, hall);
        if hall.choices.below(2) == 0 {
            transport.finish();
        }
    }

    fn finished(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall, _: &[u8]) {
        act(transport, hall);
        if hall.choices.below(4) < 3 {
            transport.finish();
        }
    }

    fn closed(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall, _: Closed) {
        act(transport, hall);
    }
}
