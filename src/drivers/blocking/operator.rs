//! Who accepts calls and hands each to somebody else: the half that a driver of threads and one
//! of processes have in common.
//!
//! | state | by | to |
//! | --- | --- | --- |
//! | Serving | `drain`, a stop signal | Draining: nothing is accepted, all are told |
//! | Serving, Draining | `stop`, a second stop signal | Stopping: all are reset |
//! | Draining | its deadline | Draining, and all are reset |
//! | Draining | nobody is left | Over: drained |
//! | Stopping | nobody is left | Over: stopped |

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::event_loop::{Drained, Ended, Factory, Peer};
use super::call::{Call, Outcome, Terms};
use super::config::Config;
use super::handle::{Board, Handle};
use super::listeners::Listeners;
use super::orders::Orders;
use crate::net::{Bell, Clock, ListenOptions, Watch};
use crate::sansio::{Address, ConnectionId, Driver, Error, ListenerId, Protocol, after};

/// Accepts connections for a driver that has others run them.
///
/// A driver calls [`next`](Self::next) until it says that it has [ended](Next::Ended). Each
/// [`Call`] it gives is run somewhere with [`orders`](Self::orders); when it is over, the driver
/// tells with [`note_ended`](Self::note_ended), which makes room for another.
pub struct Operator<S> {
    listeners: Listeners<S>,
    terms: Arc<Terms>,
    board: Arc<Board>,
    orders: Option<Arc<Orders>>,
    state: State,
    #[cfg(feature = "signals")]
    signals: Option<(crate::net::SignalPipe, Duration)>,
}

/// What an operator has for its driver.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver must answer each")]
pub enum Next<S> {
    /// A connection to be run.
    Call(Call<S>),
    /// Nothing, but something happened: time to look for conversations that have ended.
    Look,
    /// It is over. Nobody is left.
    Ended(Ended),
}

/// See the module. Only `enter` assigns it.
#[derive(Clone, Copy, Debug)]
enum State {
    Serving,
    Draining { deadline: Instant, tally: Drained, is_late: bool },
    Stopping,
    Over,
}

