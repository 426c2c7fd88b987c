//! Bytes on their way out, in order: copied, shared, or still in a file.
//!
//! A connection owns a [`Queue`] only while something is unsent. Queues come from the driver's
//! [`Pool`](super::pool::Pool) and go back there, so a reply that the system takes at once is written into a buffer
//! that was warm already, and an idle connection owns none.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem;
use std::time::Instant;

use bytes::Bytes;

use super::connection_id::ConnectionId;
use super::file_range::FileRange;

/// How many slices one vectored write is given at most. More gain nothing measurable, and as
/// many fit an array on the stack.
pub const MAX_SLICES: usize = 16;

/// What goes out next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output<'a> {
    /// Nothing is unsent.
    Nothing,
    /// These bytes are next (and there may be more behind them).
    Bytes(&'a [u8]),
    /// Several slices are next: [`Connection::gather`](super::Connection::gather) has them.
    Slices,
    /// Part of a file is next. `direct` says whether the driver may hand it to the system as it
    /// is (sendfile); otherwise it reads some and calls
    /// [`Connection::handle_file_bytes`](super::Connection::handle_file_bytes).
    File {
        /// What is left of the range.
        range: &'a FileRange,
        /// Whether the bytes may bypass the connection.
        direct: bool,
    },
}

#[derive(Debug)]
enum Segment {
    Copied(Vec<u8>),
    Shared(Bytes),
    File(FileRange),
}

impl Segment {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Copied(bytes) => Some(bytes),
            Self::Shared(bytes) => Some(bytes),
            Self::File(_) => None,
        }
    }
}

/// The unsent output of one connection.
#[derive(Debug)]
pub(super) struct Queue {
    /// Older than `tail`.
    segments: VecDeque<Segment>,
    /// The newest bytes, if they were copied.
    tail: Vec<u8>,
    /// How many bytes of the front are sent: of the first segment, or of `tail` when there is
    /// no segment. Always less than that front's length, or zero.
    sent: usize,
    /// All unsent bytes, those still in files included.
    total: u64,
    /// The unsent bytes that take memory. At most `total`.
    memory: usize,
    /// When the system last took some, or when output began to wait.
    pub(super) progress: Instant,
    /// Whether the system took less than it was offered since; then buffers stay snug.
    is_stalled: bool,
    /// Connections that wait for this one to get below its low-water mark.
    pub(super) sources: Vec<ConnectionId>,
}

