//! Sending what a connection has to send.

use std::io::{self, IoSlice};

use super::super::super::sending::{Sent, Sink, send};
use super::super::stats::Stats;
use super::Service;
use crate::net::{Network, Write};
use crate::sansio::{CloseReason, FileRange};

impl<S: 'static, N: Network> Service<'_, S, N> {
    /// Writes what is unsent, until it is sent, the system takes no more, or the budget is spent.
    #[inline]
    pub(super) fn flush(&mut self) {
        let mut left = self.config.write_size;
        while left > 0 && self.entry.is_writable && self.entry.connection.has_output() {
            let sent = self.write(left);
            if sent == 0 {
                return;
            }
            left = left.saturating_sub(sent);
            self.turn.bytes_out += sent as u64;
            let was_backpressured = self.entry.connection.is_backpressured();
            self.entry.connection.handle_sent(self.desk, self.state, sent as u64);
            if !self.entry.is_writable {
                self.entry.connection.handle_blocked();
            }
            if was_backpressured {
                self.note_callback("writable");
                if self.until.is_some_and(|until| self.desk.now() >= until) {
                    return;
                }
            }
        }
    }

    /// One write. Gives how many bytes went; 0 where there is nothing more to do now.
    #[inline]
    fn write(&mut self, most: usize) -> usize {
        let Some(stream) = &mut self.entry.stream else {
            return 0;
        };
        let mut sink = Counted { net: &mut *self.net, stream, stats: &mut *self.stats };
        match send(&mut self.entry.connection, self.desk, &mut sink, self.buffer, most) {
            Sent::Nothing => 0,
            Sent::Tried(outcome) => self.note_write(outcome),
            Sent::NoFile => {
                self.fail(CloseReason::File);
                0
            }
        }
    }

    #[inline]
    fn note_write(&mut self, outcome: Write) -> usize {
        match outcome {
            Write::Took { count, is_blocked } => {
                self.entry.is_writable = !is_blocked;
                count
            }
            Write::Blocked => {
                self.entry.is_writable = false;
                self.entry.connection.handle_blocked();
                0
            }
            Write::Failed(kind) => {
                self.fail(CloseReason::Io(kind));
                0
            }
        }
    }
}

/// A stream of the loop's network; what is asked of it is counted.
struct Counted<'a, N: Network> {
    net: &'a mut N,
    stream: &'a mut N::Stream,
    stats: &'a mut Stats,
}

impl<N: Network> Sink for Counted<'_, N> {
    #[inline]
    fn write(&mut self, bytes: &[u8], is_more_coming: bool) -> Write {
        self.stats.writes += 1;
        self.net.write(self.stream, bytes, is_more_coming)
    }

    fn write_slices(&mut self, slices: &[IoSlice<'_>]) -> Write {
        self.stats.writes += 1;
        self.net.write_slices(self.stream, slices)
    }

    fn can_send_file(&self) -> bool {
        self.net.can_send_file()
    }

    fn send_file(&mut self, range: &FileRange, length: usize) -> Write {
        self.stats.writes += 1;
        self.net.send_file(self.stream, range.file(), range.offset(), length)
    }

    fn read_file(&mut self, range: &FileRange, buffer: &mut [u8]) -> io::Result<usize> {
        self.stats.reads += 1;
        self.net.read_file(range.file(), range.offset(), buffer)
    }
}
