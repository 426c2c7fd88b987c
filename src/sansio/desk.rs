//! What the connections of one driver share: the operator's desk.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::pool::Pool;
use super::protocol::Protocol;
use super::remote::{NoPost, Post};
use super::request::Request;

/// What all [`Connection`](super::Connection)s of one driver share: the last reading of the
/// clock, spare buffers, and the requests that conversations made of others.
///
/// Whoever drives a connection by hand makes one desk, sets its time before each input, and
/// looks for requests after it.
pub struct Desk<S> {
    pub(super) now: Instant,
    pub(super) wall_time: SystemTime,
    /// The whole second of it since 1970, as every reply shows it: reckoned once a turn.
    pub(super) wall_second: u64,
    pub(super) pool: Pool,
    pub(super) requests: VecDeque<Request<S>>,
    /// Bytes of the messages among them.
    bytes_asked: usize,
    /// How many were carried out, modulo 2^32.
    carried_out: u32,
    /// What `become_protocol` was given in the call that is under way.
    pub(super) next_protocol: Option<Box<dyn Protocol<S>>>,
    pub(super) post: Arc<dyn Post>,
}

impl<S> Desk<S> {
    /// A desk at the time `now`, without a post: its connections' Remotes reach nobody.
    #[must_use]
    pub fn new(now: Instant, wall_time: SystemTime) -> Self {
        Self::with_post(now, wall_time, Arc::new(NoPost))
    }

    /// A desk whose connections' [`Remote`](super::Remote)s post through `post`.
    #[must_use]
    pub fn with_post(now: Instant, wall_time: SystemTime, post: Arc<dyn Post>) -> Self {
        Self {
            now,
            wall_time,
            wall_second: second_of(wall_time),
            pool: Pool::new(),
            requests: VecDeque::new(),
            bytes_asked: 0,
            carried_out: 0,
            next_protocol: None,
            post,
        }
    }

    /// Sets the time at which the next inputs happen. `now` never goes back; an earlier one is
    /// ignored. The wall clock may do as it likes: no deadline depends on it.
    pub fn set_time(&mut self, now: Instant, wall_time: SystemTime) {
        self.now = self.now.max(now);
        self.wall_time = wall_time;
        self.wall_second = second_of(wall_time);
    }

    /// Sets the monotonic time alone, within a turn.
    pub(crate) fn set_now(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// The time that was last set.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The oldest request that a conversation made of others. A driver that cannot carry one
    /// out drops it.
    pub fn poll_request(&mut self) -> Option<Request<S>> {
        let request = self.requests.pop_front()?;
        self.bytes_asked -= request.bytes();
        self.carried_out = self.carried_out.wrapping_add(1);
        Some(request)
    }

    /// Whether a request waits.
    #[must_use]
    pub fn has_requests(&self) -> bool {
        !self.requests.is_empty()
    }

    pub(crate) fn request_count(&self) -> usize {
        self.requests.len()
    }

    /// Bytes of the messages that wait to be carried to others: not yet held by anybody.
    pub(crate) const fn bytes_asked(&self) -> usize {
        self.bytes_asked
    }

    /// Adds a request.
    pub(crate) fn push_request(&mut self, request: Request<S>) {
        self.bytes_asked += request.bytes();
        self.requests.push_back(request);
    }

    /// The number of the request that was added last.
    pub(super) fn last_request(&self) -> u32 {
        self.carried_out.wrapping_add(self.requests.len() as u32)
    }

    /// Whether the request of this number waits. One so old that its number came round again
    /// seems to, until those that wait now are carried out.
    pub(super) fn is_waiting(&self, number: u32) -> bool {
        let place = number.wrapping_sub(self.carried_out) as usize;
        place > 0 && place <= self.requests.len()
    }

    /// Puts the rest of a request back, to be the next.
    pub(crate) fn put_request_back(&mut self, request: Request<S>) {
        self.bytes_asked += request.bytes();
        self.carried_out = self.carried_out.wrapping_sub(1);
        self.requests.push_front(request);
    }

    /// Bytes in memory that are kept or unsent, over all connections of this desk. Shared bytes
    /// count once for each connection that has them queued.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.pool.held
    }
}

/// A clock before 1970 shows 1970.
fn second_of(wall_time: SystemTime) -> u64 {
    wall_time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

impl<S> fmt::Debug for Desk<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("now", &self.now)
            .field("requests", &self.requests)
            .field("held", &self.pool.held)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sansio::ConnectionId;

    fn release() -> Request<()> {
        Request::Release { source: ConnectionId::NOBODY }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "there is no other way to some instant")]
    fn a_request_waits_until_it_is_carried_out_also_where_its_number_wraps() {
        let mut desk = Desk::new(Instant::now(), SystemTime::UNIX_EPOCH);
        for carried_out in [0, u32::MAX - 1, u32::MAX] {
            desk.carried_out = carried_out;
            assert!(!desk.is_waiting(desk.last_request()), "nothing was asked yet");
            let numbers = [(); 3].map(|()| {
                desk.push_request(release());
                desk.last_request()
            });
            for done in 0..3 {
                let waiting = numbers.map(|number| desk.is_waiting(number));
                assert_eq!(waiting, [0, 1, 2].map(|number| number >= done));
                let request = desk.poll_request().unwrap();
                // A broadcast whose rest comes next is not carried out yet.
                desk.put_request_back(request);
                assert!(desk.is_waiting(numbers[done]));
                desk.poll_request();
            }
            assert!(!numbers.iter().any(|number| desk.is_waiting(*number)));
        }
    }
}
