//! A game: a frame is a turn, which may take what is left of it.
//!
//! Its frames come by themselves, so of those in which nothing came only the last before a time
//! that somebody waits for is told.

use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;

use switchboard::drivers::event_loop::Ended;
use switchboard::{Budget, Wait};

use super::{Aside, Bell, Guest, Host, Next, Round, Waiting, now};

/// Shorter than a player would want it, so that what takes a thousand frames takes no minute.
const FRAME: Duration = Duration::from_micros(500);

/// See the module.
pub(crate) struct GameTick {
    bell: SyncSender<()>,
    rung: Receiver<()>,
}

impl<S: Send + 'static> Host<S> for GameTick {
    fn new() -> io::Result<Self> {
        let (bell, rung) = mpsc::sync_channel(1);
        Ok(Self { bell, rung })
    }

    fn bell(&self) -> Bell {
        let bell = self.bell.clone();
        Box::new(move || {
            let _ = bell.try_send(()); // Where it has not been heard yet, once is enough.
        })
    }

    fn drive(
        &mut self,
        mut guest: Guest<S>,
        mut aside: Aside,
    ) -> io::Result<(Guest<S>, Option<Ended>)> {
        let mut waiting = Waiting::new(None, Next::Wait);
        loop {
            let frame_end = now() + FRAME;
            let turn = guest.server.turn(Wait::No, Budget::until(frame_end), &mut guest.state)?;
            if turn.ended.is_some() {
                return Ok((guest, turn.ended));
            }
            // The world would be moved and drawn here; then the screen is waited for.
            let rest = frame_end.saturating_duration_since(now());
            let is_rung = self.rung.recv_timeout(rest).is_ok();
            let is_something = is_rung || turn.events > 0 || turn.callbacks > 0;
            if is_something || waiting.ended(false) == Round::TimedOut {
                match aside(waiting.ended(is_something)) {
                    Next::Leave => return Ok((guest, None)),
                    next @ (Next::Wait | Next::WaitUpTo(_)) => waiting = Waiting::new(None, next),
                }
            }
        }
    }

    fn alone(&mut self) -> io::Result<()> {
        self.rung.recv().map_err(io::Error::other)
    }
}
