//! The `date` header (RFC 9110, 6.6.1), written once a second.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::protocols::date;

/// The header line `date: Sun, 06 Nov 1994 08:49:37 GMT` with its line end, behind the status
/// line of the commonest reply: together they are one copy of a size known to the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DateLine {
    /// Filled up to whole words.
    words: [[u8; 8]; WORDS],
}

const OK: &[u8; 54] = b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
const WORDS: usize = OK.len().div_ceil(8);

impl DateLine {
    /// The status line `HTTP/1.1 200 OK`, and the date.
    #[inline]
    pub(super) fn after_ok(&self) -> &[u8; OK.len()] {
        self.words.as_flattened().first_chunk().expect("the words have room for the line")
    }

    /// The date alone.
    pub(super) fn alone(&self) -> &[u8] {
        &self.after_ok()[17..]
    }
}

/// The line of the present second, shared by all connections of a server.
///
/// Readers take no lock: a locked instruction costs more than the copy, and of all connections
/// one in a second has something to write. They read the version, the line, and the version
/// again; where that is odd, or has changed, or is of another second, they make the line
/// themselves. (The second is no version: loops whose turns began before and after its end may
/// write it by turns.)
#[derive(Debug)]
pub(super) struct DateCache {
    /// Odd while the line is being changed.
    version: AtomicU64,
    second: AtomicU64,
    words: [AtomicU64; WORDS],
    writing: Mutex<()>,
}

impl DateCache {
    pub(super) fn new() -> Self {
        Self {
            version: AtomicU64::new(0),
            // No second that a clock shows.
            second: AtomicU64::new(u64::MAX),
            words: [const { AtomicU64::new(0) }; WORDS],
            writing: Mutex::new(()),
        }
    }

    /// The line for a second since 1970.
    #[inline]
    pub(super) fn at(&self, second: u64) -> DateLine {
        let version = self.version.load(Ordering::Acquire);
        if version.is_multiple_of(2) && self.second.load(Ordering::Relaxed) == second {
            let words = self.words.each_ref().map(|word| word.load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            if self.version.load(Ordering::Relaxed) == version {
                return DateLine { words: words.map(u64::to_le_bytes) };
            }
        }
        self.make(second)
    }

    #[cold]
    fn make(&self, second: u64) -> DateLine {
        let line = line_of(second);
        // Whoever else is at it makes a line, too.
        if let Ok(_guard) = self.writing.try_lock() {
            let version = self.version.load(Ordering::Relaxed);
            self.version.store(version + 1, Ordering::Relaxed);
            fence(Ordering::Release);
            self.second.store(second, Ordering::Relaxed);
            for (word, bytes) in self.words.iter().zip(line.words) {
                word.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
            }
            self.version.store(version + 2, Ordering::Release);
        }
        line
    }
}

fn line_of(second: u64) -> DateLine {
    let mut words = [[0; 8]; WORDS];
    let line = words.as_flattened_mut();
    line[..OK.len()].copy_from_slice(OK);
    for (place, byte) in line[23..52].iter_mut().zip(date::text(second).bytes()) {
        *place = byte;
    }
    DateLine { words }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn the_line_follows_the_clock_by_the_second() {
        let cache = DateCache::new();
        let second = 784_111_777;
        assert_eq!(cache.at(second).alone(), b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
        assert_eq!(cache.at(second), cache.at(second), "also when it is read, not made");
        assert_eq!(&cache.at(second - 1).alone()[23..31], b"08:49:36");
        assert_eq!(cache.at(0).after_ok(), OK);
    }

    #[test]
    fn threads_at_different_seconds_each_get_their_own_line() {
        let cache = DateCache::new();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let cache = &cache;
                scope.spawn(move || {
                    for step in 0..20_000 {
                        let second = 784_111_777 + (step / 7 + thread) % 3;
                        let line = cache.at(second);
                        assert_eq!(line, line_of(second));
                    }
                });
            }
        });
    }
}
