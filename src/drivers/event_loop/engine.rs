//! What an event loop is made of, over any network.
//!
//! The engine must never free a slot but at the end of a round, never lose an edge (what was
//! not read to its end is on a list, or flagged on its connection), and never let the failure
//! of one connection out of a round.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Handle;
use super::accept::ListenerEntry;
use super::by_name::Search;
use super::config::Config;
use super::control::{Control, Count as _};
use super::drain::Drain;
use super::entry::{Entry, Incoming};
use super::errands::Errands;
use super::mailbox::{Letter, Mailbox};
use super::sockets::Sockets;
use super::stats::Stats;
use super::tokens;
use super::turn::{Ended, Turn};
use super::waiting::Deadline;
use super::wheel::TimerWheel;
use crate::drivers::resolver::Resolve;
use crate::net::{ListenOptions, Network, Readiness};
use crate::sansio::{
    Address, Connection, ConnectionId, ConnectionMap, DatagramSocket, Desk, Error, ListenerId,
    Misuse, Protocol,
};

/// Who connected, for the factory that makes its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The peer's address.
    pub address: Address,
    /// The listener it came by.
    pub listener: ListenerId,
}

pub(crate) type Factory<S> = Box<dyn FnMut(Peer) -> Box<dyn Protocol<S>> + Send>;

/// Hides which protocol a factory makes.
pub(super) fn boxed<S, P, F>(mut factory: F) -> Factory<S>
where
    P: Protocol<S>,
    F: FnMut(Peer) -> P + Send + 'static,
{
    Box::new(move |peer| Box::new(factory(peer)))
}

/// See the module.
pub(crate) struct Engine<S, N: Network> {
    pub(super) net: N,
    pub(super) desk: Desk<S>,
    pub(super) connections: ConnectionMap<Entry<S, N::Stream>>,
    /// By listener number; a stopped one leaves its place empty for ever.
    pub(super) listeners: Vec<Option<ListenerEntry<S, N::Listener>>>,
    pub(super) sockets: Sockets<S, N::Socket>,
    pub(super) wheel: TimerWheel,
    /// Connections to be served: ready, or with work left over.
    pub(super) queue: VecDeque<ConnectionId>,
    /// Connections that got output from others, to be flushed at the end of the round.
    pub(super) touched: VecDeque<ConnectionId>,
    /// Connections that are over, to be freed at the end of the round.
    pub(super) leaving: Vec<ConnectionId>,
    /// Connections not read from because the loop is congested.
    pub(super) parked: Vec<ConnectionId>,
    /// Readiness fetched by a poll; kept for its allocation.
    pub(super) ready: Vec<Readiness>,
    /// Whether the last poll may have left events behind.
    pub(super) is_poll_full: bool,
    /// Events fetched by polls that left some behind, since deadlines were last looked at; at
    /// least one for each poll.
    pub(super) crowd: usize,
    /// When the turn's time is up.
    pub(super) until: Option<Instant>,
    /// Whether this turn has begun anything.
    pub(super) has_begun: bool,
    /// Whether some kind of work may have come before what made it necessary: the time ended
    /// the last round, or it began where the time had ended the one before.
    pub(super) is_round_cut: bool,
    /// The kind of work that comes first in the next turn.
    pub(super) next_stage: usize,
    /// Who is being served. Still set when nobody is: a panic left the turn.
    pub(super) serving: Option<ConnectionId>,
    /// Where bytes are read to. One for all: a connection keeps only what was not used.
    pub(super) buffer: Box<[u8]>,
    pub(super) mailbox: Arc<Mailbox<S>>,
    /// Letters taken out of the mailbox and not yet opened.
    pub(super) letters: VecDeque<Letter<S>>,
    /// How many connections an address has of a listener.
    pub(super) per_address: HashMap<(ListenerId, IpAddr), usize>,
    /// The listener whose peers come first in the next turn.
    pub(super) next_listener: usize,
    /// Connections that found no room to connect, and when they try again, in that order.
    pub(super) unconnected: VecDeque<(Instant, ConnectionId)>,
    /// Looks names up, where the program gave it to the loop.
    pub(super) resolver: Option<Box<dyn Resolve>>,
    /// Connections that were asked for by name and are not established.
    pub(super) searches: HashMap<ConnectionId, Search>,
    /// Until when accepting rests, descriptors being out.
    pub(super) accept_rests_until: Option<Instant>,
    /// When the log last said so.
    pub(super) last_exhaustion_log: Option<Instant>,
    /// Whether it was said that the loop holds too much; said again after it did not.
    pub(super) is_overload_told: bool,
    pub(super) drain: Option<Drain>,
    /// How long a drain begun by a signal may take.
    pub(super) signal_grace: Option<Duration>,
    pub(super) ended: Option<Ended>,
    /// What the program has on the loop besides conversations; none, as a rule.
    pub(super) errands: Option<Box<Errands<S>>>,
    pub(super) turn: Turn,
    pub(super) stats: Stats,
    pub(super) config: Config,
    #[cfg(debug_assertions)]
    pub(super) process: u32,
}

