//! Datagrams on their way out, oldest first.
//!
//! Two lists, each ordered by age. What is to be sent is in `ready`. A receiver that has no room,
//! and of which the system will not say when it has, rests for a little: each of its datagrams
//! goes to `resting` when it would be next, so that their order is kept and nobody else waits for
//! them. However many receivers rest, sending one datagram is a few steps.

use std::cmp::Ordering;
use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sansio::address::Address;
use crate::sansio::limits::after;

/// A datagram that is next to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outgoing<'a> {
    /// To whom.
    pub to: &'a Address,
    /// What. It may be empty.
    pub bytes: &'a [u8],
}

#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) to: Address,
    pub(super) bytes: Bytes,
    /// When it was queued.
    pub(super) since: Instant,
}

#[derive(Debug)]
pub(super) struct Outbox {
    /// The first is for nobody who rests.
    ready: VecDeque<Datagram>,
    /// For those who rest alone, and older than what is for the same address in `ready`.
    resting: VecDeque<Datagram>,
    /// Who rests. Empty when nothing does.
    full: Addresses,
    /// When the resting ones are tried again. Set exactly while there are any.
    retry_at: Option<Instant>,
    /// How long whoever is next without room rests: longer each time, until a datagram is sent
    /// while nobody rests.
    rest: Duration,
    /// The bytes of all datagrams, in both lists.
    bytes: usize,
}

/// A set with a hash that has no secret, for there is no randomness in this room. Whoever picks
/// addresses that collide slows a queue of bounded length.
type Addresses = HashSet<Address, BuildHasherDefault<DefaultHasher>>;

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            ready: VecDeque::new(),
            resting: VecDeque::new(),
            full: Addresses::default(),
            retry_at: None,
            rest: SHORTEST_REST,
            bytes: 0,
        }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.resting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.resting.is_empty()
    }

    pub(super) fn front(&self) -> Option<Outgoing<'_>> {
        let Datagram { to, bytes, .. } = self.ready.front()?;
        Some(Outgoing { to, bytes })
    }

    pub(super) fn push(&mut self, datagram: Datagram) {
        self.bytes += datagram.bytes.len();
        self.ready.push_back(datagram);
        self.settle_front();
    }

    /// Puts aside what is next and for somebody who rests.
    fn settle_front(&mut self) {
        while let Some(front) = self.ready.front()
            && self.full.contains(&front.to)
        {
            self.resting.extend(self.ready.pop_front());
        }
    }

    /// Takes out what [`front`](Self::front) showed.
    pub(super) fn pop_front(&mut self) -> Option<Datagram> {
        let datagram = self.ready.pop_front()?;
        self.bytes -= datagram.bytes.len();
        self.settle_front();
        Some(datagram)
    }

    /// Takes out the oldest of all.
    pub(super) fn pop_oldest(&mut self) -> Option<Datagram> {
        let is_resting = match (self.ready.front(), self.resting.front()) {
            (Some(ready), Some(resting)) => resting.since < ready.since,
            (ready, _) => ready.is_none(),
        };
        let list = if is_resting { &mut self.resting } else { &mut self.ready };
        let datagram = list.pop_front()?;
        self.bytes -= datagram.bytes.len();
        if self.resting.is_empty() {
            self.full.clear();
            self.retry_at = None;
        }
        self.settle_front();
        Some(datagram)
    }

    /// Whether the oldest of all has waited as long as it may.
    pub(super) fn is_overdue(&self, now: Instant, time: Duration) -> bool {
        self.oldest().is_some_and(|since| after(since, time) <= now)
    }

    /// When the oldest of all was queued.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let fronts = [self.ready.front(), self.resting.front()];
        fronts.into_iter().flatten().map(|datagram| datagram.since).min()
    }

    pub(super) const fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// The receiver of the front has no room: what is for it rests.
    pub(super) fn rest_front(&mut self, now: Instant) {
        let Some(front) = self.ready.front() else { return };
        self.full.insert(front.to.clone());
        self.settle_front();
        if self.retry_at.is_none() {
            self.retry_at = Some(after(now, self.rest));
            self.rest = (self.rest * 2).min(LONGEST_REST);
        }
    }

    /// The front was sent. If nobody rests, there seems to be room again.
    pub(super) const fn note_sent(&mut self) {
        if self.retry_at.is_none() {
            self.rest = SHORTEST_REST;
        }
    }

    /// Lets the resting ones be tried again, if they have rested long enough.
    pub(super) fn wake(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.full.clear();
            let resting = std::mem::take(&mut self.resting);
            self.ready = merged(resting, std::mem::take(&mut self.ready));
        }
    }

    /// Drops everything. Gives how many there were.
    pub(super) fn clear(&mut self) -> usize {
        let count = self.len();
        *self = Self::new();
        count
    }

    pub(super) fn check_invariants(&self) {
        let all = || self.ready.iter().chain(&self.resting);
        let bytes: usize = all().map(|datagram| datagram.bytes.len()).sum();
        assert_eq!(bytes, self.bytes, "the bytes are counted");
        assert_eq!(self.retry_at.is_some(), !self.resting.is_empty(), "who rests is woken");
        assert!(self.ready.iter().is_sorted_by_key(|datagram| datagram.since), "oldest first");
        assert!(self.resting.iter().is_sorted_by_key(|datagram| datagram.since), "oldest first");
        assert_eq!(self.full.is_empty(), self.resting.is_empty(), "who rests is known");
        let is_full = |datagram: &Datagram| self.full.contains(&datagram.to);
        assert!(self.resting.iter().all(is_full), "nobody else rests");
        assert!(!self.ready.front().is_some_and(is_full), "none overtakes");
    }
}

/// Both lists in one, oldest first. Each keeps its order.
fn merged(mut one: VecDeque<Datagram>, mut other: VecDeque<Datagram>) -> VecDeque<Datagram> {
    let mut all = VecDeque::with_capacity(one.len() + other.len());
    while let (Some(first), Some(second)) = (one.front(), other.front()) {
        let older = match first.since.cmp(&second.since) {
            Ordering::Less | Ordering::Equal => one.pop_front(),
            Ordering::Greater => other.pop_front(),
        };
        all.extend(older);
    }
    all.extend(one);
    all.extend(other);
    all
}

/// Soon enough for a receiver that is just busy.
const SHORTEST_REST: Duration = Duration::from_millis(1);

/// Seldom enough that trying in vain costs nothing.
const LONGEST_REST: Duration = Duration::from_millis(64);
