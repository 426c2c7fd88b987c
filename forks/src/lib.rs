//! A process for each connection.
//!
//! The same protocols and factories as under an [`EventLoop`](switchboard::EventLoop) or
//! [`Threads`](switchboard::Threads), the same [`Limits`](switchboard::Limits), the same reasons
//! to close. Each conversation has a process of its own, so that one which crashes, leaks or
//! never returns costs nobody else anything. It costs a fork(2) for each client, and nothing can
//! be shared but what the system shares.
//!
//! It is apart from `switchboard` because fork(2) is sound only in a process of one thread: the
//! child of another would hold locks of threads that it does not have. [`Forks::run`] looks, and
//! refuses.
//!
//! Unix only. It must never leave a zombie, whoever panics.

#![cfg(unix)]
#![forbid(unsafe_code)]

mod children;
mod reasons;

use std::any::Any;
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::panic::{self, AssertUnwindSafe};
#[cfg(feature = "signals")]
use std::time::Duration;

#[cfg(doc)]
use switchboard::OnPanic;
use switchboard::drivers::blocking::{Call, Config, Handle, Next, Operator};
use switchboard::drivers::event_loop::Ended;
use switchboard::sansio::Driver;
use switchboard::{Address, CloseReason, Error, ListenOptions, Peer, Protocol};

use children::{ChildExits, Children};

/// A server with a process for each connection.
///
/// The processes are bounded by [`Limits::connections`](switchboard::Limits) of each listener: at
/// that many, further clients wait to be accepted. All are reaped as they end. `S` is made anew
/// for each connection, in its process.
///
/// A panic in a callback always costs that connection alone, whatever
/// [`Config::on_panic`] says: what it left half-changed ended with its process. One in a
/// factory, which runs in the process that accepts, follows it.
///
/// ```no_run
/// use switchboard::{Protocol, Transport};
/// use switchboard_forks::Forks;
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
/// Forks::new(|| ()).listen("127.0.0.1:7000", |_peer| Echo)?.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Forks<S> {
    operator: Operator<S>,
    make_state: Box<dyn Fn() -> S>,
}

impl<S: 'static> Forks<S> {
    /// A server that listens nowhere yet, with the default [`Config`]. `make_state` makes the
    /// state that the callbacks of one connection are lent.
    #[must_use]
    pub fn new(make_state: impl Fn() -> S + 'static) -> Self {
        Self::with_config(Config::default(), make_state)
    }

    /// The same with `config`, which is checked by [`listen`](Self::listen).
    #[must_use]
    pub fn with_config(config: Config, make_state: impl Fn() -> S + 'static) -> Self {
        let operator = Operator::new(Driver::Forks, config);
        Self { operator, make_state: Box::new(make_state) }
    }

    /// Listens on `address` with the default options. For each peer that connects, `factory`
    /// makes the protocol that converses with it: in the process that accepts, so that it may
    /// count. The fork has a copy of what it made, and this process drops its own unused.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for an address that does not parse or a configuration that cannot work,
    /// [`Error::Io`] where the system refuses: the port is in use or privileged, the address is
    /// not ours.
    pub fn listen<A, P, F>(self, address: A, factory: F) -> Result<Self, Error>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
        P: Protocol<S>,
        F: FnMut(Peer) -> P + Send + 'static,
    {
        self.listen_with(address, ListenOptions::default(), factory)
    }

    /// Listens with `options`, which may be just [`Limits`](switchboard::Limits).
    ///
    /// # Errors
    ///
    /// As [`listen`](Self::listen), and [`Error::Misuse`] for options that cannot work.
    pub fn listen_with<A, P, F>(
        mut self,
        address: A,
        options: impl Into<ListenOptions>,
        factory: F,
    ) -> Result<Self, Error>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
        P: Protocol<S>,
        F: FnMut(Peer) -> P + Send + 'static,
    {
        self.operator.listen(&address.try_into()?, &options.into(), factory)?;
        Ok(self)
    }

    /// The addresses that it listens on, with their real ports, in the order of listening.
    pub fn local_addresses(&self) -> impl Iterator<Item = &Address> {
        self.operator.local_addresses()
    }

    /// A value that shows what the server has done, and that a signal handler's owner may drain
    /// or stop it with. (Another thread may not: there must be none.)
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.operator.handle()
    }

    /// Drains on SIGINT and SIGTERM, giving what was begun `grace` to finish. A second signal
    /// stops at once. The children take no notice of these signals: they are told what to do.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the handler cannot be installed.
    #[cfg(feature = "signals")]
    pub fn drain_on_signals(mut self, grace: Duration) -> Result<Self, Error> {
        self.operator.drain_on_signals(grace)?;
        Ok(self)
    }

    /// Serves until it is drained or stopped, and every child has ended.
    ///
    /// It handles SIGCHLD, and leaves children of others alone. A child whose parent has gone
    /// drains.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`] in a process of more than one thread, at the beginning or
    /// before any fork: what is there by then is ended. (Threads are counted on Linux alone;
    /// elsewhere it is for the program to have but one.) Else only of waiting for peers.
    ///
    /// # Panics
    ///
    /// As a factory that panicked, with [`OnPanic::Propagate`].
    pub fn run(mut self) -> io::Result<Ended> {
        check_threads()?;
        let exits = ChildExits::new()?;
        let mut children = Children::new();
        loop {
            if exits.take() {
                children.reap(&mut self.operator);
            } else if self.operator.is_stopping() {
                children.lose_patience();
            }
            let patience = self.operator.is_stopping().then_some(children::WAIT);
            let call = match self.operator.next(Some(exits.as_fd()), patience)? {
                Next::Call(call) => call,
                Next::Ended(ended) => return Ok(ended),
                Next::Look => continue,
            };
            check_threads()?;
            let _ = io::stdout().flush(); // Or both processes would flush what is in it.
            match fork::fork() {
                Ok(fork::Fork::Parent(child)) => children.insert(child, call.id()),
                Ok(fork::Fork::Child) => {
                    drop(exits);
                    become_child(self.operator, call, &*self.make_state)
                }
                Err(error) => self.operator.put_back(call, &error),
            }
        }
    }
}

/// Runs `call`, and ends this process with the reason in its exit status. Nothing of the parent
/// is run here: no drop, no exit handler.
fn become_child<S: 'static>(operator: Operator<S>, call: Call<S>, make_state: &dyn Fn() -> S) -> ! {
    let id = call.id();
    let talked = panic::catch_unwind(AssertUnwindSafe(|| {
        let orders = operator.leave()?;
        Ok(call.converse(&mut make_state(), Some(&orders)).reason)
    }));
    let reason = match talked {
        Ok(Ok(reason)) => reason,
        Ok(Err(error)) => {
            log::error!("connection {id}: its process cannot begin: {error}");
            let error: io::Error = error;
            CloseReason::Io(error.kind())
        }
        Err(payload) => {
            forget(payload);
            CloseReason::Panicked
        }
    };
    let _ = io::stdout().flush();
    signal_hook::low_level::exit(reasons::to_code(reason))
}

/// Dropping what a panic carries may panic again.
fn forget(payload: Box<dyn Any + Send>) {
    std::mem::forget(payload);
}

/// Refuses to fork a process that has more threads than the one which is running.
fn check_threads() -> io::Result<()> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Ok(()) };
    let count = threads.count();
    if count <= 1 {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        format!(
            "cannot fork: this process has {count} threads, and a fork is sound with one alone; \
             end the others first, or use Threads or EventLoop"
        ),
    ))
}

impl<S> fmt::Debug for Forks<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Forks").field(&self.operator).finish()
    }
}
