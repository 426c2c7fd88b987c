//! No host at all: the turns that `run` is made of.

use std::io;

use switchboard::drivers::event_loop::Ended;
use switchboard::{Budget, Config, Error, EventLoop, Handle, Wait};

use super::{Aside, Bell, Guest, Host, Next, Waiting};

/// See the module.
pub(crate) struct Own<S> {
    handle: Option<Handle<S>>,
}

impl<S: Send + 'static> Host<S> for Own<S> {
    fn new() -> io::Result<Self> {
        Ok(Self { handle: None })
    }

    fn guest(&mut self, config: Config, state: S) -> Result<Guest<S>, Error> {
        let server = EventLoop::with_config(config)?;
        self.handle = Some(server.handle());
        Ok(Guest { server, state })
    }

    fn bell(&self) -> Bell {
        let handle = self.handle.clone().expect("the loop was made");
        Box::new(move || handle.wake())
    }

    fn drive(
        &mut self,
        mut guest: Guest<S>,
        mut aside: Aside,
    ) -> io::Result<(Guest<S>, Option<Ended>)> {
        let mut next = Next::Wait;
        while next != Next::Leave {
            let waiting = Waiting::new(None, next);
            let wait = waiting.timeout.map_or(Wait::Forever, Wait::UpTo);
            let turn = guest.server.turn(wait, Budget::default(), &mut guest.state)?;
            if turn.ended.is_some() {
                return Ok((guest, turn.ended));
            }
            next = aside(waiting.ended(turn.events > 0 || turn.callbacks > 0));
        }
        Ok((guest, None))
    }

    fn alone(&mut self) -> io::Result<()> {
        Ok(()) // There is nobody.
    }
}
