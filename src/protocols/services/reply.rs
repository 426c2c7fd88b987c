//! A reply: the second server of a socket chapter.

use super::{answer, say_once};
use crate::sansio::{Address, DatagramProtocol, DatagramTransport, Protocol, Transport};

/// Waits for a message, says `Yes`, and closes.
///
/// A message here has no end of its own: its first bytes are answered, however many came at
/// once, and the rest is heard out like a talkative peer of [`Greet`](super::Greet). Who ends
/// without a message gets no answer. A datagram is a message, and is answered by one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reply;

impl Reply {
    /// What it says.
    pub const ANSWER: &[u8] = b"Yes";
}

impl<S> Protocol<S> for Reply {
    fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        say_once(transport, Self::ANSWER);
        bytes.len()
    }
}

impl<S> DatagramProtocol<S> for Reply {
    fn received(
        &mut self,
        transport: &mut DatagramTransport<'_, S>,
        _: &mut S,
        from: &Address,
        _: &[u8],
    ) {
        answer(transport, from, Self::ANSWER);
    }
}
