//! Streams that are made by hand where one needs more than to be connected.
//!
//! Who closes a connection first keeps its pair of addresses for a minute (RFC 9293, TIME-WAIT),
//! and from one address to one port there are 28,232 pairs: a second and a half of connecting
//! and closing. So the clients of `churn` come from many addresses. All of 127.0.0.0/8 is the
//! loopback device's, so none needs to be set up.
//!
//! Closing by a reset would leave no pair behind, but a server would see a failure where a real
//! client says goodbye, take another path through its code, and perhaps complain about it.
//! Linux would let pairs of loopback addresses be used again after a second, but that is a
//! setting, and the search for one that is free grows with those that are not.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_reuseaddr, set_tcp_nodelay};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

/// Where churning clients come from: 127.1.0.1 and the addresses behind it, in turn. They have 1.8
/// million pairs, of which the kernel remembers fewer (131,072, or what tcp_max_tw_buckets says),
/// so hardly any is tried that is not free.
const SOURCES: u32 = 64;
const FIRST_SOURCE: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);

/// Addresses to connect from, in turn.
#[derive(Debug, Default)]
pub(super) struct Sources(u32);

impl Sources {
    /// A connection from the next address, where the server is on the loopback device.
    pub(super) fn connect(&mut self, to: SocketAddr) -> io::Result<TcpStream> {
        let IpAddr::V4(server) = to.ip() else { return connect_from(to, None, None) };
        if !server.is_loopback() {
            return connect_from(to, None, None);
        }
        self.0 = (self.0 + 1) % SOURCES;
        connect_from(to, Some(Ipv4Addr::from_bits(FIRST_SOURCE.to_bits() + self.0)), None)
    }
}

/// A connection whose receive buffer is fixed, so that what a server still sends to one who does
/// not read is bounded, and the same for each server.
pub(super) fn connect_with_buffer(to: SocketAddr, bytes: usize) -> io::Result<TcpStream> {
    connect_from(to, None, Some(bytes))
}

/// Connects, waiting for it: over the loopback device that takes no longer than asking for it,
/// unless a listener's queue is full.
fn connect_from(
    to: SocketAddr,
    from: Option<Ipv4Addr>,
    receive_buffer: Option<usize>,
) -> io::Result<TcpStream> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if let Some(from) = from {
        // Else a port would count as taken while any connection from it lingers.
        set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &SocketAddrV4::new(from, 0))?;
    }
    if let Some(bytes) = receive_buffer {
        set_socket_recv_buffer_size(&socket, bytes)?;
    }
    set_tcp_nodelay(&socket, true)?;
    connect(&socket, &to)?;
    Ok(TcpStream::from(socket))
}
