//! calloop: one more of its sources, which is lent the host's data.

use std::io;
use std::marker::PhantomData;

use calloop::ping::{Ping, make_ping};
use calloop::{Dispatcher, EventLoop, Mode};
use switchboard::drivers::event_loop::Ended;
use switchboard::embed::OwnPoll;
use switchboard::embed::calloop::{Source, Turner};
use switchboard::{Budget, Config, Error};

use super::{Aside, Bell, Driven, Host, Next, Visitor, Waiting, visitor};

/// See the module.
pub(crate) struct Calloop<S: 'static, M> {
    host: EventLoop<'static, Data<S>>,
    bell: Ping,
    mode: PhantomData<M>,
}

/// What the host lends its sources.
struct Data<S> {
    /// What it lends the guest, while there is one.
    state: Option<S>,
    ended: Option<Ended>,
    is_woken: bool,
}

/// How calloop watches its guest.
pub(crate) trait Watch {
    const MODE: Mode;
}

/// Level-triggered.
pub(crate) struct ToldWhile;
/// Edge-triggered.
pub(crate) struct ToldEach;
/// Told once, until it asks again.
pub(crate) struct ToldOnce;

impl Watch for ToldWhile {
    const MODE: Mode = Mode::Level;
}

impl Watch for ToldEach {
    const MODE: Mode = Mode::Edge;
}

impl Watch for ToldOnce {
    const MODE: Mode = Mode::OneShot;
}

impl<S: Send + 'static, M: Watch> Host<S> for Calloop<S, M> {
    type Poll = OwnPoll;

    fn new() -> io::Result<Self> {
        let host = EventLoop::<Data<S>>::try_new()?;
        let (bell, rung) = make_ping()?;
        let rings = host.handle().insert_source(rung, |(), (), data| data.is_woken = true);
        rings.map_err(|error| error.error)?;
        Ok(Self { host, bell, mode: PhantomData })
    }

    fn guest(&mut self, config: Config, state: S) -> Result<Visitor<S>, Error> {
        visitor(config, state)
    }

    fn bell(&self) -> Bell {
        let bell = self.bell.clone();
        Box::new(move || bell.ping())
    }

    fn drive(
        &mut self,
        Visitor { server, state }: Visitor<S>,
        mut aside: Aside,
    ) -> io::Result<Driven<S>> {
        let mut data = Data { state: Some(state), ended: None, is_woken: false };
        let turn = |(), server: &mut Turner<S>, data: &mut Data<S>| {
            data.is_woken = true;
            let state = data.state.as_mut().expect("it is there as long as the guest");
            let turned = server.turn(Budget::default(), state)?;
            data.ended = turned.turn.ended;
            Ok(turned)
        };
        // One that can be taken back; who need not does `insert_source`.
        let guest = Dispatcher::new(Source::new(server, M::MODE)?, turn);
        let place = self.host.handle().register_dispatcher(guest.clone())?;
        let mut next = Next::Wait;
        while next != Next::Leave && data.ended.is_none() {
            let waiting = Waiting::new(None, next);
            self.host.dispatch(waiting.timeout, &mut data)?;
            next = aside(waiting.ended(std::mem::take(&mut data.is_woken)));
        }
        self.host.handle().remove(place);
        let server = guest.into_source_inner().turner.event_loop;
        let state = data.state.expect("nobody took it");
        Ok((Visitor { server, state }, data.ended))
    }

    fn alone(&mut self) -> io::Result<()> {
        let mut data = Data { state: None, ended: None, is_woken: false };
        while !data.is_woken {
            self.host.dispatch(None, &mut data)?;
        }
        Ok(())
    }
}
