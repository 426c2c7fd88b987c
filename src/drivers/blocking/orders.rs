//! What conversations that wait are told together: to finish, or to end.

use std::io;

use crate::net::Bell;

/// Tells any number of conversations, in threads or in processes, to drain or to stop.
///
/// Neither can be taken back. A conversation hears it at once where it waits, and within
/// 50 ms where it is in a system call.
#[derive(Debug)]
pub struct Orders {
    pub(super) drain: Bell,
    pub(super) stop: Bell,
}

impl Orders {
    /// Orders that were not given yet.
    ///
    /// # Errors
    ///
    /// For want of four descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self { drain: Bell::new()?, stop: Bell::new()? })
    }

    /// Has every protocol be told [`stopping`](crate::Protocol::stopping).
    pub fn drain(&self) {
        self.drain.ring();
    }

    /// Ends every conversation by a reset.
    pub fn stop(&self) {
        self.stop.ring();
    }

    /// Only follows orders from now on: for a process that was forked. It then drains also when
    /// the process that gives orders has gone.
    pub fn only_follow(&mut self) {
        self.drain.only_listen();
        self.stop.only_listen();
    }
}
