//! A range of an open file on its way to a peer. The handle is passed through, never used here.

use std::fs::File;
use std::sync::Arc;

/// Part of an open file, to be sent without being read into memory.
///
/// Whoever opened the file vouches that the range is inside it. A file that becomes shorter while
/// it is being sent resets the connection: the peer was promised bytes that no longer exist.
///
/// A read from a cold disk blocks the thread that does it, and so every connection of a loop.
#[derive(Clone, Debug)]
pub struct FileRange {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl FileRange {
    /// `length` bytes of `file` from byte `offset` on.
    #[must_use]
    pub fn new(file: impl Into<Arc<File>>, offset: u64, length: u64) -> Self {
        Self { file: file.into(), offset, length }
    }

    /// The open file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The first byte of the range.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }
}
