//! Messages from other threads to the loop: bounded, with one wake-up for many.
//!
//! What is delicate about it is in `mailbox/letterbox.rs`.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::control::Control;
use crate::net::Wake;
use crate::sansio::{ConnectionId, Delivery, Post, PostError, Request, WhenFull};

mod letterbox;
use letterbox::Letterbox;
pub(super) use letterbox::Refusal;

/// What the letterbox locks with, where no checker puts its own in this place.
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, Ordering};
    pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
}

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
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) is_stop: bool,
    pub(super) drain: Option<Duration>,
    /// Bounded by the lookups that are under way.
    answers: Vec<Found>,
}

impl Orders {
    /// Asks for a drain. Of two, the shorter counts.
    pub(super) fn drain(&mut self, grace: Duration) {
        self.drain = Some(self.drain.map_or(grace, |before| before.min(grace)));
    }
}

/// What was found out for a connection that wants to connect by name.
pub(super) type Found = (ConnectionId, io::Result<Vec<SocketAddr>>);

/// What reaches the loop from other threads.
pub(super) struct Mailbox<S> {
    letters: Letterbox<Letter<S>, Orders>,
    waker: Arc<dyn Wake>,
}

impl<S> Mailbox<S> {
    pub(super) fn new(capacity: usize, waker: Arc<dyn Wake>) -> Self {
        Self { letters: Letterbox::new(capacity), waker }
    }

    /// Puts a letter in and wakes the loop. A refused letter is handed back.
    pub(super) fn put(&self, letter: Letter<S>) -> Result<(), (Refusal, Letter<S>)> {
        self.letters.put(letter, || self.waker.wake())
    }

    /// Gives an order, for which there is always room.
    pub(super) fn order(&self, give: impl FnOnce(&mut Orders)) -> Result<(), Refusal> {
        self.letters.order(give, || self.waker.wake())
    }

    /// Says what a lookup found, for which there is always room. A loop that is gone wants no
    /// answer.
    pub(super) fn answer(&self, found: Found) {
        let _ = self.order(|orders| orders.answers.push(found));
    }

    /// Wakes the loop, unless that is under way.
    pub(super) fn wake(&self) {
        self.letters.announce(|| self.waker.wake());
    }

    /// Has the loop's poll return, and its descriptor readable, whatever is inside.
    pub(super) fn knock(&self) {
        self.waker.wake();
    }

    /// Whether something may be inside.
    pub(super) fn is_pending(&self) -> bool {
        self.letters.is_pending()
    }

    /// Takes at most `most` of the letters that are inside, all answers, and the orders.
    pub(super) fn take(&self, letters: &mut VecDeque<Letter<S>>, most: usize) -> Orders {
        let mut orders = self.letters.take(letters, most);
        letters.extend(orders.answers.drain(..).map(Letter::Found));
        orders
    }

    /// The loop is gone: nothing is taken any more, and what is inside is dropped.
    pub(super) fn close(&self) {
        self.letters.close();
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
        f.debug_struct("Mailbox").field("is_pending", &self.is_pending()).finish_non_exhaustive()
    }
}
