//! A guest in a calloop: one more of its event sources.
//!
//! It must never make two turns between which the host's other sources have no say, nor rely on
//! being called again for what is left over: its timer, set at once then, is for that. (calloop
//! 0.14 can call a source before each wait, but once more for each time its timer was moved.)

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use ::calloop::generic::Generic;
use ::calloop::timer::{TimeoutAction, Timer};
use ::calloop::{EventSource, Interest, Mode, Poll, PostAction, Readiness, Token, TokenFactory};

use crate::drivers::event_loop::{Budget, Deadline, EventLoop, Turn, Wait};

/// An [`EventLoop`] as an event source of calloop. The callback that is inserted with it lends
/// the protocols their `&mut S`: the host's data, or the part of it that they may have.
///
/// ```no_run
/// use switchboard::embed::calloop::Source;
/// use switchboard::{Budget, EventLoop};
/// # struct Desktop { clients: usize }
/// let mut host: calloop::EventLoop<'_, Desktop> = calloop::EventLoop::try_new()?;
/// let server: EventLoop<usize> = EventLoop::new()?;
/// host.handle().insert_source(Source::new(server, calloop::Mode::Level)?, |(), server, desktop| {
///     server.turn(Budget::default(), &mut desktop.clients)
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It removes itself in the turn in which the loop was [stopped](crate::Handle::stop) or drained,
/// may be removed or disabled at any time (in its own callback only removed: calloop 0.14 may
/// forget the other), and leaves nothing in the host. `LoopHandle::update` has it notice what was
/// done to the loop elsewhere, and what the host dropped because another source failed.
#[derive(Debug)]
pub struct Source<S: 'static> {
    /// The loop. A source that was taken back, as from a `Dispatcher`, may be taken apart.
    pub turner: Turner<S>,
    descriptor: Generic<OwnedFd>,
    is_registered: bool,
    timer: Timer,
    /// For when the timer is set, in the loop's time.
    set_for: Deadline,
}

/// The loop, as the callback has it: to be turned.
#[derive(Debug)]
#[non_exhaustive]
pub struct Turner<S: 'static> {
    /// May be looked at and asked for more, before the turn and after it.
    pub event_loop: EventLoop<S>,
}

/// A turn that was made. There is no other way to one, so no callback forgets to make it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Turned {
    /// What happened in it.
    pub turn: Turn,
}

impl<S: 'static> Turner<S> {
    /// Makes a turn with the state that is lent to it. It does not block; what `budget` leaves
    /// over is done when the host's other sources have been served.
    ///
    /// # Errors
    ///
    /// Only of the poll itself. If the callback hands one on, the host's dispatch ends with it.
    pub fn turn(&mut self, budget: Budget, state: &mut S) -> io::Result<Turned> {
        self.event_loop.turn(Wait::No, budget, state).map(|turn| Turned { turn })
    }
}

impl<S: 'static> Source<S> {
    /// Makes a source that calloop watches as `mode` says. In none of them anything is lost.
    ///
    /// # Errors
    ///
    /// Where the system has no more descriptors.
    pub fn new(event_loop: EventLoop<S>, mode: Mode) -> io::Result<Self> {
        // A duplicate, which is one to the system: calloop keeps what it watches to itself.
        let descriptor = event_loop.as_fd().try_clone_to_owned()?;
        let descriptor = Generic::new(descriptor, Interest::READ, mode);
        let (turner, timer) = (Turner { event_loop }, Timer::immediate());
        Ok(Self { turner, descriptor, is_registered: false, timer, set_for: Deadline::Never })
    }

    fn set_timer(&mut self, poll: &mut Poll, tokens: &mut TokenFactory) -> calloop::Result<()> {
        self.timer.unregister(poll)?;
        self.set_for = self.turner.event_loop.next_deadline();
        // Whatever clock the loop has, the wait is real.
        match self.set_for.timeout(self.turner.event_loop.control().now()) {
            Some(timeout) => self.timer = Timer::from_duration(timeout),
            None => return Ok(()),
        }
        self.timer.register(poll, tokens)
    }
}

impl<S: 'static> EventSource for Source<S> {
    type Event = ();
    type Metadata = Turner<S>;
    type Ret = io::Result<Turned>;
    type Error = io::Error;

    fn process_events<F>(
        &mut self,
        ready: Readiness,
        token: Token,
        mut lend: F,
    ) -> io::Result<PostAction>
    where
        F: FnMut((), &mut Turner<S>) -> io::Result<Turned>,
    {
        if !self.is_registered {
            return Ok(PostAction::Continue); // Fetched before it was taken out.
        }
        self.timer.process_events(ready, token, |_, ()| {
            self.set_for = Deadline::Never; // It has fired.
            TimeoutAction::Drop
        })?;
        if lend((), &mut self.turner)?.turn.ended.is_some() {
            return Ok(PostAction::Remove);
        }
        // A timer that will fire too early is left as it is: most deadlines move on and on.
        let is_late = self.turner.event_loop.next_deadline() < self.set_for;
        let must_ask = is_late || matches!(self.descriptor.mode, Mode::OneShot);
        Ok(if must_ask { PostAction::Reregister } else { PostAction::Continue })
    }

    fn register(&mut self, poll: &mut Poll, tokens: &mut TokenFactory) -> calloop::Result<()> {
        self.descriptor.register(poll, tokens)?;
        self.is_registered = true;
        self.set_timer(poll, tokens)
    }

    fn reregister(&mut self, poll: &mut Poll, tokens: &mut TokenFactory) -> calloop::Result<()> {
        self.descriptor.reregister(poll, tokens)?;
        self.set_timer(poll, tokens)
    }

    fn unregister(&mut self, poll: &mut Poll) -> calloop::Result<()> {
        self.timer.unregister(poll)?;
        if std::mem::take(&mut self.is_registered) {
            self.descriptor.unregister(poll)?;
        }
        Ok(())
    }
}
