//! Anything in any order: two connections on one desk, against a model of their bytes.
//!
//! All bytes of the input are decisions: what happens to which connection, and what its protocol
//! does about it. Every stream is a function of its connection and a position, so that a byte
//! which is lost, doubled or misplaced is seen where it arrives. After every step, and at the
//! end, when time alone passes:
//!
//! * the callbacks come in their order, `closed` once and last;
//! * what is written is sent or unsent, in order, and never more unsent than is allowed;
//! * a live connection has a deadline, and one that is over holds nothing;
//! * what the desk counts is what its connections hold.

use std::fs::File;
use std::io::IoSlice;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use switchboard::sansio::{Delivery, Desk, MAX_SLICES, Origin, Output, Request, Stage, Wire};
use switchboard::{Bytes, CloseReason, Connection, ConnectionId, Limits};

use crate::choices::Choices;
use crate::talk::{peer, start, wall_time};

mod seal;
mod subject;

use seal::{FAREWELL, GREETING, Seal, sealed};
use subject::{Model, Subject, closing, when_full};

/// Makes a conversation of `bytes`.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let has_layers = choices.below(4) == 3;
    let mut sea = Sea { choices, models: [Model::default(), Model::default()] };
    let mut desk = Desk::new(start(), wall_time());
    let mut ships = [0, 1].map(|slot| Ship::launch(slot, has_layers, &mut desk, &mut sea));
    while !sea.choices.is_spent() {
        let kind = sea.choices.byte();
        ships[usize::from(kind >> 7)].step(kind & 0x7f, &mut desk, &mut sea);
        carry_out(&mut ships, &mut desk, &mut sea);
        check(&ships, &desk, &sea);
    }
    end(&mut ships, &mut desk, &mut sea);
}

/// More deadlines than these connections have before they are over.
const MOST_WAITS: usize = 10_000;

/// Lets time pass until both connections are over.
fn end(ships: &mut [Ship; 2], desk: &mut Desk<Sea>, sea: &mut Sea) {
    for _ in 0..MOST_WAITS {
        let next = ships.iter().filter_map(|ship| ship.connection.poll_deadline()).min();
        let Some(deadline) = next else {
            assert_eq!(desk.held(), 0, "nobody is left, and something is held");
            return;
        };
        desk.set_time(deadline, wall_time());
        for ship in ships.iter_mut() {
            ship.connection.handle_deadlines(desk, sea);
            ship.settle_wire(desk);
        }
        carry_out(ships, desk, sea);
        check(ships, desk, sea);
    }
    panic!("a connection lives for ever");
}

/// What both connections and their protocols look at.
pub(crate) struct Sea {
    choices: Choices,
    models: [Model; 2],
}

impl Sea {
    fn model(&mut self, id: ConnectionId) -> &mut Model {
        &mut self.models[id.slot() as usize]
    }
}

/// The largest piece that is written or received at once.
const LARGEST: usize = 300;
const INPUT: usize = 512;
const OUTPUT: usize = 4000;
/// What of a file may be in memory, what a layer may have sealed, and what a protocol may claim.
const ELSEWHERE: usize = (64 << 10) + (16 << 10) + 2 * LARGEST + 256;

fn limits() -> Limits {
    let second = Duration::from_secs(1);
    let limits = Limits::default().message(second).write_stall(second);
    limits.input(INPUT).high_water(1000).low_water(200).output(OUTPUT).linger(2000)
}

/// The byte at `position` of a stream. The period is prime, so that no buffer hides it.
fn byte(stream: u64, position: u64) -> u8 {
    ((position + stream % 251 * 7) % 251) as u8
}

fn stream(stream: u64, from: u64, length: usize) -> Vec<u8> {
    (from..from + length as u64).map(|position| byte(stream, position)).collect()
}

/// The stream that the peer of a connection sends.
fn of_peer(id: ConnectionId) -> u64 {
    id.to_u64() + 100
}

/// A file that nobody reads: what would be in it follows from the offset.
fn file() -> Arc<File> {
    static FILE: OnceLock<Arc<File>> = OnceLock::new();
    let open = || Arc::new(File::open("/dev/null").expect("every Unix has it"));
    Arc::clone(FILE.get_or_init(open))
}

