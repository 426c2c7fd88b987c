//! Appending to a connection's output, for code that knows nothing of the program's state.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::address::Address;
use super::file_range::FileRange;
use super::line::Line;
use super::pool::Pool;
use super::remote::{Post, Remote};

/// The output side of a [`Transport`](super::Transport): what is written here goes out in order.
///
/// Writing never fails and never blocks. A protocol that writes much asks
/// [`is_backpressured`](Self::is_backpressured) between pieces.
pub struct Writer<'a> {
    pub(super) line: &'a mut Line,
    pub(super) pool: &'a mut Pool,
    pub(super) post: &'a Arc<dyn Post>,
    pub(super) now: Instant,
}

impl Writer<'_> {
    /// Appends a copy of `bytes`.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || !self.line.takes_output() {
            return;
        }
        self.line.queue(self.pool, self.now).copy(bytes);
        self.pool.held += bytes.len();
        self.line.note_written();
    }

    /// Lets `append` put bytes at the end of a buffer: for a message made of many small pieces.
    /// It must not touch what is there already.
    #[inline]
    pub fn write_with(&mut self, append: impl FnOnce(&mut Vec<u8>)) {
        if !self.line.takes_output() {
            return;
        }
        let appended = self.line.queue(self.pool, self.now).append(append);
        if appended > 0 {
            self.pool.held += appended;
            self.line.note_written();
        } else if self.line.unsent() == 0
            && let Some(queue) = self.line.out.take()
        {
            // A queue with nothing in it would seem to stall.
            self.pool.put_queue(queue);
        }
    }

    /// Appends `bytes` without copying them. A handful is copied all the same, where that takes
    /// less memory.
    pub fn write_shared(&mut self, bytes: Bytes) {
        if bytes.is_empty() || !self.line.takes_output() {
            return;
        }
        self.pool.held += bytes.len();
        self.line.queue(self.pool, self.now).share(bytes);
        self.line.note_written();
    }

    /// Appends part of a file, which is sent without being read into memory where the system
    /// can. Its whole length counts against the high-water mark.
    pub fn write_file(&mut self, range: FileRange) {
        if range.length() == 0 || !self.line.takes_output() {
            return;
        }
        self.line.queue(self.pool, self.now).file(range);
        self.line.note_written();
    }

    /// Whether the protocol is asked to produce nothing more for now.
    #[must_use]
    pub fn is_backpressured(&self) -> bool {
        self.line.is_backpressured
    }

    /// Bytes written that the system has not accepted.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.line.unsent()
    }

    /// The peer's address.
    #[must_use]
    pub fn peer(&self) -> &Address {
        &self.line.peer
    }

    /// A value that reaches this connection from any thread.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote::new(self.line.id, Arc::clone(self.post))
    }

    /// The time of this call.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The same writer, for a shorter time.
    pub fn reborrow(&mut self) -> Writer<'_> {
        Writer { line: self.line, pool: self.pool, post: self.post, now: self.now }
    }
}

/// So that `write!` and everything that takes an [`io::Write`] can append here. It never fails.
impl io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Writer::write(self, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("id", &self.line.id)
            .field("unsent", &self.unsent())
            .finish_non_exhaustive()
    }
}
