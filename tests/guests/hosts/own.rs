//! No host at all: the turns that `run` is made of.

use std::io;

use switchboard::embed::OwnPoll;
use switchboard::{Budget, Config, Error, EventLoop, Handle, Wait};

use super::{Aside, Bell, Driven, Host, Next, Visitor, Waiting, is_something};

/// See the module.
pub(crate) struct Own<S> {
    handle: Option<Handle<S>>,
}

impl<S: Send + 'static> Host<S> for Own<S> {
    type Poll = OwnPoll;

    fn new() -> io::Result<Self> {
        Ok(Self { handle: None })
    }

    fn guest(&mut self, config: Config, state: S) -> Result<Visitor<S>, Error> {
        let server = EventLoop::with_config(config)?;
        self.handle = Some(server.handle());
        Ok(Visitor { server, state })
    }

    fn bell(&self) -> Bell {
        let handle = self.handle.clone().expect("the loop was made");
        Box::new(move || handle.wake())
    }

    fn drive(&mut self, mut visitor: Visitor<S>, mut aside: Aside) -> io::Result<Driven<S>> {
        let mut next = Next::Wait;
        while next != Next::Leave {
            let waiting = Waiting::new(None, next);
            let wait = waiting.timeout.map_or(Wait::Forever, Wait::UpTo);
            let turn = visitor.server.turn(wait, Budget::default(), &mut visitor.state)?;
            if turn.ended.is_some() {
                return Ok((visitor, turn.ended));
            }
            next = aside(waiting.ended(is_something(&turn)));
        }
        Ok((visitor, None))
    }

    fn alone(&mut self) -> io::Result<()> {
        Ok(()) // There is nobody.
    }
}