/// The other end of a connection, and the wire to it.
struct Ship {
    connection: Connection<Sea>,
    has_layer: bool,
    /// Bytes of the peer's stream that were handed over, the layer's greeting apart.
    received: u64,
    /// What a peer whose connection has a layer has sent of its greeting.
    greeted: usize,
    /// Bytes that the wire took.
    sent: Vec<u8>,
    has_fin: bool,
    is_input_ended: bool,
}

impl Ship {
    fn launch(slot: u32, has_layer: bool, desk: &mut Desk<Sea>, sea: &mut Sea) -> Self {
        let id = ConnectionId::new(slot, slot);
        let origin = Arc::new(Origin::new(limits()));
        let mut connection = Connection::new(id, Box::new(Subject), origin, peer(), desk);
        if has_layer {
            connection = connection.with_layer(Box::<Seal>::default());
        }
        let is_late = sea.choices.below(2) == 1;
        if !is_late {
            connection.handle_connected(desk, sea);
        }
        let (sent, has_fin, is_input_ended) = (Vec::new(), false, false);
        Self { connection, has_layer, received: 0, greeted: 0, sent, has_fin, is_input_ended }
    }

    /// One thing that can happen to a connection.
    fn step(&mut self, kind: u8, desk: &mut Desk<Sea>, sea: &mut Sea) {
        let connection = &mut self.connection;
        match kind {
            0..24 => self.receive(desk, sea),
            24..56 => self.send(desk, sea),
            56..72 if connection.wants_turn() => connection.handle_turn(desk, sea),
            72..80 => connection.handle_notified(desk, sea, Box::new(())),
            80..84 if connection.wants_bytes() > 0 && !self.is_input_ended => {
                self.is_input_ended = true;
                connection.handle_end_of_input(desk, sea);
            }
            84 => connection.handle_failure(desk, sea, CloseReason::Stopped),
            85 => connection.handle_stopping(desk, sea),
            86 | 87 => {
                let closing = closing(&mut sea.choices);
                connection.handle_close(desk, sea, closing);
            }
            88..96 => connection.handle_connected(desk, sea),
            96..104 => drop(self.deliver(None, sea.choices.below(LARGEST), desk, sea)),
            _ => {
                let later = Duration::from_millis(sea.choices.word() as u64);
                desk.set_time(desk.now() + later, wall_time());
                connection.handle_deadlines(desk, sea);
            }
        }
        self.settle_wire(desk);
    }

    fn receive(&mut self, desk: &mut Desk<Sea>, sea: &mut Sea) {
        let is_early = self.connection.stage() == Stage::Connecting;
        let room = self.connection.wants_bytes();
        let length = (1 + sea.choices.below(256)).min(room);
        if length == 0 || self.is_input_ended || is_early {
            return;
        }
        if self.has_layer && self.greeted < GREETING.len() {
            let greeting = &GREETING[self.greeted..][..length.min(GREETING.len() - self.greeted)];
            self.greeted += greeting.len();
            return self.connection.handle_received(desk, sea, greeting);
        }
        let mut bytes = stream(of_peer(self.connection.id()), self.received, length);
        self.received += length as u64;
        if self.has_layer {
            bytes = sealed(&bytes);
        }
        self.connection.handle_received(desk, sea, &bytes);
    }

    /// The wire takes a piece of what is next.
    fn send(&mut self, desk: &mut Desk<Sea>, sea: &mut Sea) {
        let room = 1 + 4 * sea.choices.below(256);
        let mut bytes = match self.connection.poll_output(desk) {
            Output::Bytes(bytes) => bytes.to_vec(),
            Output::Slices => {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let count = self.connection.gather(&mut slices);
                slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
            }
            Output::File { range, direct } => {
                let length = range.length().min(room as u64) as usize;
                let bytes: Vec<u8> =
                    (range.offset()..).take(length).map(|offset| (offset % 251) as u8).collect();
                if !direct || sea.choices.below(2) == 1 {
                    return self.connection.handle_file_bytes(desk, &bytes);
                }
                bytes
            }
            Output::Nothing | _ => return,
        };
        assert!(!bytes.is_empty(), "there is output and it is empty");
        assert!(!self.has_fin, "nothing follows our FIN");
        let is_blocked = bytes.len() > room;
        bytes.truncate(room);
        self.sent.extend_from_slice(&bytes);
        self.connection.handle_sent(desk, sea, bytes.len() as u64);
        if is_blocked {
            self.connection.handle_blocked();
        }
    }

