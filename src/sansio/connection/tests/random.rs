//! Anything in any order: several connections on one desk against a model of the bytes.
//!
//! Every stream is a function of its connection and a position, so that a byte which is lost,
//! doubled or misplaced is seen where it arrives.

use std::any::Any;
use std::collections::HashMap;
use std::fs::File;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::table::{address, file, limits_origin, start};
use crate::sansio::{
    CloseReason, Closed, Connection, ConnectionId, Desk, FileRange, Limits, MAX_SLICES, Output,
    Protocol, Stage, Timeout, Transport, Wire,
};

const STEPS: usize = 200_000;
const CONNECTIONS: usize = 8;
/// The largest piece that is written or received at once.
const LARGEST: usize = 300;

/// Knuth's generator: a seed that fails once fails always.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }
}

/// The byte at `position` of stream `stream`. The period is prime, so that no buffer hides it.
fn byte(stream: u64, position: u64) -> u8 {
    ((position + stream % 251 * 7) % 251) as u8
}

fn stream(stream: u64, from: u64, length: usize) -> Vec<u8> {
    (from..from + length as u64).map(|position| byte(stream, position)).collect()
}

/// What must be true of one connection's streams.
#[derive(Default)]
struct Model {
    /// Bytes of the peer's stream that protocols have used.
    used: u64,
    /// Bytes of our stream that were accepted by the transport.
    written: u64,
    is_connected: bool,
    is_finished: bool,
    closed: Option<Closed>,
}

struct Sea {
    dice: Dice,
    models: HashMap<ConnectionId, Model>,
    /// Holds every piece of every stream: where it begins is the value of its first byte.
    file: Arc<File>,
}

/// Does as the dice say, and checks that what it is given is what comes next.
struct Sailor;

impl Sailor {
    fn act(transport: &mut Transport<'_, Sea>, sea: &mut Sea) {
        let id = transport.id();
        match sea.dice.roll(40) {
            0..10 => {
                for _ in 0..=sea.dice.roll(3) {
                    write(transport, sea, id);
                }
            }
            10 if id.slot() % 4 == 1 => write_without_end(transport, sea, id),
            10 => transport.pause_reading(),
            11..13 => transport.resume_reading(),
            13..15 => transport.yield_now(),
            15 => {
                let wait = Duration::from_millis(sea.dice.roll(5000) as u64);
                transport.set_deadline(transport.now() + wait);
            }
            16 => transport.clear_deadline(),
            17 => {
                transport.become_protocol(Self);
                sea.models.entry(id).or_default().is_connected = false;
            }
            18 if sea.dice.one_in(20) => transport.finish(),
            19 if sea.dice.one_in(20) => transport.finish_writing(),
            20 if sea.dice.one_in(40) => transport.abort(),
            _ => {}
        }
    }
}

/// Writes the next bytes of the stream, one way or another.
fn write(transport: &mut Transport<'_, Sea>, sea: &mut Sea, id: ConnectionId) {
    let model = sea.models.entry(id).or_default();
    let length = 1 + sea.dice.roll(LARGEST);
    let before = transport.unsent();
    match sea.dice.roll(4) {
        0 => transport.write_shared(Bytes::from(stream(id.to_u64(), model.written, length))),
        1 => {
            let offset = u64::from(byte(id.to_u64(), model.written));
            let file = Arc::clone(&sea.file);
            transport.write_file(FileRange::new(file, offset, length as u64));
        }
        _ => transport.write(&stream(id.to_u64(), model.written, length)),
    }
    model.written += transport.unsent() - before;
}

/// Ignores back-pressure, until nothing is taken any more.
fn write_without_end(transport: &mut Transport<'_, Sea>, sea: &mut Sea, id: ConnectionId) {
    for _ in 0..sea.dice.roll(100) {
        write(transport, sea, id);
    }
}

