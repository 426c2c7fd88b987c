//! The event loop's timers: a hierarchical wheel with one timer per key.
//!
//! Keys are small dense numbers (a connection's slot), times are `Instant`s
//! handed in; inside, time is a tick: whole milliseconds since `start`. Arming,
//! moving and cancelling cost the same whatever is armed and leave nothing
//! behind. It must never read a clock, never hand out a timer early, and never
//! walk through empty time tick by tick, however far the clock jumps.
//!
//! Read a tick as base-64 digits. A timer is filed under the highest digit in
//! which its tick differs from the current one: that digit's place is the level,
//! its value the slot. So level 0 holds the rest of this 64 ms, one tick a slot;
//! level 1 the rest of these 4.1 s, 64 ms a slot; and so on to level 5, which
//! ends with the present 2^36 ms (2.2 years). Timers past that wait in one more
//! list, `FAR`. Three things follow:
//!
//! - Every occupied slot lies ahead of the current tick and every level ahead of
//!   the one below, so the first set bit of the lowest mask that has one is the
//!   earliest slot. (A wheel that wraps has to rotate its masks.)
//! - When the current tick enters a slot, the slot's timers differ in a lower
//!   digit only and are filed again there: at most five times in a timer's life,
//!   and once more for each 2.2 years it lies ahead.
//! - Timers for one tick always share a list, so they fire in the order in which
//!   they were armed.
//!
//! A turn calls [`TimerWheel::expire`] once and [`TimerWheel::pop_due`] until
//! that answers `None` or the turn's budget is spent. What was not popped stays
//! armed, first in line for the next turn, and can still be moved or cancelled.
//! What is armed for a time already reached goes to the list `LATE`, which the
//! next `expire` empties: a timer that re-arms itself without delay fires once a
//! turn, even if the clock stands still.

use std::fmt;
use std::time::{Duration, Instant};

const LEVELS: usize = 6;
const SLOTS: usize = 64;
/// Bits in a base-64 digit.
const DIGIT_BITS: u32 = 6;
/// Bits of a tick that the levels tell apart.
const RANGE_BITS: u32 = DIGIT_BITS * LEVELS as u32;

/// Timers of later ranges than the current one.
const FAR: u32 = (LEVELS * SLOTS) as u32;
/// Timers that `pop_due` hands out.
const DUE: u32 = FAR + 1;
/// Timers that were already due when they were armed.
const LATE: u32 = FAR + 2;
/// How many lists there are: level 0's slots come first, then level 1's, …
const LISTS: u32 = FAR + 3;

/// The tick of a timer that is not armed and the bound of an empty list.
const NEVER: u64 = u64::MAX;

/// Deadlines for connection slots, kept in order at a constant cost.
pub(crate) struct TimerWheel {
    start: Instant,
    /// The tick reached by the last `expire`; it never goes back.
    current: u64,
    /// One bit per slot: set exactly while the slot's list holds a timer.
    occupied: [u64; LEVELS],
    /// First one anchor for each list, then the timers by key. Lists are
    /// circular through their anchor, so unlinking needs no search for the list.
    nodes: Vec<Node>,
    /// How many timers are armed: all lists together hold exactly these.
    armed: usize,
}

/// A timer, or the anchor of a list.
#[derive(Clone, Copy)]
struct Node {
    /// `prev` and `next` mean something only for anchors and armed timers.
    prev: u32,
    next: u32,
    /// A timer's tick, `NEVER` if it is not armed. In the anchor of a slot or of
    /// `FAR`: no later than its earliest timer, and `NEVER` when it is empty.
    when: u64,
}

impl Node {
    /// The anchor of an empty list, or a timer that is not armed.
    fn alone(index: u32) -> Self {
        Self { prev: index, next: index, when: NEVER }
    }
}

