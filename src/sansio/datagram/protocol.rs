//! What you write to converse in datagrams.

use std::any::Any;

use super::transport::DatagramTransport;
use crate::sansio::address::Address;
use crate::sansio::closing::Closed;

/// A conversation in datagrams with any number of peers, as a state machine.
///
/// # The order of calls
///
/// ```text
/// opened (received | writable | expired | notified | stopping)* closed
/// ```
///
/// `closed` comes exactly once, last, with the reason; also when `opened` never came, because
/// the driver ended before.
///
/// # What datagrams are
///
/// Each is delivered whole or not at all. Any may be lost, come twice, or overtake another, and
/// on UDP anybody can send one in anybody's name: an answer that is larger than its question lets
/// a stranger aim the difference at a victim. No peer can end the socket, whatever it sends or
/// refuses.
///
/// ```
/// use switchboard::{Address, DatagramProtocol, DatagramTransport};
///
/// struct Echo;
///
/// impl<S> DatagramProtocol<S> for Echo {
///     fn received(
///         &mut self,
///         transport: &mut DatagramTransport<'_, S>,
///         _: &mut S,
///         _from: &Address,
///         bytes: &[u8],
///     ) {
///         transport.reply(bytes);
///     }
/// }
/// ```
///
/// # Panics
///
/// As with [`Protocol`](crate::Protocol): a panic leaves the turn, or by the driver's choice
/// closes this socket alone. Either way the protocol gets no further call.
pub trait DatagramProtocol<S = ()>: Send + 'static {
    /// The socket is bound. Comes first.
    fn opened(&mut self, transport: &mut DatagramTransport<'_, S>, state: &mut S) {
        let _ = (transport, state);
    }

    /// A datagram came `from` a peer. It may be empty. One that is larger than
    /// [`DatagramLimits::datagram`](super::DatagramLimits::datagram) never comes, not even in
    /// part: it is counted.
    fn received(
        &mut self,
        transport: &mut DatagramTransport<'_, S>,
        state: &mut S,
        from: &Address,
        bytes: &[u8],
    );

    /// Back-pressure has ended: most of what was queued is gone, and more may be made.
    fn writable(&mut self, transport: &mut DatagramTransport<'_, S>, state: &mut S) {
        let _ = (transport, state);
    }

    /// The deadline that the protocol set has come. It is forgotten by then. A socket has no
    /// other clock that would end it: one that is silent for years is in order.
    fn expired(&mut self, transport: &mut DatagramTransport<'_, S>, state: &mut S) {
        let _ = (transport, state);
    }

    /// A value was posted to this socket, by a [`Remote`](crate::Remote) or by a connection.
    fn notified(
        &mut self,
        transport: &mut DatagramTransport<'_, S>,
        state: &mut S,
        message: Box<dyn Any + Send>,
    ) {
        let _ = (transport, state, message);
    }

    /// The driver drains: finish what was begun and begin nothing new. By default this finishes
    /// at once. A protocol that waits for answers finishes when it has them; the drain's deadline
    /// ends one that does not.
    fn stopping(&mut self, transport: &mut DatagramTransport<'_, S>, state: &mut S) {
        let _ = state;
        transport.finish();
    }

    /// The socket has ended. Comes exactly once, last. What is asked of this socket is ignored;
    /// requests to others are carried out.
    fn closed(&mut self, transport: &mut DatagramTransport<'_, S>, state: &mut S, closed: Closed) {
        let _ = (transport, state, closed);
    }
}
