//! The character generator (RFC 864).
//!
//! It produces under back-pressure and only so: as much as brings the connection above its
//! high-water mark, then nothing until the peer has taken it. It is never faster than its reader.

use bytes::Bytes;

use super::answer;
use crate::sansio::{Address, DatagramProtocol, DatagramTransport, Protocol, Transport};

/// Never stops talking (RFC 864): lines of 72 characters, each line one character further along
/// the 95 that ASCII can print.
///
/// What it hears is thrown away, also while it waits for its reader. The peer's end is its end,
/// after what was begun. A peer that does not read costs a little more than
/// [`Limits::high_water`](crate::Limits::high_water) in bytes that all share, and is reset by
/// [`Limits::write_stall`](crate::Limits::write_stall).
///
/// A datagram is answered by one. The RFC gives it a random length from 0 to 512 characters;
/// this one is as long as what it answers, and no longer than 512, so that forging a sender wins
/// an attacker nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chargen;

impl Chargen {
    /// The port that the RFC gives it.
    pub const PORT: u16 = 19;
}

impl<S> Protocol<S> for Chargen {
    fn connected(&mut self, transport: &mut Transport<'_, S>, _: &mut S) {
        transport.read_on();
        talk(transport);
    }

    fn received(&mut self, _: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        bytes.len()
    }

    fn writable(&mut self, transport: &mut Transport<'_, S>, _: &mut S) {
        talk(transport);
    }
}

impl<S> DatagramProtocol<S> for Chargen {
    fn received(
        &mut self,
        transport: &mut DatagramTransport<'_, S>,
        _: &mut S,
        from: &Address,
        bytes: &[u8],
    ) {
        answer(transport, from, &PATTERN[..bytes.len().min(MOST)]);
    }
}

/// Brings what is unsent above the high-water mark, in whole rounds of the pattern: after one
/// comes the same again, so a connection remembers nothing, and nothing is copied.
fn talk<S>(transport: &mut Transport<'_, S>) {
    // Counted, because a connection that takes no output would never be over its mark.
    let rounds = transport.limits().high_water / PATTERN.len() + 1;
    for _ in 0..rounds {
        if transport.is_backpressured() {
            return;
        }
        transport.write_shared(Bytes::from_static(&PATTERN));
    }
}

/// The characters in a datagram at most.
const MOST: usize = 512;
/// The characters that ASCII can print, from the blank to the tilde.
const RING: usize = 95;
/// Characters in a line.
const WIDTH: usize = 72;
/// A line and its CR LF.
const LINE: usize = WIDTH + 2;

/// Every line that there is: one that begins with each character.
pub(super) static PATTERN: [u8; RING * LINE] = pattern();

const fn pattern() -> [u8; RING * LINE] {
    let mut pattern = [0; RING * LINE];
    let mut place = 0;
    while place < pattern.len() {
        let (line, column) = (place / LINE, place % LINE);
        pattern[place] = match column {
            WIDTH => b'\r',
            _ if column > WIDTH => b'\n',
            _ => b' ' + ((line + column) % RING) as u8,
        };
        place += 1;
    }
    pattern
}
