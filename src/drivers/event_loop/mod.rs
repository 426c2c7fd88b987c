//! Many connections, one thread, one poll.
//!
//! [`EventLoop`] is a newtype over a private engine that runs on any network: the system's here,
//! a simulated one elsewhere. Read `engine.rs` for what there is, `turn.rs` for what happens in
//! a turn and in which order, `service.rs` for what happens to one connection.

mod accept;
mod adopt;
mod bind;
mod by_name;
mod config;
mod connecting;
mod control;
mod descriptor;
mod drain;
mod engine;
mod entry;
mod errands;
mod handle;
mod mailbox;
mod overload;
mod requests;
mod service;
mod slots;
mod sockets;
mod stats;
#[cfg(test)]
mod tests;
mod tokens;
mod turn;
mod waiting;
mod wheel;

use std::fmt;
use std::io;
use std::time::Duration;

use crate::net::{ListenOptions, OwnPoll, Poller, SystemNetwork};
use crate::sansio::{
    Address, Closing, Connection, ConnectionId, Destination, Error, Limits, ListenerId, Misuse,
    Protocol,
};

#[cfg(unix)]
pub use crate::net::Interest;
pub use config::{Config, OnPanic};
pub use control::Control;
pub use drain::Drained;
pub(crate) use engine::Engine;
#[cfg(any(unix, feature = "simulation"))]
pub(super) use engine::Factory;
pub use engine::Peer;
pub use errands::TimerId;
#[cfg(unix)]
pub use errands::{Ready, WatchId};
pub use handle::{Handle, HandleError};
#[cfg(unix)]
pub(super) use service::{guarded, up_to, within};
pub use stats::Stats;
#[cfg(feature = "simulation")]
pub(super) use tokens::of_connection as token_of;
pub use turn::{Budget, Ended, LongestCallback, Trouble, Turn};
pub use waiting::{Deadline, Wait};

/// An event loop: it listens, connects, and runs every connection from the thread that calls it.
///
/// `S` is the state of the program around it, lent to every callback as `&mut S`.
///
/// It either owns its thread, with [`run`](Self::run), or is a guest in a loop that the program
/// has already, with [`turn`](Self::turn). It makes no threads, has no globals and touches no
/// signal unless asked to. Dropping it closes every socket; the protocols of connections that
/// are still open are dropped without a call.
///
/// `P` says whose poll it is that announces its sockets: its own, as a rule. One that lives on
/// the poll of the program around it is a [`Guest`](crate::embed::Guest), and has all that is
/// here but [`turn`](Self::turn) and [`run`](Self::run).
///
/// ```no_run
/// use switchboard::{EventLoop, Protocol, Transport};
///
/// struct Echo;
///
/// impl<S> Protocol<S> for Echo {
///     fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
///         transport.write(bytes);
///         bytes.len()
///     }
/// }
///
/// let mut event_loop = EventLoop::new()?;
/// event_loop.listen("127.0.0.1:7000", |_peer| Echo)?;
/// event_loop.run(&mut ())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EventLoop<S, P: Poller = OwnPoll> {
    pub(crate) engine: Engine<S, SystemNetwork<P>>,
}

impl<S: 'static> EventLoop<S> {
    /// A loop with the default [`Config`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the system gives no poll or waker, for want of descriptors.
    pub fn new() -> Result<Self, Error> {
        Self::with_config(Config::default())
    }

    /// A loop with `config`.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for a configuration that cannot work, else as [`new`](Self::new).
    pub fn with_config(config: Config) -> Result<Self, Error> {
        config.check()?;
        let mut network = SystemNetwork::new(config.clock.clone(), config.events)
            .map_err(|error| Error::io("cannot make a poll", error))?;
        if config.timer_in_descriptor {
            network
                .announce_deadlines(tokens::TIMER)
                .map_err(|error| Error::io("cannot make a timer", error))?;
        }
        let engine = Engine::new(network, config)
            .map_err(|error| Error::io("cannot make a waker", error))?;
        Ok(Self { engine })
    }
}

