//! A thread for each connection.
//!
//! The same protocols and factories as under an [`EventLoop`](crate::EventLoop), the same
//! [`Limits`](crate::Limits), and the oldest of all designs: each conversation has a thread that
//! blocks in its reads and writes. It costs a stack and a place in the scheduler for each
//! client, and gives a callback the right to be slow: it holds up nobody else.
//!
//! What a protocol asks of other connections cannot be done here: see the table in
//! [`drivers`](super).

#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
#[cfg(feature = "signals")]
use std::time::Duration;

use super::blocking::{Call, Config, Handle, Next, Operator, Orders, Outcome, Ringer};
use super::event_loop::{Ended, OnPanic, Peer};
use crate::net::ListenOptions;
use crate::sansio::{Address, CloseReason, ConnectionId, Driver, Error, Protocol};

/// A server with a thread for each connection.
///
/// The threads are bounded by [`Limits::connections`](crate::Limits) of each listener: at that
/// many, further clients wait to be accepted. Each has a stack of [`Config::stack_size`] and a
/// name, and all are joined before [`run`](Self::run) returns. A connection takes one descriptor,
/// and two more while a [`Remote`](crate::Remote) of it exists. `S` is made anew for each
/// connection, on its thread; what connections share is for the program to share in it.
///
/// ```no_run
/// use switchboard::{Protocol, Threads, Transport};
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
/// Threads::new(|| ()).listen("127.0.0.1:7000", |_peer| Echo)?.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Threads<S> {
    operator: Operator<S>,
    make_state: Arc<dyn Fn() -> S + Send + Sync>,
}

impl<S: 'static> Threads<S> {
    /// A server that listens nowhere yet, with the default [`Config`]. `make_state` makes the
    /// state that the callbacks of one connection are lent.
    #[must_use]
    pub fn new(make_state: impl Fn() -> S + Send + Sync + 'static) -> Self {
        Self::with_config(Config::default(), make_state)
    }

    /// The same with `config`, which is checked by [`listen`](Self::listen).
    #[must_use]
    pub fn with_config(config: Config, make_state: impl Fn() -> S + Send + Sync + 'static) -> Self {
        let operator = Operator::new(Driver::Threads, config);
        Self { operator, make_state: Arc::new(make_state) }
    }

    /// Listens on `address` with the default options. For each peer that connects, `factory`
    /// makes the protocol that converses with it, on the thread that runs the server.
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

    /// Listens with `options`, which may be just [`Limits`](crate::Limits).
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

    /// A value that drains or stops the server from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.operator.handle()
    }

    /// Drains on SIGINT and SIGTERM, giving what was begun `grace` to finish. A second signal
    /// stops at once.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the handler cannot be installed.
    #[cfg(feature = "signals")]
    pub fn drain_on_signals(mut self, grace: Duration) -> Result<Self, Error> {
        self.operator.drain_on_signals(grace)?;
        Ok(self)
    }

    /// Serves until it is drained or stopped, and every thread has ended.
    ///
    /// # Errors
    ///
    /// Only of waiting for peers. What befalls a connection or a listener never ends the server.
    ///
    /// # Panics
    ///
    /// With [`OnPanic::Propagate`], as the callback that panicked, after every other connection
    /// was reset and every thread joined.
    pub fn run(mut self) -> io::Result<Ended> {
        let done = Arc::new(Done { ended: Mutex::default(), ringer: self.operator.ringer() });
        let orders = self.operator.orders()?;
        let mut crew = Crew { threads: HashMap::new(), orders, done };
        loop {
            crew.collect(&mut self.operator);
            match self.operator.next(None, None)? {
                Next::Call(call) => {
                    if let Err(refused) = crew.begin(call, &self) {
                        let (call, error) = *refused;
                        self.operator.put_back(call, &error);
                    }
                }
                Next::Look => {}
                Next::Ended(ended) => return Ok(ended),
            }
        }
    }
}

/// The threads. Dropping it ends and joins them.
struct Crew {
    threads: HashMap<ConnectionId, JoinHandle<()>>,
    orders: Arc<Orders>,
    done: Arc<Done>,
}

/// Where threads say how it went, as the last thing they do.
struct Done {
    ended: Mutex<Vec<(ConnectionId, thread::Result<Outcome>)>>,
    ringer: Ringer,
}

impl Crew {
    /// Begins a thread for `call`, or gives it back.
    fn begin<S: 'static>(
        &mut self,
        call: Call<S>,
        server: &Threads<S>,
    ) -> Result<(), Box<(Call<S>, io::Error)>> {
        let id = call.id();
        let on_panic = server.operator.config().on_panic;
        let make_state = Arc::clone(&server.make_state);
        let (orders, done) = (Arc::clone(&self.orders), Arc::clone(&self.done));
        // A thread that cannot be begun drops all it was given, so this is kept apart.
        let seat = Arc::new(Mutex::new(Some(call)));
        let taken = Arc::clone(&seat);
        let begun = thread::Builder::new()
            .name(format!("connection {id}"))
            .stack_size(server.operator.config().stack_size)
            .spawn(move || {
                let Some(call) = take(&taken) else { return };
                let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
                    call.converse(&mut make_state(), Some(&orders))
                }));
                done.tell(id, if_it_matters(outcome, on_panic));
            });
        match begun {
            Ok(thread) => _ = self.threads.insert(id, thread),
            Err(error) => {
                if let Some(call) = take(&seat) {
                    return Err(Box::new((call, error)));
                }
            }
        }
        Ok(())
    }

    /// Joins the threads that have ended.
    fn collect<S: 'static>(&mut self, operator: &mut Operator<S>) {
        for (id, ended) in self.done.take() {
            self.join(id);
            match ended {
                Ok(outcome) => operator.note_ended(id, outcome),
                // The others are ended by the drop of this crew.
                Err(payload) => panic::resume_unwind(payload),
            }
        }
    }

    fn join(&mut self, id: ConnectionId) {
        if let Some(thread) = self.threads.remove(&id)
            && thread.join().is_err()
        {
            log::error!("connection {id}: its thread panicked at its end");
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        if self.threads.is_empty() {
            return;
        }
        self.orders.stop();
        for id in self.threads.keys().copied().collect::<Vec<_>>() {
            self.join(id);
        }
    }
}

impl Done {
    fn tell(&self, id: ConnectionId, ended: thread::Result<Outcome>) {
        self.lock().push((id, ended));
        self.ringer.ring();
    }

    fn take(&self) -> Vec<(ConnectionId, thread::Result<Outcome>)> {
        mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(ConnectionId, thread::Result<Outcome>)>> {
        // Nothing that can panic runs while it is held, so what is inside is whole.
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A conversation says itself whether its panic matters; making or dropping its state may panic,
/// too.
fn if_it_matters(
    ended: Result<Outcome, Box<dyn Any + Send>>,
    on_panic: OnPanic,
) -> thread::Result<Outcome> {
    match (ended, on_panic) {
        (Err(_), OnPanic::Close) => Ok(Outcome::new(CloseReason::Panicked)),
        (ended, OnPanic::Close | OnPanic::Propagate) => ended,
    }
}

fn take<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl<S> fmt::Debug for Threads<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Threads").field(&self.operator).finish()
    }
}
