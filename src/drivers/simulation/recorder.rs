//! A protocol around the user's, which watches what the engine tells it.
//!
//! What it holds the engine to: the order of calls; every byte that was read is offered, once
//! and in order, and nothing else; nothing is offered under back-pressure or beyond the limit;
//! what was written is sent, or counted as unsent at the end.

use std::any::Any;

use super::ledger::{Carried, SharedLedger};
use super::trace::Who;
use crate::drivers::event_loop::token_of;
use crate::sansio::{CloseReason, Closed, ConnectionId, Protocol, Timeout, Transport};

/// How far its conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing was said yet.
    Fresh,
    Connected,
    /// The peer has finished.
    Finished,
    /// It is over, or a successor has taken it over.
    Over,
}

/// See the module.
pub(super) struct Recorder<S> {
    inner: Box<dyn Protocol<S>>,
    ledger: SharedLedger,
    progress: Progress,
    /// Its connection, once it was told.
    id: Option<ConnectionId>,
    /// Whether the protocol is being called. Still set when nobody is: that call panicked.
    is_in_call: bool,
}

impl<S: 'static> Recorder<S> {
    pub(super) fn new(inner: Box<dyn Protocol<S>>, ledger: SharedLedger) -> Self {
        ledger.lock().begun += 1;
        Self { inner, ledger, progress: Progress::Fresh, id: None, is_in_call: false }
    }

    fn find(&self, id: ConnectionId, finding: impl FnOnce() -> String) {
        self.ledger.find(|| format!("connection {id}: {}", finding()));
    }

    fn carried(&self, id: ConnectionId) -> Carried {
        self.ledger.lock().carried.get(&token_of(id)).copied().unwrap_or_default()
    }

    fn change(&self, id: ConnectionId, change: impl FnOnce(&mut Carried)) {
        if let Some(carried) = self.ledger.lock().carried.get_mut(&token_of(id)) {
            change(carried);
        }
    }

    fn note_used(&self, id: ConnectionId, bytes: &[u8]) {
        self.change(id, |carried| {
            carried.used += bytes.len() as u64;
            carried.used_digest.add(bytes);
        });
    }

    /// Every call but `closed` goes through here.
    fn call<R>(
        &mut self,
        transport: &mut Transport<'_, S>,
        name: &'static str,
        amount: Option<u64>,
        call: impl FnOnce(&mut dyn Protocol<S>, &mut Transport<'_, S>) -> R,
    ) -> R {
        let id = transport.id();
        self.ledger.note(Who::Connection(id.to_u64()), name, amount);
        let is_first = name == "connected";
        if is_first != (self.progress == Progress::Fresh) || self.progress == Progress::Over {
            let progress = self.progress;
            self.find(id, || format!("{name} is called when it is {progress:?}"));
        }
        self.id = Some(id);
        self.check_output(id, transport.unsent());
        self.is_in_call = true;
        let requests = transport.request_count();
        let result = call(&mut *self.inner, transport);
        self.is_in_call = false;
        self.join(transport, requests);
        self.change(id, |carried| carried.queued = carried.out + transport.unsent());
        result
    }

    /// Nothing that was queued is lost on its way to the network.
    fn check_output(&self, id: ConnectionId, unsent: u64) {
        let Carried { out, queued, .. } = self.carried(id);
        if out + unsent < queued {
            self.find(id, || {
                format!("{queued} bytes were queued, {out} are sent and {unsent} unsent")
            });
        }
    }

    /// What is offered is what was read and not used.
    fn check_input(&self, id: ConnectionId, bytes: &[u8]) {
        let Carried { read, read_digest, used, used_digest: mut digest, .. } = self.carried(id);
        digest.add(bytes);
        let offered = bytes.len();
        if read != used + offered as u64 || read_digest != digest {
            self.find(id, || {
                format!("{read} bytes were read and {used} used, and {offered} others are offered")
            });
        }
    }

    /// Who converses on a connection that was asked for is watched, and who takes one over.
    fn join(&self, transport: &mut Transport<'_, S>, requests: usize) {
        let ledger = &self.ledger;
        transport.wrap_given(requests, |inner| Box::new(Self::new(inner, ledger.clone())));
    }

    /// A successor is watched, too.
    fn follow(&mut self, transport: &mut Transport<'_, S>) {
        let ledger = &self.ledger;
        let mut is_replaced = false;
        transport.wrap_successor(|next| {
            is_replaced = true;
            Box::new(Self::new(next, ledger.clone()))
        });
        if is_replaced {
            self.progress = Progress::Over;
        }
    }
}

