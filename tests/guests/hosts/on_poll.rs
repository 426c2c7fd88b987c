//! A `mio::Poll` of the program's: the guest's sources live in it, beside the program's own.

use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use switchboard::embed::{Guest, HostPoll, WakeUp};
use switchboard::{Budget, Config, Error, Turn};

use super::{Aside, Bell, Driven, Host, Next, Visitor, Waiting, is_something, until};

/// See the module.
pub(crate) struct OnPoll<W> {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    wakes: PhantomData<W>,
}

/// How another thread wakes the host for the guest's sake.
pub(crate) trait Wakes {
    fn wake_up(waker: &Arc<Waker>) -> WakeUp;
}

/// By the one waker that the host's poll may have.
pub(crate) struct ByWaker;

impl Wakes for ByWaker {
    fn wake_up(waker: &Arc<Waker>) -> WakeUp {
        let waker = Arc::clone(waker);
        WakeUp::callback(move || waker.wake().expect("a poll can be woken"))
    }
}

/// By a descriptor of the guest's own.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) struct ByDescriptor;

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Wakes for ByDescriptor {
    fn wake_up(_: &Arc<Waker>) -> WakeUp {
        WakeUp::Descriptor
    }
}

const BELL: Token = Token(0);

impl<W> OnPoll<W> {
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        loop {
            match self.poll.poll(&mut self.events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// One round of the host's: how many events came, and what the guest did.
    pub(crate) fn round<S: 'static>(
        &mut self,
        Visitor { server, state }: &mut Visitor<S, HostPoll>,
        timeout: Option<Duration>,
        budget: Budget,
    ) -> io::Result<(usize, Turn)> {
        self.wait(timeout)?;
        for event in &self.events {
            if server.owns(event.token()) {
                server.ready(event).map_err(io::Error::other)?;
            }
        }
        let count = self.events.iter().count();
        if count == self.events.capacity() {
            server.expect_more_events();
        }
        Ok((count, server.end_round(budget, state)))
    }
}

impl<S: Send + 'static, W: Wakes> Host<S> for OnPoll<W> {
    type Poll = HostPoll;

    fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), BELL)?);
        Ok(Self { poll, events: Events::with_capacity(64), waker, wakes: PhantomData })
    }

    fn guest(&mut self, config: Config, state: S) -> Result<Visitor<S, HostPoll>, Error> {
        // How much is fetched at once is up to the host.
        self.events = Events::with_capacity(config.events);
        let wake_up = W::wake_up(&self.waker);
        let server = Guest::attach_with(self.poll.registry(), 1000..10_000, wake_up, config)?;
        Ok(Visitor { server, state })
    }

    fn bell(&self) -> Bell {
        let waker = Arc::clone(&self.waker);
        Box::new(move || waker.wake().expect("a poll can be woken"))
    }

    fn drive(
        &mut self,
        mut visitor: Visitor<S, HostPoll>,
        mut aside: Aside,
    ) -> io::Result<Driven<S, HostPoll>> {
        let (mut next, mut ended) = (Next::Wait, None);
        while next != Next::Leave && ended.is_none() {
            let waiting = Waiting::new(until(visitor.server.next_deadline()), next);
            let (count, turn) = self.round(&mut visitor, waiting.timeout, Budget::default())?;
            ended = turn.ended;
            next = aside(waiting.ended(count > 0 || is_something(&turn)));
        }
        Ok((visitor, ended))
    }

    fn alone(&mut self) -> io::Result<()> {
        self.wait(None)
    }
}
