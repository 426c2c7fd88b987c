//! Taking new peers for a driver that waits in poll(2), and not taking them.
//!
//! The same as under the event loop: at a listener's limit of connections peers wait in the
//! system's queue; an address that has as many connections as it may is turned away; out of
//! descriptors, or of threads or processes to run a call, accepting rests until a timer or until
//! a connection closes. Nothing spins and nothing ends the server.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::event_loop::{Factory, Peer, guarded};
use super::call::{Call, Terms};
use crate::net::{Accept, ListenOptions, Listener, Stream, Watch, Watched};
use crate::sansio::{
    Address, ConnectionId, ConnectionMap, Error, ListenerId, Misuse, Origin, after,
};

/// The listening sockets of one driver, and who came by which.
pub(super) struct Listeners<S> {
    lines: Vec<Line<S>>,
    /// Connections that are open.
    callers: ConnectionMap<Caller>,
    /// How many connections an address has of a listener.
    per_address: HashMap<(usize, IpAddr), usize>,
    /// The listener that is asked first.
    next: usize,
    /// A call that nobody could be found to run.
    waiting: Option<Call<S>>,
    rests_until: Option<Instant>,
    last_log: Option<Instant>,
    pub(super) tally: Tally,
}

/// What came to the door.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) exhaustions: u64,
}

struct Line<S> {
    socket: Listener,
    address: Address,
    factory: Factory<S>,
    origin: Arc<Origin>,
    open: usize,
    /// Whether peers may be waiting.
    is_ready: bool,
    /// Whether it was said that peers wait because this listener is at its limit; said again
    /// after nobody did.
    is_limit_told: bool,
    /// How often in a row accepting failed for reasons of its own.
    failures: u32,
}

#[derive(Clone, Copy)]
struct Caller {
    line: usize,
    ip: Option<IpAddr>,
}

impl<S> Line<S> {
    fn has_room(&self) -> bool {
        self.open < self.origin.limits().connections
    }
}

