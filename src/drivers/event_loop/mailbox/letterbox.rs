//! The core of the mailbox: what senders and the loop touch at the same time.
//!
//! The order of two steps is the whole of it. A sender puts the letter in, *then* looks whether
//! a wake-up is pending. The loop clears that flag *first* and takes the letters after. Were it
//! the other way round, a letter put in between would be neither taken nor announced.
//!
//! It knows neither what a letter says nor how a loop is woken, and takes its lock and its flag
//! from `super::sync`: a checker of all schedules compiles this very file against its own.

use std::collections::VecDeque;
use std::mem;

use super::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};

/// Why a letter was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full,
    LoopGone,
}

/// Letters `L`, so many and no more, and orders `O`, for which there is always room.
#[derive(Debug)]
pub(super) struct Letterbox<L, O> {
    inside: Mutex<Inside<L, O>>,
    /// Whether the loop was woken and has not looked since.
    is_pending: AtomicBool,
    capacity: usize,
}

#[derive(Debug)]
struct Inside<L, O> {
    letters: VecDeque<L>,
    orders: O,
    is_closed: bool,
}

impl<L, O: Default> Letterbox<L, O> {
    pub(super) fn new(capacity: usize) -> Self {
        let inside = Inside { letters: VecDeque::new(), orders: O::default(), is_closed: false };
        Self { inside: Mutex::new(inside), is_pending: AtomicBool::new(false), capacity }
    }

    /// Puts a letter in and has the loop woken. A refused letter is handed back.
    pub(super) fn put(&self, letter: L, wake: impl FnOnce()) -> Result<(), (Refusal, L)> {
        let mut inside = self.lock();
        if inside.is_closed {
            return Err((Refusal::LoopGone, letter));
        }
        if inside.letters.len() >= self.capacity {
            return Err((Refusal::Full, letter));
        }
        inside.letters.push_back(letter);
        drop(inside);
        self.announce(wake);
        Ok(())
    }

    /// Gives an order and has the loop woken.
    pub(super) fn order(
        &self,
        give: impl FnOnce(&mut O),
        wake: impl FnOnce(),
    ) -> Result<(), Refusal> {
        let mut inside = self.lock();
        if inside.is_closed {
            return Err(Refusal::LoopGone);
        }
        give(&mut inside.orders);
        drop(inside);
        self.announce(wake);
        Ok(())
    }

    /// Has the loop woken, unless that is under way.
    pub(super) fn announce(&self, wake: impl FnOnce()) {
        if !self.is_pending.swap(true, Ordering::AcqRel) {
            wake();
        }
    }

    /// Whether something may be inside.
    pub(super) fn is_pending(&self) -> bool {
        self.is_pending.load(Ordering::Acquire)
    }

    /// Takes at most `most` of the letters that are inside, and the orders.
    pub(super) fn take(&self, letters: &mut VecDeque<L>, most: usize) -> O {
        self.is_pending.swap(false, Ordering::AcqRel);
        let mut inside = self.lock();
        let most = most.min(inside.letters.len());
        letters.extend(inside.letters.drain(..most));
        if !inside.letters.is_empty() {
            // The loop takes the rest by itself: nobody needs to wake it.
            self.is_pending.store(true, Ordering::Release);
        }
        mem::take(&mut inside.orders)
    }

    /// The loop is gone: nothing is taken any more, and what is inside is dropped.
    pub(super) fn close(&self) {
        let mut inside = self.lock();
        inside.is_closed = true;
        // Nobody is left to be woken, so from now on nobody is.
        self.is_pending.store(true, Ordering::Release);
        let letters = mem::take(&mut inside.letters);
        // Dropping a letter runs foreign code, which may want to post.
        drop(inside);
        drop(letters);
    }

    fn lock(&self) -> MutexGuard<'_, Inside<L, O>> {
        // Nothing that can panic runs while it is held, so what is inside is whole.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