/// Listening and connecting.
impl<S: 'static, P: Poller> EventLoop<S, P> {
    /// Listens on `address` with the default options. For each peer that connects, `factory`
    /// makes the protocol that converses with it.
    ///
    /// The file of a Unix socket is made here and removed when the listener ends, or the loop.
    /// One that is there already is replaced if it is a socket on which nobody answers, as a
    /// server that was killed leaves it. Who may connect is up to the permissions of the file
    /// and of its folder.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for an address that does not parse, [`Error::Io`] where the system
    /// refuses: the port or the path is in use, the port is privileged, the address is not ours,
    /// there is no such kind of socket here, or it has no streams.
    pub fn listen<A, C, F>(&mut self, address: A, factory: F) -> Result<ListenerId, Error>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
        C: Protocol<S>,
        F: FnMut(Peer) -> C + Send + 'static,
    {
        self.listen_with(address, ListenOptions::default(), factory)
    }

    /// Listens with `options`, which may be just [`Limits`].
    ///
    /// # Errors
    ///
    /// As [`listen`](Self::listen), and [`Error::Misuse`] for options that cannot work.
    pub fn listen_with<A, C, F>(
        &mut self,
        address: A,
        options: impl Into<ListenOptions>,
        factory: F,
    ) -> Result<ListenerId, Error>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
        C: Protocol<S>,
        F: FnMut(Peer) -> C + Send + 'static,
    {
        self.lend().listen(address.try_into()?, &options.into(), engine::boxed(factory))
    }

    /// Opens a connection to an address, or to a host by its name, on which `protocol` converses.
    /// It returns at once; how it went is told to the protocol, with `connected` or with
    /// `closed`. Where a name has several addresses, they are tried in turn; where too many wait
    /// on a Unix socket already, it is tried again; all until [`Limits::connect`] is over.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for an address or limits that cannot work, [`Error::Unresolved`] for a
    /// name that cannot be looked up now, or at all without a [resolver](Self::set_resolver),
    /// [`Error::Io`] where the system refuses at once, for want of descriptors or a route.
    pub fn connect<A>(
        &mut self,
        to: A,
        protocol: impl Protocol<S>,
        limits: Limits,
    ) -> Result<ConnectionId, Error>
    where
        A: TryInto<Destination>,
        Error: From<A::Error>,
    {
        limits.check()?;
        self.lend().connect_to(to.try_into()?, Box::new(protocol), limits)
    }

    /// The address that a listener listens on, with its real port.
    #[must_use]
    pub fn local_address(&self, listener: ListenerId) -> Option<&Address> {
        self.engine.local_address(listener)
    }

    /// Stops accepting on `listener` and closes its socket. Its connections live on.
    ///
    /// # Errors
    ///
    /// [`Misuse::NoSuchListener`] where it was stopped before.
    pub fn stop_listening(&mut self, listener: ListenerId) -> Result<(), Error> {
        if self.lend().stop_listening(listener) {
            Ok(())
        } else {
            Err(Misuse::NoSuchListener.into())
        }
    }
}

/// Running.
impl<S: 'static> EventLoop<S> {
    /// Makes turns until the loop is [stopped](Handle::stop) or [drained](Handle::drain).
    ///
    /// # Errors
    ///
    /// Only of the poll itself. What befalls a connection or a listener never ends the loop.
    pub fn run(&mut self, state: &mut S) -> io::Result<Ended> {
        let mut next = self.next_deadline();
        loop {
            let turn = self.lend().turn_before(next, Wait::Forever, Budget::default(), state)?;
            if let Some(ended) = turn.ended {
                return Ok(ended);
            }
            next = turn.next;
        }
    }

    /// Makes one turn: waits once, delivers readiness, fires due deadlines, runs posted work,
    /// flushes, and says what happened.
    ///
    /// With [`Wait::No`] it never blocks. It ends within `budget`, plus one callback and one
    /// system call; what is left over is done in the next turn, and [`Turn::next`] is then
    /// [`Deadline::Now`].
    ///
    /// # Errors
    ///
    /// Only of the poll itself.
    pub fn turn(&mut self, wait: Wait, budget: Budget, state: &mut S) -> io::Result<Turn> {
        self.lend().turn(wait, budget, state)
    }
}

/// Steering.
impl<S: 'static, P: Poller> EventLoop<S, P> {
    /// When the next turn should be made, also if the descriptor stays quiet. Whatever is asked
    /// of the loop between two turns may make it earlier.
    #[must_use]
    pub fn next_deadline(&self) -> Deadline {
        self.engine.next_deadline()
    }

    /// Whether a turn has work to do right now: some is left over, or the
    /// [`next_deadline`](Self::next_deadline) has come.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        match self.next_deadline() {
            Deadline::Now => true,
            Deadline::At(at) => at <= self.engine.network_ref().clock().now(),
            Deadline::Never => false,
        }
    }

    /// A value that reaches the loop from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle<S> {
        self.engine.handle()
    }

    /// Drains on SIGINT and SIGTERM, giving what was begun `grace` to finish. A second signal
    /// stops at once.
    ///
    /// The process keeps the handlers: when the loop is dropped, as a guest before its host ends,
    /// the two signals do nothing, unless somebody else handles them.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the handler cannot be installed.
    #[cfg(all(unix, feature = "signals"))]
    pub fn drain_on_signals(&mut self, grace: Duration) -> Result<(), Error> {
        self.lend()
            .watch_stop_signals(grace, |network, token| network.watch_stop_signals(token))
            .map_err(|error| Error::io("cannot watch signals", error))
    }

    /// Begins to drain: stops accepting, tells every protocol `stopping`, lets what was begun
    /// finish, and aborts after `grace` what is left. The turn in which it is done says so, and
    /// [`run`](Self::run) returns.
    pub fn drain(&mut self, grace: Duration) {
        self.lend().begin_drain(grace);
    }
}

/// Looking and reaching in.
impl<S: 'static, P: Poller> EventLoop<S, P> {
    /// What the loop has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// Every connection that is open.
    pub fn connections(&self) -> impl Iterator<Item = &Connection<S>> {
        self.engine.connections()
    }

    /// Asks a connection or a datagram socket to close; in the next turn. One that is gone is left in peace.
    pub fn close(&mut self, connection: ConnectionId, closing: Closing) {
        self.control().close(connection, closing);
    }

    /// The same things that posted work may do.
    pub fn control(&mut self) -> Control<'_, S> {
        let wakes = self.engine.network().announces_deadlines();
        Control { wakes, ..self.engine.control() }
    }
}

impl<S, P: Poller> fmt::Debug for EventLoop<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventLoop").field(&self.engine).finish()
    }
}
