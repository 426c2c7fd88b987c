//! A connection and its client, joined in memory, and what must hold after every step.
//!
//! The client sends all its bytes, cut at will, takes what comes back in pieces as large as it
//! likes, and then hangs up or falls silent. Time passes only when nothing else can happen.

use std::any::Any;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use switchboard::sansio::{Desk, MAX_SLICES, Origin, Output, Post, PostError, Stage, Wire};
use switchboard::{Address, Closed, Connection, ConnectionId, Limits, Protocol};

use crate::choices::Dice;

/// How a client cuts what it sends, takes what it gets, and mixes the two.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// All at once, and what comes back likewise.
    Plain,
    /// Byte by byte, and everything else whenever it can be.
    Drip,
    /// In pieces of at most so many bytes, in an order of steps that dice choose.
    Mixed { most: usize, dice: Dice },
}

impl Manner {
    /// The manner that a number stands for.
    pub(crate) fn of(seed: usize) -> Self {
        let dice = Dice::new(seed as u64);
        match seed % 8 {
            0 => Self::Drip,
            1..4 => Self::Mixed { most: 5, dice },
            4..6 => Self::Mixed { most: 40, dice },
            _ => Self::Mixed { most: 3000, dice },
        }
    }

    /// How much of `room` bytes is sent at once.
    fn piece(&mut self, room: usize) -> usize {
        match self {
            Self::Plain => room,
            Self::Drip => 1,
            Self::Mixed { most, dice } => 1 + dice.below(room.min(*most)),
        }
    }

    /// How much of `room` bytes is taken at once: more, since there is more.
    fn gulp(&mut self, room: usize) -> usize {
        match self {
            Self::Plain => room,
            Self::Drip => room.min(50),
            Self::Mixed { most, dice } => 1 + dice.below(room.min(*most * 20)),
        }
    }

    /// Which kind of step is tried first.
    fn first(&mut self) -> usize {
        match self {
            Self::Plain | Self::Drip => 0,
            Self::Mixed { dice, .. } => dice.below(STEPS),
        }
    }
}

/// What the client does when it has sent everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    HangUp,
    Silence,
}

/// A connection and its client.
pub(crate) struct Talk<'a, S> {
    pub(crate) connection: Connection<S>,
    desk: Desk<S>,
    pub(crate) state: S,
    post: Arc<Mail>,
    input: &'a [u8],
    manner: Manner,
    farewell: Farewell,
    is_hang_up_read: bool,
    /// What the client read.
    pub(crate) wire: Vec<u8>,
    /// Whether the server said FIN.
    has_fin: bool,
    /// The most bytes that were ever held.
    pub(crate) most_held: usize,
}

/// A talk that is over: the state, what the client read, and how it ended.
#[derive(Debug)]
pub(crate) struct Over<S> {
    pub(crate) state: S,
    pub(crate) wire: Vec<u8>,
    pub(crate) closed: Wire,
    pub(crate) most_held: usize,
}

/// Messages that were posted to the connection.
#[derive(Default)]
struct Mail(Mutex<VecDeque<Box<dyn Any + Send>>>);

impl Mail {
    fn take(&self) -> Option<Box<dyn Any + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Post for Mail {
    fn post(&self, _: ConnectionId, message: Box<dyn Any + Send>) -> Result<(), PostError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(message);
        Ok(())
    }
}

/// Kinds of steps.
const STEPS: usize = 5;
/// More steps than any talk of the size that a fuzzer makes takes.
const MOST_STEPS: usize = 1_000_000;
/// More deadlines, one after the other, than any of these talks comes to.
const MOST_WAITS: usize = 10_000;

#[expect(clippy::disallowed_methods, reason = "there is no other way to some instant")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// Sun, 06 Nov 1994 08:49:37 GMT, for ever: what is shown to people must not differ.
pub(crate) fn wall_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
}

pub(crate) fn peer() -> Address {
    "192.0.2.1:5000".try_into().expect("an address and a port")
}

/// Lets a client send `input` to `protocol` until the connection is over. `idle` is called when
/// nothing else can happen, and says whether it did something.
pub(crate) fn talk<S: 'static>(
    protocol: impl Protocol<S>,
    limits: Limits,
    state: S,
    input: &[u8],
    (manner, farewell): (Manner, Farewell),
    mut idle: impl FnMut(&mut S) -> bool,
) -> Over<S> {
    let post = Arc::new(Mail::default());
    let desk = Desk::with_post(start(), wall_time(), Arc::clone(&post) as Arc<dyn Post>);
    let id = ConnectionId::new(0, 0);
    let origin = Arc::new(Origin::new(limits));
    let connection = Connection::new(id, Box::new(protocol), origin, peer(), &desk);
    let mut talk = Talk {
        connection,
        desk,
        state,
        post,
        input,
        manner,
        farewell,
        is_hang_up_read: false,
        wire: Vec::new(),
        has_fin: false,
        most_held: 0,
    };
    talk.connection.handle_connected(&mut talk.desk, &mut talk.state);
    talk.check();
    for _ in 0..MOST_WAITS {
        talk.come_to_rest();
        if idle(&mut talk.state) {
            continue;
        }
        let Some(deadline) = talk.connection.poll_deadline() else {
            return talk.end();
        };
        talk.desk.set_time(deadline, wall_time());
        talk.connection.handle_deadlines(&mut talk.desk, &mut talk.state);
        talk.check();
    }
    panic!("a connection outlives its client for ever");
}

