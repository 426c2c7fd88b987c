//! poll(2): the descriptor and the deadline.

use std::io;
use std::sync::Arc;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::retry_on_intr;
use switchboard::embed::OwnPoll;
use switchboard::{Budget, Config, Error, Wait};

use super::{Aside, Bell, Driven, Host, Next, Visitor, Waiting, is_something, until, visitor};

/// See the module.
pub(crate) struct Poll {
    bell: Arc<OwnedFd>,
}

/// A descriptor that is readable once it was written to, and what writes to it.
pub(super) fn doorbell() -> io::Result<Arc<OwnedFd>> {
    Ok(Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?))
}

pub(super) fn ring(bell: &OwnedFd) {
    rustix::io::write(bell, &1_u64.to_ne_bytes()).expect("it never fills up");
}

/// Takes note that it was rung; it may be that it was not.
pub(super) fn unring(bell: &OwnedFd) {
    let _ = rustix::io::read(bell, &mut [0; 8]);
}

impl<S: Send + 'static> Host<S> for Poll {
    type Poll = OwnPoll;

    fn new() -> io::Result<Self> {
        Ok(Self { bell: doorbell()? })
    }

    fn guest(&mut self, config: Config, state: S) -> Result<Visitor<S>, Error> {
        visitor(config, state)
    }

    fn bell(&self) -> Bell {
        let bell = Arc::clone(&self.bell);
        Box::new(move || ring(&bell))
    }

    fn drive(&mut self, mut visitor: Visitor<S>, mut aside: Aside) -> io::Result<Driven<S>> {
        let mut next = Next::Wait;
        while next != Next::Leave {
            let waiting = Waiting::new(until(visitor.server.next_deadline()), next);
            let timeout = waiting.timeout.map(Timespec::try_from).transpose();
            let timeout = timeout.expect("no deadline is that far away");
            let watched = [visitor.server.as_fd(), self.bell.as_fd()];
            let mut watched = watched.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
            let ready = retry_on_intr(|| poll(&mut watched, timeout.as_ref()))?;
            unring(&self.bell);
            let turn = visitor.server.turn(Wait::No, Budget::default(), &mut visitor.state)?;
            if turn.ended.is_some() {
                return Ok((visitor, turn.ended));
            }
            next = aside(waiting.ended(ready > 0 || is_something(&turn)));
        }
        Ok((visitor, None))
    }

    fn alone(&mut self) -> io::Result<()> {
        retry_on_intr(|| poll(&mut [PollFd::new(&self.bell, PollFlags::IN)], None))?;
        unring(&self.bell);
        Ok(())
    }
}
