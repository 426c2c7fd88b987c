//! Room for one byte layer between wire and protocol, such as TLS.
//!
//! The [`Transport`](super::Transport) does not change for it: a protocol writes and receives
//! plain bytes, and the connection passes them through the layer on their way.

use std::fmt;
use std::time::Instant;

use super::outbound::Queue;
use super::pool::Pool;

/// A transformation of the byte stream in both directions.
///
/// A layer has no buffer for output of its own: what it makes is appended to the caller's.
pub trait Layer: Send {
    /// Takes bytes from the wire and appends the plain bytes they carried.
    ///
    /// # Errors
    ///
    /// [`LayerFault`] ends the connection. What the layer still wants to tell the peer is
    /// fetched by [`produce`](Self::produce) before; nothing else is called any more.
    fn receive(&mut self, wire: &[u8], plain: &mut Vec<u8>) -> Result<(), LayerFault>;

    /// Takes plain bytes, at least one, and appends what goes on the wire for them. Returns how
    /// many it took: none while a handshake is under way.
    fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> usize;

    /// Appends what the layer itself has to say: a handshake, an alert.
    fn produce(&mut self, wire: &mut Vec<u8>);

    /// Appends the layer's own farewell. Called once, after the last plain byte, and not at all
    /// after a fault.
    fn finish(&mut self, wire: &mut Vec<u8>);

    /// The wire has ended.
    ///
    /// # Errors
    ///
    /// [`LayerFault`] where the end came without the layer's own farewell and that matters.
    fn end_of_input(&mut self) -> Result<(), LayerFault>;
}

/// Why a layer refused the peer's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerFault {
    reason: String,
}

impl LayerFault {
    /// A fault for `reason`: lower case, without a full stop.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl fmt::Display for LayerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for LayerFault {}

/// A layer with its bytes on the way to the wire.
pub(super) struct LayerSlot {
    pub(super) layer: Box<dyn Layer>,
    /// Bytes for the wire.
    pub(super) wire: Vec<u8>,
    /// How many of them are sent. At most `wire.len()`.
    pub(super) sent: usize,
    /// How many bytes the pool was told are unsent.
    counted: usize,
    /// Whether it took nothing of what it was given to send: its handshake needs input first.
    pub(super) is_waiting: bool,
    /// Whether it has no more to say: `finish` was called, or it found a fault.
    pub(super) is_finished: bool,
    /// When the system last took some, or when these bytes began to wait.
    pub(super) progress: Instant,
}

/// At most so many plain bytes are sealed ahead of the wire: one TLS record's worth.
const SEALED_AHEAD: usize = 16 << 10;

impl LayerSlot {
    pub(super) fn new(layer: Box<dyn Layer>, now: Instant) -> Self {
        Self {
            layer,
            wire: Vec::new(),
            sent: 0,
            counted: 0,
            is_waiting: false,
            is_finished: false,
            progress: now,
        }
    }

    pub(super) fn unsent(&self) -> &[u8] {
        &self.wire[self.sent..]
    }

    /// How many plain bytes may be sealed now.
    pub(super) fn room(&self) -> usize {
        SEALED_AHEAD.saturating_sub(self.unsent().len())
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.sent += bytes;
        // With half of it gone, each byte is moved at most once for one that was sent.
        if self.sent >= self.unsent().len() {
            self.wire.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Seals what is next in `queue`, as much as there is room for.
    pub(super) fn seal(&mut self, queue: &mut Queue, pool: &mut Pool) {
        while self.room() > 0 && !self.is_finished {
            let front = queue.front_bytes();
            if front.is_empty() {
                return;
            }
            let taken = self.layer.send(&front[..front.len().min(self.room())], &mut self.wire);
            self.is_waiting = taken == 0;
            if self.is_waiting {
                return;
            }
            pool.held -= queue.advance(taken as u64);
        }
    }

    /// It says no more than what it has to say right now.
    pub(super) fn silence(&mut self) {
        self.layer.produce(&mut self.wire);
        self.is_waiting = false;
        self.is_finished = true;
    }

    /// Tells the pool how much is unsent now.
    pub(super) fn count(&mut self, pool: &mut Pool) {
        let unsent = self.unsent().len();
        pool.held = pool.held - self.counted + unsent;
        self.counted = unsent;
    }

    /// Tells the pool that nothing is unsent any more.
    pub(super) fn forget(self, pool: &mut Pool) {
        pool.held -= self.counted;
    }
}

impl fmt::Debug for LayerSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerSlot").field("unsent", &self.unsent().len()).finish_non_exhaustive()
    }
}