impl Protocol<Sea> for Sailor {
    fn connected(&mut self, transport: &mut Transport<'_, Sea>, sea: &mut Sea) {
        let model = sea.models.entry(transport.id()).or_default();
        assert!(!model.is_connected && model.closed.is_none());
        model.is_connected = true;
        Self::act(transport, sea);
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_, Sea>,
        sea: &mut Sea,
        bytes: &[u8],
    ) -> usize {
        let id = transport.id();
        let model = sea.models.entry(id).or_default();
        assert!(model.is_connected && !model.is_finished && model.closed.is_none());
        assert!(!transport.is_backpressured(), "it is not offered input then");
        let expected = stream(!id.to_u64(), model.used, bytes.len());
        assert_eq!(bytes, expected, "what is offered is what comes next");
        // Some use little, and some of those end for it.
        let is_slow = id.slot().is_multiple_of(4);
        let used = match sea.dice.roll(if is_slow { 20 } else { 3 }) {
            0 => bytes.len(),
            1 => sea.dice.roll(bytes.len() + 1),
            _ if is_slow => 0,
            _ => bytes.len(),
        };
        model.used += used as u64;
        Self::act(transport, sea);
        used
    }

    fn writable(&mut self, transport: &mut Transport<'_, Sea>, sea: &mut Sea) {
        assert!(!transport.is_backpressured());
        Self::act(transport, sea);
    }

    fn expired(&mut self, transport: &mut Transport<'_, Sea>, sea: &mut Sea, _: Timeout) {
        Self::act(transport, sea);
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, Sea>,
        sea: &mut Sea,
        _: Box<dyn Any + Send>,
    ) {
        Self::act(transport, sea);
    }

    fn finished(&mut self, transport: &mut Transport<'_, Sea>, sea: &mut Sea, rest: &[u8]) {
        let id = transport.id();
        let model = sea.models.entry(id).or_default();
        assert!(model.is_connected && model.closed.is_none());
        assert!(!model.is_finished || rest.is_empty(), "only a successor is told again");
        model.is_finished = true;
        assert_eq!(rest, stream(!id.to_u64(), model.used, rest.len()));
        model.used += rest.len() as u64;
        Self::act(transport, sea);
        if sea.dice.one_in(2) {
            transport.finish();
        }
    }

    fn closed(&mut self, transport: &mut Transport<'_, Sea>, sea: &mut Sea, closed: Closed) {
        let model = sea.models.entry(transport.id()).or_default();
        assert!(model.closed.replace(closed).is_none(), "it is told once");
    }
}

/// The other end of a connection, and the wire to it.
struct Ship {
    connection: Connection<Sea>,
    /// Bytes that were handed to the connection.
    received: u64,
    /// Bytes that the wire took.
    sent: u64,
    has_fin: bool,
    is_input_ended: bool,
}

fn limits() -> Limits {
    let second = Duration::from_secs(1);
    let limits = Limits::default().message(second).write_stall(second);
    limits.input(512).high_water(1000).low_water(200).output(4000).linger(2000)
}

fn launch(number: u32, desk: &mut Desk<Sea>, sea: &mut Sea) -> Ship {
    let id = ConnectionId::new(number, number);
    let origin = limits_origin(limits());
    let mut connection = Connection::new(id, Box::new(Sailor), origin, address(), desk);
    connection.handle_connected(desk, sea);
    Ship { connection, received: 0, sent: 0, has_fin: false, is_input_ended: false }
}

impl Ship {
    /// One thing that can happen to a connection.
    fn step(&mut self, desk: &mut Desk<Sea>, sea: &mut Sea) {
        let id = self.connection.id();
        match sea.dice.roll(24) {
            0..8 => {
                let length = (1 + sea.dice.roll(LARGEST)).min(self.connection.wants_bytes());
                if length > 0 && !self.is_input_ended {
                    let bytes = stream(!id.to_u64(), self.received, length);
                    self.received += length as u64;
                    self.connection.handle_received(desk, sea, &bytes);
                }
            }
            8..16 => self.send(desk, sea),
            16..20 if self.connection.wants_turn() => self.connection.handle_turn(desk, sea),
            20..22 => self.connection.handle_notified(desk, sea, Box::new(())),
            22 if sea.dice.one_in(50) && self.connection.wants_bytes() > 0 => {
                self.is_input_ended = true;
                self.connection.handle_end_of_input(desk, sea);
            }
            23 if sea.dice.one_in(100) => {
                self.connection.handle_failure(desk, sea, CloseReason::Stopped);
            }
            _ => self.connection.handle_deadlines(desk, sea),
        }
    }

