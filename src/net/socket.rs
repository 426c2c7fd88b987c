//! Binding datagram sockets, receiving and sending. Would-block and interrupted end here.
//!
//! On UDP would-block means that our own buffer is full, and the system says when it is not. On
//! a Unix socket it mostly means that the receiver's queue is full (unix(7): ten datagrams, by
//! default), which the system does not announce to a socket that is not connected to it. Worse,
//! each attempt that fails *is* announced as room, because it gives back the memory that it took
//! for trying: a loop that believes that event spins. So it has an outcome of its own.

use std::io;
use std::net::SocketAddr;

use mio::event::Source;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};

use super::stream::uninterrupted;
#[cfg(unix)]
use super::unix_datagram::UnixSocket;
use super::{BindOptions, Receive, SendTo, platform};
use crate::sansio::{Address, Dispatched};

/// A bound datagram socket.
#[derive(Debug)]
pub(crate) struct Socket {
    kind: Kind,
    /// Whether somebody outside may hold the same socket. Closing our descriptor then leaves it
    /// in the poll, so it is deregistered first.
    is_shared: bool,
}

#[derive(Debug)]
enum Kind {
    Udp {
        socket: UdpSocket,
        is_ipv6: bool,
    },
    #[cfg(unix)]
    Unix(UnixSocket),
}

impl Socket {
    pub(super) fn bind(address: &Address, options: &BindOptions) -> io::Result<Self> {
        let kind = match address {
            Address::Udp(address) => bind_udp(address.socket(), options)?,
            #[cfg(unix)]
            Address::UnixDatagram(name) => Kind::Unix(UnixSocket::bind(name, options)?),
            #[cfg(not(unix))]
            Address::UnixDatagram(_) => return Err(unsupported("there are no Unix sockets here")),
            Address::Tcp(_) | Address::Unix(_) => {
                return Err(unsupported("this is an address of streams: listen there"));
            }
        };
        Ok(Self { kind, is_shared: false })
    }

    /// Takes over a socket that is bound already.
    pub(super) fn adopt_udp(socket: std::net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { kind: Kind::udp(socket)?, is_shared: true })
    }

    /// Takes over a socket that is bound already. Its file belongs to whoever made it.
    #[cfg(unix)]
    pub(super) fn adopt_unix(socket: std::os::unix::net::UnixDatagram) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { kind: Kind::Unix(UnixSocket::adopt(socket)), is_shared: true })
    }

    pub(super) fn local(&self) -> io::Result<Address> {
        match &self.kind {
            Kind::Udp { socket, .. } => socket.local_addr().map(Address::udp),
            #[cfg(unix)]
            Kind::Unix(socket) => socket.local().map(Address::UnixDatagram),
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.source().register(registry, token, both)
    }

    /// Ends it. What is shared would stay in the poll if it were only closed.
    pub(super) fn close(mut self, registry: &Registry) {
        if self.is_shared
            && let Err(error) = self.source().deregister(registry)
        {
            log::debug!("a socket was not in the poll: {error}");
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match &mut self.kind {
            Kind::Udp { socket, .. } => socket,
            #[cfg(unix)]
            Kind::Unix(socket) => socket.source(),
        }
    }

    /// Receives one datagram. One that fills the buffer may have been cut to it, so there should
    /// be a byte more than any that is wanted.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Receive {
        match uninterrupted(|| self.receive_once(buffer)) {
            Ok((count, _)) if count >= buffer.len() => Receive::Truncated,
            Ok((count, from)) => Receive::Datagram { count, from },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Receive::Blocked,
            Err(error) if platform::is_too_large(&error) => Receive::Truncated,
            Err(error) => Receive::Failed(error.kind()),
        }
    }

    fn receive_once(&self, buffer: &mut [u8]) -> io::Result<(usize, Address)> {
        match &self.kind {
            Kind::Udp { socket, .. } => {
                socket.recv_from(buffer).map(|(count, from)| (count, Address::udp(from)))
            }
            #[cfg(unix)]
            Kind::Unix(socket) => socket.receive(buffer),
        }
    }

    /// Sends one datagram.
    pub(super) fn send_to(&self, to: &Address, bytes: &[u8]) -> SendTo {
        let mut result = uninterrupted(|| self.send_once(to, bytes));
        if let (Kind::Udp { .. }, Err(error)) = (&self.kind, &result)
            && error.kind() == io::ErrorKind::ConnectionRefused
        {
            // News of one that was sent before and found nobody: see udp(7). This one was not
            // tried.
            result = uninterrupted(|| self.send_once(to, bytes));
        }
        match result {
            Ok(_) => SendTo::Done(Dispatched::Sent),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => match self.kind {
                Kind::Udp { .. } => SendTo::Blocked,
                #[cfg(unix)]
                Kind::Unix(_) => SendTo::Done(Dispatched::NoRoom),
            },
            Err(error) if platform::is_no_room(&error) => SendTo::Done(Dispatched::NoRoom),
            Err(error) if platform::is_too_large(&error) => SendTo::Done(Dispatched::TooLarge),
            Err(error) => SendTo::Done(Dispatched::Failed(error.kind())),
        }
    }

    fn send_once(&self, to: &Address, bytes: &[u8]) -> io::Result<usize> {
        match (&self.kind, to) {
            (Kind::Udp { socket, is_ipv6 }, Address::Udp(to)) => {
                socket.send_to(bytes, reachable(to.socket(), *is_ipv6))
            }
            #[cfg(unix)]
            (Kind::Unix(socket), Address::UnixDatagram(to)) => socket.send_to(to, bytes),
            _ => Err(unsupported("this kind of socket does not reach that kind of address")),
        }
    }
}

impl Kind {
    fn udp(socket: std::net::UdpSocket) -> io::Result<Self> {
        let is_ipv6 = socket.local_addr()?.is_ipv6();
        Ok(Self::Udp { socket: UdpSocket::from_std(socket), is_ipv6 })
    }
}

fn bind_udp(address: SocketAddr, options: &BindOptions) -> io::Result<Kind> {
    let socket = RawSocket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(options.only_v6)?;
    }
    socket.set_reuse_address(options.reuse_address)?;
    #[cfg(unix)]
    socket.set_reuse_port(options.reuse_port)?;
    socket.set_broadcast(options.broadcast)?;
    set_buffers(&socket, options)?;
    socket.bind(&address.into())?;
    Kind::udp(socket.into())
}

pub(super) fn set_buffers(socket: &RawSocket, options: &BindOptions) -> io::Result<()> {
    if let Some(bytes) = options.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    Ok(())
}

/// An IPv6 socket knows IPv4 peers by their mapped addresses; Linux alone takes the others, too.
fn reachable(to: SocketAddr, is_ipv6: bool) -> SocketAddr {
    match to {
        SocketAddr::V4(to) if is_ipv6 => (to.ip().to_ipv6_mapped(), to.port()).into(),
        SocketAddr::V4(_) | SocketAddr::V6(_) => to,
    }
}

fn unsupported(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, what)
}