impl<S: 'static> Operator<S> {
    /// An operator for `driver`, which names who cannot do what a protocol may ask for.
    #[must_use]
    pub fn new(driver: Driver, config: Config) -> Self {
        Self {
            listeners: Listeners::new(),
            terms: Arc::new(Terms::new(driver, config)),
            board: Arc::default(),
            orders: None,
            state: State::Serving,
            #[cfg(feature = "signals")]
            signals: None,
        }
    }

    /// Listens on `address`. For each peer that connects, `factory` makes its protocol, on the
    /// thread and in the process that calls [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for options or a configuration that cannot work, [`Error::Io`] where
    /// the system refuses.
    pub fn listen<P, F>(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        mut factory: F,
    ) -> Result<ListenerId, Error>
    where
        P: Protocol<S>,
        F: FnMut(Peer) -> P + Send + 'static,
    {
        self.terms.config.check()?;
        let factory: Factory<S> = Box::new(move |peer| Box::new(factory(peer)));
        self.listeners.listen(address, options, factory)
    }

    /// The addresses that it listens on, with their real ports, in the order of listening.
    pub fn local_addresses(&self) -> impl Iterator<Item = &Address> {
        self.listeners.addresses()
    }

    /// What bounds the driver as a whole.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.terms.config
    }

    /// A value that reaches it from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.board))
    }

    /// Something that ends the wait of [`next`](Self::next) from another thread.
    #[must_use]
    pub fn ringer(&self) -> Ringer {
        Ringer { board: Arc::clone(&self.board) }
    }

    /// Drains on SIGINT and SIGTERM, giving what was begun `grace` to finish. A second signal
    /// stops at once.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the handler cannot be installed.
    #[cfg(feature = "signals")]
    pub fn drain_on_signals(&mut self, grace: Duration) -> Result<(), Error> {
        let pipe = crate::net::SignalPipe::new()
            .map_err(|error| Error::io("cannot watch signals", error))?;
        self.signals = Some((pipe, grace));
        Ok(())
    }

    /// The orders that each conversation is to follow.
    ///
    /// # Errors
    ///
    /// For want of descriptors, the first time.
    pub fn orders(&mut self) -> io::Result<Arc<Orders>> {
        match &self.orders {
            Some(orders) => Ok(Arc::clone(orders)),
            None => Ok(Arc::clone(self.orders.insert(Arc::new(Orders::new()?)))),
        }
    }

    /// Waits for a peer, for an order, for the [`Ringer`], and for `also` to become readable; at
    /// most for `patience`, if there is an end to it.
    ///
    /// # Errors
    ///
    /// Only of the wait itself, or for want of descriptors before the first.
    pub fn next(
        &mut self,
        also: Option<BorrowedFd<'_>>,
        patience: Option<Duration>,
    ) -> io::Result<Next<S>> {
        let orders = self.orders()?;
        if self.board.bell.get().is_none() {
            let _ = self.board.bell.set(Bell::new()?);
        }
        let now = Clock::System.now();
        let was_stopping = self.is_stopping();
        self.follow_handles(&orders, now);
        if let Some(ended) = self.ended() {
            return Ok(Next::Ended(ended));
        }
        if let State::Serving = self.state {
            let call = self.listeners.accept(&self.terms, now);
            self.show_tally();
            if let Some(call) = call {
                return Ok(Next::Call(call));
            }
        }
        // Its driver may wait otherwise from now on.
        if self.is_stopping() == was_stopping {
            self.wait(also, patience, now)?;
        }
        Ok(Next::Look)
    }

    /// Whether every conversation was told to end at once: it was stopped, or its drain came to
    /// its deadline.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        match self.state {
            State::Serving => false,
            State::Draining { is_late, .. } => is_late,
            State::Stopping | State::Over => true,
        }
    }

    /// A conversation has ended.
    pub fn note_ended(&mut self, id: ConnectionId, outcome: Outcome) {
        self.listeners.release(id);
        if let State::Draining { tally, .. } = &mut self.state {
            tally.note(outcome.reason);
        }
        let open = self.listeners.open();
        self.board.with_stats(|stats| {
            stats.open = open;
            stats.note_closed(outcome.reason);
            stats.bytes_in += outcome.bytes_in;
            stats.bytes_out += outcome.bytes_out;
            stats.reads += outcome.reads;
            stats.writes += outcome.writes;
        });
    }

    /// There is no thread or process for `call`. It is given again after a rest.
    pub fn put_back(&mut self, call: Call<S>, error: &io::Error) {
        self.listeners.put_back(call, error, Clock::System.now());
    }

    /// Begins to drain, as [`Handle::drain`] asks for it.
    pub fn drain(&mut self, grace: Duration) {
        // It refuses only when the operator is gone.
        let _ = self.handle().drain(grace);
    }

    /// Leaves the door to the process that this one was forked from: closes every listening
    /// socket, and gives the orders that are to be followed from now on.
    ///
    /// # Errors
    ///
    /// For want of descriptors, if there were no orders yet.
    pub fn leave(mut self) -> io::Result<Orders> {
        let orders = self.orders()?;
        self.orders = None;
        let mut orders = Arc::into_inner(orders).ok_or(io::ErrorKind::ResourceBusy)?;
        orders.only_follow();
        Ok(orders)
    }

    /// Does what handles and signals asked for, and what the time does.
    fn follow_handles(&mut self, orders: &Orders, now: Instant) {
        let asked = self.board.asked();
        let (is_stop, drain) = (asked.is_stop, asked.drain);
        #[cfg(feature = "signals")]
        let (is_stop, drain) = self.follow_signals(is_stop, drain);
        if let Some(grace) = drain {
            self.begin_drain(orders, after(now, grace));
        }
        if is_stop && !matches!(self.state, State::Stopping | State::Over) {
            self.listeners.close();
            orders.stop();
            self.enter(State::Stopping);
        }
        if let State::Draining { deadline, is_late, .. } = &mut self.state
            && !*is_late
            && *deadline <= now
        {
            *is_late = true;
            orders.stop();
        }
    }

    #[cfg(feature = "signals")]
    fn follow_signals(&self, is_stop: bool, drain: Option<Duration>) -> (bool, Option<Duration>) {
        let Some((pipe, grace)) = &self.signals else { return (is_stop, drain) };
        if pipe.take() == 0 {
            (is_stop, drain)
        } else if let State::Serving = self.state {
            (is_stop, Some(drain.map_or(*grace, |drain| drain.min(*grace))))
        } else {
            (true, drain)
        }
    }

    fn begin_drain(&mut self, orders: &Orders, until: Instant) {
        match &mut self.state {
            State::Serving => {
                log::info!("draining {} connections", self.listeners.open());
                self.listeners.close();
                orders.drain();
                let tally = Drained::default();
                self.enter(State::Draining { deadline: until, tally, is_late: false });
            }
            State::Draining { deadline, .. } => *deadline = (*deadline).min(until),
            State::Stopping | State::Over => {}
        }
    }

    fn ended(&mut self) -> Option<Ended> {
        let ended = match self.state {
            State::Draining { tally, .. } => Ended::Drained(tally),
            State::Stopping => Ended::Stopped,
            State::Serving | State::Over => return None,
        };
        if self.listeners.open() > 0 {
            return None;
        }
        self.enter(State::Over);
        self.board.end();
        Some(ended)
    }

    fn enter(&mut self, state: State) {
        self.state = state;
    }

    fn show_tally(&self) {
        let (tally, open) = (self.listeners.tally, self.listeners.open());
        self.board.with_stats(|stats| {
            stats.open = open;
            stats.accepted = tally.accepted;
            stats.refused = tally.refused;
            stats.exhaustions = tally.exhaustions;
        });
    }

    fn wait(
        &mut self,
        also: Option<BorrowedFd<'_>>,
        patience: Option<Duration>,
        now: Instant,
    ) -> io::Result<()> {
        let mut watch = Watch::new();
        let bell = self.board.bell.get().map(|bell| (bell, watch.add(bell.as_fd())));
        if let Some(also) = also {
            watch.add(also);
        }
        #[cfg(feature = "signals")]
        if let Some((pipe, _)) = &self.signals {
            watch.add(pipe.as_fd());
        }
        let is_serving = matches!(self.state, State::Serving);
        let lines = if is_serving { self.listeners.watch(&mut watch, now) } else { Vec::new() };
        let until = match self.state {
            State::Serving => self.listeners.rests_until(now),
            State::Draining { deadline, is_late: false, .. } => Some(deadline),
            State::Draining { .. } | State::Stopping | State::Over => None,
        };
        let time = until.map(|until| until.saturating_duration_since(now));
        watch.wait(time.into_iter().chain(patience).min())?;
        if let Some((bell, heard)) = bell
            && watch.is_readable(heard)
        {
            bell.silence();
        }
        let ready: Vec<_> = lines
            .into_iter()
            .filter(|(_, line)| watch.is_readable(*line))
            .map(|(number, _)| number)
            .collect();
        self.listeners.note_ready(ready.into_iter());
        Ok(())
    }
}

impl<S> Drop for Operator<S> {
    fn drop(&mut self) {
        self.board.end();
    }
}

/// Ends the wait of an [`Operator`] from another thread.
#[derive(Clone, Debug)]
pub struct Ringer {
    board: Arc<Board>,
}

impl Ringer {
    /// Ends the wait, or the next if there is none.
    pub fn ring(&self) {
        self.board.ring();
    }
}

impl<S> fmt::Debug for Operator<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("listeners", &self.listeners)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
