//! The `date` header (RFC 9110, 6.6.1), written once a second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A whole header line, `date: Sun, 06 Nov 1994 08:49:37 GMT` and its line end.
pub(super) type DateLine = [u8; 37];

/// The line of the present second, shared by all connections of a server.
#[derive(Debug)]
pub(super) struct DateCache {
    /// Held for as long as it takes to copy 37 bytes.
    line: Mutex<(u64, DateLine)>,
}

impl DateCache {
    pub(super) fn new() -> Self {
        Self { line: Mutex::new((0, line_of(0))) }
    }

    /// The line for `wall_time`. A clock before 1970 shows 1970.
    pub(super) fn at(&self, wall_time: SystemTime) -> DateLine {
        let second = wall_time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut cached = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.0 != second {
            *cached = (second, line_of(second));
        }
        cached.1
    }
}

fn line_of(second: u64) -> DateLine {
    // The format has four digits for the year, and httpdate refuses what comes after 9999.
    let time = UNIX_EPOCH + Duration::from_secs(second.min(253_402_300_799));
    let mut line = *b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
    let date = httpdate::fmt_http_date(time);
    for (place, byte) in line[6..35].iter_mut().zip(date.bytes()) {
        *place = byte;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_follows_the_clock_by_the_second() {
        let cache = DateCache::new();
        let time = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(&cache.at(time), b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
        assert_eq!(cache.at(time + Duration::from_millis(999)), cache.at(time));
        assert_eq!(&cache.at(time - Duration::from_secs(1))[23..31], b"08:49:36");
        assert_eq!(&cache.at(UNIX_EPOCH - Duration::from_secs(9))[..22], b"date: Thu, 01 Jan 1970");
    }
}
