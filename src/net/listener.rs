//! Binding and accepting, TCP and Unix streams.

use std::io;
use std::net::SocketAddr;

use mio::net::TcpListener;
#[cfg(unix)]
use mio::net::UnixListener;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::platform::{self, ACCEPTED_INHERITS_OPTIONS};
use super::stream::Stream;
#[cfg(unix)]
use super::unix::{self, SocketFile};
use super::{Accept, ListenOptions};
use crate::sansio::Address;

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    kind: Kind,
    /// Its token in the poll, once it is there.
    token: Token,
    options: ListenOptions,
    /// Whether somebody outside may hold the same socket: see [`Stream`].
    is_shared: bool,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        /// Dropped before the socket.
        #[expect(dead_code, reason = "it is there to be dropped")]
        file: Option<SocketFile>,
        socket: UnixListener,
    },
}

/// Does the same with the socket of either kind.
macro_rules! with_socket {
    ($listener:expr, $socket:ident => $done:expr) => {
        match $listener {
            Kind::Tcp($socket) => $done,
            #[cfg(unix)]
            Kind::Unix { socket: $socket, .. } => $done,
        }
    };
}

impl Listener {
    pub(super) fn bind(address: &Address, options: &ListenOptions) -> io::Result<Self> {
        let kind = match address {
            Address::Tcp(address) => Kind::Tcp(bind_tcp(*address, options)?),
            #[cfg(unix)]
            Address::Unix(address) => {
                let (socket, file) = unix::listen(address, options.limits.backlog)?;
                Kind::Unix { file, socket }
            }
            _ => return Err(platform::unsupported()),
        };
        Ok(Self::new(kind, options, false))
    }

    fn new(kind: Kind, options: &ListenOptions, is_shared: bool) -> Self {
        Self { kind, token: Token(usize::MAX), options: options.clone(), is_shared }
    }

    /// Takes over a socket that listens already.
    pub(super) fn adopt_tcp(
        socket: std::net::TcpListener,
        options: &ListenOptions,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let kind = Kind::Tcp(TcpListener::from_std(socket));
        Ok(Self::new(kind, options, true))
    }

    /// Takes over a socket that listens already. Its file belongs to whoever made it.
    #[cfg(unix)]
    pub(super) fn adopt_unix(
        socket: std::os::unix::net::UnixListener,
        options: &ListenOptions,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = UnixListener::from_std(socket);
        let kind = Kind::Unix { file: None, socket };
        Ok(Self::new(kind, options, true))
    }

    /// The socket, to wait for it.
    #[cfg(unix)]
    pub(super) fn descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
        use std::os::fd::AsFd as _;
        with_socket!(&self.kind, socket => socket.as_fd())
    }

    pub(super) fn local(&self) -> io::Result<Address> {
        match &self.kind {
            Kind::Tcp(socket) => socket.local_addr().map(Address::from),
            #[cfg(unix)]
            Kind::Unix { socket, .. } => {
                socket.local_addr().map(|name| unix::stream_address(&name))
            }
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.token = token;
        with_socket!(&mut self.kind, socket => {
            registry.register(socket, self.token, Interest::READABLE)
        })
    }

    /// Ends it. What is shared would stay in the poll if it were only closed.
    pub(super) fn close(mut self, registry: &Registry) {
        if !self.is_shared {
            return;
        }
        let left = with_socket!(&mut self.kind, socket => registry.deregister(socket));
        if let Err(error) = left {
            log::debug!("a listener was not in the poll: {error}");
        }
    }

    /// Has the poll announce the next peer, where it does not because mio does not know that
    /// there was none.
    fn arm(&mut self, registry: &Registry) {
        if !platform::ACCEPT_UNIX_DISARMS {
            return;
        }
        let armed: io::Result<()> = match &mut self.kind {
            Kind::Tcp(_) => Ok(()),
            #[cfg(unix)]
            Kind::Unix { socket, .. } => {
                registry.reregister(socket, self.token, Interest::READABLE)
            }
        };
        if let Err(error) = armed {
            log::error!("a listener is deaf from here on: {error}");
        }
    }

    pub(super) fn accept(&mut self, registry: &Registry) -> Accept<Stream> {
        let accepted = self.take_peer();
        if let Accept::Blocked = accepted {
            self.arm(registry);
        }
        accepted
    }

    /// Takes one waiting peer, for those who wait for the next without mio.
    pub(crate) fn take_peer(&self) -> Accept<Stream> {
        let accepted = match &self.kind {
            Kind::Tcp(socket) => self.accept_tcp(socket),
            #[cfg(unix)]
            Kind::Unix { socket, .. } => unix::accept(socket)
                .map(|(socket, peer)| (Stream::Unix { is_shared: false, socket }, peer)),
        };
        match accepted {
            Ok((stream, peer)) => Accept::Peer(stream, peer),
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

    fn accept_tcp(&self, listener: &TcpListener) -> io::Result<(Stream, Address)> {
        let (socket, peer) = listener.accept()?;
        if !ACCEPTED_INHERITS_OPTIONS || self.is_shared {
            // It is a peer whether or not its options can be set.
            if let Err(error) = set_stream_options(&SockRef::from(&socket), &self.options) {
                log::debug!("options of an accepted socket: {error}");
            }
        }
        Ok((Stream::Tcp { is_shared: false, socket }, peer.into()))
    }
}

fn bind_tcp(address: SocketAddr, options: &ListenOptions) -> io::Result<TcpListener> {
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
    Ok(TcpListener::from_std(socket.into()))
}

fn set_stream_options(socket: &SockRef<'_>, options: &ListenOptions) -> io::Result<()> {
    socket.set_tcp_nodelay(options.nodelay)?;
    if let Some(time) = options.keep_alive {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time))?;
    }
    Ok(())
}