    /// The wire takes a piece of what is next, and is shut down where that is asked for.
    fn send(&mut self, desk: &mut Desk<Sea>, sea: &mut Sea) {
        let id = self.connection.id();
        let room = 1 + sea.dice.roll(2 * LARGEST);
        let from_file = |range: &FileRange, most: u64| {
            let length = range.length().min(most) as usize;
            (range.offset()..).take(length).map(|offset| (offset % 251) as u8).collect()
        };
        let mut bytes: Vec<u8> = match self.connection.poll_output(desk) {
            Output::Nothing => Vec::new(),
            Output::Bytes(bytes) => bytes.to_vec(),
            Output::Slices => {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let count = self.connection.gather(&mut slices);
                slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
            }
            Output::File { range, .. } if sea.dice.one_in(2) => from_file(range, room as u64),
            Output::File { range, .. } => {
                let bytes: Vec<u8> = from_file(range, room as u64);
                return self.connection.handle_file_bytes(desk, &bytes);
            }
        };
        let is_blocked = bytes.len() > room;
        bytes.truncate(room);
        assert!(bytes.is_empty() || !self.has_fin, "nothing follows our FIN");
        assert_eq!(bytes, stream(id.to_u64(), self.sent, bytes.len()), "bytes leave in order");
        self.sent += bytes.len() as u64;
        if !bytes.is_empty() {
            self.connection.handle_sent(desk, sea, bytes.len() as u64);
        }
        if is_blocked {
            self.connection.handle_blocked();
        }
        self.has_fin |= self.connection.poll_wire(desk) == Wire::ShutdownWrite;
    }

    fn check(&self, sea: &Sea) {
        self.connection.check_invariants();
        let model = &sea.models[&self.connection.id()];
        assert_eq!(model.closed.is_some(), self.connection.stage() == Stage::Closed);
        let unsent = model.closed.map_or_else(|| self.connection.unsent(), |closed| closed.unsent);
        assert_eq!(model.written, self.sent + unsent, "written is sent or unsent");
        assert!(model.used <= self.received);
        assert!(self.connection.held() <= 512 + 4000 + 64 * 1024);
    }
}

#[test]
fn whatever_happens_every_byte_is_used_and_sent_in_order() {
    let seed = 0x5eed;
    let file = file(&stream(0, 0, 251 + LARGEST));
    let mut sea = Sea { dice: Dice(seed), models: HashMap::new(), file };
    let mut desk = Desk::new(start(), SystemTime::UNIX_EPOCH);
    let mut launched = 0;
    let mut fleet = Vec::new();
    let mut reasons: HashMap<CloseReason, usize> = HashMap::new();
    let (mut sent, mut used) = (0, 0);
    for step in 0..STEPS {
        while fleet.len() < CONNECTIONS {
            fleet.push(launch(launched, &mut desk, &mut sea));
            launched += 1;
        }
        let later = desk.now() + Duration::from_millis(sea.dice.roll(20) as u64);
        desk.set_time(later, SystemTime::UNIX_EPOCH);
        let index = sea.dice.roll(fleet.len());
        fleet[index].step(&mut desk, &mut sea);
        fleet[index].check(&sea);
        let held: usize = fleet.iter().map(|ship| ship.connection.held()).sum();
        assert_eq!(desk.held(), held, "at step {step} of seed {seed:#x}");
        if let Some(reason) = fleet[index].connection.close_reason() {
            *reasons.entry(reason).or_default() += 1;
            let gone = fleet.swap_remove(index);
            let model = sea.models.remove(&gone.connection.id());
            (sent, used) = (sent + gone.sent, used + model.map_or(0, |model| model.used));
        }
    }
    for mut ship in fleet {
        ship.connection.handle_failure(&mut desk, &mut sea, CloseReason::Stopped);
        ship.check(&sea);
    }
    assert_eq!(desk.held(), 0);
    assert!(sent > 1_000_000 && used > 1_000_000, "{sent} sent, {used} used");
    for reason in [
        CloseReason::Finished,
        CloseReason::Aborted,
        CloseReason::InputFull,
        CloseReason::OutputFull,
        CloseReason::TimedOut(Timeout::Message),
    ] {
        assert!(reasons.contains_key(&reason), "{reason} was reached: {reasons:?}");
    }
}
