//! Messages from other threads to the loop: bounded, with one wake-up for many.
//!
//! The order of two steps is the whole of it. A sender puts the letter in, *then* looks whether
//! a wake-up is pending. The loop clears that flag *first* and takes the letters after. Were it
//! the other way round, a letter put in between would be neither taken nor announced.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::control::Control;
use crate::net::Wake;
use crate::sansio::{ConnectionId, Delivery, Post, PostError, Request, WhenFull};

/// Work for the loop's thread.
pub(super) type Work<S> = Box<dyn FnOnce(&mut Control<'_, S>, &mut S) + Send>;

/// Told what became of a message.
pub(super) type Completion = Box<dyn FnOnce(Delivery) + Send>;

/// A message to the loop.
pub(super) enum Letter<S> {
    Send { to: ConnectionId, bytes: Bytes, when_full: WhenFull, completion: Option<Completion> },
    Notify { to: ConnectionId, message: Box<dyn Any + Send> },
    Request(Request<S>),
    Found(Found),
    Run(Work<S>),
}

/// What must get through even when the mailbox is full.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Orders {
    pub(super) is_stop: bool,
    pub(super) drain: Option<Duration>,
}

impl Orders {
    /// Asks for a drain. Of two, the shorter counts.
    pub(super) fn drain(&mut self, grace: Duration) {
        self.drain = Some(self.drain.map_or(grace, |before| before.min(grace)));
    }
}

/// What was found out for a connection that wants to connect by name.
pub(super) type Found = (ConnectionId, io::Result<Vec<SocketAddr>>);

/// Why a letter was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Full,
    LoopGone,
}

pub(super) struct Mailbox<S> {
    inside: Mutex<Inside<S>>,
    /// Whether the loop was woken and has not looked since.
    is_pending: AtomicBool,
    capacity: usize,
    waker: Arc<dyn Wake>,
}

struct Inside<S> {
    letters: VecDeque<Letter<S>>,
    /// Bounded by the lookups that are under way.
    answers: Vec<Found>,
    orders: Orders,
    is_closed: bool,
}

impl<S> Mailbox<S> {
    pub(super) fn new(capacity: usize, waker: Arc<dyn Wake>) -> Self {
        let inside = Inside {
            letters: VecDeque::new(),
            answers: Vec::new(),
            orders: Orders::default(),
            is_closed: false,
        };
        Self { inside: Mutex::new(inside), is_pending: AtomicBool::new(false), capacity, waker }
    }

    /// Puts a letter in and wakes the loop. A refused letter is handed back.
    pub(super) fn put(&self, letter: Letter<S>) -> Result<(), (Refusal, Letter<S>)> {
        let mut inside = self.lock();
        if inside.is_closed {
            return Err((Refusal::LoopGone, letter));
        }
        if inside.letters.len() >= self.capacity {
            return Err((Refusal::Full, letter));
        }
        inside.letters.push_back(letter);
        drop(inside);
        self.wake();
        Ok(())
    }

    /// Gives an order, for which there is always room.
    pub(super) fn order(&self, give: impl FnOnce(&mut Orders)) -> Result<(), Refusal> {
        let mut inside = self.lock();
        if inside.is_closed {
            return Err(Refusal::LoopGone);
        }
        give(&mut inside.orders);
        drop(inside);
        self.wake();
        Ok(())
    }

    /// Says what a lookup found, for which there is always room. A loop that is gone wants no
    /// answer.
    pub(super) fn answer(&self, found: Found) {
        let mut inside = self.lock();
        if inside.is_closed {
            return;
        }
        inside.answers.push(found);
        drop(inside);
        self.wake();
    }

    /// Wakes the loop, unless that is under way.
    pub(super) fn wake(&self) {
        if !self.is_pending.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Whether something may be inside.
    pub(super) fn is_pending(&self) -> bool {
        self.is_pending.load(Ordering::Acquire)
    }

    /// Takes at most `most` of the letters that are inside, all answers, and the orders.
    pub(super) fn take(&self, letters: &mut VecDeque<Letter<S>>, most: usize) -> Orders {
        self.is_pending.swap(false, Ordering::AcqRel);
        let mut inside = self.lock();
        letters.extend(inside.answers.drain(..).map(Letter::Found));
        let most = most.min(inside.letters.len());
        letters.extend(inside.letters.drain(..most));
        if !inside.letters.is_empty() {
            // The loop takes the rest by itself: nobody needs to wake it.
            self.is_pending.store(true, Ordering::Release);
        }
        std::mem::take(&mut inside.orders)
    }

    /// The loop is gone: nothing is taken any more, and what is inside is dropped.
    pub(super) fn close(&self) {
        let mut inside = self.lock();
        inside.is_closed = true;
        let letters = std::mem::take(&mut inside.letters);
        // Dropping a letter runs foreign code, which may want to post.
        drop(inside);
        drop(letters);
    }

    fn lock(&self) -> MutexGuard<'_, Inside<S>> {
        // Nothing that can panic runs while it is held, so what is inside is whole.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Post for Mailbox<S> {
    fn post(&self, to: ConnectionId, message: Box<dyn Any + Send>) -> Result<(), PostError> {
        self.put(Letter::Notify { to, message }).map_err(|(refusal, letter)| {
            let message = match letter {
                Letter::Notify { message, .. } => message,
                Letter::Send { .. } | Letter::Request(_) | Letter::Found(_) | Letter::Run(_) => {
                    Box::new(())
                }
            };
            match refusal {
                Refusal::Full => PostError::Full(message),
                Refusal::LoopGone => PostError::LoopGone(message),
            }
        })
    }
}

impl<S> fmt::Debug for Mailbox<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("is_pending", &self.is_pending).finish_non_exhaustive()
    }
}
