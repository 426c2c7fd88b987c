//! The operating system's edge: sockets, readiness, errno, and what differs between systems.
//!
//! `WouldBlock` and `Interrupted` end here, and so does every `cfg(target_os)`: each is behind a
//! name that says what the platform does. What is above asks a [`Network`], which is the system
//! ([`SystemNetwork`]) or, in a simulation, a world made of one seed.

mod bind_options;
#[cfg(unix)]
mod blocking;
mod calls;
mod clock;
mod host_poll;
#[cfg(unix)]
mod interest;
mod listener;
mod names;
mod options;
mod platform;
mod poller;
#[cfg(all(unix, feature = "signals"))]
mod signals;
mod socket;
mod stream;
mod system;
mod timer;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod unix_datagram;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod wake_descriptor;

use std::fs::File;
use std::io::{self, IoSlice};
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::sansio::{Address, Dispatched};

pub use bind_options::BindOptions;
#[cfg(unix)]
pub(crate) use blocking::{Bell, PATIENCE, Watch, Watched};
pub(crate) use clock::Clock;
pub use clock::ManualClock;
use clock::Ticks;
pub use host_poll::{HostPoll, WakeUp};
#[cfg(unix)]
pub use interest::Interest;
#[cfg(unix)]
pub(crate) use listener::Listener;
pub(crate) use names::look_up;
pub use options::ListenOptions;
#[cfg(unix)]
pub(crate) use platform::can_send_file;
#[cfg(any(unix, feature = "simulation"))]
pub(crate) use platform::read_at;
pub use poller::{OwnPoll, Poller};
#[cfg(all(unix, feature = "signals"))]
pub(crate) use signals::SignalPipe;
#[cfg(unix)]
pub(crate) use stream::Stream;
pub(crate) use system::SystemNetwork;
pub(crate) use timer::CAN_HOLD_TIMER;

/// What the engine needs of a world: a clock, and sockets that announce themselves.
///
/// Every call returns at once.
pub(crate) trait Network {
    /// A connected, or connecting, stream of bytes.
    type Stream;
    /// Something that accepts streams.
    type Listener;
    /// A bound socket for datagrams.
    type Socket;

    /// Whether sources are announced to somebody who goes on when this network ends. Then none
    /// may stay behind.
    const IS_GUEST: bool = false;

    /// The monotonic time now.
    fn now(&mut self) -> Instant;

    /// Whether time has passed since this was last asked, where that can be told for less than
    /// reading the clock costs: to the tick, of some milliseconds.
    fn has_ticked(&mut self) -> bool {
        true
    }

    /// The wall clock now.
    fn wall_time(&mut self) -> SystemTime;

    /// How many more sources can be registered.
    #[inline]
    fn room(&self) -> usize {
        usize::MAX
    }

    /// There is no source of that token any more.
    #[inline]
    fn release(&mut self, _token: usize) {}

    /// Something that wakes the loop from another thread; its readiness, if that is how, carries
    /// `token`.
    fn waker(&mut self, token: usize) -> io::Result<Arc<dyn Wake>>;

