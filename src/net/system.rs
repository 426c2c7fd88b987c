//! The network that is there: a poll of mio's and the system's sockets.

use std::fs::File;
use std::io::{self, IoSlice};
use std::mem;
use std::ops::Range;
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use mio::event::Event;
use mio::{Registry, Token};

#[cfg(unix)]
use super::Interest;
use super::listener::Listener;
use super::poller::Poller;
use super::socket::Socket;
use super::stream::Stream;
use super::timer::DeadlineTimer;
use super::{
    Accept, BindOptions, Clock, HostPoll, ListenOptions, Network, OwnPoll, Read, Readiness,
    Receive, SendTo, Ticks, Wake, Write, platform,
};
use crate::sansio::{Address, Misuse};

mod waiting;

/// A poll of mio's, and sockets of the system. Sources are edge-triggered, always.
#[derive(Debug)]
pub(crate) struct SystemNetwork<P> {
    poller: P,
    clock: Clock,
    ticks: Ticks,
    can_send_file: bool,
    /// Where there was a long wait, or a host waits for the poll's descriptor alone.
    timer: Option<DeadlineTimer>,
    /// The latter.
    announces_deadlines: bool,
    #[cfg(all(unix, feature = "signals"))]
    signals: Option<super::signals::StopSignals>,
}

impl SystemNetwork<OwnPoll> {
    pub(crate) fn new(clock: Clock, event_capacity: usize) -> io::Result<Self> {
        Ok(Self::with_poller(OwnPoll::new(event_capacity)?, clock))
    }
}

impl SystemNetwork<HostPoll> {
    pub(crate) fn in_poll_of_host(poll: HostPoll, clock: Clock) -> Self {
        Self::with_poller(poll, clock)
    }

    /// The tokens that are this network's.
    pub(crate) fn tokens(&self) -> &Range<usize> {
        self.poller.tokens()
    }

    /// What an event says about a source of ours, if that is still there.
    pub(crate) fn readiness(&self, event: &Event) -> Result<Option<Readiness>, Misuse> {
        let name = self.poller.name_of(event)?;
        Ok(name.map(|token| Readiness { token, ..readiness(event) }))
    }

    /// The host's wait left events behind.
    pub(crate) fn expect_more(&mut self) {
        self.poller.is_more_expected = true;
    }

    /// Whether the host's last wait left events behind.
    pub(crate) fn take_expectation(&mut self) -> bool {
        mem::take(&mut self.poller.is_more_expected)
    }
}

impl<P: Poller> SystemNetwork<P> {
    fn with_poller(poller: P, clock: Clock) -> Self {
        Self {
            poller,
            clock,
            ticks: Ticks::default(),
            can_send_file: platform::can_send_file(),
            timer: None,
            announces_deadlines: false,
            #[cfg(all(unix, feature = "signals"))]
            signals: None,
        }
    }

    #[cfg(all(unix, not(mio_unsupported_force_poll_poll)))]
    pub(crate) fn registry(&self) -> &Registry {
        self.poller.registry()
    }

    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }

    #[cfg(all(unix, feature = "signals"))]
    pub(crate) fn watch_stop_signals(&mut self, token: usize) -> io::Result<()> {
        if self.signals.is_none() {
            let token = self.poller.take_token(token)?;
            self.signals = Some(super::signals::StopSignals::new(self.poller.registry(), token)?);
        }
        Ok(())
    }

    pub(crate) fn adopt_listener(
        &mut self,
        socket: std::net::TcpListener,
        options: &ListenOptions,
        token: usize,
    ) -> io::Result<(Listener, Address)> {
        self.add_listener(Listener::adopt_tcp(socket, options)?, token)
    }

    #[cfg(unix)]
    pub(crate) fn adopt_unix_listener(
        &mut self,
        socket: std::os::unix::net::UnixListener,
        options: &ListenOptions,
        token: usize,
    ) -> io::Result<(Listener, Address)> {
        self.add_listener(Listener::adopt_unix(socket, options)?, token)
    }

    pub(crate) fn adopt_stream(
        &mut self,
        socket: std::net::TcpStream,
    ) -> io::Result<(Stream, Address)> {
        let peer = socket.peer_addr()?;
        Ok((Stream::adopt_tcp(socket)?, peer.into()))
    }

    #[cfg(unix)]
    pub(crate) fn adopt_unix_stream(
        &mut self,
        socket: std::os::unix::net::UnixStream,
    ) -> io::Result<(Stream, Address)> {
        let peer = super::unix::stream_address(&socket.peer_addr()?);
        Ok((Stream::adopt_unix(socket)?, peer))
    }

    pub(crate) fn adopt_udp_socket(
        &self,
        socket: std::net::UdpSocket,
    ) -> io::Result<(Socket, Address)> {
        let socket = Socket::adopt_udp(socket)?;
        let local = socket.local()?;
        Ok((socket, local))
    }

    #[cfg(unix)]
    pub(crate) fn adopt_unix_datagram(
        &self,
        socket: std::os::unix::net::UnixDatagram,
    ) -> io::Result<(Socket, Address)> {
        let socket = Socket::adopt_unix(socket)?;
        let local = socket.local()?;
        Ok((socket, local))
    }

    /// Registers a source under the token that it has in the poll.
    #[inline]
    fn enter(
        &mut self,
        token: usize,
        register: impl FnOnce(&Registry, Token) -> io::Result<()>,
    ) -> io::Result<()> {
        let known = self.poller.take_token(token)?;
        let registered = register(self.poller.registry(), known);
        if registered.is_err() {
            self.poller.give_token_back(token);
        }
        registered
    }

    fn add_listener(
        &mut self,
        mut listener: Listener,
        token: usize,
    ) -> io::Result<(Listener, Address)> {
        let address = listener.local()?;
        self.enter(token, |registry, token| listener.register(registry, token))?;
        Ok((listener, address))
    }
}

