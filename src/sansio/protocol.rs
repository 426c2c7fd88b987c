//! What you write: one side of a conversation, as a state machine.

use std::any::Any;

use super::closing::{Closed, Timeout};
use super::transport::Transport;

/// A conversation with one peer, as a state machine: bytes and time come in through these calls,
/// bytes and requests go out through the [`Transport`].
///
/// # The order of calls
///
/// ```text
/// connected (received | writable | expired | notified | stopping)* finished? (writable | expired | notified | stopping)* closed
/// ```
///
/// `closed` comes exactly once, last, with the reason; also when `connected` never came because
/// a connection that we opened could not be established. A protocol that another one put in its
/// place with [`become_protocol`](Transport::become_protocol) begins with `connected` and
/// receives what its predecessor left unused (or is told `finished` at once, where the peer had
/// finished before); the predecessor is dropped without a further call.
///
/// # The host program's state
///
/// Every call gets the state of the program around it as `&mut S`. A server inside a game
/// touches the world with no lock and no reference count. A protocol that needs none is written
/// for every `S`:
///
/// ```
/// use switchboard::{Protocol, Transport};
///
/// struct Echo;
///
/// impl<S> Protocol<S> for Echo {
///     fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
///         transport.write(bytes);
///         bytes.len()
///     }
/// }
/// ```
///
/// # Panics
///
/// A panic in a call leaves the turn that made it, because the state may be half-changed; a
/// driver can be told to close that connection instead. Either way the protocol gets no further
/// call.
pub trait Protocol<S = ()>: Send + 'static {
    /// The connection is established. Comes first.
    fn connected(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        let _ = (transport, state);
    }

    /// Bytes arrived. Returns how many of them were used.
    ///
    /// Using less than was offered means *I need more bytes*: the rest is kept and offered again
    /// with more, so a protocol needs no buffer of its own. Use every whole message in the slice
    /// before returning. There are four other reasons to stop, and each is said: the connection
    /// [is back-pressured](Transport::is_backpressured), or the protocol calls
    /// [`pause_reading`](Transport::pause_reading), [`yield_now`](Transport::yield_now) or
    /// [`become_protocol`](Transport::become_protocol). What was kept is then offered again when
    /// that ends, with no new byte needed.
    ///
    /// What is kept is limited. At the limit this is called one last time, and
    /// [`is_input_full`](Transport::is_input_full) says so; then the connection closes.
    fn received(&mut self, transport: &mut Transport<'_, S>, state: &mut S, bytes: &[u8]) -> usize;

    /// Back-pressure has ended: what is unsent is at or below the low-water mark. Input that was
    /// kept meanwhile is offered right after.
    fn writable(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        let _ = (transport, state);
    }

    /// A clock ran out.
    ///
    /// [`Timeout::Own`] is the deadline that the protocol set. The others are the connection's:
    /// this call is the last chance to say something, then it is finished for that reason.
    /// (A write stall, the end of closing and a failed connect are not announced: nothing could
    /// be said any more.)
    fn expired(&mut self, transport: &mut Transport<'_, S>, state: &mut S, timeout: Timeout) {
        let _ = (transport, state, timeout);
    }

    /// A value was posted to this connection, by a [`Remote`](super::Remote) or by another
    /// connection.
    fn notified(
        &mut self,
        transport: &mut Transport<'_, S>,
        state: &mut S,
        message: Box<dyn Any + Send>,
    ) {
        let _ = (transport, state, message);
    }

    /// The driver drains: finish what was begun and begin nothing new. By default this finishes
    /// at once. A protocol that is in the middle of something finishes when that is done; the
    /// drain's deadline ends those that do not.
    fn stopping(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        let _ = state;
        transport.finish();
    }

    /// The peer has finished sending, and `rest` is what was kept and never used. Writing goes
    /// on until [`finish`](Transport::finish), which is what the default does.
    fn finished(&mut self, transport: &mut Transport<'_, S>, state: &mut S, rest: &[u8]) {
        let _ = (state, rest);
        transport.finish();
    }

    /// The connection has ended. Comes exactly once, last. What is asked of this connection is
    /// ignored; requests to others are carried out.
    fn closed(&mut self, transport: &mut Transport<'_, S>, state: &mut S, closed: Closed) {
        let _ = (transport, state, closed);
    }
}
