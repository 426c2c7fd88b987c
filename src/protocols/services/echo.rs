//! Echo (RFC 862).

use super::answer;
use crate::sansio::{Address, DatagramProtocol, DatagramTransport, Protocol, Transport};

/// Says back what it hears (RFC 862).
///
/// A peer that sends without reading is not read from once
/// [`Limits::high_water`](crate::Limits::high_water) is unsent: what it sent stays in its own
/// system. At its end everything it sent has been said back before ours follows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Echo {
    /// The port that the RFC gives it.
    pub const PORT: u16 = 7;
}

impl<S> Protocol<S> for Echo {
    fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        transport.write(bytes);
        bytes.len()
    }
}

impl<S> DatagramProtocol<S> for Echo {
    fn received(
        &mut self,
        transport: &mut DatagramTransport<'_, S>,
        _: &mut S,
        from: &Address,
        bytes: &[u8],
    ) {
        answer(transport, from, bytes);
    }
}
