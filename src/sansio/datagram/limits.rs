//! Every bound on one datagram socket, in one value.

use std::time::Duration;

use crate::sansio::error::Misuse;

/// The bounds of a datagram socket.
///
/// ```
/// use switchboard::DatagramLimits;
/// use switchboard::sansio::DropPolicy;
///
/// let limits = DatagramLimits::default().datagram(1500).queue_full(DropPolicy::Oldest);
/// assert!(limits.check().is_ok());
/// ```
///
/// All are on by default, and none can be switched off.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatagramLimits {
    /// The largest datagram in bytes, either way: 65,535, which no UDP datagram exceeds. Larger
    /// ones are refused or thrown away whole, and counted. Memory for one such is kept by the
    /// loop, not by each socket.
    pub datagram: usize,
    /// Bytes that may wait to be sent: 1 MiB, sixteen of the largest. What one call sends is
    /// queued until it returns, so this also bounds that.
    pub queue_bytes: usize,
    /// Datagrams that may wait to be sent: 1024, because empty ones cost memory, too.
    pub queue_datagrams: usize,
    /// How long a datagram may wait to be sent: 5 s. Whoever wanted it has asked again by then.
    pub queue_time: Duration,
    /// What gives way when the queue is full: the new datagram.
    pub queue_full: DropPolicy,
}

/// Which datagram gives way when the queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropPolicy {
    /// The new one. For requests and answers: who asked first is answered first.
    #[default]
    Newest,
    /// The oldest, as many as it takes. For news that the next message makes old.
    Oldest,
}

impl Default for DatagramLimits {
    fn default() -> Self {
        Self {
            datagram: 65_535,
            queue_bytes: 1 << 20,
            queue_datagrams: 1024,
            queue_time: Duration::from_secs(5),
            queue_full: DropPolicy::Newest,
        }
    }
}

setters! {
    DatagramLimits {
        datagram: usize;
        queue_bytes: usize;
        queue_datagrams: usize;
        queue_time: Duration;
        queue_full: DropPolicy;
    }
}

impl DatagramLimits {
    /// Checks that a socket can live within these limits.
    ///
    /// # Errors
    ///
    /// [`Misuse`] names the first field that cannot work: a size, count or timeout of zero, or a
    /// queue that does not hold one datagram of the largest size.
    pub fn check(&self) -> Result<(), Misuse> {
        Misuse::check_least("datagram", self.datagram, 1)?;
        Misuse::check_least("queue_bytes", self.queue_bytes, self.datagram)?;
        Misuse::check_least("queue_datagrams", self.queue_datagrams, 1)?;
        Misuse::check_timeout("queue_time", self.queue_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass_their_own_check() {
        assert_eq!(DatagramLimits::default().check(), Ok(()));
    }

    #[test]
    fn a_limit_that_cannot_work_is_named() {
        let small = DatagramLimits::default().datagram(100).queue_bytes(99);
        let wrong = Misuse::Limit { field: "queue_bytes", found: 99, least: 100 };
        assert_eq!(small.check(), Err(wrong));
        let never = DatagramLimits::default().queue_time(Duration::ZERO);
        assert_eq!(never.check(), Err(Misuse::ZeroTimeout { field: "queue_time" }));
    }
}
