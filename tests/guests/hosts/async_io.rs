//! async-io, as in smol: a descriptor and a deadline, awaited.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use async_io::{Async, Timer, block_on};
use rustix::fd::AsFd;
use switchboard::drivers::event_loop::Ended;
use switchboard::embed::OwnPoll;
use switchboard::{Budget, Config, Deadline, Error, EventLoop, Wait};

use super::tasks::{TaskBell, accompany};
use super::{Aside, Bell, Driven, Host, Visitor, visitor};

/// See the module.
pub(crate) struct AsyncIo {
    bell: TaskBell,
}

async fn drive<S: 'static>(server: &mut EventLoop<S>, state: &mut S) -> io::Result<Ended> {
    // A duplicate, because the server itself is needed for its turns.
    let descriptor = Async::new_nonblocking(server.as_fd().try_clone_to_owned()?)?;
    loop {
        if let Some(ended) = server.turn(Wait::No, Budget::default(), state)?.ended {
            return Ok(ended);
        }
        let mut readable = pin!(descriptor.readable());
        let mut alarm = pin!(match server.next_deadline() {
            Deadline::At(at) => Timer::at(at),
            Deadline::Never => Timer::never(),
            Deadline::Now | _ => Timer::after(Duration::ZERO),
        });
        let mut is_hasty = server.has_pending();
        poll_fn(|context| match readable.as_mut().poll(context) {
            // An alarm that is due is ready at once; other tasks have their turn before.
            Poll::Pending if std::mem::take(&mut is_hasty) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => alarm.as_mut().poll(context).map(|_| Ok(())),
            ready @ Poll::Ready(_) => ready,
        })
        .await?;
    }
}

impl<S: Send + 'static> Host<S> for AsyncIo {
    type Poll = OwnPoll;

    fn new() -> io::Result<Self> {
        Ok(Self { bell: TaskBell::default() })
    }

    fn guest(&mut self, config: Config, state: S) -> Result<Visitor<S>, Error> {
        visitor(config, state)
    }

    fn bell(&self) -> Bell {
        self.bell.rope()
    }

    fn drive(&mut self, mut visitor: Visitor<S>, aside: Aside) -> io::Result<Driven<S>> {
        let guest = drive(&mut visitor.server, &mut visitor.state);
        let ended = block_on(accompany(guest, &self.bell, aside, Timer::after)).transpose()?;
        Ok((visitor, ended))
    }

    fn alone(&mut self) -> io::Result<()> {
        block_on(self.bell.rings());
        Ok(())
    }
}
