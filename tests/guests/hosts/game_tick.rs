//! A game: a frame is a turn, which may take what is left of it.
//!
//! Its frames come by themselves, so of those in which nothing came only the last before a time
//! that somebody waits for is told.

use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;

use switchboard::embed::OwnPoll;
use switchboard::{Budget, Config, Error, Wait};

use super::{Aside, Bell, Driven, Host, Next, Round, Visitor, Waiting, is_something, now, visitor};

/// Shorter than a player would want it, so that what takes a thousand frames takes no minute.
const FRAME: Duration = Duration::from_micros(200);

/// See the module.
pub(crate) struct GameTick {
    bell: SyncSender<()>,
    rung: Receiver<()>,
}

impl<S: Send + 'static> Host<S> for GameTick {
    type Poll = OwnPoll;

    fn new() -> io::Result<Self> {
        let (bell, rung) = mpsc::sync_channel(1);
        Ok(Self { bell, rung })
    }

    fn guest(&mut self, config: Config, state: S) -> Result<Visitor<S>, Error> {
        visitor(config, state)
    }

    fn bell(&self) -> Bell {
        let bell = self.bell.clone();
        Box::new(move || {
            let _ = bell.try_send(()); // Where it has not been heard yet, once is enough.
        })
    }

    fn drive(&mut self, mut visitor: Visitor<S>, mut aside: Aside) -> io::Result<Driven<S>> {
        let mut waiting = Waiting::new(None, Next::Wait);
        loop {
            let frame_end = now() + FRAME;
            let is_over = waiting.ended(false) == Round::TimedOut;
            let turn =
                visitor.server.turn(Wait::No, Budget::until(frame_end), &mut visitor.state)?;
            if turn.ended.is_some() {
                return Ok((visitor, turn.ended));
            }
            // The world would be moved and drawn here; then the screen is waited for.
            let rest = frame_end.saturating_duration_since(now());
            let is_awake = self.rung.recv_timeout(rest).is_ok() || is_something(&turn);
            if is_awake || is_over {
                match aside(if is_awake { Round::Woken } else { Round::TimedOut }) {
                    Next::Leave => return Ok((visitor, None)),
                    next @ (Next::Wait | Next::WaitUpTo(_)) => waiting = Waiting::new(None, next),
                }
            }
        }
    }

    fn alone(&mut self) -> io::Result<()> {
        self.rung.recv().map_err(io::Error::other)
    }
}
