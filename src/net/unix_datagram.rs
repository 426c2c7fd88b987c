//! Unix datagram sockets: bound by path or abstract name, removed from the file system at the end.

use std::io;

use mio::event::Source;
use mio::net::UnixDatagram;
use socket2::{Domain, SockRef, Socket as RawSocket, Type};

use super::BindOptions;
use super::socket::set_buffers;
use super::unix::{self, SocketFile};
use crate::sansio::{Address, UnixAddress};

/// A bound Unix datagram socket.
#[derive(Debug)]
pub(crate) struct UnixSocket {
    /// Dropped before the socket.
    #[expect(dead_code, reason = "it is there to be dropped")]
    file: Option<SocketFile>,
    socket: UnixDatagram,
}

impl UnixSocket {
    pub(super) fn bind(name: &UnixAddress, options: &BindOptions) -> io::Result<Self> {
        let socket = RawSocket::new(Domain::UNIX, Type::DGRAM, None)?;
        socket.set_nonblocking(true)?;
        set_buffers(&socket, options)?;
        let file = unix::bind(&socket, name)?;
        Ok(Self { file, socket: UnixDatagram::from_std(socket.into()) })
    }

    pub(super) fn adopt(socket: std::os::unix::net::UnixDatagram) -> Self {
        Self { file: None, socket: UnixDatagram::from_std(socket) }
    }

    pub(super) fn local(&self) -> io::Result<UnixAddress> {
        self.socket.local_addr().map(|name| unix::from_system(&name))
    }

    pub(super) fn source(&mut self) -> &mut dyn Source {
        &mut self.socket
    }

    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Address)> {
        let (count, from) = self.socket.recv_from(buffer)?;
        Ok((count, Address::UnixDatagram(unix::from_system(&from))))
    }

    /// Datagrams raise no SIGPIPE, also where the receiver has shut its side.
    pub(super) fn send_to(&self, to: &UnixAddress, bytes: &[u8]) -> io::Result<usize> {
        let to = unix::to_system(to)?;
        self.socket.try_io(|| SockRef::from(&self.socket).send_to(bytes, &to))
    }
}
