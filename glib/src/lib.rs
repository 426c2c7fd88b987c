//! How Switchboard is a guest in a glib main loop, as under the window of a GTK program: a
//! descriptor and a timeout, both sources of the default context. To be copied and changed.
//!
//! glib keeps its callbacks, so they cannot borrow. What the protocols are lent as `&mut S` is
//! therefore an `Rc<RefCell<S>>` at the host's side, and at its side alone: each of the host's
//! own callbacks borrows it for as long as it runs, and a turn does. Neither may run the main
//! loop again inside, as a modal dialog does. A panic would end the program, because C is in
//! between: make the loop with `OnPanic::Close`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use glib::{ControlFlow, IOCondition, Priority, SourceId};
use switchboard::drivers::event_loop::Ended;
use switchboard::{Budget, Deadline, EventLoop, Wait};

/// After the window was drawn: what is at the default priority goes before drawing, and a busy
/// server would leave no time for it.
const PRIORITY: Priority = Priority::DEFAULT_IDLE;

/// Longer waits are cut, because glib counts milliseconds in 32 bits.
const LONGEST: Duration = Duration::from_secs(3600);

/// A server in the default main context. Dropping it takes it out, closed, also in a callback.
pub struct Guest<S: 'static>(Rc<Inner<S>>);

type OnEnd = Box<dyn FnOnce(io::Result<Ended>)>;

struct Inner<S: 'static> {
    server: RefCell<EventLoop<S>>,
    state: Rc<RefCell<S>>,
    watch: Cell<Option<SourceId>>,
    alarm: Cell<Option<SourceId>>,
    on_end: Cell<Option<OnEnd>>,
}

impl<S: 'static> Guest<S> {
    /// Attaches a server to the default main context, which must be this thread's. `on_end` is
    /// told when the server was stopped or drained, or that its poll failed.
    pub fn attach(
        server: EventLoop<S>,
        state: Rc<RefCell<S>>,
        on_end: impl FnOnce(io::Result<Ended>) + 'static,
    ) -> Self {
        let descriptor = server.as_fd().as_raw_fd();
        let inner = Rc::new(Inner {
            server: RefCell::new(server),
            state,
            watch: Cell::default(),
            alarm: Cell::default(),
            on_end: Cell::new(Some(Box::new(on_end))),
        });
        let guest = Rc::downgrade(&inner);
        let turn = move |_, _| Inner::turn(&guest);
        let watch = glib_unix::unix_fd_add_local_full(descriptor, PRIORITY, IOCondition::IN, turn);
        inner.watch.set(Some(watch));
        inner.set_alarm();
        Self(inner)
    }

    /// Looks at the loop, or asks more of it. Not from within a protocol's callback: there the
    /// loop is busy, and this panics.
    pub fn with<R>(&self, look: impl FnOnce(&mut EventLoop<S>) -> R) -> R {
        let outcome = look(&mut self.0.server.borrow_mut());
        self.0.set_alarm();
        outcome
    }
}

impl<S: 'static> Inner<S> {
    fn turn(guest: &Weak<Self>) -> ControlFlow {
        // It is kept for the length of the turn, should it be dropped in that.
        let Some(guest) = guest.upgrade() else { return ControlFlow::Break };
        let turn = {
            let (mut server, mut state) = (guest.server.borrow_mut(), guest.state.borrow_mut());
            server.turn(Wait::No, Budget::default(), &mut state)
        };
        let ended = turn.map(|turn| turn.ended).transpose();
        match (ended, guest.on_end.take()) {
            (None, on_end) => {
                guest.on_end.set(on_end);
                guest.set_alarm();
            }
            (Some(ended), Some(on_end)) => {
                guest.leave();
                on_end(ended);
            }
            (Some(_), None) => {}
        }
        ControlFlow::Continue // A source that was removed stays so.
    }

    /// Sets the timeout for the next deadline.
    #[expect(clippy::disallowed_methods, reason = "a host reckons how long it may wait")]
    fn set_alarm(self: &Rc<Self>) {
        self.alarm.take().into_iter().for_each(SourceId::remove);
        let Some(watch) = self.watch.take() else { return }; // It has left.
        self.watch.set(Some(watch));
        let timeout = match self.server.borrow().next_deadline() {
            Deadline::Never => return,
            deadline => deadline.timeout(Instant::now()).map_or(LONGEST, |wait| wait.min(LONGEST)),
        };
        // glib cuts to whole milliseconds, and would come too early again and again.
        let timeout = Duration::from_millis(timeout.as_nanos().div_ceil(1_000_000) as u64);
        let guest = Rc::downgrade(self);
        let rings = move || {
            if let Some(guest) = guest.upgrade() {
                guest.alarm.take(); // It is over with this: it must not be removed again.
                Self::turn(&Rc::downgrade(&guest));
            }
            ControlFlow::Break
        };
        self.alarm.set(Some(glib::timeout_add_local_full(timeout, PRIORITY, rings)));
    }

    fn leave(&self) {
        let sources = [self.watch.take(), self.alarm.take()];
        sources.into_iter().flatten().for_each(SourceId::remove);
    }
}

impl<S: 'static> Drop for Guest<S> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl<S: 'static> fmt::Debug for Guest<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guest").field(&self.0.server).finish()
    }
}
