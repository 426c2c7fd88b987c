//! What happened, one line an event.
//!
//! A line names nothing that differs between two runs of one seed: no address in memory, no wall
//! time, no order of a hash table. Events are kept as values and become text when they are shown,
//! so that a run which nobody looks at costs little; a digest stands for the whole.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::failure::lines_shown;

/// Who an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The loop as a whole.
    Loop,
    Listener(usize),
    /// A stream, and which of its ends: the one that dialed, or the one that accepted.
    Link(usize, usize),
    Client(usize),
    /// A socket for datagrams.
    Port(usize),
    /// The number of its [`ConnectionId`](crate::ConnectionId).
    Connection(u64),
}

/// One event.
#[derive(Clone, Copy, Debug)]
struct Record {
    at: Duration,
    who: Who,
    what: &'static str,
    amount: Option<u64>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Trace {
    records: VecDeque<Record>,
    capacity: usize,
    digest: Digest,
    count: u64,
    /// The time of the next event, since the beginning.
    pub(super) at: Duration,
}

impl Trace {
    pub(super) fn new() -> Self {
        let records = VecDeque::new();
        let (digest, at) = (Digest::new(), Duration::ZERO);
        let capacity = lines_shown().max(KEPT);
        Self { records, capacity, digest, count: 0, at }
    }

    /// Keeps every event, not the last alone.
    pub(super) fn keep_all(&mut self) {
        self.capacity = usize::MAX;
    }

    pub(super) fn note(&mut self, who: Who, what: &'static str, amount: Option<u64>) {
        let (kind, number) = match who {
            Who::Loop => (0, 0),
            Who::Listener(number) => (1, number as u64),
            Who::Link(number, side) => (2 + side as u64, number as u64),
            Who::Client(number) => (4, number as u64),
            Who::Connection(number) => (5, number),
            Who::Port(number) => (6, number as u64),
        };
        self.digest.add(what.as_bytes());
        let nanoseconds = self.at.as_nanos() as u64;
        [nanoseconds, kind, number, amount.map_or(0, |amount| amount.wrapping_add(1))]
            .iter()
            .for_each(|number| self.digest.add_number(*number));
        self.count += 1;
        if self.records.len() >= self.capacity {
            self.records.pop_front();
        }
        self.records.push_back(Record { at: self.at, who, what, amount });
    }

    /// A number that stands for every event so far, in order.
    pub(super) const fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// How many events there were.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The last `count` events as text, a line each.
    pub(super) fn tail(&self, count: usize) -> String {
        let skipped = self.records.len().saturating_sub(count);
        self.records.iter().skip(skipped).map(|record| format!("{record}\n")).collect()
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, who, what, amount } = self;
        write!(f, "{:>4}.{:09} {who} {what}", at.as_secs(), at.subsec_nanos())?;
        amount.map_or(Ok(()), |amount| write!(f, " {amount}"))
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loop => f.write_str("loop"),
            Self::Listener(number) => write!(f, "listener {number}"),
            Self::Link(number, 0) => write!(f, "link {number} dialer"),
            Self::Link(number, _) => write!(f, "link {number} acceptor"),
            Self::Client(number) => write!(f, "client {number}"),
            Self::Port(number) => write!(f, "port {number}"),
            Self::Connection(number) => {
                write!(f, "connection {}", crate::sansio::ConnectionId::from_u64(*number))
            }
        }
    }
}

/// A number that stands for bytes: FNV-1a, 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest(u64);

impl Digest {
    pub(super) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The same for a whole number at once, which is quicker and mixes enough.
    fn add_number(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x0100_0000_01b3);
        self.0 ^= self.0 >> 29;
    }

    pub(super) const fn value(self) -> u64 {
        self.0
    }
}

/// So many events are kept at least.
const KEPT: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_fnv_1a() {
        let mut digest = Digest::new();
        digest.add(b"foobar");
        assert_eq!(digest.value(), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_line_says_when_who_and_what() {
        let mut trace = Trace::new();
        trace.at = Duration::from_micros(1_500_001);
        trace.note(Who::Link(3, 1), "read", Some(17));
        trace.note(Who::Loop, "turn", None);
        assert_eq!(
            trace.tail(9),
            "   1.500001000 link 3 acceptor read 17\n   1.500001000 loop turn\n"
        );
    }

    #[test]
    fn the_last_events_are_kept_and_the_digest_knows_them_all() {
        let digest = |first: u64| {
            let mut trace = Trace::new();
            trace.note(Who::Loop, "turn", Some(first));
            (0..2 * KEPT as u64).for_each(|number| trace.note(Who::Loop, "turn", Some(number)));
            assert_eq!(trace.tail(usize::MAX).lines().count(), KEPT);
            trace.digest()
        };
        assert_eq!(digest(1), digest(1));
        assert_ne!(digest(1), digest(2));
    }
}
