//! The ways in: loops that a program may have already, each with a loop of ours in it.
//!
//! Each is a file, and as small as a program would write it, so that what is proved of it here is
//! proved of what a reader copies. They are shared by the tests of guests and by `served`, which
//! plays the scenarios of every driver under each.

#![allow(dead_code, unused_imports, reason = "each program uses a part of it")]

#[cfg(not(mio_unsupported_force_poll_poll))]
mod epoll;
mod game_tick;
mod own;
#[cfg(not(mio_unsupported_force_poll_poll))]
mod poll;

use std::io;
use std::time::{Duration, Instant};

use switchboard::drivers::event_loop::{Deadline, Ended};
use switchboard::{Config, Error, EventLoop};

#[cfg(not(mio_unsupported_force_poll_poll))]
pub(crate) use epoll::{Edge, Epoll, Level, Naive};
pub(crate) use game_tick::GameTick;
pub(crate) use own::Own;
#[cfg(not(mio_unsupported_force_poll_poll))]
pub(crate) use poll::Poll;

/// A loop that a program has, and how ours is a guest in it.
pub(crate) trait Host<S: Send + 'static>: Sized {
    /// Makes the host, with no guest.
    fn new() -> io::Result<Self>;

    /// What this way in needs of the guest's configuration.
    fn configure(config: Config) -> Config {
        config
    }

    /// Makes a guest for this host.
    fn guest(&mut self, config: Config, state: S) -> Result<Guest<S>, Error> {
        Ok(Guest { server: EventLoop::with_config(Self::configure(config))?, state })
    }

    /// A source of the host's own. Taken after the guest was made.
    fn bell(&self) -> Bell;

    /// Takes the guest in, and goes round until that has ended, or until `aside` says that it
    /// shall leave. Then nothing of it is left in the host.
    fn drive(&mut self, guest: Guest<S>, aside: Aside) -> io::Result<(Guest<S>, Option<Ended>)>;

    /// Goes round without a guest until its own bell has rung.
    fn alone(&mut self) -> io::Result<()>;
}

/// A loop of ours, and the state of the program around it.
pub(crate) struct Guest<S: 'static> {
    pub(crate) server: EventLoop<S>,
    pub(crate) state: S,
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

/// How long a host may wait for its guest's sake: not at all, up to a time, or for ever.
pub(crate) fn until(deadline: Deadline) -> Option<Duration> {
    match deadline {
        Deadline::Now => Some(Duration::ZERO),
        Deadline::At(at) => Some(at.saturating_duration_since(now())),
        Deadline::Never | _ => None,
    }
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