impl TimerWheel {
    /// An empty wheel; instants before `start` count as `start`.
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            current: 0,
            occupied: [0; LEVELS],
            nodes: (0..LISTS).map(Node::alone).collect(),
            armed: 0,
        }
    }

    /// How many timers are armed, those that are due but not popped included.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.armed
    }

    /// How many timers and lists there is memory for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.nodes.capacity()
    }

    /// Whether no timer is armed.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.armed == 0
    }

    /// Arms the timer of `key` for `at`, or moves it there.
    ///
    /// It fires at the first whole millisecond not before `at`, or at the next
    /// `expire` if that has been reached. One that is already due and stays so
    /// keeps its place in line, or a neighbor could put it off for ever.
    ///
    /// Memory grows to the highest key ever armed and never shrinks.
    pub(crate) fn arm(&mut self, key: usize, at: Instant) {
        let when = self.tick_at_or_after(at);
        let index = key + LISTS as usize;
        let name = u32::try_from(index).expect("fewer than 2^32 connections fit any memory");
        if index >= self.nodes.len() {
            self.nodes.resize(index + 1, Node::alone(name));
        }
        let before = self.nodes[index].when;
        if before == NEVER {
            self.armed += 1;
        } else if before <= self.current && when <= self.current {
            self.nodes[index].when = when;
            return;
        } else {
            self.unlink(name);
        }
        self.nodes[index].when = when;
        let list = if when <= self.current { LATE } else { self.list_ahead(when) };
        self.link(name, list);
    }

    /// Disarms the timer of `key`, due or not; nothing happens if it is not armed.
    pub(crate) fn cancel(&mut self, key: usize) {
        if self.armed_tick(key).is_some() {
            self.disarm(key as u32 + LISTS);
        }
    }

    /// When the timer of `key` fires: the instant it was armed for, rounded up to
    /// a whole millisecond since `start`.
    pub(crate) fn armed_at(&self, key: usize) -> Option<Instant> {
        self.armed_tick(key).map(|when| self.instant(when))
    }

    /// When to call `expire` next, or `None` if nothing is armed.
    ///
    /// Never later than the earliest timer, and in the past (or at `start`) while
    /// one is due. It is exact, but for one case: if the earliest timer of an
    /// upper level's slot was moved away or cancelled, its tick is still told
    /// until that slot is reached. An `expire` at that instant finds nothing due
    /// and files the slot's timers one level down; so a timer can cause at most
    /// five vain wake-ups, and one more for each 2.2 years it lies ahead.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.armed == 0 {
            return None;
        }
        let is_due = !self.is_list_empty(DUE) || !self.is_list_empty(LATE);
        let tick = if is_due {
            self.current
        } else {
            let (list, _) = self.earliest_list()?;
            self.nodes[list as usize].when
        };
        Some(self.instant(tick))
    }

    /// Begins a turn: makes due what was armed for `now` or earlier.
    ///
    /// It costs nothing for empty time and a constant for each timer that
    /// becomes due or changes its level. A `now` before an earlier one counts as
    /// the earlier one.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.append(LATE, DUE);
        let target = self.tick_at_or_before(now).max(self.current);
        while let Some((list, first_tick)) = self.earliest_list() {
            if first_tick > target {
                break;
            }
            self.current = first_tick;
            if (list as usize) < SLOTS {
                self.append(list, DUE);
            } else {
                self.file_again(list);
            }
        }
        self.current = target;
    }

    /// Whether `pop_due` will answer a key.
    pub(crate) fn has_due(&self) -> bool {
        !self.is_list_empty(DUE)
    }

    /// Disarms the next due timer and answers its key.
    ///
    /// Leftovers of earlier turns come first, then what was armed too late, then
    /// what the last `expire` found, by tick and, within one, as it was armed.
    pub(crate) fn pop_due(&mut self) -> Option<usize> {
        if self.is_list_empty(DUE) {
            return None;
        }
        let first = self.nodes[DUE as usize].next;
        self.disarm(first);
        Some((first - LISTS) as usize)
    }

    /// Asserts what the fields promise; costs a walk over every list.
    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        let mut found = 0;
        for list in 0..LISTS {
            let anchor = self.nodes[list as usize];
            let (mut previous, mut at) = (list, anchor.next);
            while at != list {
                let node = self.nodes[at as usize];
                assert!(at >= LISTS, "list {list} runs into the anchor of {at}");
                assert_eq!(node.prev, previous, "list {list} is torn at {at}");
                assert_ne!(node.when, NEVER, "list {list} holds an unarmed timer");
                if list == DUE || list == LATE {
                    assert!(node.when <= self.current, "{at} is due too early");
                } else {
                    assert!(node.when > self.current, "{at} was passed over");
                    assert_eq!(self.list_ahead(node.when), list, "{at} is misfiled");
                    assert!(anchor.when <= node.when, "the bound of {list} is late");
                }
                found += 1;
                (previous, at) = (at, node.next);
            }
            assert_eq!(anchor.prev, previous, "list {list} ends elsewhere");
            let is_empty = anchor.next == list;
            assert!(!is_empty || anchor.when == NEVER, "{list} keeps a bound");
            if let Some(mask) = self.occupied.get(list as usize / SLOTS) {
                let is_marked = mask >> (list as usize % SLOTS) & 1 == 1;
                assert_eq!(is_marked, !is_empty, "the mask is wrong about {list}");
            }
        }
        assert_eq!(found, self.armed, "a timer was lost or counted twice");
        let timers = &self.nodes[LISTS as usize..];
        let armed = timers.iter().filter(|timer| timer.when != NEVER).count();
        assert_eq!(armed, self.armed, "an armed timer is in no list");
    }

    /// The list that comes first and the first tick it covers; not `DUE`, `LATE`.
    fn earliest_list(&self) -> Option<(u32, u64)> {
        for (level, mask) in self.occupied.iter().enumerate() {
            if *mask != 0 {
                let slot = mask.trailing_zeros();
                let shift = DIGIT_BITS * level as u32;
                let above = self.current >> (shift + DIGIT_BITS) << DIGIT_BITS;
                let list = (level * SLOTS) as u32 + slot;
                return Some((list, (above | u64::from(slot)) << shift));
            }
        }
        let bound = self.nodes[FAR as usize].when;
        (bound != NEVER).then_some((FAR, bound >> RANGE_BITS << RANGE_BITS))
    }

    /// The list for a tick after the current one.
    fn list_ahead(&self, when: u64) -> u32 {
        debug_assert!(when > self.current);
        let highest_difference = (self.current ^ when).ilog2();
        if highest_difference >= RANGE_BITS {
            return FAR;
        }
        let level = highest_difference / DIGIT_BITS;
        let slot = (when >> (level * DIGIT_BITS)) as u32 % SLOTS as u32;
        level * SLOTS as u32 + slot
    }

    /// Empties a list that the current tick has entered into nearer ones.
    fn file_again(&mut self, list: u32) {
        let mut at = self.nodes[list as usize].next;
        self.clear(list);
        // The last timer still points to `list`; what is linked to it again
        // (`FAR` may hold timers of several ranges) lies behind us.
        while at != list {
            let node = self.nodes[at as usize];
            let nearer = if node.when <= self.current { DUE } else { self.list_ahead(node.when) };
            self.link(at, nearer);
            at = node.next;
        }
    }

    /// Moves all timers of one list to the end of another, `DUE` or `LATE`.
    fn append(&mut self, from: u32, to: u32) {
        if self.is_list_empty(from) {
            return;
        }
        let Node { prev: last, next: first, .. } = self.nodes[from as usize];
        let end = self.nodes[to as usize].prev;
        self.nodes[end as usize].next = first;
        self.nodes[first as usize].prev = end;
        self.nodes[last as usize].next = to;
        self.nodes[to as usize].prev = last;
        self.clear(from);
    }

    /// Adds a timer at the end of a list.
    fn link(&mut self, timer: u32, list: u32) {
        let end = self.nodes[list as usize].prev;
        let node = &mut self.nodes[timer as usize];
        (node.prev, node.next) = (end, list);
        let when = node.when;
        self.nodes[end as usize].next = timer;
        let anchor = &mut self.nodes[list as usize];
        anchor.prev = timer;
        if list <= FAR {
            anchor.when = anchor.when.min(when);
        }
        if let Some(mask) = self.occupied.get_mut(list as usize / SLOTS) {
            *mask |= 1 << (list as usize % SLOTS);
        }
    }

    /// Takes a timer out of whatever list it is in.
    fn unlink(&mut self, timer: u32) {
        let Node { prev, next, .. } = self.nodes[timer as usize];
        if prev == next {
            // Both neighbors are the anchor: this was the list's only timer.
            self.clear(prev);
        } else {
            self.nodes[prev as usize].next = next;
            self.nodes[next as usize].prev = prev;
        }
    }

    /// Makes a list empty; its timers are the caller's to place.
    fn clear(&mut self, list: u32) {
        self.nodes[list as usize] = Node::alone(list);
        if let Some(mask) = self.occupied.get_mut(list as usize / SLOTS) {
            *mask &= !(1 << (list as usize % SLOTS));
        }
    }

    fn disarm(&mut self, timer: u32) {
        self.unlink(timer);
        self.nodes[timer as usize].when = NEVER;
        self.armed -= 1;
    }

    fn is_list_empty(&self, list: u32) -> bool {
        self.nodes[list as usize].next == list
    }

    fn armed_tick(&self, key: usize) -> Option<u64> {
        let node = self.nodes.get(key + LISTS as usize)?;
        (node.when != NEVER).then_some(node.when)
    }

    fn instant(&self, tick: u64) -> Instant {
        self.start + Duration::from_millis(tick)
    }

    fn tick_at_or_before(&self, at: Instant) -> u64 {
        let elapsed = at.saturating_duration_since(self.start);
        // Not `as_millis`: its division of a `u128` costs more than filing.
        let millis = elapsed.as_secs().saturating_mul(1000);
        millis.saturating_add(u64::from(elapsed.subsec_millis()))
    }

    fn tick_at_or_after(&self, at: Instant) -> u64 {
        let elapsed = at.saturating_duration_since(self.start);
        let millis = elapsed.as_secs().saturating_mul(1000);
        let rest = elapsed.subsec_nanos().div_ceil(1_000_000);
        // 584 million years ahead is as good as `NEVER`, but it is armed.
        millis.saturating_add(u64::from(rest)).min(NEVER - 1)
    }
}

impl fmt::Debug for TimerWheel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerWheel")
            .field("current", &self.current)
            .field("armed", &self.armed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