    /// Listens on `address`. Gives the address that was bound, with its real port.
    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: usize,
    ) -> io::Result<(Self::Listener, Address)>;

    /// Asks for the readiness of a descriptor that is the program's own.
    #[cfg(unix)]
    fn watch(&mut self, _: BorrowedFd<'_>, _: Interest, _token: usize) -> io::Result<()> {
        Err(platform::unsupported())
    }

    /// Asks again, so that what it is ready for is announced, also if it was before.
    #[cfg(unix)]
    fn watch_again(&mut self, _: BorrowedFd<'_>, _: Interest, _token: usize) -> io::Result<()> {
        Err(platform::unsupported())
    }

    /// Asks no more.
    #[cfg(unix)]
    fn unwatch(&mut self, _: BorrowedFd<'_>, _token: usize) {}

    /// Takes one waiting peer.
    fn accept(&mut self, listener: &mut Self::Listener) -> Accept<Self::Stream>;

    /// Ends a listener.
    fn close_listener(&mut self, listener: Self::Listener);

    /// Begins to connect. How it went is asked with [`is_connected`](Self::is_connected) when
    /// the stream is ready. `None` says that too many wait there already: nothing will announce
    /// when they are fewer, so it is to be tried again after a while.
    fn connect(&mut self, address: &Address) -> io::Result<Option<Self::Stream>>;

    /// Whether a connecting stream is connected; an error is why it never will be.
    fn is_connected(&mut self, stream: &mut Self::Stream) -> io::Result<bool>;

    /// Asks for readiness in both directions, once for life.
    fn register(&mut self, stream: &mut Self::Stream, token: usize) -> io::Result<()>;

    /// Our address on this stream.
    fn local(&mut self, stream: &Self::Stream) -> Option<Address>;

    /// Reads once.
    fn read(&mut self, stream: &mut Self::Stream, buffer: &mut [u8]) -> Read;

    /// Writes once. `is_more_coming` is a hint that more follows at once.
    fn write(&mut self, stream: &mut Self::Stream, bytes: &[u8], is_more_coming: bool) -> Write;

    /// Writes once, from several slices.
    fn write_slices(&mut self, stream: &mut Self::Stream, slices: &[IoSlice<'_>]) -> Write;

    /// Whether [`send_file`](Self::send_file) may be used here.
    fn can_send_file(&self) -> bool;

    /// Sends part of a file without reading it, once. `Took(0)` says that the file has ended.
    fn send_file(
        &mut self,
        stream: &mut Self::Stream,
        file: &File,
        offset: u64,
        length: usize,
    ) -> Write;

    /// Reads part of a file. 0 says that it has ended.
    fn read_file(&mut self, file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Says FIN.
    fn shutdown_write(&mut self, stream: &mut Self::Stream) -> io::Result<()>;

    /// Closes the stream, by a reset if asked.
    fn close(&mut self, stream: Self::Stream, by_reset: bool);

    /// Binds a socket for datagrams. Gives the address that was bound, with its real port.
    fn bind(
        &mut self,
        address: &Address,
        options: &BindOptions,
    ) -> io::Result<(Self::Socket, Address)>;

    /// Asks for a socket's readiness in both directions, once for life.
    fn register_socket(&mut self, socket: &mut Self::Socket, token: usize) -> io::Result<()>;

    /// Receives one datagram. One that fills the buffer may have been cut, and counts as cut.
    fn receive(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> Receive;

    /// Sends one datagram.
    fn send_to(&mut self, socket: &mut Self::Socket, to: &Address, bytes: &[u8]) -> SendTo;

    /// Closes a socket.
    fn close_socket(&mut self, socket: Self::Socket);

    /// How many stop signals came since this was last asked.
    fn take_stop_signals(&mut self) -> usize;
}

/// A network that can be waited for: the only call that blocks.
pub(crate) trait PolledNetwork: Network {
    /// Waits for readiness, at most for `timeout` (for ever when `None`), and appends what there
    /// is. Interruptions are waited out. Says whether there may be more than it could fetch.
    fn poll(&mut self, timeout: Option<Duration>, ready: &mut Vec<Readiness>) -> io::Result<bool>;

    /// Whether an event, with that token, will end a poll at `at`, or before, so that it needs no
    /// timeout; it is `now`. A poll with a timeout has the system set a timer up each time that
    /// it blocks, and take it down again. One that stays costs a call only when it must fire
    /// earlier than it would.
    fn wakes_at(&mut self, _at: Instant, _now: Instant, _token: usize) -> bool {
        false
    }
}

/// Ends a poll from another thread.
#[expect(unnameable_types, reason = "a sealed trait gives one")]
pub trait Wake: Send + Sync {
    /// Wakes it. Several calls may come out as one.
    fn wake(&self);
}

/// What the system last said about one source: a hint. Only the system call is the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// Whose.
    pub(crate) token: usize,
    /// A read is worth trying: there are bytes, an end, or an error.
    pub(crate) readable: bool,
    /// A write is worth trying.
    pub(crate) writable: bool,
    /// There was an end or an error, so no further event may come: read until that is met.
    pub(crate) hung_up: bool,
}

/// The outcome of accepting.
#[derive(Debug)]
pub(crate) enum Accept<T> {
    /// A peer.
    Peer(T, Address),
    /// Nobody is waiting.
    Blocked,
    /// This one was gone before it was taken; there may be others.
    Skipped,
    /// No descriptor or memory to take one with. The peers wait, unannounced.
    Exhausted(io::Error),
}

/// The outcome of reading.
#[derive(Debug)]
pub(crate) enum Read {
    /// So many bytes. `is_last` says that nothing is left for now, as far as the system can be
    /// trusted to announce the next byte.
    Bytes { count: usize, is_last: bool },
    /// Nothing for now.
    Blocked,
    /// The peer has finished.
    End,
    /// The connection failed.
    Failed(io::ErrorKind),
}

/// The outcome of writing.
#[derive(Debug)]
pub(crate) enum Write {
    /// So many bytes. `is_blocked` says that no more are taken for now.
    Took { count: usize, is_blocked: bool },
    /// None for now.
    Blocked,
    /// The connection failed.
    Failed(io::ErrorKind),
}

/// The outcome of receiving a datagram.
#[derive(Debug)]
pub(crate) enum Receive {
    /// So many bytes, whole, from this peer.
    Datagram { count: usize, from: Address },
    /// One that was larger than the buffer, and is lost.
    Truncated,
    /// Nothing for now.
    Blocked,
    /// An error, which says nothing about the next.
    Failed(io::ErrorKind),
}

/// The outcome of sending a datagram.
#[derive(Debug)]
pub(crate) enum SendTo {
    /// Nothing was sent: there is no room, and readiness says when there is.
    Blocked,
    /// This became of it.
    Done(Dispatched),
}
