//! Sending what a connection has to send.

use std::io::IoSlice;

use bytes::Bytes;

use super::{Engine, Service};
use crate::net::{Network, Write};
use crate::sansio::{CloseReason, ConnectionId, Delivery, FileRange, MAX_SLICES, Output, WhenFull};

impl<S: 'static, N: Network> Engine<S, N> {
    /// Bytes came from elsewhere, and nothing more is on its way: they are sent at once. While a
    /// message goes to thousands, what belongs to one of them is in the processor's caches once.
    ///
    /// Where the source is to be paused they wait for the end of the round, as others do: what
    /// sending them leads to may let the source go, which must be held first.
    pub(in super::super) fn deliver(
        &mut self,
        id: ConnectionId,
        (bytes, when_full): (Bytes, WhenFull),
        from: Option<ConnectionId>,
        state: &mut S,
    ) -> Delivery {
        let mut waits = false;
        let delivery = self.with_service(id, state, |service| {
            let delivery = service.deliver(bytes, when_full, from);
            waits = delivery == Delivery::QueuedAndFull || service.is_time_up();
            if !waits {
                service.flush();
                service.settle_wire();
            }
            delivery
        });
        if waits {
            self.flush_later(id);
        }
        delivery.unwrap_or(Delivery::NoSuchConnection)
    }
}

impl<S: 'static, N: Network> Service<'_, S, N> {
    /// Writes what is unsent, until it is sent, the system takes no more, or the budget is spent.
    #[inline]
    pub(super) fn flush(&mut self) {
        if self.entry.is_writable && self.entry.connection.has_output() {
            self.send();
        }
    }

    fn send(&mut self) {
        let mut left = self.config.write_size;
        loop {
            let sent = self.write(left);
            if sent == 0 {
                return;
            }
            self.turn.bytes_out += sent as u64;
            let was_backpressured = self.entry.connection.is_backpressured();
            self.entry.connection.handle_sent(self.desk, self.state, sent as u64);
            if !self.entry.connection.has_output() && !was_backpressured {
                return; // The common case: all of it went at once.
            }
            if !self.entry.is_writable {
                self.entry.connection.handle_blocked();
            }
            if was_backpressured {
                self.note_callback("writable");
                if self.is_time_up() {
                    return;
                }
            }
            left = left.saturating_sub(sent);
            if left == 0 || !self.entry.is_writable || !self.entry.connection.has_output() {
                return;
            }
        }
    }

    /// As far as the clock was read.
    fn is_time_up(&self) -> bool {
        self.until.is_some_and(|until| self.desk.now() >= until)
    }

    /// One write. Gives how many bytes went; 0 where there is nothing more to do now.
    #[inline(always)]
    fn write(&mut self, most: usize) -> usize {
        let Some(stream) = &mut self.entry.stream else {
            return 0;
        };
        let outcome = match self.entry.connection.poll_output(self.desk) {
            Output::Bytes(bytes) => self.net.write(stream, up_to(bytes, most), false),
            Output::Slices => self.write_slices(most),
            Output::File { range, direct } => {
                let range = range.clone();
                return self.send_file(&range, direct, most);
            }
            Output::Nothing => return 0,
        };
        self.stats.writes += 1;
        self.note_write(outcome)
    }

    #[inline(never)]
    fn write_slices(&mut self, most: usize) -> Write {
        let Some(stream) = &mut self.entry.stream else {
            return Write::Blocked;
        };
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let count = self.entry.connection.gather(&mut slices);
        // A file is behind a single one: one packet may hold a head and its body's beginning.
        let is_file_next = count == 1;
        match within(&slices[..count], most) {
            0 | 1 => self.net.write(stream, up_to(&slices[0], most), is_file_next),
            count => self.net.write_slices(stream, &slices[..count]),
        }
    }

    #[inline(never)]
    fn send_file(&mut self, range: &FileRange, direct: bool, most: usize) -> usize {
        let Some(stream) = &mut self.entry.stream else {
            return 0;
        };
        let length = usize::try_from(range.length()).unwrap_or(usize::MAX).min(most);
        if direct && self.net.can_send_file() {
            self.stats.writes += 1;
            let outcome = self.net.send_file(stream, range.file(), range.offset(), length);
            if let Write::Took { count: 0, .. } = outcome {
                self.fail(CloseReason::File);
                return 0;
            }
            return self.note_write(outcome);
        }
        let length = length.min(self.buffer.len());
        self.stats.reads += 1;
        match self.net.read_file(range.file(), range.offset(), &mut self.buffer[..length]) {
            Ok(0) => self.fail(CloseReason::File),
            Ok(count) => {
                let bytes = &self.buffer[..count];
                self.entry.connection.handle_file_bytes(self.desk, bytes);
                return self.write(most);
            }
            Err(error) => {
                log::warn!("connection {}: a file could not be read: {error}", self.id);
                self.fail(CloseReason::File);
            }
        }
        0
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

/// The first `most` bytes, if there are more.
pub(in super::super::super) fn up_to(bytes: &[u8], most: usize) -> &[u8] {
    &bytes[..bytes.len().min(most)]
}

/// How many of the slices hold no more than `most` bytes together.
pub(in super::super::super) fn within(slices: &[IoSlice<'_>], most: usize) -> usize {
    let mut left = most;
    let fits = |slice: &&IoSlice<'_>| {
        let is_within = slice.len() <= left;
        left = left.saturating_sub(slice.len());
        is_within
    };
    slices.iter().take_while(fits).count()
}