    fn settle_wire(&mut self, desk: &Desk<Sea>) {
        let shuts = self.connection.poll_wire(desk) == Wire::ShutdownWrite;
        assert!(!shuts || !self.has_fin, "FIN is said once");
        self.has_fin |= shuts;
    }

    /// The next `length` bytes of its stream come from somebody else.
    fn deliver(
        &mut self,
        from: Option<ConnectionId>,
        length: usize,
        desk: &mut Desk<Sea>,
        sea: &mut Sea,
    ) -> Delivery {
        let id = self.connection.id();
        let bytes = Bytes::from(stream(id.to_u64(), sea.model(id).written, length));
        let when_full = when_full(&mut sea.choices);
        // What is counted before: a delivery may end the connection, which is told how much.
        sea.model(id).written += length as u64;
        let delivery = self.connection.handle_delivery(desk, sea, bytes, when_full, from);
        let is_taken = matches!(delivery, Delivery::Queued | Delivery::QueuedAndFull);
        let is_over_cap = delivery == Delivery::Closed
            && self.connection.close_reason() == Some(CloseReason::OutputFull);
        if !is_taken && !is_over_cap {
            sea.model(id).written -= length as u64;
        }
        delivery
    }

    fn check(&self, sea: &Sea) {
        let connection = &self.connection;
        connection.check_invariants();
        let id = connection.id();
        let model = &sea.models[id.slot() as usize];
        let closed = model.order.closed;
        assert_eq!(closed.is_some(), connection.stage() == Stage::Closed);
        assert_eq!(closed.is_some(), connection.poll_deadline().is_none(), "a deadline, or over");
        assert!(closed.is_none() || connection.held() == 0, "one that is over holds nothing");
        assert!(model.used <= self.received);
        assert!(connection.held() <= INPUT + OUTPUT + ELSEWHERE, "{}", connection.held());
        let unsent = closed.map_or_else(|| connection.unsent(), |closed| closed.unsent);
        if self.has_layer {
            let sent = sealed(self.sent.get(GREETING.len()..).unwrap_or_default());
            let plain = &sent[..sent.len().min(model.written as usize)];
            assert_eq!(plain, stream(id.to_u64(), 0, plain.len()), "bytes leave in order");
            assert!(sent.len() as u64 <= model.written + FAREWELL.len() as u64);
        } else {
            assert_eq!(self.sent, stream(id.to_u64(), 0, self.sent.len()), "bytes leave in order");
            assert_eq!(model.written, self.sent.len() as u64 + unsent, "written: sent or unsent");
        }
    }
}

/// Carries out what the connections ask of each other.
fn carry_out(ships: &mut [Ship; 2], desk: &mut Desk<Sea>, sea: &mut Sea) {
    while let Some(request) = desk.poll_request() {
        match request {
            Request::Send { to, from, bytes, .. } => {
                let delivery = ships[to.slot() as usize].deliver(from, bytes.len(), desk, sea);
                if delivery == Delivery::QueuedAndFull
                    && let Some(from) = from
                {
                    ships[from.slot() as usize].connection.handle_hold();
                }
            }
            Request::Close { to, closing } => {
                ships[to.slot() as usize].connection.handle_close(desk, sea, closing);
            }
            Request::Notify { to, message } => {
                ships[to.slot() as usize].connection.handle_notified(desk, sea, message);
            }
            Request::Release { source } => {
                ships[source.slot() as usize].connection.handle_release();
            }
            Request::HandOver { to, protocol } => {
                let connection = &mut ships[to.slot() as usize].connection;
                let stage = connection.stage();
                if stage == Stage::Open {
                    sea.model(to).order.is_connected = false;
                }
                let is_taken = connection.handle_successor(desk, sea, protocol).is_ok();
                assert_eq!(is_taken, matches!(stage, Stage::Connecting | Stage::Open));
            }
            other @ (Request::Connect { .. } | Request::Broadcast { .. } | _) => {
                panic!("nobody asked for {other:?}")
            }
        }
    }
}

fn check(ships: &[Ship; 2], desk: &Desk<Sea>, sea: &Sea) {
    ships.iter().for_each(|ship| ship.check(sea));
    let held: usize = ships.iter().map(|ship| ship.connection.held()).sum();
    assert_eq!(desk.held(), held, "the desk counts what its connections hold");
}