impl<P: Poller> Network for SystemNetwork<P> {
    type Stream = Stream;
    type Listener = Listener;
    type Socket = Socket;

    const IS_GUEST: bool = P::IS_FOREIGN;

    #[inline]
    fn now(&mut self) -> Instant {
        self.clock.now()
    }

    #[inline]
    fn has_ticked(&mut self) -> bool {
        self.ticks.have_moved(&self.clock)
    }

    fn wall_time(&mut self) -> SystemTime {
        self.clock.wall_time()
    }

    #[inline]
    fn room(&self) -> usize {
        self.poller.room()
    }

    #[inline]
    fn release(&mut self, token: usize) {
        self.poller.give_token_back(token);
    }

    fn waker(&mut self, token: usize) -> io::Result<Arc<dyn Wake>> {
        self.poller.waker(token)
    }

    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: usize,
    ) -> io::Result<(Listener, Address)> {
        self.add_listener(Listener::bind(address, options)?, token)
    }

    #[cfg(unix)]
    fn watch(
        &mut self,
        descriptor: BorrowedFd<'_>,
        interest: Interest,
        token: usize,
    ) -> io::Result<()> {
        self.enter(token, |registry, token| interest.register(descriptor, registry, token))
    }

    #[cfg(unix)]
    fn watch_again(
        &mut self,
        descriptor: BorrowedFd<'_>,
        interest: Interest,
        token: usize,
    ) -> io::Result<()> {
        self.enter(token, |registry, token| interest.register_again(descriptor, registry, token))
    }

    #[cfg(unix)]
    fn unwatch(&mut self, descriptor: BorrowedFd<'_>, token: usize) {
        super::interest::leave(descriptor, self.poller.registry());
        self.release(token);
    }

    fn accept(&mut self, listener: &mut Listener) -> Accept<Stream> {
        listener.accept(self.poller.registry())
    }

    fn close_listener(&mut self, listener: Listener) {
        listener.close(self.poller.registry());
    }

    fn connect(&mut self, address: &Address) -> io::Result<Option<Stream>> {
        match address {
            Address::Tcp(address) => Stream::connect_tcp(*address).map(Some),
            #[cfg(unix)]
            Address::Unix(address) => {
                let socket = super::unix::connect(address)?;
                Ok(socket.map(|socket| Stream::Unix { is_shared: false, socket }))
            }
            _ => Err(platform::unsupported()),
        }
    }

    fn is_connected(&mut self, stream: &mut Stream) -> io::Result<bool> {
        stream.is_connected()
    }

    fn register(&mut self, stream: &mut Stream, token: usize) -> io::Result<()> {
        self.enter(token, |registry, token| stream.register(registry, token))
    }

    fn local(&mut self, stream: &Stream) -> Option<Address> {
        stream.local().ok()
    }

    #[inline]
    fn read(&mut self, stream: &mut Stream, buffer: &mut [u8]) -> Read {
        stream.read(buffer)
    }

    #[inline(always)]
    fn write(&mut self, stream: &mut Stream, bytes: &[u8], is_more_coming: bool) -> Write {
        stream.write(bytes, is_more_coming)
    }

    fn write_slices(&mut self, stream: &mut Stream, slices: &[IoSlice<'_>]) -> Write {
        stream.write_slices(slices)
    }

    fn can_send_file(&self) -> bool {
        self.can_send_file
    }

    fn send_file(&mut self, stream: &mut Stream, file: &File, offset: u64, length: usize) -> Write {
        stream.send_file(file, offset, length)
    }

    fn read_file(&mut self, file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        platform::read_at(file, offset, buffer)
    }

    fn shutdown_write(&mut self, stream: &mut Stream) -> io::Result<()> {
        stream.shutdown_write()
    }

    fn close(&mut self, mut stream: Stream, by_reset: bool) {
        if by_reset {
            stream.reset_on_close();
        }
        if stream.is_shared()
            && let Err(error) = stream.leave(self.poller.registry())
        {
            log::debug!("a connection was not in the poll: {error}");
        }
    }

    fn bind(&mut self, address: &Address, options: &BindOptions) -> io::Result<(Socket, Address)> {
        let socket = Socket::bind(address, options)?;
        let local = socket.local()?;
        Ok((socket, local))
    }

    fn register_socket(&mut self, socket: &mut Socket, token: usize) -> io::Result<()> {
        self.enter(token, |registry, token| socket.register(registry, token))
    }

    fn receive(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Receive {
        socket.receive(buffer)
    }

    fn send_to(&mut self, socket: &mut Socket, to: &Address, bytes: &[u8]) -> SendTo {
        socket.send_to(to, bytes)
    }

    fn close_socket(&mut self, socket: Socket) {
        socket.close(self.poller.registry());
    }

    fn take_stop_signals(&mut self) -> usize {
        #[cfg(all(unix, feature = "signals"))]
        if let Some(signals) = &mut self.signals {
            return signals.take(self.poller.registry());
        }
        0
    }
}

fn readiness(event: &Event) -> Readiness {
    let hung_up = event.is_read_closed() || event.is_error();
    Readiness {
        token: event.token().0,
        // A lone hang-up or error is not "readable" to mio, and is a reason to read.
        readable: event.is_readable() || hung_up,
        writable: event.is_writable() || event.is_error(),
        hung_up,
    }
}
