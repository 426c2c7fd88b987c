//! Every bound on one connection and on the listener it came by, in one value.

use std::time::{Duration, Instant};

use super::error::Misuse;

/// The bounds of a listener and of each connection it accepts.
///
/// One value, chained by value and checked once, when it is put to use:
///
/// ```
/// use switchboard::Limits;
/// use std::time::Duration;
///
/// let limits = Limits::default().connections(10_000).idle(Duration::from_secs(20));
/// assert!(limits.check().is_ok());
/// ```
///
/// # The deadlines
///
/// All are on by default, and none can be switched off: a very long one is written as such.
///
/// | timeout | default | begins | restarts | at its end |
/// | --- | --- | --- | --- | --- |
/// | `first_byte` | 60 s | when the peer connected | with each byte that the peer takes | `expired`, then `finish` |
/// | `idle` | 5 min | at the last byte either way | with each byte; stands back while output waits, while the connection is held for another's sake, or while the protocol has a deadline of its own | `expired`, then `finish` |
/// | `message` | 30 s | when a message was begun and more was needed | when a message was used; stands back while we refuse to read | `expired`, then `finish` |
/// | `write_stall` | 30 s | when output began to wait | when the system takes a byte of it | reset |
/// | `closing` | 10 s, and a second more for each `slowest_reader` bytes unsent | at `finish` | never; of it, lingering takes at most `closing` | reset |
/// | `connect` | 10 s | when we connect out | never | `closed` alone |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections of this listener at once: 65,536, above what a process may usually open, so
    /// that the system's own limit comes first unless you say otherwise.
    pub connections: usize,
    /// Connections of this listener at once from one IP address: as many as in all, because
    /// behind a balancer every client has the balancer's address. Peers of a Unix socket have
    /// none, and are bounded by `connections` alone.
    pub connections_per_address: usize,
    /// Connections waiting for `accept` (the backlog of listen(2)): 4096, which is also what
    /// Linux cuts it to by default. A short one drops handshakes when many clients come at once.
    pub backlog: u32,
    /// Bytes of input kept for a protocol that needs more of its message: 64 KiB.
    pub input: usize,
    /// Unsent bytes strictly above which a connection is back-pressured: 64 KiB, some round
    /// trips' worth; more only hides a slow peer.
    pub high_water: usize,
    /// Unsent bytes at or below which that ends: 16 KiB, so that the peer is not kept waiting
    /// for new output to be made.
    pub low_water: usize,
    /// Unsent bytes in memory above which the connection is reset: 16 MiB. Reaching it takes a
    /// protocol that ignores back-pressure; what is larger belongs in a file or a stream.
    pub output: usize,
    /// Bytes that are read and thrown away after `finish` while the peer's FIN is unseen: 1 MiB.
    pub linger: usize,
    /// From connecting to the first byte: 60 s.
    pub first_byte: Duration,
    /// Silence in both directions: 5 min.
    pub idle: Duration,
    /// One whole message: 30 s.
    pub message: Duration,
    /// Output waiting while the peer takes nothing: 30 s.
    pub write_stall: Duration,
    /// From `finish` to the end: 10 s beside the time the queued bytes may take.
    pub closing: Duration,
    /// The rate in bytes a second at which a peer must take what was queued at `finish`: 4096.
    pub slowest_reader: u32,
    /// Establishing a connection that we open: 10 s.
    pub connect: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 65_536,
            connections_per_address: 65_536,
            backlog: 4096,
            input: 64 << 10,
            high_water: 64 << 10,
            low_water: 16 << 10,
            output: 16 << 20,
            linger: 1 << 20,
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(300),
            message: Duration::from_secs(30),
            write_stall: Duration::from_secs(30),
            closing: Duration::from_secs(10),
            slowest_reader: 4096,
            connect: Duration::from_secs(10),
        }
    }
}

setters! {
    Limits {
        connections: usize;
        connections_per_address: usize;
        backlog: u32;
        input: usize;
        high_water: usize;
        low_water: usize;
        output: usize;
        linger: usize;
        first_byte: Duration;
        idle: Duration;
        message: Duration;
        write_stall: Duration;
        closing: Duration;
        slowest_reader: u32;
        connect: Duration;
    }
}

impl Limits {
    /// Checks that a connection can live within these limits.
    ///
    /// # Errors
    ///
    /// [`Misuse`] names the first field that cannot work: a count, buffer or rate of zero, a
    /// timeout of zero, or water marks in the wrong order.
    pub fn check(&self) -> Result<(), Misuse> {
        Misuse::check_least("connections", self.connections, 1)?;
        Misuse::check_least("connections_per_address", self.connections_per_address, 1)?;
        Misuse::check_least("backlog", self.backlog as usize, 1)?;
        Misuse::check_least("input", self.input, 1)?;
        Misuse::check_least("high_water", self.high_water, 1)?;
        Misuse::check_least("slowest_reader", self.slowest_reader as usize, 1)?;
        if self.low_water > self.high_water {
            return Err(Misuse::WaterMarks { low: self.low_water, high: self.high_water });
        }
        Misuse::check_least("output", self.output, self.high_water)?;
        Misuse::check_timeout("first_byte", self.first_byte)?;
        Misuse::check_timeout("idle", self.idle)?;
        Misuse::check_timeout("message", self.message)?;
        Misuse::check_timeout("write_stall", self.write_stall)?;
        Misuse::check_timeout("closing", self.closing)?;
        Misuse::check_timeout("connect", self.connect)
    }

    /// How long a peer may take from `finish` on, with so many bytes unsent.
    pub(crate) fn closing_time(&self, unsent: u64) -> Duration {
        let slow = Duration::from_secs(unsent / u64::from(self.slowest_reader.max(1)));
        self.closing.saturating_add(slow)
    }
}

/// The end of a `timeout` that begins `now`. One that is too long for an `Instant` ends when
/// nobody waits for it any more.
#[inline]
pub(crate) fn after(now: Instant, timeout: Duration) -> Instant {
    now.checked_add(timeout).unwrap_or_else(|| now + CENTURY)
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass_their_own_check() {
        assert_eq!(Limits::default().check(), Ok(()));
    }

    #[test]
    fn a_limit_that_cannot_work_is_named() {
        let zero = Limits::default().idle(Duration::ZERO);
        assert_eq!(zero.check(), Err(Misuse::ZeroTimeout { field: "idle" }));
        let crossed = Limits::default().high_water(10).low_water(11);
        assert_eq!(crossed.check(), Err(Misuse::WaterMarks { low: 11, high: 10 }));
        let none = Limits::default().connections(0);
        assert_eq!(none.check(), Err(Misuse::Limit { field: "connections", found: 0, least: 1 }));
    }
}
