//! Messages from other threads to one conversation: bounded, with one ring for many.
//!
//! The bell is made when a [`Remote`](crate::Remote) exists, which is to say for few connections
//! and never for those that nobody can post to. It is made before the letters are looked at, so
//! a letter that comes in between is either seen or rung for.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::net::Bell;
use crate::sansio::{ConnectionId, Post, PostError};

type Letter = Box<dyn Any + Send>;

pub(super) struct Mailbox {
    owner: ConnectionId,
    capacity: usize,
    inside: Mutex<Inside>,
    bell: OnceLock<Bell>,
}

#[derive(Default)]
struct Inside {
    letters: VecDeque<Letter>,
    is_closed: bool,
}

impl Mailbox {
    pub(super) fn new(owner: ConnectionId, capacity: usize) -> Self {
        Self { owner, capacity, inside: Mutex::default(), bell: OnceLock::new() }
    }

    /// Whether somebody may post. Once nobody may, only the conversation itself can change that.
    pub(super) fn is_reachable(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > HOLDERS
    }

    /// The bell that rings for each letter from now on.
    pub(super) fn bell(&self) -> io::Result<&Bell> {
        if self.bell.get().is_none() {
            // Nobody else makes one.
            let _ = self.bell.set(Bell::new()?);
        }
        self.bell.get().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Whether something is inside.
    pub(super) fn has_letters(&self) -> bool {
        !self.lock().letters.is_empty()
    }

    /// Takes what is inside, and has the bell ring no more.
    #[inline]
    pub(super) fn take(&self) -> VecDeque<Letter> {
        if let Some(bell) = self.bell.get() {
            bell.silence();
        }
        std::mem::take(&mut self.lock().letters)
    }

    /// The conversation is over: nothing is taken any more, and what is inside is dropped.
    pub(super) fn close(&self) {
        let mut inside = self.lock();
        inside.is_closed = true;
        let letters = std::mem::take(&mut inside.letters);
        // Dropping a letter runs foreign code, which may want to post.
        drop(inside);
        drop(letters);
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Nothing that can panic runs while it is held, so what is inside is whole.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Post for Mailbox {
    fn post(&self, to: ConnectionId, message: Letter) -> Result<(), PostError> {
        let mut inside = self.lock();
        if inside.is_closed || to != self.owner {
            return Err(PostError::LoopGone(message));
        }
        if inside.letters.len() >= self.capacity {
            return Err(PostError::Full(message));
        }
        inside.letters.push_back(message);
        drop(inside);
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
        Ok(())
    }
}

/// The conversation and its desk.
const HOLDERS: usize = 2;
