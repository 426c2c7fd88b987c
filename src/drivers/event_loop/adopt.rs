//! Sockets that somebody else opened, for the host.

use super::EventLoop;
use super::engine::{self, Peer};
use crate::net::{ListenOptions, Poller};
use crate::sansio::{ConnectionId, Error, Limits, ListenerId, Protocol};

/// Adopting.
impl<S: 'static, P: Poller> EventLoop<S, P> {
    /// Takes over a socket that listens already, as one that a supervisor opened.
    ///
    /// # Errors
    ///
    /// As [`listen_with`](Self::listen_with).
    pub fn adopt_listener<C, F>(
        &mut self,
        socket: std::net::TcpListener,
        options: impl Into<ListenOptions>,
        factory: F,
    ) -> Result<ListenerId, Error>
    where
        C: Protocol<S>,
        F: FnMut(Peer) -> C + Send + 'static,
    {
        let options = options.into();
        self.lend().add_listener(&options, engine::boxed(factory), |network, token| {
            network
                .adopt_listener(socket, &options, token)
                .map_err(|error| Error::io("cannot adopt a listener", error))
        })
    }

    /// Takes over a stream that is connected already.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for limits that cannot work, [`Error::Io`] where the socket is not
    /// connected or the poll refuses it.
    pub fn adopt_stream(
        &mut self,
        socket: std::net::TcpStream,
        protocol: impl Protocol<S>,
        limits: Limits,
    ) -> Result<ConnectionId, Error> {
        limits.check()?;
        let (stream, peer) = self
            .engine
            .network()
            .adopt_stream(socket)
            .map_err(|error| Error::io("cannot adopt a stream", error))?;
        self.lend().add_stream(stream, peer, Box::new(protocol), limits)
    }

    /// Takes over a Unix socket that listens already. Its file, if it has one, belongs to whoever
    /// made it, and stays.
    ///
    /// # Errors
    ///
    /// As [`listen_with`](Self::listen_with).
    #[cfg(unix)]
    pub fn adopt_unix_listener<C, F>(
        &mut self,
        socket: std::os::unix::net::UnixListener,
        options: impl Into<ListenOptions>,
        factory: F,
    ) -> Result<ListenerId, Error>
    where
        C: Protocol<S>,
        F: FnMut(Peer) -> C + Send + 'static,
    {
        let options = options.into();
        self.lend().add_listener(&options, engine::boxed(factory), |network, token| {
            network
                .adopt_unix_listener(socket, &options, token)
                .map_err(|error| Error::io("cannot adopt a listener", error))
        })
    }

    /// Takes over a Unix stream that is connected already, as one of a pair.
    ///
    /// # Errors
    ///
    /// As [`adopt_stream`](Self::adopt_stream).
    #[cfg(unix)]
    pub fn adopt_unix_stream(
        &mut self,
        socket: std::os::unix::net::UnixStream,
        protocol: impl Protocol<S>,
        limits: Limits,
    ) -> Result<ConnectionId, Error> {
        limits.check()?;
        let (stream, peer) = self
            .engine
            .network()
            .adopt_unix_stream(socket)
            .map_err(|error| Error::io("cannot adopt a stream", error))?;
        self.lend().add_stream(stream, peer, Box::new(protocol), limits)
    }
}
