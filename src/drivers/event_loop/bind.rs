//! Datagram sockets, for the host.

use super::EventLoop;
use crate::net::{BindOptions, Poller};
use crate::sansio::{
    Address, ConnectionId, DatagramLimits, DatagramProtocol, DatagramSocket, Error,
};

/// Binding.
impl<S: 'static, P: Poller> EventLoop<S, P> {
    /// Binds a datagram socket to `address` with the default options, such as
    /// `udp://127.0.0.1:7000` or `unixgram:///run/log.sock`, on which `protocol` converses with
    /// whoever sends to it. It is told [`opened`](DatagramProtocol::opened) in the next turn.
    ///
    /// Gives the socket's name. [`close`](Self::close), [`notify`](super::Handle::notify) and
    /// their like reach it as they reach a connection.
    ///
    /// On a machine with several addresses bind each of them: what leaves a socket on `0.0.0.0`
    /// or `[::]` has the address of its route, which may not be the one that was asked.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for an address that does not parse, [`Error::Io`] where the system
    /// refuses: the port is in use or privileged, the address is not ours or not of datagrams.
    pub fn bind<A>(
        &mut self,
        address: A,
        protocol: impl DatagramProtocol<S>,
    ) -> Result<ConnectionId, Error>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
    {
        self.bind_with(address, BindOptions::default(), protocol)
    }

    /// Binds with `options`, which may be just [`DatagramLimits`].
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind), and [`Error::Misuse`] for options that cannot work.
    pub fn bind_with<A>(
        &mut self,
        address: A,
        options: impl Into<BindOptions>,
        protocol: impl DatagramProtocol<S>,
    ) -> Result<ConnectionId, Error>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
    {
        self.lend().bind(&address.try_into()?, &options.into(), Box::new(protocol))
    }

    /// Takes over a UDP socket that is bound already, as one that a supervisor opened.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for limits that cannot work, [`Error::Io`] where the poll refuses the
    /// socket.
    pub fn adopt_udp_socket(
        &mut self,
        socket: std::net::UdpSocket,
        protocol: impl DatagramProtocol<S>,
        limits: DatagramLimits,
    ) -> Result<ConnectionId, Error> {
        limits.check()?;
        let bound = self.engine.network().adopt_udp_socket(socket);
        bound
            .and_then(|bound| self.lend().add_socket(bound, &limits, Box::new(protocol)))
            .map_err(|error| Error::io("cannot adopt a socket", error))
    }

    /// Takes over a Unix datagram socket that is bound already. Its file, if it has one, belongs
    /// to whoever made it, and stays. One of a pair has no name, so it hears and cannot answer.
    ///
    /// # Errors
    ///
    /// As [`adopt_udp_socket`](Self::adopt_udp_socket).
    #[cfg(unix)]
    pub fn adopt_unix_datagram(
        &mut self,
        socket: std::os::unix::net::UnixDatagram,
        protocol: impl DatagramProtocol<S>,
        limits: DatagramLimits,
    ) -> Result<ConnectionId, Error> {
        limits.check()?;
        let bound = self.engine.network().adopt_unix_datagram(socket);
        bound
            .and_then(|bound| self.lend().add_socket(bound, &limits, Box::new(protocol)))
            .map_err(|error| Error::io("cannot adopt a socket", error))
    }

    /// A datagram socket that is bound: its address with the real port, its counts.
    #[must_use]
    pub fn datagram_socket(&self, id: ConnectionId) -> Option<&DatagramSocket<S>> {
        self.engine.socket(id)
    }

    /// Every datagram socket.
    pub fn datagram_sockets(&self) -> impl Iterator<Item = &DatagramSocket<S>> {
        self.engine.sockets()
    }
}
