//! The ways in: loops that a program may have already, each with a loop of ours in it.
//!
//! Each is a file, and as small as a program would write it, so that what is proved of it here is
//! proved of what a reader copies. They are shared by the tests of guests and by `served`, which
//! plays the scenarios of every driver under each.

#![allow(dead_code, unused_imports, reason = "each program uses a part of it")]

#[cfg(not(mio_unsupported_force_poll_poll))]
mod async_io;
#[cfg(all(feature = "calloop", not(mio_unsupported_force_poll_poll)))]
mod calloop;
#[cfg(not(mio_unsupported_force_poll_poll))]
mod epoll;
mod game_tick;
mod on_poll;
mod own;
#[cfg(not(mio_unsupported_force_poll_poll))]
mod poll;
mod tasks;
#[cfg(all(feature = "tokio", not(mio_unsupported_force_poll_poll)))]
mod tokio;

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::time::{Duration, Instant};

use switchboard::drivers::event_loop::Ended;
use switchboard::embed::{HostPoll, OwnPoll, Poller};
use switchboard::{Budget, Config, Deadline, Error, EventLoop, Turn, Wait};

#[cfg(not(mio_unsupported_force_poll_poll))]
pub(crate) use async_io::AsyncIo;
#[cfg(all(feature = "calloop", not(mio_unsupported_force_poll_poll)))]
pub(crate) use calloop::{Calloop, ToldEach, ToldOnce, ToldWhile};
#[cfg(not(mio_unsupported_force_poll_poll))]
pub(crate) use epoll::{Edge, EdgeAlone, Epoll, Level, LevelAlone, Naive};
pub(crate) use game_tick::GameTick;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use on_poll::ByDescriptor;
pub(crate) use on_poll::{ByWaker, OnPoll};
pub(crate) use own::Own;
#[cfg(not(mio_unsupported_force_poll_poll))]
pub(crate) use poll::Poll;
#[cfg(all(feature = "tokio", not(mio_unsupported_force_poll_poll)))]
pub(crate) use tokio::{CurrentThread, MultiThread, Tokio};

/// A loop that a program has, and how ours is a guest in it.
pub(crate) trait Host<S: Send + 'static>: Sized {
    /// Whose poll announces the guest's sockets.
    type Poll: Turns;

    /// Makes the host, with no guest.
    fn new() -> io::Result<Self>;

    /// Makes a guest for this host.
    fn guest(&mut self, config: Config, state: S) -> Result<Visitor<S, Self::Poll>, Error>;

    /// A source of the host's own. Taken after the guest was made.
    fn bell(&self) -> Bell;

    /// Takes the guest in, and goes round until that has ended, or until `aside` says that it
    /// shall leave. Then the host has forgotten it.
    fn drive(
        &mut self,
        visitor: Visitor<S, Self::Poll>,
        aside: Aside,
    ) -> io::Result<Driven<S, Self::Poll>>;

    /// Goes round without a guest until its own bell has rung.
    fn alone(&mut self) -> io::Result<()>;
}

/// A loop of ours, and the state of the program around it.
pub(crate) struct Visitor<S: 'static, P: Poller = OwnPoll> {
    pub(crate) server: EventLoop<S, P>,
    pub(crate) state: S,
}

/// A guest that was driven, and how it ended if it did.
pub(crate) type Driven<S, P = OwnPoll> = (Visitor<S, P>, Option<Ended>);

/// A guest with a poll of its own.
pub(crate) fn visitor<S: 'static>(config: Config, state: S) -> Result<Visitor<S>, Error> {
    Ok(Visitor { server: EventLoop::with_config(config)?, state })
}

/// What differs between a guest with a poll of its own and one without.
pub(crate) trait Turns: Poller + Send + Sized + 'static {
    /// A turn that waits for nothing.
    fn turn<S: 'static>(visitor: &mut Visitor<S, Self>, budget: Budget) -> io::Result<Turn>;

    /// What a host watches of it, if there is one thing.
    fn descriptor<S>(_: &Visitor<S, Self>) -> Option<RawFd> {
        None
    }
}

impl Turns for OwnPoll {
    fn turn<S: 'static>(visitor: &mut Visitor<S>, budget: Budget) -> io::Result<Turn> {
        visitor.server.turn(Wait::No, budget, &mut visitor.state)
    }

    #[cfg(not(mio_unsupported_force_poll_poll))]
    fn descriptor<S>(visitor: &Visitor<S>) -> Option<RawFd> {
        Some(visitor.server.as_fd().as_raw_fd())
    }
}

impl Turns for HostPoll {
    fn turn<S: 'static>(visitor: &mut Visitor<S, Self>, budget: Budget) -> io::Result<Turn> {
        Ok(visitor.server.end_round(budget, &mut visitor.state))
    }
}

/// What the host has to do besides: called once a round, when nothing of the guest's runs.
pub(crate) type Aside = Box<dyn FnMut(Round) -> Next + Send>;

/// Why a host has come round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// Something woke it: the guest, the guest's deadline, or its own bell.
    Woken,
    /// The time was over that it had for its wait, and nothing had come.
    TimedOut,
}

/// What a host shall do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Wait until something wakes it.
    Wait,
    /// Wait at most so long.
    WaitUpTo(Duration),
    /// Let the guest go.
    Leave,
}

/// Wakes a host from any thread.
pub(crate) type Bell = Box<dyn Fn() + Send + Sync>;

#[expect(clippy::disallowed_methods, reason = "a host has a clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// How long a host may wait for its guest's sake.
pub(crate) fn until(deadline: Deadline) -> Option<Duration> {
    deadline.timeout(now())
}

/// Whether a turn found something to do, or left something.
pub(crate) fn is_something(turn: &Turn) -> bool {
    turn.more || turn.events > 0 || turn.callbacks > 0
}

/// A wait that a host begins: as long as its guest lets it, and as long as it wants to itself.
pub(crate) struct Waiting {
    pub(crate) timeout: Option<Duration>,
    ends: Option<Instant>,
}

impl Waiting {
    pub(crate) fn new(guest: Option<Duration>, next: Next) -> Self {
        let Next::WaitUpTo(own) = next else { return Self { timeout: guest, ends: None } };
        Self { timeout: Some(guest.map_or(own, |guest| guest.min(own))), ends: Some(now() + own) }
    }

    /// What came of it, where something has come or nothing.
    pub(crate) fn ended(&self, with_something: bool) -> Round {
        match self.ends {
            Some(ends) if !with_something && ends <= now() => Round::TimedOut,
            _ => Round::Woken,
        }
    }
}
