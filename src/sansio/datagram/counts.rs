//! What became of the datagrams of a socket: plain counters, because nobody can be told.

use std::ops::AddAssign;

/// What became of the datagrams of a socket, or of all sockets of a loop, since it was made.
///
/// What was sent may still be lost on the way: delivery is not knowable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatagramCounts {
    /// Handed to the protocol.
    pub received: u64,
    /// Arrived larger than [`DatagramLimits::datagram`](super::DatagramLimits::datagram), and
    /// thrown away whole.
    pub truncated: u64,
    /// Errors where a datagram should have been: on some systems, the news that one which was
    /// sent found nobody.
    pub receive_errors: u64,
    /// Taken by the system.
    pub sent: u64,
    /// Dropped for want of room in the queue, the new ones or the oldest, as
    /// [`DropPolicy`](super::DropPolicy) says; also because the loop held too much, or the socket
    /// was aborted.
    pub dropped: u64,
    /// Dropped because they waited longer than
    /// [`DatagramLimits::queue_time`](super::DatagramLimits::queue_time).
    pub expired: u64,
    /// Refused for their size, by us or by the system.
    pub too_large: u64,
    /// Refused for another reason: by the system, such as that nobody has the address, or by us,
    /// because there is none, or this socket cannot reach it.
    pub failed: u64,
}

impl AddAssign for DatagramCounts {
    fn add_assign(&mut self, other: Self) {
        let Self { received, truncated, receive_errors, sent, dropped, expired, too_large, failed } =
            other;
        self.received += received;
        self.truncated += truncated;
        self.receive_errors += receive_errors;
        self.sent += sent;
        self.dropped += dropped;
        self.expired += expired;
        self.too_large += too_large;
        self.failed += failed;
    }
}
