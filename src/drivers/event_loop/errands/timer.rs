//! Calls at a time.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Instant;

use super::Errand;
use crate::drivers::event_loop::EventLoop;
use crate::drivers::event_loop::control::Control;
use crate::drivers::event_loop::engine::Engine;
use crate::drivers::event_loop::service::guarded;
use crate::drivers::event_loop::turn::Budget;
use crate::net::{Network, Poller};

/// Names a call at a time: see [`EventLoop::call_at`]. One that is over is nobody's ever after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId {
    place: usize,
    number: u64,
}

type Callback<S> = Box<dyn FnMut(&mut Control<'_, S>, &mut S) -> ControlFlow<(), Instant> + Send>;

/// A call to come.
pub(super) struct Timer<S> {
    number: u64,
    at: Instant,
    callback: Callback<S>,
}

impl<S: 'static, P: Poller> EventLoop<S, P> {
    /// Calls `callback` in a turn, not before `at`. Where that continues, it is called again at
    /// the time that it gives; where it breaks, that was the last time.
    ///
    /// It fires with the other deadlines, to the millisecond and under [`Budget::deadlines`]. A
    /// time that has passed is the next turn's. Timers do not hold up a
    /// [drain](EventLoop::drain), and a callback that panics is treated as
    /// [`Config::on_panic`](crate::Config::on_panic) says, and is not called again.
    pub fn call_at(
        &mut self,
        at: Instant,
        callback: impl FnMut(&mut Control<'_, S>, &mut S) -> ControlFlow<(), Instant> + Send + 'static,
    ) -> TimerId {
        self.lend().call_at(at, Box::new(callback))
    }

    /// Drops a callback that was to be called. Says whether it was still there.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        self.lend().cancel(timer)
    }
}

impl<S: 'static, N: Network> Engine<S, N> {
    pub(super) fn call_at(&mut self, at: Instant, callback: Callback<S>) -> TimerId {
        let errands = self.errands();
        let number = errands.number();
        let place = errands.timers.insert(Timer { number, at, callback });
        errands.wheel.arm(place, at);
        TimerId { place, number }
    }

    pub(super) fn cancel(&mut self, id: TimerId) -> bool {
        let Some(errands) = self.errands.as_mut() else { return false };
        if errands.timers.get(id.place).is_none_or(|timer| timer.number != id.number) {
            return false;
        }
        errands.wheel.cancel(id.place);
        let timer = errands.timers.remove(id.place);
        self.drop_errand(timer);
        true
    }

    /// Makes the calls whose time has come.
    pub(in crate::drivers::event_loop) fn fire_timers(&mut self, budget: &Budget, state: &mut S) {
        let Some(errands) = self.errands.as_mut() else { return };
        errands.wheel.expire(self.desk.now());
        self.end_panicked_errand();
        for _ in 0..budget.deadlines {
            let has_due = self.errands.as_ref().is_some_and(|errands| errands.wheel.has_due());
            if !has_due || !self.may_begin() {
                return;
            }
            self.fire_timer(state);
        }
    }

    fn fire_timer(&mut self, state: &mut S) {
        let now = self.desk.now();
        let Self { desk, connections, sockets, stats, mailbox, errands, config, .. } = self;
        let Some(errands) = errands.as_mut() else { return };
        let Some(place) = errands.wheel.pop_due() else { return };
        let Some(timer) = errands.timers.get_mut(place) else { return };
        let id = TimerId { place, number: timer.number };
        self.turn.late = self.turn.late.max(now.saturating_duration_since(timer.at));
        let mut control = Control { desk, connections, sockets, stats, mailbox, wakes: false };
        errands.calling = Some(Errand::Timer(id));
        let flow = guarded(config.on_panic, || (timer.callback)(&mut control, state));
        errands.calling = None;
        self.turn.callbacks += 1;
        match flow {
            Some(ControlFlow::Continue(at)) => {
                timer.at = at;
                errands.wheel.arm(place, at);
                self.look_at_clock();
            }
            Some(ControlFlow::Break(())) => drop(self.cancel(id)),
            None => {
                log::error!("a timer is over: its callback panicked");
                self.cancel(id);
            }
        }
    }
}

impl<S> fmt::Debug for Timer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("at", &self.at).finish_non_exhaustive()
    }
}
