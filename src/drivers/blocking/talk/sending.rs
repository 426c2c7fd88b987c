//! Sending what a connection has to send, with calls that block for a while.

use std::io::IoSlice;

use super::super::super::event_loop::{up_to, within};
use super::{Output, Talk};
use crate::net::{Write, read_at};
use crate::sansio::{self, CloseReason, FileRange, MAX_SLICES};

impl<S: 'static> Talk<'_, S> {
    /// Writes what is unsent, until it is sent, the system takes no more, or other things
    /// should be looked at.
    pub(super) fn flush(&mut self) -> Output {
        let mut left = self.terms.config.write_size;
        while self.connection.has_output() {
            let Some(outcome) = self.write(left) else { return Output::Sent };
            self.look_at_clock();
            match outcome {
                Write::Took { count, is_blocked } => {
                    self.outcome.bytes_out += count as u64;
                    self.connection.handle_sent(&mut self.desk, self.state, count as u64);
                    left = left.saturating_sub(count);
                    if is_blocked && self.connection.has_output() {
                        self.connection.handle_blocked();
                        return Output::Stuck;
                    }
                    if left == 0 {
                        return Output::Waiting;
                    }
                }
                Write::Blocked => {
                    self.connection.handle_blocked();
                    return Output::Stuck;
                }
                Write::Failed(kind) => self.fail(CloseReason::Io(kind)),
            }
        }
        Output::Sent
    }

    /// One write of about `most` bytes. None where there is nothing to be sent.
    fn write(&mut self, most: usize) -> Option<Write> {
        let outcome = match self.connection.poll_output(&mut self.desk) {
            sansio::Output::Bytes(bytes) => self.stream.write(up_to(bytes, most), false),
            sansio::Output::Slices => {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let count = self.connection.gather(&mut slices);
                // A file is behind a single one: one packet may hold a head and its body's
                // beginning.
                let is_file_next = count == 1;
                match within(&slices[..count], most) {
                    0 | 1 => self.stream.write(up_to(&slices[0], most), is_file_next),
                    count => self.stream.write_slices(&slices[..count]),
                }
            }
            sansio::Output::File { range, direct } => {
                let range = range.clone();
                return self.write_file(&range, direct, most);
            }
            sansio::Output::Nothing => return None,
        };
        self.outcome.writes += 1;
        Some(outcome)
    }

    fn write_file(&mut self, range: &FileRange, direct: bool, most: usize) -> Option<Write> {
        let length = usize::try_from(range.length()).unwrap_or(usize::MAX).min(most);
        if direct && self.terms.can_send_file {
            self.outcome.writes += 1;
            let outcome = self.stream.send_file(range.file(), range.offset(), length);
            if let Write::Took { count: 0, .. } = outcome {
                self.fail(CloseReason::File);
                return None;
            }
            return Some(outcome);
        }
        let length = length.min(self.buffer.len());
        self.outcome.reads += 1;
        match read_at(range.file(), range.offset(), &mut self.buffer[..length]) {
            Ok(0) => self.fail(CloseReason::File),
            Ok(count) => {
                let bytes = &self.buffer[..count];
                self.connection.handle_file_bytes(&mut self.desk, bytes);
                return self.write(most);
            }
            Err(error) => {
                log::warn!(
                    "connection {}: a file could not be read: {error}",
                    self.connection.id()
                );
                self.fail(CloseReason::File);
            }
        }
        None
    }
}