impl<S: 'static, N: Network> Engine<S, N> {
    pub(crate) fn new(mut net: N, config: Config) -> io::Result<Self> {
        let waker = net.waker(tokens::WAKER)?;
        let mailbox = Arc::new(Mailbox::new(config.mailbox, waker));
        let (now, wall_time) = (net.now(), net.wall_time());
        Ok(Self {
            desk: Desk::with_post(now, wall_time, Arc::clone(&mailbox) as _),
            net,
            connections: ConnectionMap::new(),
            listeners: Vec::new(),
            sockets: Sockets::new(now),
            wheel: TimerWheel::new(now),
            queue: VecDeque::new(),
            touched: VecDeque::new(),
            leaving: Vec::new(),
            parked: Vec::new(),
            ready: Vec::new(),
            is_poll_full: false,
            crowd: 0,
            until: None,
            has_begun: false,
            is_round_cut: false,
            next_stage: 0,
            serving: None,
            buffer: vec![0; config.read_size].into_boxed_slice(),
            mailbox,
            letters: VecDeque::new(),
            per_address: HashMap::new(),
            next_listener: 0,
            unconnected: VecDeque::new(),
            resolver: None,
            searches: HashMap::new(),
            accept_rests_until: None,
            last_exhaustion_log: None,
            is_overload_told: false,
            drain: None,
            signal_grace: None,
            ended: None,
            errands: None,
            turn: Turn::default(),
            stats: Stats::default(),
            config,
            #[cfg(debug_assertions)]
            process: std::process::id(),
        })
    }

    /// Notes what the system said about one source. Serves nothing yet.
    pub(crate) fn ready(&mut self, readiness: Readiness) {
        self.turn.events += 1;
        match readiness.token {
            tokens::WAKER | tokens::TIMER => {} // Mailbox and clock are looked at in every turn.
            tokens::SIGNALS => self.take_stop_signals(),
            token => match tokens::listener(token, self.listeners.len()) {
                Some(number) => {
                    if let Some(listener) = &mut self.listeners[number] {
                        listener.is_ready = true;
                    }
                }
                #[cfg(unix)]
                None if self.is_watch(token) => self.note_watch_ready(readiness),
                None => {
                    let id_at =
                        |slot| self.connections.id_at(slot).or_else(|| self.sockets.id_at(slot));
                    let id = tokens::connection(token, id_at);
                    id.into_iter().for_each(|id| self.note_ready(id, readiness));
                }
            },
        }
    }

    fn note_ready(&mut self, id: ConnectionId, readiness: Readiness) {
        let Some(entry) = self.connections.get_mut(id) else {
            // A stale event finds nobody there either: the generation differs.
            return self.note_socket_ready(id, readiness);
        };
        let incoming = match (readiness.readable, readiness.hung_up) {
            (_, true) => Incoming::End,
            (true, false) => Incoming::Bytes,
            (false, false) => Incoming::Nothing,
        };
        entry.incoming = entry.incoming.max(incoming);
        entry.is_writable |= readiness.writable;
        if !entry.is_queued {
            entry.is_queued = true;
            self.queue.push_back(id);
        }
    }

    /// Puts a connection on the list of those to be served.
    pub(super) fn enqueue(&mut self, id: ConnectionId) {
        if let Some(entry) = self.connections.get_mut(id)
            && !entry.is_queued
        {
            entry.is_queued = true;
            self.queue.push_back(id);
        }
    }

    /// When the next turn should be made.
    pub(crate) fn next_deadline(&self) -> Deadline {
        let is_congested = self.is_congested();
        let has_work = !self.queue.is_empty()
            || !self.touched.is_empty()
            || !self.leaving.is_empty()
            || self.desk.has_requests()
            || self.mailbox.is_pending()
            || !self.letters.is_empty()
            || self.is_accept_due()
            || self.is_poll_full
            || self.is_round_cut
            || self.serving.is_some()
            || (!self.parked.is_empty() && !is_congested)
            || self.sockets.has_work(is_congested)
            // Somebody can be ended for it, or goes on: what is held is held by somebody.
            || self.is_overloaded();
        if has_work {
            return Deadline::Now;
        }
        let drain = self.drain.as_ref().map(|drain| drain.next_step());
        if drain == Some(None) || (drain.is_some() && self.sockets.has_untold()) {
            return Deadline::Now; // Some were not told yet.
        }
        let at = self
            .wheel
            .next_deadline()
            .map_or(Deadline::Never, Deadline::At)
            .or_at(self.sockets.next_deadline())
            .or_at(self.accept_rests_until)
            .or_at(self.unconnected.front().map(|(at, _)| *at))
            .or_at(drain.flatten());
        let at = self.errands.as_ref().map_or(at, |errands| errands.or_earlier(at));
        match at {
            Deadline::At(at) if at <= self.desk.now() => Deadline::Now,
            Deadline::Now | Deadline::At(_) | Deadline::Never => at,
        }
    }

    /// Arms the one timer of a connection, if it must fire earlier than it would. One that may
    /// fire later is left as it is, and armed again when it fires too early: most are bumped a
    /// thousand times before they would ever fire.
    pub(super) fn rearm(&mut self, id: ConnectionId) {
        let deadline = self.connections.get(id).and_then(|entry| entry.connection.poll_deadline());
        if let Some(deadline) = deadline {
            self.arm(id, deadline);
        }
    }

    pub(super) fn arm(&mut self, id: ConnectionId, deadline: Instant) {
        let slot = id.slot() as usize;
        if self.wheel.armed_at(slot).is_none_or(|armed| deadline < armed) {
            self.wheel.arm(slot, deadline);
        }
    }

    /// A fork shares the poll with its parent: each would get the other's events. Looked at in
    /// debug builds alone, because asking costs a system call.
    pub(crate) fn check_process(&self) -> Result<(), Misuse> {
        #[cfg(debug_assertions)]
        if self.process != std::process::id() {
            return Err(Misuse::Forked);
        }
        Ok(())
    }
}

