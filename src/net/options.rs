//! How to listen.

use std::time::Duration;

use crate::sansio::{Limits, Misuse};

/// Options of a listener's socket, and the [`Limits`] of what it accepts.
///
/// The others are TCP's, and ignored for a Unix socket: there is nothing to reuse, delay or keep
/// alive.
///
/// ```
/// use switchboard::{Limits, ListenOptions};
///
/// let options = ListenOptions::default().limits(Limits::default().connections(100)).reuse_port(true);
/// assert!(options.check().is_ok());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenOptions {
    /// Bounds of the listener and of each connection.
    pub limits: Limits,
    /// SO_REUSEADDR: bind although connections of a former server linger in TIME_WAIT. On by
    /// default, on Unix; elsewhere it means something else and is left alone.
    pub reuse_address: bool,
    /// SO_REUSEPORT: several listeners on one address, the system spreads the peers. Off.
    pub reuse_port: bool,
    /// TCP_NODELAY on what is accepted: on, because output is written whole anyway.
    pub nodelay: bool,
    /// SO_KEEPALIVE on what is accepted, after so much silence: off, the idle timeout is
    /// shorter. For protocols that are silent for hours.
    pub keep_alive: Option<Duration>,
    /// IPV6_V6ONLY on an IPv6 address: off, so `[::]` takes IPv4 peers too.
    pub only_v6: bool,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            reuse_address: true,
            reuse_port: false,
            nodelay: true,
            keep_alive: None,
            only_v6: false,
        }
    }
}

impl From<Limits> for ListenOptions {
    fn from(limits: Limits) -> Self {
        Self::default().limits(limits)
    }
}

setters! {
    ListenOptions {
        limits: Limits;
        reuse_address: bool;
        reuse_port: bool;
        nodelay: bool;
        keep_alive: Option<Duration>;
        only_v6: bool;
    }
}

impl ListenOptions {
    /// Checks that one can listen so.
    ///
    /// # Errors
    ///
    /// [`Misuse`], as [`Limits::check`], and for a keep-alive time of zero.
    pub fn check(&self) -> Result<(), Misuse> {
        self.limits.check()?;
        self.keep_alive.map_or(Ok(()), |time| Misuse::check_timeout("keep_alive", time))
    }
}
