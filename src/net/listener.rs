//! Binding and accepting TCP.

use std::io;
use std::net::SocketAddr;

use mio::net::TcpListener;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::platform::{self, ACCEPTED_INHERITS_OPTIONS};
use super::stream::Stream;
use super::{Accept, ListenOptions};

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(super) socket: TcpListener,
    options: ListenOptions,
    /// Whether somebody outside may hold the same socket: see [`Stream::is_shared`].
    pub(super) is_shared: bool,
}

impl Listener {
    pub(super) fn bind(address: SocketAddr, options: &ListenOptions) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(options.only_v6)?;
        }
        #[cfg(unix)]
        {
            socket.set_reuse_address(options.reuse_address)?;
            socket.set_reuse_port(options.reuse_port)?;
        }
        set_stream_options(&SockRef::from(&socket), options)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(options.limits.backlog).unwrap_or(i32::MAX))?;
        let socket = TcpListener::from_std(socket.into());
        Ok(Self { socket, options: options.clone(), is_shared: false })
    }

    /// Takes over a socket that listens already.
    pub(super) fn adopt(
        socket: std::net::TcpListener,
        options: &ListenOptions,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket);
        Ok(Self { socket, options: options.clone(), is_shared: true })
    }

    pub(super) fn accept(&mut self) -> Accept<Stream> {
        match self.socket.accept() {
            Ok((socket, address)) => {
                if !ACCEPTED_INHERITS_OPTIONS || self.is_shared {
                    // It is a peer whether or not its options can be set.
                    if let Err(error) = set_stream_options(&SockRef::from(&socket), &self.options) {
                        log::debug!("options of an accepted socket: {error}");
                    }
                }
                Accept::Peer(Stream::new(socket), address.into())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Accept::Blocked,
            Err(error) if platform::is_exhaustion(&error) => Accept::Exhausted(error),
            // Of the rest, accept(2) says: errors of the new peer's network, to be treated like
            // no peer at all. ECONNABORTED is the one that happens.
            Err(error) => {
                log::debug!("a peer was gone before it was accepted: {error}");
                Accept::Skipped
            }
        }
    }
}

fn set_stream_options(socket: &SockRef<'_>, options: &ListenOptions) -> io::Result<()> {
    socket.set_tcp_nodelay(options.nodelay)?;
    if let Some(time) = options.keep_alive {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time))?;
    }
    Ok(())
}
