//! The wall clock as people and other programs read it.

use std::time::{Duration, UNIX_EPOCH};

/// The `second` since 1970 began, as in `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
pub(super) fn text(second: u64) -> String {
    // The format has four digits for the year, and httpdate refuses what comes after 9999.
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second.min(253_402_300_799)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_has_four_digits_at_both_ends_of_time() {
        assert_eq!(text(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(text(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