impl<S: 'static> Protocol<S> for Recorder<S> {
    fn connected(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        self.call(transport, "connected", None, |inner, transport| {
            inner.connected(transport, state);
        });
        self.progress = Progress::Connected;
        self.follow(transport);
    }

    fn received(&mut self, transport: &mut Transport<'_, S>, state: &mut S, bytes: &[u8]) -> usize {
        let id = transport.id();
        self.check_input(id, bytes);
        let most = transport.limits().input;
        if bytes.is_empty() || bytes.len() > most || self.progress == Progress::Finished {
            let count = bytes.len();
            self.find(id, || format!("{count} bytes are offered, {most} at most are right"));
        }
        if transport.is_backpressured() && !transport.is_read_on() {
            self.find(id, || "input is offered under back-pressure".to_owned());
        }
        let amount = Some(bytes.len() as u64);
        let used = self.call(transport, "received", amount, |inner, transport| {
            inner.received(transport, state, bytes)
        });
        if used > bytes.len() {
            self.find(id, || format!("{used} of {} bytes are used", bytes.len()));
        }
        self.ledger.note(Who::Connection(id.to_u64()), "used", Some(used as u64));
        self.note_used(id, &bytes[..used.min(bytes.len())]);
        self.follow(transport);
        used
    }

    fn writable(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        let (unsent, low) = (transport.unsent(), transport.limits().low_water as u64);
        if unsent > low {
            self.find(transport.id(), || format!("it is writable with {unsent} bytes unsent"));
        }
        self.call(transport, "writable", None, |inner, transport| {
            inner.writable(transport, state);
        });
        self.follow(transport);
    }

    fn expired(&mut self, transport: &mut Transport<'_, S>, state: &mut S, timeout: Timeout) {
        let name = match timeout {
            Timeout::Own => "expired: own",
            Timeout::FirstByte => "expired: first byte",
            Timeout::Idle => "expired: idle",
            Timeout::Message => "expired: message",
            Timeout::WriteStall | Timeout::Closing | Timeout::Connect => "expired: in silence",
        };
        self.call(transport, name, None, |inner, transport| {
            inner.expired(transport, state, timeout);
        });
        self.follow(transport);
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, S>,
        state: &mut S,
        message: Box<dyn Any + Send>,
    ) {
        self.call(transport, "notified", None, |inner, transport| {
            inner.notified(transport, state, message);
        });
        self.follow(transport);
    }

    fn stopping(&mut self, transport: &mut Transport<'_, S>, state: &mut S) {
        self.call(transport, "stopping", None, |inner, transport| {
            inner.stopping(transport, state);
        });
        self.follow(transport);
    }

    fn finished(&mut self, transport: &mut Transport<'_, S>, state: &mut S, rest: &[u8]) {
        let id = transport.id();
        self.check_input(id, rest);
        if self.progress == Progress::Finished {
            self.find(id, || "finished is called twice".to_owned());
        }
        let amount = Some(rest.len() as u64);
        self.call(transport, "finished", amount, |inner, transport| {
            inner.finished(transport, state, rest);
        });
        self.progress = Progress::Finished;
        // What is left is nobody's any more.
        self.note_used(id, rest);
        self.follow(transport);
    }

    fn closed(&mut self, transport: &mut Transport<'_, S>, state: &mut S, closed: Closed) {
        let id = transport.id();
        self.ledger.note(Who::Connection(id.to_u64()), name_of(closed.reason), Some(closed.unsent));
        if self.progress == Progress::Over {
            self.find(id, || "closed is called twice, or after a successor took over".to_owned());
        }
        self.check_output(id, closed.unsent);
        if closed.reason == CloseReason::Finished && closed.unsent > 0 {
            self.find(id, || format!("it is finished with {} bytes unsent", closed.unsent));
        }
        self.progress = Progress::Over;
        self.is_in_call = true;
        let requests = transport.request_count();
        self.inner.closed(transport, state, closed);
        self.is_in_call = false;
        self.join(transport, requests);
    }
}

impl<S> Drop for Recorder<S> {
    fn drop(&mut self) {
        let mut ledger = self.ledger.lock();
        ledger.ended += 1;
        // One that is dropped while its stream lives has a successor.
        let carried = self.id.and_then(|id| ledger.carried.get(&token_of(id)));
        let is_over = carried.is_some_and(|carried| carried.is_closed) && !ledger.is_ending;
        drop(ledger);
        let is_told = matches!(self.progress, Progress::Over | Progress::Fresh) || self.is_in_call;
        if is_over && !is_told {
            self.ledger.find(|| "a protocol is dropped and was not told closed".to_owned());
        }
    }
}

const fn name_of(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Finished => "closed: finished, unsent",
        CloseReason::Aborted => "closed: aborted, unsent",
        CloseReason::TimedOut(_) => "closed: timed out, unsent",
        CloseReason::InputFull => "closed: input full, unsent",
        CloseReason::OutputFull => "closed: output full, unsent",
        CloseReason::TooSlow => "closed: too slow, unsent",
        CloseReason::Overloaded => "closed: overloaded, unsent",
        CloseReason::Panicked => "closed: panicked, unsent",
        CloseReason::File => "closed: file, unsent",
        CloseReason::Layer => "closed: layer, unsent",
        CloseReason::Stopped => "closed: stopped, unsent",
        CloseReason::Gone => "closed: gone, unsent",
        CloseReason::Unresolved(_) => "closed: unresolved, unsent",
        CloseReason::Unsupported(_) => "closed: unsupported, unsent",
        CloseReason::Io(_) => "closed: failed, unsent",
    }
}
