//! Who takes part in a simulation: listeners, clients, servers, sockets for datagrams.

use super::client::Client;
use super::datagrams::Datagram;
use super::driver::{ClientId, Simulation};
use super::recorder::Recorder;
use super::script::Script;
use super::world::Errand;
use crate::drivers::event_loop::{Factory, Peer};
use crate::net::{BindOptions, ListenOptions};
use crate::sansio::{
    Address, ConnectionId, DatagramProtocol, Error, Limits, ListenerId, Misuse, Protocol,
};

/// Who takes part.
impl<S: 'static> Simulation<S> {
    /// Listens on `address` with the default options: see
    /// [`EventLoop::listen`](crate::EventLoop::listen). Port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// As there. In a simulation every address is ours, and may be in use.
    pub fn listen<A, P, F>(&mut self, address: A, factory: F) -> Result<ListenerId, Error>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
        P: Protocol<S>,
        F: FnMut(Peer) -> P + Send + 'static,
    {
        self.listen_with(address, ListenOptions::default(), factory)
    }

    /// Listens with `options`, which may be just [`Limits`].
    ///
    /// # Errors
    ///
    /// As [`listen`](Self::listen), and [`Error::Misuse`] for options that cannot work.
    pub fn listen_with<A, P, F>(
        &mut self,
        address: A,
        options: impl Into<ListenOptions>,
        mut factory: F,
    ) -> Result<ListenerId, Error>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
        P: Protocol<S>,
        F: FnMut(Peer) -> P + Send + 'static,
    {
        let factory = Box::new(move |peer| Box::new(factory(peer)) as _);
        self.listen_boxed(address.try_into()?, &options.into(), factory)
    }

    pub(super) fn listen_boxed(
        &mut self,
        address: Address,
        options: &ListenOptions,
        mut factory: Factory<S>,
    ) -> Result<ListenerId, Error> {
        let ledger = self.ledger.clone();
        let watched: Factory<S> =
            Box::new(move |peer| Box::new(Recorder::new(factory(peer), ledger.clone())));
        self.engine.listen(address, options, watched)
    }

    /// Opens a connection to `address` on which `protocol` converses: see
    /// [`EventLoop::connect`](crate::EventLoop::connect). It reaches a listener of this
    /// simulation, or a [scripted server](Self::server).
    ///
    /// # Errors
    ///
    /// As there; [`Error::Io`] where a [fault](super::Fault::FailedConnect) says so.
    pub fn connect<A>(
        &mut self,
        address: A,
        protocol: impl Protocol<S>,
        limits: Limits,
    ) -> Result<ConnectionId, Error>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
    {
        limits.check()?;
        let recorder = Recorder::new(Box::new(protocol), self.ledger.clone());
        self.engine.connect(&address.try_into()?, Box::new(recorder), limits)
    }

    /// Adds a client that connects to `address` and follows `script`.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for an address that does not parse.
    pub fn client<A>(&mut self, address: A, script: Script) -> Result<ClientId, Error>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
    {
        let remote = address.try_into()?;
        let mut world = self.net.world();
        let number = world.clients.len();
        let delay = script.delay;
        world.clients.push(Client::new(script, remote));
        world.plan(delay, Errand::Dial(number));
        Ok(ClientId(number))
    }

    /// Adds a server at `address`, outside of the loop, which follows `script` with each that
    /// connects to it.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for an address that does not parse.
    pub fn server<A>(&mut self, address: A, script: Script) -> Result<(), Error>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
    {
        self.net.world().servers.push((address.try_into()?, script));
        Ok(())
    }

    /// Binds a datagram socket to `address`, such as `udp://10.0.0.1:7`, on which `protocol`
    /// converses: see [`EventLoop::bind`](crate::EventLoop::bind).
    ///
    /// # Errors
    ///
    /// As there.
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

    /// Binds with `options`, which may be just [`DatagramLimits`](crate::DatagramLimits).
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
        self.engine.bind(&address.try_into()?, &options.into(), Box::new(protocol))
    }

    /// Sends a datagram to the loop, now, from somebody outside of it.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for an address that does not parse.
    pub fn datagram<A>(&mut self, from: A, to: A, bytes: impl AsRef<[u8]>) -> Result<(), Error>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
    {
        let (from, to) = (from.try_into()?, to.try_into()?);
        self.net.world().post(Datagram { from, to, bytes: bytes.as_ref().to_vec() });
        Ok(())
    }

    /// The datagrams that have arrived outside of the loop, in order, each with who it was for.
    #[must_use]
    pub fn datagrams(&self) -> Vec<(Address, Vec<u8>)> {
        let world = self.net.world();
        world.letters.iter().map(|letter| (letter.to.clone(), letter.bytes.clone())).collect()
    }

    /// The address that a listener listens on, with its port.
    #[must_use]
    pub fn local_address(&self, listener: ListenerId) -> Option<&Address> {
        self.engine.local_address(listener)
    }

    /// Stops accepting on `listener`: see
    /// [`EventLoop::stop_listening`](crate::EventLoop::stop_listening).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn stop_listening(&mut self, listener: ListenerId) -> Result<(), Error> {
        if self.engine.stop_listening(listener) {
            Ok(())
        } else {
            Err(Misuse::NoSuchListener.into())
        }
    }
}
