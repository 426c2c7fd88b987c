//! Descriptors that the program has on our loop.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};

use super::Errand;
use crate::drivers::event_loop::EventLoop;
use crate::drivers::event_loop::control::Control;
use crate::drivers::event_loop::engine::Engine;
use crate::drivers::event_loop::service::guarded;
use crate::drivers::event_loop::tokens;
use crate::drivers::event_loop::turn::Budget;
use crate::net::{Interest, Network, Poller, Readiness};
use crate::sansio::Error;

/// Names a descriptor that is watched: see [`EventLoop::watch`]. One that is no longer watched
/// is nobody's ever after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WatchId {
    place: usize,
    number: u64,
}

/// What a descriptor is ready for: a hint, as readiness always is. Only the call that reads or
/// writes says the truth, so that must not block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ready {
    /// A read is worth trying: there are bytes, an end, or an error.
    pub readable: bool,
    /// A write is worth trying.
    pub writable: bool,
    /// There was an end or an error.
    pub hung_up: bool,
}

/// A descriptor and what is done about it.
pub(super) trait Watched<S>: Send {
    fn descriptor(&self) -> BorrowedFd<'_>;

    fn call(
        &mut self,
        ready: Ready,
        control: &mut Control<'_, S>,
        state: &mut S,
    ) -> ControlFlow<()>;
}

struct Watch<D, F> {
    source: D,
    callback: F,
}

impl<S, D, F> Watched<S> for Watch<D, F>
where
    D: AsFd + Send,
    F: FnMut(&mut D, Ready, &mut Control<'_, S>, &mut S) -> ControlFlow<()> + Send,
{
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }

    fn call(
        &mut self,
        ready: Ready,
        control: &mut Control<'_, S>,
        state: &mut S,
    ) -> ControlFlow<()> {
        (self.callback)(&mut self.source, ready, control, state)
    }
}

/// A descriptor under watch.
pub(super) struct WatchEntry<S> {
    number: u64,
    interest: Interest,
    /// What was announced since the last call.
    ready: Ready,
    is_queued: bool,
    watched: Box<dyn Watched<S>>,
}

impl<S: 'static, P: Poller> EventLoop<S, P> {
    /// Watches a descriptor of the program's own, and calls `callback` in a turn when `source` is
    /// ready: for the program that has no other loop to do that.
    ///
    /// It is called for as long as `source` is ready, in every turn, like a level-triggered poll
    /// and on every system alike: who leaves bytes unread is called again. Where it continues,
    /// the watch goes on; where it breaks, the watch is over and `source` is dropped.
    ///
    /// `source` is the loop's from now on, and lends the same open descriptor for as long as it
    /// is watched: a file, a socket, an `Arc` of one, or a duplicate. It should be non-blocking,
    /// because readiness is a hint. Callbacks are made under [`Budget::connections`]. Watches do
    /// not hold up a [drain](EventLoop::drain), and a callback that panics is treated as
    /// [`Config::on_panic`](crate::Config::on_panic) says, and is not called again.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the poll refuses it: a regular file, which is always ready, a
    /// descriptor that is watched already (watch a duplicate), or more than the system allows.
    /// Then `source` is dropped.
    pub fn watch<D>(
        &mut self,
        source: D,
        interest: Interest,
        callback: impl FnMut(&mut D, Ready, &mut Control<'_, S>, &mut S) -> ControlFlow<()>
        + Send
        + 'static,
    ) -> Result<WatchId, Error>
    where
        D: AsFd + Send + 'static,
    {
        self.lend()
            .watch(interest, Box::new(Watch { source, callback }))
            .map_err(|error| Error::io("cannot watch a descriptor", error))
    }

    /// Ends a watch and drops its source. Says whether it was still there.
    pub fn unwatch(&mut self, watch: WatchId) -> bool {
        self.lend().unwatch(watch)
    }
}

