//! Bytes that were received and not yet used.

use std::time::Instant;

/// What a protocol left unused. A connection owns one only while something is left.
#[derive(Debug)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    /// How many bytes at the front are used. At most `bytes.len()`.
    used: usize,
    /// When the message that these bytes begin was begun.
    pub(super) since: Instant,
    /// Whether the protocol saw all of these bytes and asked for more; else they wait because
    /// something held them back.
    pub(super) needs_more: bool,
}

impl Kept {
    pub(super) fn new(now: Instant) -> Self {
        Self { bytes: Vec::new(), used: 0, since: now, needs_more: false }
    }

    pub(super) fn unused(&self) -> &[u8] {
        &self.bytes[self.used..]
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        // Used bytes are removed only when that makes room, so each byte moves at most once
        // for every byte that arrives.
        if self.used > 0 && self.bytes.capacity() - self.bytes.len() < bytes.len() {
            self.bytes.drain(..self.used);
            self.used = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn advance(&mut self, used: usize) {
        self.used += used;
        debug_assert!(self.used <= self.bytes.len(), "no more is used than was kept");
    }

    pub(super) fn reset(&mut self, now: Instant) {
        self.bytes.clear();
        self.used = 0;
        self.since = now;
        self.needs_more = false;
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}
