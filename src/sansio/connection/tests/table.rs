//! Connections that share a desk, each on a wire in memory.

use std::any::Any;
use std::fs::File;
use std::io::{IoSlice, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::script::{Ask, Call, World};
use crate::sansio::{
    Address, CloseReason, Closing, Connection, ConnectionId, Delivery, Desk, FileRange, Limits,
    ListenerId, MAX_SLICES, Origin, Output, Protocol, Request, Stage, Transport, WhenFull, Wire,
};

/// One connection with the wire it is on.
pub(super) struct End {
    pub(super) connection: Connection<World>,
    /// How many more bytes the wire takes.
    pub(super) room: usize,
    /// What the peer has got.
    pub(super) got: Vec<u8>,
    /// What was done to the wire, in order.
    pub(super) wire: Vec<Wire>,
}

/// Connections that share a desk. They are named by number, in the order in which they came.
pub(super) struct Table {
    pub(super) desk: Desk<World>,
    pub(super) world: World,
    pub(super) ends: Vec<End>,
}

#[expect(clippy::disallowed_methods, reason = "there is no other way to some instant")]
pub(super) fn start() -> Instant {
    Instant::now()
}

pub(super) fn id(end: usize) -> ConnectionId {
    ConnectionId::new(end as u32, 0)
}

pub(super) fn address() -> Address {
    "127.0.0.1:1".parse().unwrap()
}

/// What connections of one listener under `limits` have in common.
pub(super) fn limits_origin(limits: Limits) -> Arc<Origin> {
    limits.check().unwrap();
    Arc::new(Origin::accepted(ListenerId::new(0), None, limits))
}

pub(super) fn file(bytes: &[u8]) -> Arc<File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Arc::new(file)
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const NANOSECOND: Duration = Duration::from_nanos(1);

impl Table {
    pub(super) fn new() -> Self {
        Self {
            desk: Desk::new(start(), SystemTime::UNIX_EPOCH),
            world: World::default(),
            ends: Vec::new(),
        }
    }

    /// A table with one open connection.
    pub(super) fn with(limits: Limits, protocol: impl Protocol<World>) -> Self {
        let mut table = Self::new();
        table.open(limits, protocol);
        table
    }

    /// A connection that is not established yet.
    pub(super) fn dial(&mut self, limits: Limits, protocol: impl Protocol<World>) -> usize {
        let origin = limits_origin(limits);
        let id = id(self.ends.len());
        let connection = Connection::new(id, Box::new(protocol), origin, address(), &self.desk);
        self.add(connection)
    }

    pub(super) fn add(&mut self, connection: Connection<World>) -> usize {
        self.ends.push(End { connection, room: usize::MAX, got: Vec::new(), wire: Vec::new() });
        self.ends.len() - 1
    }

    pub(super) fn open(&mut self, limits: Limits, protocol: impl Protocol<World>) -> usize {
        let end = self.dial(limits, protocol);
        self.input(end, |connection, desk, world| connection.handle_connected(desk, world));
        end
    }

    /// One input, and all checks.
    pub(super) fn input<R>(
        &mut self,
        end: usize,
        input: impl FnOnce(&mut Connection<World>, &mut Desk<World>, &mut World) -> R,
    ) -> R {
        let connection = &mut self.ends[end].connection;
        let result = input(connection, &mut self.desk, &mut self.world);
        self.check();
        result
    }

    fn check(&self) {
        let held: usize = self.ends.iter().map(|end| end.connection.held()).sum();
        assert_eq!(self.desk.held(), held, "the desk counts what is held");
        for end in &self.ends {
            end.connection.check_invariants();
        }
    }

    /// The calls of connection `end` since this was last asked.
    pub(super) fn calls(&mut self, end: usize) -> Vec<Call> {
        self.calls_with_names(end).into_iter().map(|(_, call)| call).collect()
    }

    pub(super) fn calls_with_names(&mut self, end: usize) -> Vec<(&'static str, Call)> {
        let calls = std::mem::take(&mut self.world.calls);
        let (asked, others): (Vec<_>, Vec<_>) =
            calls.into_iter().partition(|call| call.0 == id(end));
        self.world.calls = others;
        asked.into_iter().map(|(_, name, call)| (name, call)).collect()
    }

    pub(super) fn connection(&self, end: usize) -> &Connection<World> {
        &self.ends[end].connection
    }

    /// What the peer has got, as text.
    pub(super) fn got(&self, end: usize) -> &str {
        std::str::from_utf8(&self.ends[end].got).unwrap()
    }
}

/// The inputs.
impl Table {
    pub(super) fn receive(&mut self, end: usize, bytes: impl AsRef<[u8]>) {
        self.input(end, |connection, desk, world| {
            connection.handle_received(desk, world, bytes.as_ref());
        });
    }

    pub(super) fn end_of_input(&mut self, end: usize) {
        self.input(end, |connection, desk, world| connection.handle_end_of_input(desk, world));
    }

    pub(super) fn fail(&mut self, end: usize, reason: CloseReason) {
        self.input(end, |connection, desk, world| {
            connection.handle_failure(desk, world, reason);
        });
    }

    /// Gives connection `end` its turn if it wants one, and says whether it did.
    pub(super) fn turn(&mut self, end: usize) -> bool {
        self.input(end, |connection, desk, world| {
            let wants = connection.wants_turn();
            if wants {
                connection.handle_turn(desk, world);
            }
            wants
        })
    }

    pub(super) fn notify(&mut self, end: usize, message: impl Any + Send) {
        self.input(end, |connection, desk, world| {
            connection.handle_notified(desk, world, Box::new(message));
        });
    }

    /// Asks for something in a call of its own.
    pub(super) fn ask(
        &mut self,
        end: usize,
        ask: impl FnOnce(&mut Transport<'_, World>) + Send + 'static,
    ) {
        self.notify(end, Ask(Box::new(ask)));
    }

    pub(super) fn stop(&mut self, end: usize) {
        self.input(end, |connection, desk, world| connection.handle_stopping(desk, world));
    }

    pub(super) fn close(&mut self, end: usize, closing: Closing) {
        self.input(end, |connection, desk, world| connection.handle_close(desk, world, closing));
    }

    pub(super) fn deliver(
        &mut self,
        to: usize,
        bytes: &'static [u8],
        when_full: WhenFull,
        from: Option<usize>,
    ) -> Delivery {
        self.input(to, |connection, desk, world| {
            let bytes = Bytes::from_static(bytes);
            connection.handle_delivery(desk, world, bytes, when_full, from.map(id))
        })
    }

    /// The wire takes what it has room for; then it is asked what to do to the wire.
    pub(super) fn flush(&mut self, end: usize) {
        while self.ends[end].room > 0 && self.send_once(end) {}
        if self.connection(end).has_output() {
            self.ends[end].connection.handle_blocked();
        }
        let wire = self.ends[end].connection.poll_wire(&self.desk);
        if wire != Wire::Keep && self.ends[end].wire.last() != Some(&wire) {
            self.ends[end].wire.push(wire);
        }
        self.check();
    }

    pub(super) fn send_once(&mut self, end: usize) -> bool {
        let End { connection, room, got, .. } = &mut self.ends[end];
        let before = got.len();
        let taken = match connection.poll_output(&mut self.desk) {
            Output::Nothing => return false,
            Output::Bytes(bytes) => {
                assert!(!bytes.is_empty(), "no bytes is Nothing");
                got.extend_from_slice(&bytes[..bytes.len().min(*room)]);
                got.len() - before
            }
            Output::Slices => {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let count = connection.gather(&mut slices);
                assert!(count > 0, "no slices is Nothing");
                for slice in &slices[..count] {
                    let left = *room - (got.len() - before);
                    got.extend_from_slice(&slice[..slice.len().min(left)]);
                }
                got.len() - before
            }
            Output::File { range, direct } => {
                let bytes = read(range, (*room).min(1000));
                if !direct {
                    connection.handle_file_bytes(&mut self.desk, &bytes);
                    return true;
                }
                got.extend_from_slice(&bytes);
                bytes.len()
            }
        };
        if *room != usize::MAX {
            *room -= taken;
        }
        self.input(end, |connection, desk, world| {
            connection.handle_sent(desk, world, taken as u64);
        });
        true
    }

    /// The wire takes `bytes` bytes and no more.
    pub(super) fn take(&mut self, end: usize, bytes: usize) {
        self.ends[end].room = bytes;
        let before = self.ends[end].got.len();
        self.flush(end);
        assert_eq!(self.ends[end].got.len() - before, bytes, "that much was there to be sent");
    }

    /// Time passes, and every deadline is kept to the nanosecond.
    pub(super) fn wait(&mut self, duration: Duration) {
        let until = self.desk.now() + duration;
        loop {
            let deadlines = self.ends.iter().map(|end| end.connection.poll_deadline());
            let next = deadlines.enumerate().filter_map(|(end, at)| Some((at?, end))).min();
            let Some((at, end)) = next.filter(|(at, _)| *at <= until) else {
                break;
            };
            self.desk.set_time(at, SystemTime::UNIX_EPOCH);
            self.input(end, |connection, desk, world| connection.handle_deadlines(desk, world));
        }
        self.desk.set_time(until, SystemTime::UNIX_EPOCH);
    }

    /// Carries out what the connections asked of each other.
    pub(super) fn carry_out(&mut self) {
        while let Some(request) = self.desk.poll_request() {
            match request {
                Request::Send { to, from, bytes, when_full } => {
                    self.carry(to.slot() as usize, from.unwrap(), bytes, when_full);
                }
                Request::Broadcast { from, bytes, when_full, .. } => {
                    let from = from.unwrap();
                    for to in (0..self.ends.len()).filter(|to| id(*to) != from) {
                        self.carry(to, from, bytes.clone(), when_full);
                    }
                }
                Request::Close { to, closing } => self.close(to.slot() as usize, closing),
                Request::Notify { to, message } => {
                    self.input(to.slot() as usize, |connection, desk, world| {
                        connection.handle_notified(desk, world, message);
                    });
                }
                Request::HandOver { to, protocol } => self.hand_over(to.slot() as usize, protocol),
                Request::Connect { .. } | Request::ConnectByName { .. } => {
                    panic!("no test connects out from a table")
                }
                Request::Release { source } => {
                    self.ends[source.slot() as usize].connection.handle_release();
                }
            }
        }
    }

    fn hand_over(&mut self, to: usize, next: Box<dyn Protocol<World>>) {
        let refused = self.input(to, |connection, desk, world| {
            connection.handle_successor(desk, world, next).err()
        });
        if let Some(protocol) = refused {
            let origin = Arc::new(Origin::new(Limits::default()));
            let nobody = ConnectionId::NOBODY;
            let mut connection = Connection::new(nobody, protocol, origin, address(), &self.desk);
            connection.handle_failure(&mut self.desk, &mut self.world, CloseReason::Gone);
        }
    }

    fn carry(&mut self, to: usize, from: ConnectionId, bytes: Bytes, when_full: WhenFull) {
        let delivery = self.input(to, |connection, desk, world| {
            connection.handle_delivery(desk, world, bytes, when_full, Some(from))
        });
        if delivery == Delivery::QueuedAndFull {
            self.ends[from.slot() as usize].connection.handle_hold();
        }
    }

    /// Does all of that until there is nothing left to do.
    pub(super) fn run(&mut self) {
        for _ in 0..1000 {
            self.carry_out();
            let mut is_quiet = true;
            for end in 0..self.ends.len() {
                self.flush(end);
                is_quiet &= !self.turn(end);
            }
            if is_quiet && !self.desk.has_requests() {
                return;
            }
        }
        panic!("a thousand rounds were not enough");
    }
}

fn read(range: &FileRange, most: usize) -> Vec<u8> {
    let mut file = range.file();
    let mut bytes = vec![0; (range.length() as usize).min(most)];
    file.seek(SeekFrom::Start(range.offset())).unwrap();
    file.read_exact(&mut bytes).unwrap();
    bytes
}

impl Drop for Table {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for end in 0..self.ends.len() {
            self.fail(end, CloseReason::Stopped);
            let connection = self.connection(end);
            assert_eq!(connection.stage(), Stage::Closed);
            let is_told = connection.close_reason() != Some(CloseReason::Panicked);
            if let Some(count) = self.world.ends.get(&id(end)) {
                assert_eq!(*count, usize::from(is_told), "connection {end} was told once");
            }
        }
        assert_eq!(self.desk.held(), 0, "nothing is held when all is over");
    }
}
