//! Time (RFC 868).

use std::time::{SystemTime, UNIX_EPOCH};

use super::{answer, say_once};
use crate::sansio::{Address, DatagramProtocol, DatagramTransport, Protocol, Transport};

/// Says the time in four bytes, and closes (RFC 868): the seconds since 1900 began in UTC, most
/// significant byte first.
///
/// The count wraps: the second after 4294967295, which is 2036-02-07 06:28:16, is 0 again, as in
/// NTP's timestamps. The RFC does not say so; a client has to take the era that is near. A clock
/// that stands before 1900 wraps the other way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Time;

impl Time {
    /// The port that the RFC gives it.
    pub const PORT: u16 = 37;
}

impl<S> Protocol<S> for Time {
    fn connected(&mut self, transport: &mut Transport<'_, S>, _: &mut S) {
        let count = since_1900(transport.wall_time());
        say_once(transport, &count.to_be_bytes());
    }

    fn received(&mut self, _: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        bytes.len()
    }
}

impl<S> DatagramProtocol<S> for Time {
    fn received(
        &mut self,
        transport: &mut DatagramTransport<'_, S>,
        _: &mut S,
        from: &Address,
        _: &[u8],
    ) {
        let count = since_1900(transport.wall_time());
        answer(transport, from, &count.to_be_bytes());
    }
}

/// The seconds from the beginning of 1900 to that of 1970, as the RFC gives them.
const TO_1970: u32 = 2_208_988_800;

/// The whole seconds since 1900 began, modulo 2^32: only the low 32 bits count anywhere.
fn since_1900(wall_time: SystemTime) -> u32 {
    match wall_time.duration_since(UNIX_EPOCH) {
        Ok(after) => TO_1970.wrapping_add(after.as_secs() as u32),
        // Whole seconds have ended: half a second before 1970 is still the last one of 1969.
        Err(error) => {
            let before = error.duration();
            let seconds = before.as_secs() + u64::from(before.subsec_nanos() > 0);
            TO_1970.wrapping_sub(seconds as u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_count_is_that_of_the_rfc() {
        // The moments that RFC 868 lists: 1 Jan 1970, 1976, 1980, 1 May 1983, 17 Nov 1858.
        for (seconds, count) in [
            (0, 2_208_988_800),
            (189_302_400, 2_398_291_200),
            (315_532_800, 2_524_521_600),
            (420_595_200, 2_629_584_000),
        ] {
            assert_eq!(since_1900(UNIX_EPOCH + Duration::from_secs(seconds)), count);
        }
        let early = UNIX_EPOCH - Duration::from_secs(3_506_716_800);
        assert_eq!(since_1900(early), (-1_297_728_000_i32) as u32);
    }

    #[test]
    fn the_count_wraps_in_2036() {
        let last = UNIX_EPOCH + Duration::from_secs(2_085_978_495);
        assert_eq!(since_1900(last), u32::MAX);
        assert_eq!(since_1900(last + Duration::from_secs(1)), 0);
        assert_eq!(since_1900(last + Duration::from_secs(1 << 32)), u32::MAX);
    }

    #[test]
    fn a_second_has_begun_and_not_ended() {
        assert_eq!(since_1900(UNIX_EPOCH + Duration::from_millis(999)), TO_1970);
        assert_eq!(since_1900(UNIX_EPOCH - Duration::from_millis(1)), TO_1970 - 1);
        assert_eq!(since_1900(UNIX_EPOCH - Duration::from_secs(1)), TO_1970 - 1);
    }
}
