//! One write of what a connection has to send, for whichever driver has the stream.

use std::io::{self, IoSlice};

use crate::net::Write;
use crate::sansio::{Connection, Desk, FileRange, MAX_SLICES, Output};

/// A stream that takes bytes.
pub(super) trait Sink {
    /// Writes once. `is_more_coming` is a hint that more follows at once.
    fn write(&mut self, bytes: &[u8], is_more_coming: bool) -> Write;

    /// Writes once, from several slices.
    fn write_slices(&mut self, slices: &[IoSlice<'_>]) -> Write;

    /// Whether [`send_file`](Self::send_file) may be used.
    fn can_send_file(&self) -> bool;

    /// Sends the first `length` bytes of `range` without reading them, once. `Took(0)` says that
    /// the file has ended.
    fn send_file(&mut self, range: &FileRange, length: usize) -> Write;

    /// Reads the first bytes of `range`. 0 says that the file has ended.
    fn read_file(&mut self, range: &FileRange, buffer: &mut [u8]) -> io::Result<usize>;
}

/// What became of one write.
#[derive(Debug)]
pub(super) enum Sent {
    /// There was nothing to send.
    Nothing,
    /// The stream said this.
    Tried(Write),
    /// The file to be sent has become shorter, or could not be read.
    NoFile,
}

/// Writes once, and about `most` bytes. Files that cannot be sent as they are go through
/// `buffer`.
#[inline]
pub(super) fn send<S: 'static>(
    connection: &mut Connection<S>,
    desk: &mut Desk<S>,
    sink: &mut impl Sink,
    buffer: &mut [u8],
    most: usize,
) -> Sent {
    Sent::Tried(match connection.poll_output(desk) {
        Output::Bytes(bytes) => sink.write(up_to(bytes, most), false),
        Output::Slices => {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let count = connection.gather(&mut slices);
            // A file is behind a single one: one packet may hold a head and its body's
            // beginning.
            let is_file_next = count == 1;
            match within(&slices[..count], most) {
                0 | 1 => sink.write(up_to(&slices[0], most), is_file_next),
                count => sink.write_slices(&slices[..count]),
            }
        }
        Output::File { range, direct } => {
            let range = range.clone();
            return send_file(connection, desk, sink, buffer, &range, direct, most);
        }
        Output::Nothing => return Sent::Nothing,
    })
}

fn send_file<S: 'static>(
    connection: &mut Connection<S>,
    desk: &mut Desk<S>,
    sink: &mut impl Sink,
    buffer: &mut [u8],
    range: &FileRange,
    direct: bool,
    most: usize,
) -> Sent {
    let length = usize::try_from(range.length()).unwrap_or(usize::MAX).min(most);
    if direct && sink.can_send_file() {
        let outcome = sink.send_file(range, length);
        let has_ended = matches!(outcome, Write::Took { count: 0, .. });
        return if has_ended { Sent::NoFile } else { Sent::Tried(outcome) };
    }
    let length = length.min(buffer.len());
    match sink.read_file(range, &mut buffer[..length]) {
        Ok(0) => Sent::NoFile,
        Ok(count) => {
            connection.handle_file_bytes(desk, &buffer[..count]);
            send(connection, desk, sink, buffer, most)
        }
        Err(error) => {
            log::warn!("connection {}: a file could not be read: {error}", connection.id());
            Sent::NoFile
        }
    }
}

fn up_to(bytes: &[u8], most: usize) -> &[u8] {
    &bytes[..bytes.len().min(most)]
}

/// How many of the slices hold no more than `most` bytes together.
fn within(slices: &[IoSlice<'_>], most: usize) -> usize {
    let mut left = most;
    let fits = |slice: &&IoSlice<'_>| {
        let is_within = slice.len() <= left;
        left = left.saturating_sub(slice.len());
        is_within
    };
    slices.iter().take_while(fits).count()
}