/// What the loop shows and hands out.
impl<S: 'static, N: Network> Engine<S, N> {
    pub(crate) fn handle(&self) -> Handle<S> {
        Handle::new(Arc::clone(&self.mailbox))
    }

    pub(crate) fn control(&mut self) -> Control<'_, S> {
        let now = self.net.now();
        self.desk.set_now(now);
        Control {
            desk: &mut self.desk,
            connections: &self.connections,
            sockets: &self.sockets,
            stats: &self.stats,
            mailbox: &self.mailbox,
            wakes: false,
        }
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = &Connection<S>> {
        self.connections.iter().map(|(_, entry)| &entry.connection)
    }

    pub(crate) fn sockets(&self) -> impl Iterator<Item = &DatagramSocket<S>> {
        self.sockets.iter()
    }

    pub(crate) fn socket(&self, id: ConnectionId) -> Option<&DatagramSocket<S>> {
        self.sockets.get(id)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stats.snapshot(self.connections.len(), self.desk.held(), self.sockets.count())
    }

    pub(crate) fn local_address(&self, listener: ListenerId) -> Option<&Address> {
        let listener = self.listeners.get(listener.number() as usize)?.as_ref()?;
        Some(&listener.address)
    }

    pub(crate) fn listen(
        &mut self,
        address: Address,
        options: &ListenOptions,
        factory: Factory<S>,
    ) -> Result<ListenerId, Error> {
        self.add_listener(options, factory, |network, token| {
            network
                .listen(&address, options, token)
                .map_err(|error| Error::io(format!("cannot listen on {address}"), error))
        })
    }

    #[cfg(any(test, all(unix, feature = "signals")))]
    pub(crate) fn watch_stop_signals(
        &mut self,
        grace: Duration,
        watch: impl FnOnce(&mut N, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        watch(&mut self.net, tokens::SIGNALS)?;
        self.signal_grace = Some(grace);
        Ok(())
    }

    pub(crate) fn network(&mut self) -> &mut N {
        &mut self.net
    }
}

impl<S, N: Network> Engine<S, N> {
    pub(crate) fn network_ref(&self) -> &N {
        &self.net
    }
}

impl<S, N: Network> Drop for Engine<S, N> {
    fn drop(&mut self) {
        if N::IS_GUEST {
            self.leave_poll();
        }
        // Last: what is dropped with it is not ours, and may panic.
        self.mailbox.close();
    }
}

impl<S, N: Network> fmt::Debug for Engine<S, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("connections", &self.connections.len())
            .field("listeners", &self.listeners.iter().flatten().count())
            .field("queue", &self.queue.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