impl<S: 'static> Listeners<S> {
    pub(super) fn new() -> Self {
        Self {
            lines: Vec::new(),
            callers: ConnectionMap::new(),
            per_address: HashMap::new(),
            next: 0,
            waiting: None,
            rests_until: None,
            last_log: None,
            tally: Tally::default(),
        }
    }

    pub(super) fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        factory: Factory<S>,
    ) -> Result<ListenerId, Error> {
        options.check()?;
        let number = u32::try_from(self.lines.len()).map_err(|_| Misuse::NoSuchListener)?;
        let id = ListenerId::new(number);
        let (socket, address) = Listener::open(address, options)
            .map_err(|error| Error::io(format!("cannot listen on {address}"), error))?;
        let is_wildcard = address.socket().is_some_and(|address| address.ip().is_unspecified());
        let local = (!is_wildcard).then(|| address.clone());
        let origin = Arc::new(Origin::accepted(id, local, options.limits.clone()));
        self.lines.push(Line {
            socket,
            address,
            factory,
            origin,
            open: 0,
            is_ready: true,
            is_limit_told: false,
            failures: 0,
        });
        Ok(id)
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.lines.iter().map(|line| &line.address)
    }

    pub(super) fn open(&self) -> usize {
        self.callers.len()
    }

    /// Closes every listening socket. A call that waits is given up.
    pub(super) fn close(&mut self) {
        self.lines.clear();
        if let Some(call) = self.waiting.take() {
            self.release(call.id);
        }
    }

    /// A connection has ended: there is room for another.
    pub(super) fn release(&mut self, id: ConnectionId) {
        let Some(caller) = self.callers.remove(id) else { return };
        self.rests_until = None;
        if let Some(line) = self.lines.get_mut(caller.line) {
            line.open -= 1;
        }
        if let Some(ip) = caller.ip
            && let Some(count) = self.per_address.get_mut(&(caller.line, ip))
        {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&(caller.line, ip));
            }
        }
    }

    /// There is nobody to run `call`: it waits, and accepting rests.
    pub(super) fn put_back(&mut self, call: Call<S>, error: &io::Error, now: Instant) {
        self.rest(error, call.terms.config.accept_rest, now);
        self.waiting = Some(call);
    }

    /// Until when nothing is accepted, whoever is there.
    pub(super) fn rests_until(&self, now: Instant) -> Option<Instant> {
        self.rests_until.filter(|until| *until > now)
    }

    /// Takes one peer, if there is one that may be taken.
    pub(super) fn accept(&mut self, terms: &Arc<Terms>, now: Instant) -> Option<Call<S>> {
        if self.rests_until(now).is_some() {
            return None;
        }
        self.rests_until = None;
        if self.waiting.is_some() {
            return self.waiting.take();
        }
        let count = self.lines.len();
        for _ in 0..count {
            // Each in its turn, so that no listener's crowd keeps another's waiting.
            let number = self.next % count;
            self.next = number + 1;
            match self.accept_from(number, terms, now) {
                Some(call) => return Some(call),
                None if self.rests_until.is_some() => return None,
                None => {}
            }
        }
        None
    }

    /// Takes one peer of one listener; those that are turned away are not for ever.
    fn accept_from(&mut self, number: usize, terms: &Arc<Terms>, now: Instant) -> Option<Call<S>> {
        for _ in 0..MOST_TURNED_AWAY {
            if !self.wants_peer(number) {
                return None;
            }
            let line = &mut self.lines[number];
            let outcome = line.socket.take_peer();
            if !matches!(outcome, Accept::Skipped) {
                line.failures = 0;
            }
            match outcome {
                Accept::Peer(stream, peer) => {
                    if let Some(call) = self.take_peer(number, stream, peer, terms) {
                        return Some(call);
                    }
                }
                Accept::Skipped => {
                    line.failures += 1;
                    if line.failures >= MOST_FAILURES {
                        line.failures = 0;
                        let error = io::Error::other("it fails, again and again");
                        self.rest(&error, terms.config.accept_rest, now);
                        return None;
                    }
                }
                Accept::Blocked => (line.is_ready, line.is_limit_told) = (false, false),
                Accept::Exhausted(error) => {
                    self.rest(&error, terms.config.accept_rest, now);
                    return None;
                }
            }
        }
        None
    }

    /// Whether a listener should be asked for a peer. Says once that it may not be.
    fn wants_peer(&mut self, number: usize) -> bool {
        let line = &mut self.lines[number];
        let wants = line.is_ready && line.has_room();
        if line.is_ready && !wants && !line.is_limit_told {
            line.is_limit_told = true;
            log::warn!("{} is at its limit of {} connections", line.address, line.open);
        }
        wants
    }

    fn take_peer(
        &mut self,
        number: usize,
        stream: Stream,
        peer: Address,
        terms: &Arc<Terms>,
    ) -> Option<Call<S>> {
        let line = &mut self.lines[number];
        let ip = peer.ip();
        let from_here = ip.and_then(|ip| self.per_address.get(&(number, ip))).copied();
        if from_here.unwrap_or(0) >= line.origin.limits().connections_per_address {
            self.tally.refused += 1;
            stream.reset_on_close();
            return None;
        }
        let listener = ListenerId::new(u32::try_from(number).unwrap_or(u32::MAX));
        let for_factory = Peer { address: peer.clone(), listener };
        let made = guarded(terms.config.on_panic, || (line.factory)(for_factory));
        let Some(protocol) = made else {
            log::error!("{peer} is turned away: the factory of its protocol panicked");
            stream.reset_on_close();
            return None;
        };
        let origin = Arc::clone(&line.origin);
        let local = if origin.local().is_none() { stream.local().ok() } else { None };
        line.open += 1;
        if let Some(ip) = ip {
            *self.per_address.entry((number, ip)).or_insert(0) += 1;
        }
        self.tally.accepted += 1;
        let id = self.callers.insert_with(|_| Caller { line: number, ip });
        Some(Call { id, stream, peer, local, origin, protocol, terms: Arc::clone(terms) })
    }

    /// Descriptors, memory, threads or processes are out: rest, and say so now and then.
    fn rest(&mut self, error: &io::Error, time: Duration, now: Instant) {
        self.rests_until = Some(after(now, time));
        self.tally.exhaustions += 1;
        if self.last_log.is_none_or(|last| now >= last + LOG_REST) {
            self.last_log = Some(now);
            log::warn!(
                "cannot accept: {error}; {} connections are served on, clients wait; raise the \
                 limits of the system (ulimit -n, ulimit -u) or lower that of connections",
                self.callers.len()
            );
        }
    }

    /// Watches every listener that may take a peer.
    pub(super) fn watch<'a>(
        &'a self,
        watch: &mut Watch<'a>,
        now: Instant,
    ) -> Vec<(usize, Watched)> {
        if self.rests_until(now).is_some() || self.waiting.is_some() {
            return Vec::new();
        }
        let lines = self.lines.iter().enumerate();
        lines
            .filter(|(_, line)| line.has_room())
            .map(|(number, line)| (number, watch.add(line.socket.as_fd())))
            .collect()
    }

    /// A wait found that peers may be waiting there.
    pub(super) fn note_ready(&mut self, numbers: impl Iterator<Item = usize>) {
        for number in numbers {
            self.lines[number].is_ready = true;
        }
    }
}

/// At most one line in the log for so long, however often accepting fails.
const LOG_REST: Duration = Duration::from_secs(10);

/// So many peers are turned away before other things are looked at.
const MOST_TURNED_AWAY: u32 = 64;

/// More peers than that in a row are not gone before they are accepted.
const MOST_FAILURES: u32 = 1024;

impl<S> fmt::Debug for Listeners<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners")
            .field("addresses", &self.lines.iter().map(|line| &line.address).collect::<Vec<_>>())
            .field("open", &self.callers.len())
            .field("rests_until", &self.rests_until)
            .finish_non_exhaustive()
    }
}
