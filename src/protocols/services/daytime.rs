//! Daytime (RFC 867).

use std::time::{SystemTime, UNIX_EPOCH};

use super::{answer, say_once};
use crate::protocols::date;
use crate::sansio::{Address, DatagramProtocol, DatagramTransport, Protocol, Transport};

/// Says the time in words, and closes (RFC 867): `Sun, 06 Nov 1994 08:49:37 GMT`, CR, LF.
///
/// The RFC leaves the format open; this is the one that HTTP and mail use. A clock before 1970
/// shows 1970, one after 9999 the last second of that year.
#[derive(Clone, Copy, Debug, Default)]
pub struct Daytime;

impl Daytime {
    /// The port that the RFC gives it.
    pub const PORT: u16 = 13;
}

impl<S> Protocol<S> for Daytime {
    fn connected(&mut self, transport: &mut Transport<'_, S>, _: &mut S) {
        let line = line(transport.wall_time());
        say_once(transport, line.as_bytes());
    }

    fn received(&mut self, _: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        bytes.len()
    }
}

impl<S> DatagramProtocol<S> for Daytime {
    fn received(
        &mut self,
        transport: &mut DatagramTransport<'_, S>,
        _: &mut S,
        from: &Address,
        _: &[u8],
    ) {
        let line = line(transport.wall_time());
        answer(transport, from, line.as_bytes());
    }
}

fn line(wall_time: SystemTime) -> String {
    let second = wall_time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    date::text(second) + "\r\n"
}
