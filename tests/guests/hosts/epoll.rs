//! epoll(7) around ours, level- and edge-triggered.

use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::retry_on_intr;
use switchboard::embed::OwnPoll;
use switchboard::{Budget, Config, Error, Wait};

use super::poll::{doorbell, ring, unring};
use super::{Aside, Bell, Driven, Host, Next, Visitor, Waiting, is_something, until, visitor};

/// See the module.
pub(crate) struct Epoll<M> {
    epoll: OwnedFd,
    bell: Arc<OwnedFd>,
    manner: PhantomData<M>,
}

/// How the host watches its guest.
pub(crate) trait Manner {
    /// What it asks of its epoll.
    const TRIGGER: EventFlags;

    /// Whether it asks its guest for the next deadline.
    const ASKS: bool;

    fn configure(config: Config) -> Config {
        config
    }
}

/// Level-triggered, with the deadline.
pub(crate) struct Level;

impl Manner for Level {
    const TRIGGER: EventFlags = EventFlags::IN;
    const ASKS: bool = true;
}

/// Edge-triggered, with the deadline, which is Now for as long as there is more to do.
pub(crate) struct Edge;

impl Manner for Edge {
    const TRIGGER: EventFlags = EventFlags::IN.union(EventFlags::ET);
    const ASKS: bool = true;
}

/// Level-triggered, and nothing but the descriptor, which holds the deadline, too.
pub(crate) struct LevelAlone;

impl Manner for LevelAlone {
    const TRIGGER: EventFlags = EventFlags::IN;
    const ASKS: bool = false;

    fn configure(config: Config) -> Config {
        config.timer_in_descriptor(true)
    }
}

/// Edge-triggered, and nothing but the descriptor: one turn for each edge.
pub(crate) struct EdgeAlone;

impl Manner for EdgeAlone {
    const TRIGGER: EventFlags = EventFlags::IN.union(EventFlags::ET);
    const ASKS: bool = false;

    fn configure(config: Config) -> Config {
        config.timer_in_descriptor(true)
    }
}

/// Wrong on purpose: edge-triggered, one turn for each edge, and asks nothing. It is here so that
/// a test which it passes is known to prove nothing.
pub(crate) struct Naive;

impl Manner for Naive {
    const TRIGGER: EventFlags = EventFlags::IN.union(EventFlags::ET);
    const ASKS: bool = false;
}

const GUEST: u64 = 0;
const BELL: u64 = 1;

impl<M> Epoll<M> {
    fn wait(&self, waiting: &Waiting) -> io::Result<Vec<u64>> {
        let timeout = waiting.timeout.map(Timespec::try_from).transpose();
        let timeout = timeout.expect("no deadline is that far away");
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 2];
        let count = retry_on_intr(|| epoll::wait(&self.epoll, &mut events[..], timeout.as_ref()))?;
        let sources: Vec<_> = events[..count].iter().map(|event| event.data.u64()).collect();
        if sources.contains(&BELL) {
            unring(&self.bell);
        }
        Ok(sources)
    }
}

impl<S: Send + 'static, M: Manner> Host<S> for Epoll<M> {
    type Poll = OwnPoll;

    fn new() -> io::Result<Self> {
        let (epoll, bell) = (epoll::create(CreateFlags::CLOEXEC)?, doorbell()?);
        epoll::add(&epoll, &bell, EventData::new_u64(BELL), EventFlags::IN)?;
        Ok(Self { epoll, bell, manner: PhantomData })
    }

    fn guest(&mut self, config: Config, state: S) -> Result<Visitor<S>, Error> {
        visitor(M::configure(config), state)
    }

    fn bell(&self) -> Bell {
        let bell = Arc::clone(&self.bell);
        Box::new(move || ring(&bell))
    }

    fn drive(&mut self, mut visitor: Visitor<S>, mut aside: Aside) -> io::Result<Driven<S>> {
        epoll::add(&self.epoll, &visitor.server, EventData::new_u64(GUEST), M::TRIGGER)?;
        let (mut next, mut ended) = (Next::Wait, None);
        while next != Next::Leave && ended.is_none() {
            let deadline = if M::ASKS { until(visitor.server.next_deadline()) } else { None };
            let waiting = Waiting::new(deadline, next);
            let sources = self.wait(&waiting)?;
            let mut is_awake = !sources.is_empty();
            let is_due = M::ASKS && until(visitor.server.next_deadline()) == Some(Duration::ZERO);
            if sources.contains(&GUEST) || is_due {
                let turn = visitor.server.turn(Wait::No, Budget::default(), &mut visitor.state)?;
                is_awake |= is_something(&turn);
                ended = turn.ended;
            }
            next = aside(waiting.ended(is_awake));
        }
        epoll::delete(&self.epoll, &visitor.server)?;
        Ok((visitor, ended))
    }

    fn alone(&mut self) -> io::Result<()> {
        self.wait(&Waiting::new(None, Next::Wait)).map(drop)
    }
}
