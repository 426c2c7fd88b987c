//! How to bind a datagram socket.

use crate::sansio::{DatagramLimits, Misuse};

/// Options of a datagram socket, and its [`DatagramLimits`].
///
/// What makes no sense for a kind of socket is left alone: reuse, IPv6 and broadcast concern UDP.
///
/// ```
/// use switchboard::{BindOptions, DatagramLimits};
///
/// let limits = DatagramLimits::default().datagram(1500);
/// let options = BindOptions::default().limits(limits).reuse_port(true);
/// assert!(options.check().is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BindOptions {
    /// Bounds of the socket.
    pub limits: DatagramLimits,
    /// SO_REUSEADDR: share the address with other sockets that ask for it, too. Off: for UDP it
    /// is no help after a restart, and lets a second process take the datagrams of a first one.
    /// For multicast.
    pub reuse_address: bool,
    /// SO_REUSEPORT: several sockets on one address, the system spreads the peers. Off.
    pub reuse_port: bool,
    /// IPV6_V6ONLY on an IPv6 address: off, so `[::]` takes IPv4 peers too.
    pub only_v6: bool,
    /// SO_BROADCAST: may send to broadcast addresses. Off.
    pub broadcast: bool,
    /// SO_RCVBUF in bytes, which is what a burst may fill before the system drops: the system's
    /// own default. Linux doubles it for its bookkeeping and cuts it to `net.core.rmem_max`.
    pub receive_buffer: Option<usize>,
    /// SO_SNDBUF in bytes, which also bounds one datagram on a Unix socket: the system's own
    /// default.
    pub send_buffer: Option<usize>,
}

impl From<DatagramLimits> for BindOptions {
    fn from(limits: DatagramLimits) -> Self {
        Self::default().limits(limits)
    }
}

setters! {
    BindOptions {
        limits: DatagramLimits;
        reuse_address: bool;
        reuse_port: bool;
        only_v6: bool;
        broadcast: bool;
        receive_buffer: Option<usize>;
        send_buffer: Option<usize>;
    }
}

impl BindOptions {
    /// Checks that one can bind so.
    ///
    /// # Errors
    ///
    /// [`Misuse`], as [`DatagramLimits::check`], and for a system buffer of zero.
    pub fn check(&self) -> Result<(), Misuse> {
        self.limits.check()?;
        Misuse::check_least("receive_buffer", self.receive_buffer.unwrap_or(1), 1)?;
        Misuse::check_least("send_buffer", self.send_buffer.unwrap_or(1), 1)
    }
}
