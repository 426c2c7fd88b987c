//! The network that is there: mio's poll and the system's sockets.

use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mio::event::Event;
use mio::{Events, Poll, Token, Waker};

use super::listener::Listener;
use super::socket::Socket;
use super::stream::Stream;
use super::{
    Accept, BindOptions, Clock, ListenOptions, Network, Read, Readiness, Receive, SendTo, Ticks,
    Wake, Write, platform,
};
use crate::sansio::Address;

/// mio's poll, and sockets of the system. Sources are edge-triggered, always.
#[derive(Debug)]
pub(crate) struct SystemNetwork {
    poll: Poll,
    events: Events,
    clock: Clock,
    ticks: Ticks,
    can_send_file: bool,
    #[cfg(all(unix, feature = "signals"))]
    signals: Option<super::signals::StopSignals>,
}

impl SystemNetwork {
    pub(crate) fn new(clock: Clock, event_capacity: usize) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(event_capacity),
            clock,
            ticks: Ticks::default(),
            can_send_file: platform::can_send_file(),
            #[cfg(all(unix, feature = "signals"))]
            signals: None,
        })
    }

    #[cfg(all(unix, not(mio_unsupported_force_poll_poll)))]
    pub(crate) fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    #[cfg(all(unix, feature = "signals"))]
    pub(crate) fn watch_stop_signals(&mut self, token: usize) -> io::Result<()> {
        if self.signals.is_none() {
            self.signals = Some(super::signals::StopSignals::new(self.poll.registry(), token)?);
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

    fn add_listener(
        &mut self,
        mut listener: Listener,
        token: usize,
    ) -> io::Result<(Listener, Address)> {
        let address = listener.local()?;
        listener.register(self.poll.registry(), token)?;
        Ok((listener, address))
    }

    /// Waits once, however often it is interrupted. The wait is real whatever clock the loop has,
    /// so what is left of it is told by the system's.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let is_zero = timeout.is_none_or(|timeout| timeout.is_zero());
        let began = (!is_zero).then(|| Clock::System.now());
        let mut left = timeout;
        loop {
            match self.poll.poll(&mut self.events, left) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    let waited = began.map(|began| Clock::System.now() - began);
                    left =
                        timeout.map(|timeout| timeout.saturating_sub(waited.unwrap_or_default()));
                }
                result => return result,
            }
        }
    }
}

impl Network for SystemNetwork {
    type Stream = Stream;
    type Listener = Listener;
    type Socket = Socket;

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

    fn poll(&mut self, timeout: Option<Duration>, ready: &mut Vec<Readiness>) -> io::Result<bool> {
        self.wait(timeout)?;
        let before = ready.len();
        ready.extend(self.events.iter().map(readiness));
        let is_full = ready.len() - before >= self.events.capacity();
        if is_full && self.events.capacity() < MOST_EVENTS {
            // The rest comes with the next poll; a larger batch makes that the last time.
            self.events = Events::with_capacity(self.events.capacity() * 2);
        }
        Ok(is_full)
    }

    fn waker(&mut self, token: usize) -> io::Result<Arc<dyn Wake>> {
        Ok(Arc::new(Waker::new(self.poll.registry(), Token(token))?))
    }

    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: usize,
    ) -> io::Result<(Listener, Address)> {
        self.add_listener(Listener::bind(address, options)?, token)
    }

    fn accept(&mut self, listener: &mut Listener) -> Accept<Stream> {
        listener.accept(self.poll.registry())
    }

    fn close_listener(&mut self, listener: Listener) {
        listener.close(self.poll.registry());
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
        stream.register(self.poll.registry(), token)
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
            && let Err(error) = stream.leave(self.poll.registry())
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
        socket.register(self.poll.registry(), token)
    }

    fn receive(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Receive {
        socket.receive(buffer)
    }

    fn send_to(&mut self, socket: &mut Socket, to: &Address, bytes: &[u8]) -> SendTo {
        socket.send_to(to, bytes)
    }

    fn close_socket(&mut self, socket: Socket) {
        socket.close(self.poll.registry());
    }

    fn take_stop_signals(&mut self) -> usize {
        #[cfg(all(unix, feature = "signals"))]
        if let Some(signals) = &mut self.signals {
            return signals.take(self.poll.registry());
        }
        0
    }
}

impl Wake for Waker {
    fn wake(&self) {
        if let Err(error) = Self::wake(self) {
            log::error!("the loop could not be woken: {error}");
        }
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

/// The event buffer grows to this and no further: 12 bytes each, and by then a turn is long.
const MOST_EVENTS: usize = 16_384;
