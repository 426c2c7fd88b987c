//! Spare buffers of one driver, and the count of bytes that its connections hold.

use std::time::Instant;

use super::inbound::Kept;
use super::outbound::Queue;

/// Spare buffers of one driver, and the count of bytes that its connections hold.
#[derive(Debug)]
#[expect(clippy::vec_box, reason = "a connection takes the box itself, so nothing is moved")]
pub(super) struct Pool {
    queues: Vec<Box<Queue>>,
    kept: Vec<Box<Kept>>,
    /// Bytes in memory that are kept or unsent, over all connections of the driver.
    pub(super) held: usize,
}

impl Pool {
    pub(super) const fn new() -> Self {
        Self { queues: Vec::new(), kept: Vec::new(), held: 0 }
    }

    #[inline]
    pub(super) fn take_queue(&mut self, now: Instant) -> Box<Queue> {
        match self.queues.pop() {
            Some(mut queue) => {
                queue.progress = now;
                queue
            }
            None => Box::new(Queue::new(now)),
        }
    }

    #[inline]
    pub(super) fn put_queue(&mut self, mut queue: Box<Queue>) {
        self.held -= queue.clear();
        if self.queues.len() < SPARES && queue.capacity() <= SPARE_BYTES {
            self.queues.push(queue);
        }
    }

    pub(super) fn take_kept(&mut self, now: Instant) -> Box<Kept> {
        match self.kept.pop() {
            Some(mut kept) => {
                kept.reset(now);
                kept
            }
            None => Box::new(Kept::new(now)),
        }
    }

    pub(super) fn put_kept(&mut self, kept: Box<Kept>) {
        self.held -= kept.unused().len();
        if self.kept.len() < SPARES && kept.capacity() <= SPARE_BYTES {
            self.kept.push(kept);
        }
    }
}

/// So many buffers of each kind wait for use: a turn needs one, a broadcast a few.
const SPARES: usize = 16;

/// Larger buffers are given back to the system instead of waiting for use.
const SPARE_BYTES: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "there is no other way to some instant")]
    fn a_pool_counts_what_is_given_back_and_keeps_no_giants() {
        let mut pool = Pool::new();
        let now = Instant::now();
        let mut queue = pool.take_queue(now);
        queue.copy(&[0; 10]);
        pool.held += 10;
        pool.put_queue(queue);
        assert_eq!((pool.held, pool.queues.len()), (0, 1));
        let mut giant = pool.take_queue(now);
        giant.copy(&vec![0; SPARE_BYTES + 1]);
        pool.held += giant.memory();
        pool.put_queue(giant);
        assert_eq!((pool.held, pool.queues.len()), (0, 0));
    }
}