impl Queue {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            segments: VecDeque::new(),
            tail: Vec::new(),
            sent: 0,
            total: 0,
            memory: 0,
            progress: now,
            is_stalled: false,
            sources: Vec::new(),
        }
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    pub(super) const fn memory(&self) -> usize {
        self.memory
    }

    /// The size of the buffer that small writes go to, in bytes.
    pub(super) fn capacity(&self) -> usize {
        self.tail.capacity()
    }

    /// Appends a copy of `bytes`.
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        if self.is_stalled && self.tail.capacity() - self.tail.len() < bytes.len() {
            // Doubling would let a hundred slow peers hold twice what their marks allow.
            self.tail.reserve_exact(bytes.len().max(SNUG_STEP));
        }
        self.tail.extend_from_slice(bytes);
        self.total += bytes.len() as u64;
        self.memory += bytes.len();
    }

    /// Lets `append` put bytes at the end. Returns how many.
    #[inline]
    pub(super) fn append(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> usize {
        let before = self.tail.len();
        append(&mut self.tail);
        debug_assert!(self.tail.len() >= before, "appending takes nothing away");
        let bytes = self.tail.len().saturating_sub(before);
        self.total += bytes as u64;
        self.memory += bytes;
        bytes
    }

    /// Appends `bytes` without copying them.
    pub(super) fn share(&mut self, bytes: Bytes) {
        if bytes.len() <= size_of::<Segment>() {
            // Keeping book of so few costs more memory than having them twice.
            return self.copy(&bytes);
        }
        self.total += bytes.len() as u64;
        self.memory += bytes.len();
        self.seal_tail();
        self.segments.push_back(Segment::Shared(bytes));
    }

    /// Appends part of a file.
    pub(super) fn file(&mut self, range: FileRange) {
        if range.length == 0 {
            return;
        }
        self.total += range.length;
        self.seal_tail();
        self.segments.push_back(Segment::File(range));
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            self.segments.push_back(Segment::Copied(mem::take(&mut self.tail)));
        }
    }

    #[inline]
    pub(super) fn output(&self, direct: bool) -> Output<'_> {
        if self.segments.is_empty() && !self.tail.is_empty() {
            return Output::Bytes(&self.tail[self.sent..]);
        }
        self.mixed_output(direct)
    }

    fn mixed_output(&self, direct: bool) -> Output<'_> {
        match self.segments.front() {
            None => Output::Nothing,
            Some(Segment::File(range)) => Output::File { range, direct },
            Some(Segment::Copied(_) | Segment::Shared(_))
                if self.segments.len() == 1 && self.tail.is_empty() =>
            {
                Output::Bytes(self.front_bytes())
            }
            Some(Segment::Copied(_) | Segment::Shared(_)) => Output::Slices,
        }
    }

    /// The first run of bytes in memory; empty when a file is next.
    pub(super) fn front_bytes(&self) -> &[u8] {
        match self.segments.front() {
            None => &self.tail[self.sent..],
            Some(segment) => segment.bytes().map_or(&[], |bytes| &bytes[self.sent..]),
        }
    }

    /// Fills `slices` with what is next, up to the first file. Returns how many it filled.
    pub(super) fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>; MAX_SLICES]) -> usize {
        let mut skip = self.sent;
        let mut count = 0;
        let in_memory = self.segments.iter().map_while(Segment::bytes);
        let has_file = self.segments.iter().any(|segment| segment.bytes().is_none());
        let tail = (!has_file && !self.tail.is_empty()).then_some(&self.tail[..]);
        for (slice, bytes) in slices.iter_mut().zip(in_memory.chain(tail)) {
            *slice = IoSlice::new(&bytes[skip..]);
            skip = 0;
            count += 1;
        }
        count
    }

    /// The front `bytes` bytes are gone. Returns by how much the memory held became less.
    pub(super) fn advance(&mut self, mut bytes: u64) -> usize {
        debug_assert!(bytes <= self.total, "no more is sent than was queued");
        let before = self.memory;
        self.total -= bytes.min(self.total);
        while bytes > 0 {
            let Some(front) = self.segments.front_mut() else {
                // `bytes` is at most what is left of the tail, which fits memory.
                self.sent += bytes as usize;
                self.memory -= bytes as usize;
                break;
            };
            let left = match front {
                Segment::File(range) => {
                    let gone = bytes.min(range.length);
                    range.offset += gone;
                    range.length -= gone;
                    bytes -= gone;
                    range.length
                }
                Segment::Copied(_) | Segment::Shared(_) => {
                    let length = front.bytes().map_or(0, <[u8]>::len);
                    let gone = bytes.min((length - self.sent) as u64) as usize;
                    self.sent += gone;
                    self.memory -= gone;
                    bytes -= gone as u64;
                    (length - self.sent) as u64
                }
            };
            if left == 0 {
                self.segments.pop_front();
                self.sent = 0;
            }
        }
        if self.segments.is_empty() && self.sent == self.tail.len() {
            self.tail.clear();
            self.sent = 0;
        }
        before - self.memory
    }

    /// The first bytes of the file at the front, now in memory.
    pub(super) fn load(&mut self, bytes: &[u8]) {
        let Some(Segment::File(range)) = self.segments.front_mut() else { return };
        let loaded = (bytes.len().min(MAX_LOAD) as u64).min(range.length);
        if loaded == 0 {
            return;
        }
        range.offset += loaded;
        range.length -= loaded;
        if range.length == 0 {
            self.segments.pop_front();
        }
        let bytes = &bytes[..loaded as usize];
        self.segments.push_front(Segment::Copied(bytes.to_vec()));
        self.memory += bytes.len();
    }

    /// The system took less than it was offered: give back the memory of what is gone.
    pub(super) fn handle_stall(&mut self) {
        self.is_stalled = true;
        let (front, sent) = match self.segments.front_mut() {
            Some(Segment::Copied(bytes)) => (bytes, &mut self.sent),
            None => (&mut self.tail, &mut self.sent),
            Some(Segment::Shared(_) | Segment::File(_)) => return,
        };
        let left = front.len() - *sent;
        if *sent >= left || front.capacity() > 2 * front.len().max(SNUG_STEP) {
            *front = front[*sent..].to_vec();
            *sent = 0;
        }
    }

    /// Forgets everything. Returns the memory that was held.
    #[inline]
    pub(super) fn clear(&mut self) -> usize {
        if !self.segments.is_empty() {
            self.segments.clear();
        }
        self.tail.clear();
        self.sent = 0;
        self.total = 0;
        self.is_stalled = false;
        self.sources.clear();
        mem::take(&mut self.memory)
    }

    pub(super) fn check_invariants(&self) {
        let in_memory: usize =
            self.segments.iter().filter_map(Segment::bytes).map(<[u8]>::len).sum();
        let in_files: u64 = self
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::File(range) => range.length,
                Segment::Copied(_) | Segment::Shared(_) => 0,
            })
            .sum();
        let memory = in_memory + self.tail.len() - self.sent;
        assert_eq!(self.memory, memory, "unsent bytes in memory are counted");
        assert_eq!(self.total, memory as u64 + in_files, "unsent bytes are counted");
    }
}

