//! A request whose body is being collected.

use super::super::chunked::{ChunkFault, Chunked, Decoded};

/// A request whose body is being collected.
///
/// What was announced takes no memory, only what came: a length is easily sent.
pub(super) struct Body {
    /// The head, which parsed.
    head: Vec<u8>,
    bytes: Vec<u8>,
    rest: Rest,
}

/// What is missing.
enum Rest {
    Counted(usize),
    Chunked(Chunked),
}

impl Body {
    /// A body of `length` bytes behind `head`.
    pub(super) fn counted(head: &[u8], length: usize) -> Self {
        Self { head: head.to_vec(), bytes: Vec::new(), rest: Rest::Counted(length) }
    }

    /// A body in chunks behind `head`.
    pub(super) fn chunked(head: &[u8]) -> Self {
        Self { head: head.to_vec(), bytes: Vec::new(), rest: Rest::Chunked(Chunked::new()) }
    }

    /// Takes what belongs to the body from the front of `input`. A body in chunks may have
    /// `limit` bytes; a counted one was compared with that before it was begun.
    pub(super) fn take(&mut self, input: &[u8], limit: usize) -> Result<Decoded, ChunkFault> {
        match &mut self.rest {
            Rest::Counted(left) => {
                let used = input.len().min(*left);
                self.bytes.extend_from_slice(&input[..used]);
                *left -= used;
                Ok(Decoded { used, complete: *left == 0 })
            }
            Rest::Chunked(chunked) => chunked.decode(input, &mut self.bytes, limit),
        }
    }

    /// How much memory it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        self.head.capacity() + self.bytes.capacity()
    }

    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
