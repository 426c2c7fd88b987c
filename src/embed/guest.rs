//! A guest on the program's own `mio::Poll`.
//!
//! The same engine as everywhere, without the wait: the host waits, and hands over the events
//! that are ours. Nothing here makes a system call that the event loop would not make.

use std::ops::Range;

use mio::Registry;
use mio::event::Event;

use crate::drivers::event_loop::{Budget, Config, Engine, EventLoop, Turn};
use crate::net::{HostPoll, SystemNetwork, WakeUp};
use crate::sansio::{Error, Misuse};

/// An event loop whose sources are in the poll of the program around it.
///
/// It has all that an [`EventLoop`] has but `turn` and `run`: the program waits. In each round
/// of the program's loop, hand over the events whose tokens are the guest's, and then
/// [end its round](Self::end_round), whether or not there were any. The [`Turn`] that comes back
/// says by when the next round must be ended, also if nothing happens: that bounds the wait.
/// What is asked of the guest after it, such as a connection to be opened or closed, may be due
/// earlier: then [`next_deadline`](Self::next_deadline) bounds the wait, asked just before.
///
/// ```no_run
/// use switchboard::embed::{Guest, WakeUp};
/// use switchboard::Budget;
/// # use std::io::ErrorKind;
/// # use std::time::Instant;
///
/// let mut poll = mio::Poll::new()?;
/// let waker = mio::Waker::new(poll.registry(), mio::Token(0))?;
/// let wake_up = WakeUp::callback(move || waker.wake().expect("a poll can be woken"));
/// let mut guest = Guest::attach(poll.registry(), 1000..2000, wake_up)?;
/// guest.listen("127.0.0.1:7000", |_peer| switchboard::services::Echo)?;
///
/// let mut events = mio::Events::with_capacity(256);
/// let mut timeout = None;
/// loop {
///     match poll.poll(&mut events, timeout) {
///         Err(error) if error.kind() == ErrorKind::Interrupted => {} // a round without events
///         outcome => outcome?,
///     }
///     for event in &events {
///         if guest.owns(event.token()) {
///             guest.ready(event)?;
///         } // else it is the program's own
///     }
///     let turn = guest.end_round(Budget::default(), &mut ());
///     timeout = turn.next.timeout(Instant::now());
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Any number of guests, and whatever else the program has, share one poll, if their tokens do
/// not overlap. Each connection, listener and datagram socket takes one token of the range while
/// it is there, and [`WakeUp::Descriptor`] one for life. Where they are used up, accepting waits
/// as it does at a limit of connections, and asking for more is an error.
///
/// Dropping a guest, at any time, takes every source of it out of the poll and closes it; the
/// same tokens may be given to another.
pub type Guest<S> = EventLoop<S, HostPoll>;

/// Being a guest.
impl<S: 'static> Guest<S> {
    /// A guest with the default [`Config`] on the poll of `registry`. Its sources have the
    /// tokens `tokens`, which the program uses for nothing else. `wake_up` is how it makes the
    /// poll return when something was posted from another thread.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for fewer than three tokens, with which nobody could connect,
    /// [`Error::Io`] for want of descriptors.
    pub fn attach(
        registry: &Registry,
        tokens: Range<usize>,
        wake_up: WakeUp,
    ) -> Result<Self, Error> {
        Self::attach_with(registry, tokens, wake_up, Config::default())
    }

    /// A guest with `config`, whose `events` mean nothing here.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for a configuration that cannot work, else as [`attach`](Self::attach).
    pub fn attach_with(
        registry: &Registry,
        tokens: Range<usize>,
        wake_up: WakeUp,
        config: Config,
    ) -> Result<Self, Error> {
        config.check()?;
        if config.timer_in_descriptor {
            return Err(Misuse::NoDescriptor.into());
        }
        Misuse::check_least("tokens", tokens.len(), FEWEST_TOKENS)?;
        let attempt = "cannot be a guest in this poll";
        let poll =
            HostPoll::new(registry, tokens, wake_up).map_err(|error| Error::io(attempt, error))?;
        let network = SystemNetwork::in_poll_of_host(poll, config.clock.clone());
        let engine = Engine::new(network, config).map_err(|error| Error::io(attempt, error))?;
        Ok(Self { engine })
    }

    /// The tokens that were given to it.
    #[must_use]
    pub fn tokens(&self) -> &Range<usize> {
        self.engine.network_ref().tokens()
    }

    /// Whether an event with this token is the guest's.
    #[must_use]
    pub fn owns(&self, token: mio::Token) -> bool {
        self.tokens().contains(&token.0)
    }

    /// Takes an event of the guest's. Nothing is done about it before the round ends. One about
    /// a source that is gone already is taken, too, and means nothing.
    ///
    /// # Errors
    ///
    /// [`Misuse::ForeignToken`] for an event that is not the guest's, and in a debug build
    /// [`Misuse::Forked`] in another process than the one the guest was made in.
    pub fn ready(&mut self, event: &Event) -> Result<(), Misuse> {
        self.engine.check_process()?;
        match self.engine.network_ref().readiness(event)? {
            Some(readiness) => self.engine.ready(readiness),
            None => log::debug!("an event of token {} came late", event.token().0),
        }
        Ok(())
    }

    /// Says that the host's poll came back with all the events it had room for, so that others
    /// may wait. Deadlines then wait, too, for the bytes that may be among them; the round ends
    /// with [`Deadline::Now`](crate::Deadline::Now). Without it a host that was away for long
    /// may find that clients are timed out whose bytes were there.
    pub fn expect_more_events(&mut self) {
        self.engine.network().expect_more();
    }

    /// Ends a round: serves what is ready and what is due, and says what happened and when the
    /// next round should end, also if no event comes before. It never blocks, and ends within
    /// `budget`, plus one callback and one system call.
    ///
    /// It is to be called once after each wait of the host's, when every event that the wait
    /// gave has been handed over.
    pub fn end_round(&mut self, budget: Budget, state: &mut S) -> Turn {
        let is_more_expected = self.engine.network().take_expectation();
        self.engine.note_poll(is_more_expected);
        self.engine.end_round(budget, state)
    }
}

/// One to listen, one to connect, one to be woken.
const FEWEST_TOKENS: usize = 3;
