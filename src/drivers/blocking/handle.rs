//! Reaching a driver of blocking calls from another thread.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::super::event_loop::{HandleError, Stats};
use crate::net::Bell;

/// Drains or stops a driver from any thread, and shows what it has done.
#[derive(Clone)]
pub struct Handle {
    board: Arc<Board>,
}

/// What an operator and its handles share.
#[derive(Default)]
pub(super) struct Board {
    inside: Mutex<Inside>,
    /// Made when the operator begins to wait; whoever comes before that is looked for then.
    pub(super) bell: OnceLock<Bell>,
}

#[derive(Default)]
struct Inside {
    asked: Asked,
    stats: Stats,
    is_over: bool,
}

/// What handles asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub(super) is_stop: bool,
    pub(super) drain: Option<Duration>,
}

impl Handle {
    pub(super) fn new(board: Arc<Board>) -> Self {
        Self { board }
    }

    /// Begins to drain: stops accepting, tells every protocol `stopping`, lets what was begun
    /// finish, and aborts after `grace` what is left. Of two drains the shorter counts.
    ///
    /// # Errors
    ///
    /// [`HandleError::LoopGone`] where the driver has ended.
    pub fn drain(&self, grace: Duration) -> Result<(), HandleError> {
        self.board.ask(|asked| {
            asked.drain = Some(asked.drain.map_or(grace, |before| before.min(grace)));
        })
    }

    /// Resets every connection, and ends the driver when they have ended.
    ///
    /// # Errors
    ///
    /// [`HandleError::LoopGone`] where the driver has ended.
    pub fn stop(&self) -> Result<(), HandleError> {
        self.board.ask(|asked| asked.is_stop = true)
    }

    /// What the driver has done so far. Bytes and calls are counted when a connection ends, and
    /// what only an event loop has (turns, events, a budget of memory) stays zero.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.board.lock().stats.clone()
    }
}

impl Board {
    fn ask(&self, ask: impl FnOnce(&mut Asked)) -> Result<(), HandleError> {
        let mut inside = self.lock();
        if inside.is_over {
            return Err(HandleError::LoopGone);
        }
        ask(&mut inside.asked);
        drop(inside);
        self.ring();
        Ok(())
    }

    pub(super) fn ring(&self) {
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
    }

    pub(super) fn asked(&self) -> Asked {
        self.lock().asked
    }

    pub(super) fn with_stats(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.lock().stats);
    }

    pub(super) fn end(&self) {
        self.lock().is_over = true;
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Nothing that can panic runs while it is held, so what is inside is whole.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("asked", &self.board.asked()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("asked", &self.asked()).finish_non_exhaustive()
    }
}
