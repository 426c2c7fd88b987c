//! A stream between two ends: what each holds, and what is on its way.
//!
//! | a direction's FIN | by | to |
//! | --- | --- | --- |
//! | Open | its sender shuts or closes | Asked |
//! | Asked | all bytes are on their way | Sent |
//! | Sent | it arrives behind them | Arrived |

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

use crate::sansio::Address;

/// The end that dialed.
pub(super) const DIALER: usize = 0;
/// The end that accepted.
pub(super) const ACCEPTOR: usize = 1;

/// Whose an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The engine's, or that of a listener's backlog.
    Engine,
    Client(usize),
    /// Nobody's yet: the handshake is under way.
    Nobody,
}

/// See the table of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fin {
    Open,
    Asked,
    Sent,
    Arrived,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Flow {
    /// Taken by the sender's system, not on its way.
    pub(super) queue: VecDeque<u8>,
    /// On its way, in order. The last one of all is empty: the FIN.
    pub(super) flight: VecDeque<Vec<u8>>,
    pub(super) in_flight: usize,
    /// Arrived, not read.
    pub(super) inbox: VecDeque<u8>,
    /// What `queue` and `flight` hold at most.
    pub(super) out_capacity: usize,
    /// What `flight` and `inbox` hold at most.
    pub(super) in_capacity: usize,
    /// Bytes arrived since the buffers last grew.
    arrived: usize,
    /// Nothing overtakes what was sent before.
    pub(super) last_arrival: Duration,
    pub(super) fin: Fin,
    /// The sender found no room: it is told when there is some.
    pub(super) wants_room: bool,
}

impl Flow {
    pub(super) fn new(out_capacity: usize, in_capacity: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            flight: VecDeque::new(),
            in_flight: 0,
            inbox: VecDeque::new(),
            out_capacity,
            in_capacity,
            arrived: 0,
            last_arrival: Duration::ZERO,
            fin: Fin::Open,
            wants_room: false,
        }
    }

    /// What the sender's system would take now.
    pub(super) fn room(&self) -> usize {
        self.out_capacity - self.queue.len() - self.in_flight
    }

    /// Whether there is so much room that the system says so: a third, as on Linux.
    pub(super) fn is_roomy(&self) -> bool {
        self.room() > 0 && self.room().saturating_mul(3) >= self.out_capacity
    }

    /// What may be put on its way now.
    pub(super) fn window(&self) -> usize {
        self.in_capacity.saturating_sub(self.inbox.len() + self.in_flight)
    }

    /// Buffers grow with use, as the system's do: else a small one would make a stream so slow
    /// that it ran into deadlines.
    pub(super) fn grow(&mut self, arrived: usize, most: usize) {
        self.arrived += arrived;
        if self.arrived > GROWTH * self.out_capacity.min(self.in_capacity) {
            self.arrived = 0;
            self.out_capacity = self.out_capacity.max(most.min(2 * self.out_capacity));
            self.in_capacity = self.in_capacity.max(most.min(2 * self.in_capacity));
        }
    }

    /// Whether all is read, and the FIN was behind it.
    pub(super) fn is_at_end(&self) -> bool {
        self.fin == Fin::Arrived && self.inbox.is_empty()
    }

    /// Forgets what was not delivered.
    pub(super) fn drop_unsent(&mut self) {
        self.queue.clear();
        self.flight.clear();
        self.in_flight = 0;
    }
}

/// A buffer doubles after it was filled so often.
const GROWTH: usize = 16;

/// One end, as its owner's system knows it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) owner: Owner,
    pub(super) address: Address,
    /// By which the engine knows it, once it is in the poll.
    pub(super) token: Option<usize>,
    /// On the list of what the next poll gives.
    pub(super) is_listed: bool,
    pub(super) is_connecting: bool,
    /// Its owner has closed it.
    pub(super) is_closed: bool,
    /// An error that the next call gives.
    pub(super) trouble: Option<ErrorKind>,
    /// It failed: after the error reads give the end and writes EPIPE.
    pub(super) is_broken: bool,
    /// The engine was told that a read is worth trying, and has not met would-block since.
    pub(super) may_read: bool,
    pub(super) may_write: bool,
}

impl End {
    pub(super) fn new(owner: Owner, address: Address, is_connecting: bool) -> Self {
        Self {
            owner,
            address,
            token: None,
            is_listed: false,
            is_connecting,
            is_closed: false,
            trouble: None,
            is_broken: false,
            may_read: false,
            // epoll announces a fresh stream as writable; a loop may take that for granted.
            may_write: true,
        }
    }
}

/// A stream: two ends and two directions. The flow `n` is what the end `n` sends.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) ends: [End; 2],
    pub(super) flows: [Flow; 2],
    /// A peer has vanished: nothing arrives any more.
    pub(super) is_cut: bool,
    /// A fault has changed what its client gets, so its script may fail.
    pub(super) is_hurt: bool,
    /// What a packet usually takes at most.
    pub(super) latency: Duration,
}

impl Link {
    /// What a poll would say of an end now, if anything: readable, writable, hung up.
    pub(super) fn readiness(&self, side: usize) -> Option<(bool, bool, bool)> {
        let end = &self.ends[side];
        if end.is_connecting && !end.is_broken {
            return None;
        }
        let (coming, going) = (&self.flows[1 - side], &self.flows[side]);
        let hung_up = coming.fin == Fin::Arrived || end.is_broken;
        let readable = !coming.inbox.is_empty() || hung_up;
        let writable = going.is_roomy() || end.is_broken;
        (readable || writable).then_some((readable, writable, hung_up))
    }
}