impl<S: 'static, N: Network> Engine<S, N> {
    pub(super) fn watch(
        &mut self,
        interest: Interest,
        watched: Box<dyn Watched<S>>,
    ) -> io::Result<WatchId> {
        let errands = self.errands();
        let (place, number) = (errands.watches.vacant_key(), errands.number());
        if place >= tokens::MOST_WATCHES {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.net.watch(watched.descriptor(), interest, tokens::of_watch(place))?;
        let ready = Ready::default();
        let entry = WatchEntry { number, interest, ready, is_queued: false, watched };
        self.errands().watches.insert(entry);
        Ok(WatchId { place, number })
    }

    pub(super) fn unwatch(&mut self, id: WatchId) -> bool {
        let Some(errands) = self.errands.as_mut() else { return false };
        if errands.watches.get(id.place).is_none_or(|entry| entry.number != id.number) {
            return false;
        }
        let entry = errands.watches.remove(id.place);
        entry.leave(&mut self.net, id.place);
        self.drop_errand(entry);
        true
    }

    /// Whether this is the token of a watch, if there are watches at all.
    #[inline]
    pub(in crate::drivers::event_loop) fn is_watch(&self, token: usize) -> bool {
        self.errands.is_some() && tokens::watch(token).is_some()
    }

    /// Notes what the system said about a watched descriptor.
    pub(in crate::drivers::event_loop) fn note_watch_ready(&mut self, readiness: Readiness) {
        let Some(place) = tokens::watch(readiness.token) else { return };
        let Some(errands) = self.errands.as_mut() else { return };
        // A stale event finds nobody, or tells a successor what proves wrong, as a hint may.
        let Some(entry) = errands.watches.get_mut(place) else { return };
        entry.ready.readable |= readiness.readable;
        entry.ready.writable |= readiness.writable;
        entry.ready.hung_up |= readiness.hung_up;
        if !entry.is_queued {
            entry.is_queued = true;
            errands.queue.push_back(WatchId { place, number: entry.number });
        }
    }

    /// Makes the calls about descriptors that are ready.
    pub(in crate::drivers::event_loop) fn serve_watches(&mut self, budget: &Budget, state: &mut S) {
        let Some(errands) = self.errands.as_ref() else { return };
        let count = errands.queue.len().min(budget.connections);
        self.end_panicked_errand();
        for _ in 0..count {
            if !self.may_begin() {
                return;
            }
            self.serve_watch(state);
        }
    }

    fn serve_watch(&mut self, state: &mut S) {
        let Self { desk, connections, sockets, stats, mailbox, errands, config, .. } = self;
        let Some(errands) = errands.as_mut() else { return };
        let Some(id) = errands.queue.pop_front() else { return };
        let Some(entry) = errands.watches.get_mut(id.place) else { return };
        if entry.number != id.number {
            return;
        }
        entry.is_queued = false;
        let ready = std::mem::take(&mut entry.ready);
        let mut control = Control { desk, connections, sockets, stats, mailbox, wakes: false };
        errands.calling = Some(Errand::Watch(id));
        let flow = guarded(config.on_panic, || entry.watched.call(ready, &mut control, state));
        errands.calling = None;
        self.turn.callbacks += 1;
        let is_over = match flow {
            Some(ControlFlow::Continue(())) => {
                // An edge announces it once; asked for again, it is announced if it is ready.
                let (descriptor, token) = (entry.watched.descriptor(), tokens::of_watch(id.place));
                let again = self.net.watch_again(descriptor, entry.interest, token);
                again.inspect_err(|error| log::error!("a watch is over: {error}")).is_err()
            }
            Some(ControlFlow::Break(())) => true,
            None => {
                log::error!("a watch is over: its callback panicked");
                true
            }
        };
        if is_over {
            self.unwatch(id);
        } else {
            self.look_at_clock();
        }
    }
}

impl<S> WatchEntry<S> {
    /// Takes the descriptor out of the poll, which somebody else may hold open.
    pub(super) fn leave<N: Network>(&self, net: &mut N, place: usize) {
        net.unwatch(self.watched.descriptor(), tokens::of_watch(place));
    }
}

impl<S> fmt::Debug for WatchEntry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchEntry").field("ready", &self.ready).finish_non_exhaustive()
    }
}
