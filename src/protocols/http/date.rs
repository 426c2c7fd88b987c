//! The `date` header (RFC 9110, 6.6.1), written once a second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::protocols::date;

/// The header line `date: Sun, 06 Nov 1994 08:49:37 GMT` with its line end, behind the status
/// line of the commonest reply: together they are one copy of a size known to the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DateLine {
    ok: [u8; OK.len()],
}

const OK: &[u8; 54] = b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n";

impl DateLine {
    /// The status line `HTTP/1.1 200 OK`, and the date.
    pub(super) const fn after_ok(&self) -> &[u8; OK.len()] {
        &self.ok
    }

    /// The date alone.
    pub(super) fn alone(&self) -> &[u8] {
        &self.ok[17..]
    }
}

/// The line of the present second, shared by all connections of a server.
#[derive(Debug)]
pub(super) struct DateCache {
    /// Held for as long as it takes to copy 54 bytes.
    line: Mutex<Cached>,
}

/// A line, and the second in which it is right. Two comparisons tell, where a subtraction of
/// times would be half the cost of the look-up.
#[derive(Debug)]
struct Cached {
    from: SystemTime,
    to: SystemTime,
    line: DateLine,
}

impl DateCache {
    pub(super) fn new() -> Self {
        let line = line_of(0);
        Self { line: Mutex::new(Cached { from: UNIX_EPOCH, to: UNIX_EPOCH, line }) }
    }

    /// The line for `wall_time`. A clock before 1970 shows 1970.
    pub(super) fn at(&self, wall_time: SystemTime) -> DateLine {
        let mut cached = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if wall_time < cached.from || wall_time >= cached.to {
            let second = wall_time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let from = UNIX_EPOCH + Duration::from_secs(second);
            *cached = Cached { from, to: from + Duration::from_secs(1), line: line_of(second) };
        }
        cached.line
    }
}

fn line_of(second: u64) -> DateLine {
    let mut ok = *OK;
    for (place, byte) in ok[23..52].iter_mut().zip(date::text(second).bytes()) {
        *place = byte;
    }
    DateLine { ok }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_follows_the_clock_by_the_second() {
        let cache = DateCache::new();
        let time = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(cache.at(time).alone(), b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
        assert_eq!(cache.at(time + Duration::from_millis(999)), cache.at(time));
        assert_eq!(&cache.at(time - Duration::from_secs(1)).alone()[23..31], b"08:49:36");
        let early = cache.at(UNIX_EPOCH - Duration::from_secs(9));
        assert_eq!(early.after_ok(), OK);
    }
}
