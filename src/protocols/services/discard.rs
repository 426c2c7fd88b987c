//! Discard (RFC 863).

use crate::sansio::{Address, DatagramProtocol, DatagramTransport, Protocol, Transport};

/// Listens, and says nothing (RFC 863).
///
/// What it hears is thrown away as fast as it comes. The idle deadline ends a connection on which
/// nothing comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Discard {
    /// The port that the RFC gives it.
    pub const PORT: u16 = 9;
}

impl<S> Protocol<S> for Discard {
    fn received(&mut self, _: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        bytes.len()
    }
}

impl<S> DatagramProtocol<S> for Discard {
    fn received(&mut self, _: &mut DatagramTransport<'_, S>, _: &mut S, _: &Address, _: &[u8]) {}
}
