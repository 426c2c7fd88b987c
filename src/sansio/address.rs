//! Where a peer is, or where we listen: a plain value that reads and prints.
//!
//! An [`Address`] sits in every connection, so it is kept as small as one IP address and port.

#[cfg(test)]
mod tests;
mod unix;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

use super::error::{Error, Misuse};
pub use unix::UnixAddress;

/// An address that can be listened on or connected to, with its kind of socket.
///
/// | written | kind |
/// | --- | --- |
/// | `tcp://127.0.0.1:8000`, `tcp://[::1]:8000`, or without `tcp://` | TCP |
/// | `udp://127.0.0.1:8000`, `udp://[::1]:8000` | UDP |
/// | `unix:///run/server.sock`, `unix:relative/path` | a Unix stream socket, by path |
/// | `unix:@name` | a Unix stream socket, by abstract name (Linux) |
/// | `unixgram:///run/server.sock`, `unixgram:@name` | a Unix datagram socket |
/// | `unix:`, `unixgram:` | a Unix socket without a name, as that of a peer |
///
/// In a path or an abstract name `%` and two hexadecimal digits stand for one byte; what is not
/// plain ASCII is printed so. What is printed reads back as the same address.
///
/// Host names are not resolved here: that takes time, and time is not ours.
#[derive(Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a TCP port.
    Tcp(SocketAddr),
    /// An IP address and a UDP port.
    Udp(UdpAddress),
    /// A Unix stream socket.
    Unix(UnixAddress),
    /// A Unix datagram socket.
    UnixDatagram(UnixAddress),
}

/// As derived, but with the common case first: every HTTP request is shown a copy.
impl Clone for Address {
    #[inline]
    fn clone(&self) -> Self {
        if let Self::Tcp(address) = self { Self::Tcp(*address) } else { self.clone_rare() }
    }
}

impl Address {
    fn clone_rare(&self) -> Self {
        match self {
            Self::Tcp(address) => Self::Tcp(*address),
            Self::Udp(address) => Self::Udp(*address),
            Self::Unix(address) => Self::Unix(address.clone()),
            Self::UnixDatagram(address) => Self::UnixDatagram(address.clone()),
        }
    }

    /// An IP address and a UDP port.
    #[must_use]
    pub fn udp(address: SocketAddr) -> Self {
        Self::Udp(address.into())
    }

    /// The IP address, where the kind of address has one. An IPv4 peer of a dual-stack listener
    /// (`::ffff:192.0.2.1`) is given as the IPv4 address it is.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.socket().map(|address| address.ip().to_canonical())
    }

    /// The IP address and port, where the kind of address has them.
    #[must_use]
    pub fn socket(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Udp(address) => Some(address.socket()),
            Self::Unix(_) | Self::UnixDatagram(_) => None,
        }
    }

    /// What the Unix socket is called, where it is one.
    #[must_use]
    pub const fn unix(&self) -> Option<&UnixAddress> {
        match self {
            Self::Unix(address) | Self::UnixDatagram(address) => Some(address),
            Self::Tcp(_) | Self::Udp(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Udp(address) => write!(f, "udp://{}", address.socket()),
            Self::Unix(address) => write!(f, "unix:{address}"),
            Self::UnixDatagram(address) => write!(f, "unixgram:{address}"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl FromStr for Address {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        let read = if let Some(name) = text.strip_prefix("unix:") {
            UnixAddress::read(name).map(Self::Unix)
        } else if let Some(name) = text.strip_prefix("unixgram:") {
            UnixAddress::read(name).map(Self::UnixDatagram)
        } else if let Some(address) = text.strip_prefix("udp://") {
            read_socket(address).map(Self::udp)
        } else {
            read_socket(text.strip_prefix("tcp://").unwrap_or(text)).map(Self::Tcp)
        };
        read.map_err(|problem| Misuse::Address { text: text.to_owned(), problem })
    }
}

impl TryFrom<&str> for Address {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Ok(text.parse::<Self>()?)
    }
}

fn read_socket(address: &str) -> Result<SocketAddr, &'static str> {
    address.parse().map_err(|_| problem_of(address))
}

/// Says which part of an IP address and port that did not parse is at fault.
fn problem_of(address: &str) -> &'static str {
    if address.contains("://") {
        return "the kind of socket is not known";
    }
    if address.parse::<Ipv6Addr>().is_ok() {
        return "an IPv6 address goes in brackets";
    }
    let Some((host, port)) = address.rsplit_once(':').filter(|_| !address.ends_with(']')) else {
        return "the port is missing";
    };
    if read_port(port).is_none() {
        return "the port is not a number from 0 to 65535";
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        "the host is missing"
    } else if host.parse::<IpAddr>().is_ok() {
        "an IPv6 address goes in brackets"
    } else {
        "the host is not an IP address, and names are not looked up"
    }
}

/// A port, which is digits alone. Rust's own numbers may have a sign.
pub(super) fn read_port(text: &str) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// An address of the kind that was meant by `text`, for whoever wrote it.
pub(super) fn example_like(text: &str) -> &'static str {
    let is_ipv6 = text.contains('[') || text.contains("::");
    let kinds = [
        ("unix:", "unix:///tmp/server.sock"),
        ("unixgram:", "unixgram:///tmp/server.sock"),
        ("udp:", if is_ipv6 { "udp://[::1]:8000" } else { "udp://127.0.0.1:8000" }),
        ("", if is_ipv6 { "[::1]:8000" } else { "127.0.0.1:8000" }),
    ];
    let like = kinds.into_iter().find(|(kind, _)| text.starts_with(kind));
    like.map_or("127.0.0.1:8000", |(_, example)| example)
}

/// An IP address and a UDP port.
///
/// It holds a [`SocketAddr`] in 28 bytes instead of 32. A second variant of [`Address`] that
/// held one as it is would make every address, and so every connection, 8 bytes larger.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UdpAddress {
    /// An IPv4 address stands in the first four bytes.
    ip: [u8; 16],
    flow_info: u32,
    scope: u32,
    port: u16,
    is_ipv4: bool,
}

impl UdpAddress {
    /// The IP address and port.
    #[must_use]
    pub fn socket(&self) -> SocketAddr {
        if self.is_ipv4 {
            let [a, b, c, d, ..] = self.ip;
            return SocketAddr::from(([a, b, c, d], self.port));
        }
        SocketAddrV6::new(Ipv6Addr::from(self.ip), self.port, self.flow_info, self.scope).into()
    }
}

impl From<SocketAddr> for UdpAddress {
    fn from(address: SocketAddr) -> Self {
        let port = address.port();
        match address {
            SocketAddr::V4(address) => {
                let mut ip = [0; 16];
                ip[..4].copy_from_slice(&address.ip().octets());
                Self { ip, flow_info: 0, scope: 0, port, is_ipv4: true }
            }
            SocketAddr::V6(address) => Self {
                ip: address.ip().octets(),
                flow_info: address.flowinfo(),
                scope: address.scope_id(),
                port,
                is_ipv4: false,
            },
        }
    }
}

impl fmt::Debug for UdpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}
