//! What a program has the loop do besides conversations: watch descriptors of its own, and call
//! it at a time. For the program that has no other loop to do that.
//!
//! | state of an errand | by | to |
//! | --- | --- | --- |
//! | waiting | readiness, or its time | due |
//! | due | its callback goes on | waiting: for readiness that there is, too, or for its next time |
//! | due | its callback breaks, or panics | over |
//! | any | the program takes it back | over |
//!
//! A loop without errands pays for one pointer.

mod timer;
#[cfg(unix)]
mod watch;

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use slab::Slab;

use super::engine::Engine;
use super::service::guarded;
use super::waiting::Deadline;
use super::wheel::TimerWheel;
use crate::net::Network;

use timer::Timer;
pub use timer::TimerId;
#[cfg(unix)]
use watch::WatchEntry;
#[cfg(unix)]
pub use watch::{Ready, WatchId};

/// See the module.
pub(super) struct Errands<S> {
    #[cfg(unix)]
    watches: Slab<WatchEntry<S>>,
    /// Watches that are due.
    #[cfg(unix)]
    queue: VecDeque<WatchId>,
    timers: Slab<Timer<S>>,
    /// By place in `timers`.
    wheel: TimerWheel,
    /// How many errands there ever were, so that no two have the same number.
    count: u64,
    /// Whose callback runs. Still set when none does: a panic left the turn.
    calling: Option<Errand>,
}

/// Which errand.
#[derive(Clone, Copy, Debug)]
enum Errand {
    #[cfg(unix)]
    Watch(WatchId),
    Timer(TimerId),
}

impl<S> Errands<S> {
    fn new(now: Instant) -> Self {
        Self {
            #[cfg(unix)]
            watches: Slab::new(),
            #[cfg(unix)]
            queue: VecDeque::new(),
            timers: Slab::new(),
            wheel: TimerWheel::new(now),
            count: 0,
            calling: None,
        }
    }

    /// A number that no other errand has.
    fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// When there is something to do, here or at `other`.
    pub(super) fn or_earlier(&self, other: Deadline) -> Deadline {
        #[cfg(unix)]
        if !self.queue.is_empty() {
            return Deadline::Now;
        }
        if self.calling.is_some() { Deadline::Now } else { other.or_at(self.wheel.next_deadline()) }
    }

    /// How many descriptors are watched.
    pub(super) fn watch_count(&self) -> usize {
        #[cfg(unix)]
        let count = self.watches.len();
        #[cfg(not(unix))]
        let count = 0;
        count
    }

    /// Takes every descriptor out of a poll that goes on.
    pub(super) fn leave<N: Network>(&self, net: &mut N) {
        #[cfg(unix)]
        for (place, entry) in &self.watches {
            entry.leave(net, place);
        }
        #[cfg(not(unix))]
        let _ = net;
    }
}

impl<S: 'static, N: Network> Engine<S, N> {
    fn errands(&mut self) -> &mut Errands<S> {
        let now = self.desk.now();
        self.errands.get_or_insert_with(|| Box::new(Errands::new(now)))
    }

    /// Ends the errand whose panic left a turn.
    fn end_panicked_errand(&mut self) {
        let panicked = self.errands.as_mut().and_then(|errands| errands.calling.take());
        match panicked {
            None => {}
            #[cfg(unix)]
            Some(Errand::Watch(id)) => {
                self.unwatch(id);
            }
            Some(Errand::Timer(id)) => {
                self.cancel(id);
            }
        }
    }

    /// Drops what the program gave us, whose own drop may panic, too.
    fn drop_errand<T>(&mut self, errand: T) {
        if guarded(self.config.on_panic, || drop(errand)).is_none() {
            log::error!("a callback panicked while being dropped");
        }
        self.look_at_clock();
    }
}

impl<S> fmt::Debug for Errands<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Errands");
        #[cfg(unix)]
        debug.field("watches", &self.watches.len());
        debug.field("timers", &self.timers.len()).finish_non_exhaustive()
    }
}