impl<S: 'static> Talk<'_, S> {
    /// Everything that can be done without time.
    fn come_to_rest(&mut self) {
        for _ in 0..MOST_STEPS {
            let first = self.manner.first();
            if !(0..STEPS).any(|step| self.step((first + step) % STEPS)) {
                return;
            }
        }
        panic!("a connection does not come to rest");
    }

    /// Tries one kind of step. Says whether there was something to do.
    fn step(&mut self, kind: usize) -> bool {
        let moved = match kind {
            0 => self.receive(),
            1 => self.send(),
            2 => self.deliver(),
            3 => {
                self.connection.wants_turn() && {
                    self.connection.handle_turn(&mut self.desk, &mut self.state);
                    true
                }
            }
            _ => self.settle_wire(),
        };
        if moved {
            self.check();
        }
        moved
    }

    fn receive(&mut self) -> bool {
        let room = self.connection.wants_bytes().min(self.input.len());
        if room > 0 {
            let (piece, rest) = self.input.split_at(self.manner.piece(room));
            self.input = rest;
            self.connection.handle_received(&mut self.desk, &mut self.state, piece);
            return true;
        }
        let hangs_up = self.farewell == Farewell::HangUp
            && !self.is_hang_up_read
            && self.input.is_empty()
            && self.connection.wants_bytes() > 0;
        if hangs_up {
            self.is_hang_up_read = true;
            self.connection.handle_end_of_input(&mut self.desk, &mut self.state);
        }
        hangs_up
    }

    fn send(&mut self) -> bool {
        let mut bytes = match self.connection.poll_output(&mut self.desk) {
            Output::Bytes(bytes) => bytes.to_vec(),
            Output::Slices => {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let count = self.connection.gather(&mut slices);
                slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
            }
            // None of these protocols sends a file.
            Output::File { .. } | Output::Nothing => return false,
            _ => unreachable!("no other output is known"),
        };
        assert!(!bytes.is_empty(), "there is output and it is empty");
        assert!(!self.has_fin, "nothing follows our FIN");
        let room = self.manner.gulp(bytes.len());
        let is_blocked = room < bytes.len();
        bytes.truncate(room);
        self.wire.extend_from_slice(&bytes);
        self.connection.handle_sent(&mut self.desk, &mut self.state, bytes.len() as u64);
        if is_blocked {
            self.connection.handle_blocked();
        }
        true
    }

    fn deliver(&mut self) -> bool {
        let Some(message) = self.post.take() else { return false };
        self.connection.handle_notified(&mut self.desk, &mut self.state, message);
        true
    }

    fn settle_wire(&mut self) -> bool {
        let shuts = self.connection.poll_wire(&self.desk) == Wire::ShutdownWrite;
        assert!(!shuts || !self.has_fin, "FIN is said once");
        self.has_fin |= shuts;
        shuts
    }

    /// What must hold after every input.
    fn check(&mut self) {
        let connection = &self.connection;
        connection.check_invariants();
        let held = connection.held();
        assert_eq!(self.desk.held(), held, "the desk knows what is held");
        self.most_held = self.most_held.max(held);
        let is_closed = connection.stage() == Stage::Closed;
        assert_eq!(connection.poll_deadline().is_none(), is_closed, "a live one has a deadline");
        assert!(!is_closed || held == 0, "a closed connection holds nothing");
        assert!(connection.wants_bytes() <= connection.limits().input || self.has_fin);
    }

    fn end(self) -> Over<S> {
        let Self { mut connection, desk, state, wire, most_held, .. } = self;
        let closed = connection.poll_wire(&desk);
        assert!(matches!(closed, Wire::Close | Wire::Reset), "without a deadline it is over");
        Over { state, wire, closed, most_held }
    }
}

/// Counts the callbacks that every protocol gets, and checks their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) is_connected: bool,
    pub(crate) is_finished: bool,
    pub(crate) closed: Option<Closed>,
}

impl Order {
    pub(crate) fn connected(&mut self) {
        assert!(!self.is_connected && self.closed.is_none(), "connected comes once and first");
        self.is_connected = true;
    }

    /// A call between the first and the last.
    pub(crate) fn between(&self) {
        assert!(self.is_connected && self.closed.is_none(), "between connected and closed");
    }

    pub(crate) fn received(&self) {
        self.between();
        assert!(!self.is_finished, "nothing is received after the end");
    }

    pub(crate) fn finished(&mut self) {
        self.received();
        self.is_finished = true;
    }

    pub(crate) fn closed(&mut self, closed: Closed) {
        assert_eq!(self.closed.replace(closed), None, "closed comes once");
    }
}