/// So much of a file is in memory at once, where it has to be, in bytes.
pub(super) const MAX_LOAD: usize = 64 << 10;

/// By how much a stalled buffer grows at least, in bytes.
const SNUG_STEP: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "there is no other way to some instant")]
    fn queue() -> Queue {
        Queue::new(Instant::now())
    }

    fn drain(queue: &mut Queue, step: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while queue.total() > 0 {
            queue.check_invariants();
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let count = queue.gather(&mut slices);
            let all: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            let taken = step.min(all.len() as u64);
            out.extend_from_slice(&all[..taken as usize]);
            queue.advance(taken);
            queue.handle_stall();
        }
        out
    }

    #[test]
    fn bytes_leave_in_the_order_they_came_whatever_the_step() {
        let long = vec![b's'; 100];
        for step in 1..40 {
            let mut queue = queue();
            queue.copy(b"one ");
            queue.share(Bytes::from(long.clone()));
            queue.copy(b" three ");
            queue.share(Bytes::from_static(b"small"));
            let expected = [b"one ", &long[..], b" three small"].concat();
            assert_eq!(drain(&mut queue, step), expected, "step {step}");
            assert_eq!(queue.memory(), 0);
        }
    }

    #[test]
    fn a_file_between_bytes_counts_whole_and_is_not_gathered() {
        let mut queue = queue();
        queue.copy(b"head");
        let file = std::fs::File::open("/dev/null").unwrap();
        queue.file(FileRange::new(file, 5, 1 << 40));
        queue.copy(b"tail");
        assert_eq!(queue.total(), 8 + (1 << 40));
        assert_eq!(queue.memory(), 8);
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        assert_eq!(queue.gather(&mut slices), 1);
        queue.advance(4);
        assert!(
            matches!(queue.output(true), Output::File { range, direct: true } if range.offset == 5)
        );
        queue.advance((1 << 40) - 3);
        queue.check_invariants();
        queue.load(b"xyz and more than the range has");
        queue.check_invariants();
        assert_eq!(drain(&mut queue, 100), b"xyztail");
    }

    #[test]
    fn a_stalled_queue_holds_little_more_than_what_is_unsent() {
        let mut queue = queue();
        queue.copy(&[0; 100_000]);
        queue.advance(90_000);
        queue.handle_stall();
        for _ in 0..20_000 {
            queue.copy(b"x");
        }
        assert_eq!(queue.memory(), 30_000);
        assert!(queue.tail.capacity() <= 30_000 + SNUG_STEP, "{}", queue.tail.capacity());
    }
}
