//! The one listening socket that all peers get which take a ready-made one, and the ready line.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

/// As many clients may wait to be accepted as Linux allows by default.
pub(crate) const BACKLOG: i32 = 4096;

/// A non-blocking listener with the backlog and TCP_NODELAY, which on Linux the sockets that it
/// accepts inherit, so that no server pays a system call for it.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The address that a library will get which binds by itself and does not tell its port.
///
/// The port is taken from the system and kept by the socket that is returned, which never listens:
/// it shares the port with whoever else asks to share it, as such a library must.
pub(crate) fn reserve(address: SocketAddr) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    let taken = socket.local_addr()?.as_socket();
    let taken = taken.ok_or_else(|| io::Error::other("the socket has no internet address"))?;
    Ok((socket, taken))
}

/// Says that a server of bytes is ready.
pub(crate) fn say_tcp(address: SocketAddr) {
    println!("listening on tcp://{address}");
}

/// Says that a server of HTTP is ready.
pub(crate) fn say_http(address: SocketAddr) {
    println!("listening on http://{address}/");
}
