//! What a simulation is asked afterwards, and what it watches itself after each turn.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use super::client::Seen;
use super::driver::{ClientId, Simulation};
use super::failure::{Failure, lines_shown};
use super::faults::Struck;
use crate::drivers::event_loop::{Budget, Control, Deadline, Handle, Stats, Trouble, Turn};
use crate::sansio::{Closing, Connection, ConnectionId, DatagramSocket, Stage};

/// Looking and reaching in.
impl<S: 'static> Simulation<S> {
    /// A value that reaches the loop, as from another thread.
    #[must_use]
    pub fn handle(&self) -> Handle<S> {
        self.engine.handle()
    }

    /// Begins to drain: see [`EventLoop::drain`](crate::EventLoop::drain). The next
    /// [`run`](Self::run) ends when that is done.
    pub fn drain(&mut self, grace: Duration) {
        self.is_draining = true;
        self.engine.begin_drain(grace);
    }

    /// What the loop has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// Every connection that is open.
    pub fn connections(&self) -> impl Iterator<Item = &Connection<S>> {
        self.engine.connections()
    }

    /// Asks a connection to close, in the next turn.
    pub fn close(&mut self, connection: ConnectionId, closing: Closing) {
        self.engine.control().close(connection, closing);
    }

    /// The same things that posted work may do.
    pub fn control(&mut self) -> Control<'_, S> {
        self.engine.control()
    }

    /// When the next turn should be made.
    #[must_use]
    pub fn next_deadline(&self) -> Deadline {
        self.engine.next_deadline()
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.net.world().now()
    }

    /// How much virtual time has passed since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.net.world().elapsed
    }

    /// Lets time pass without a turn, as for a host that is away.
    pub fn be_away(&mut self, time: Duration) {
        self.net.world().pass(time);
    }

    /// Everything that a client got, byte for byte.
    #[must_use]
    pub fn received(&self, client: ClientId) -> Vec<u8> {
        self.net.world().clients[client.0].received.clone()
    }

    /// How a client's connection ended, if it noticed that.
    #[must_use]
    pub fn seen(&self, client: ClientId) -> Option<Seen> {
        self.net.world().clients[client.0].seen
    }

    /// Whether a client gave up on its script because a fault had hit it, or because it is
    /// [tolerant](super::Script::tolerant): what it was waiting for then.
    #[must_use]
    pub fn excuse(&self, client: ClientId) -> Option<String> {
        self.net.world().clients[client.0].excuse.clone()
    }

    /// How many clients there are, scripted servers' included.
    #[must_use]
    pub fn client_count(&self) -> usize {
        self.net.world().clients.len()
    }

    /// How often each kind of fault struck.
    #[must_use]
    pub fn struck(&self) -> Struck {
        self.net.world().struck.clone()
    }

    /// How often a turn said that each trouble began.
    #[must_use]
    pub fn troubles(&self) -> &[(Trouble, u64)] {
        &self.troubles
    }

    /// How many turns left work over, their budget being spent.
    #[must_use]
    pub const fn curbed_turns(&self) -> u64 {
        self.curbed
    }

    /// The seed.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The trace as text, one line an event: its end, or all of it where it is
    /// [kept](Self::keeping_trace).
    #[must_use]
    pub fn trace(&self) -> String {
        self.ledger.lock().trace.tail(usize::MAX)
    }

    /// A number that stands for the whole trace: two runs that differ anywhere have two.
    #[must_use]
    pub fn trace_digest(&self) -> u64 {
        self.ledger.lock().trace.digest()
    }

    /// How many events the trace has had.
    #[must_use]
    pub fn event_count(&self) -> u64 {
        self.ledger.lock().trace.count()
    }
}

/// What must hold after every turn.
impl<S: 'static> Simulation<S> {
    pub(super) fn note_turn(&mut self, turn: &Turn, budget: &Budget) {
        if let Some(trouble) = turn.trouble {
            match self.troubles.iter_mut().find(|(known, _)| *known == trouble) {
                Some((_, count)) => *count += 1,
                None => self.troubles.push((trouble, 1)),
            }
        }
        let is_limited = *budget != Budget::default();
        self.curbed += u64::from(turn.more && is_limited);
        let is_vain = is_idle(turn) && turn.events == 0 && turn.more;
        self.vain = if is_vain { self.vain + 1 } else { 0 };
    }

    pub(super) fn check_turn(&self, turn: &Turn, before: Deadline) -> Result<(), Failure> {
        let finding = self.ledger.lock().finding.take();
        if let Some(finding) = finding {
            return Err(self.failure(finding));
        }
        if self.vain > MOST_VAIN {
            return Err(self.failure("the loop spins: it has work and does none".to_owned()));
        }
        let was_due = match before {
            Deadline::Now => true,
            Deadline::At(at) => at <= self.now(),
            Deadline::Never => false,
        };
        if turn.events == 0 && !was_due && !is_idle(turn) {
            let finding = format!("a turn had nothing to do and did something: {turn:?}");
            return Err(self.failure(finding));
        }
        self.check_counts()?;
        self.check_connections()
    }

    /// No listener has more connections than it may, nor has an address.
    fn check_counts(&self) -> Result<(), Failure> {
        let mut counts = BTreeMap::new();
        for connection in self.engine.connections() {
            let Some(listener) = connection.listener() else { continue };
            let limits = connection.limits();
            let neighbours = |ip| (Some(ip), limits.connections_per_address);
            let bounds = connection.peer().ip().map(neighbours);
            for (ip, most) in bounds.into_iter().chain([(None, limits.connections)]) {
                let count = counts.entry((listener, ip)).or_insert(0);
                *count += 1;
                if *count > most {
                    let whose = format!("{listener:?}, address {ip:?}");
                    let finding = format!("{count} connections of {whose}, and {most} may be");
                    return Err(self.failure(finding));
                }
            }
        }
        Ok(())
    }

    /// Every connection is coherent, and the loop wakes up for its deadline.
    fn check_connections(&self) -> Result<(), Failure> {
        let mut earliest: Option<Instant> = None;
        let mut held: usize = self.engine.sockets().map(DatagramSocket::held).sum();
        for connection in self.engine.connections() {
            connection.check_invariants();
            held += connection.held();
            let deadline = connection.poll_deadline();
            if connection.stage() != Stage::Closed && deadline.is_none() {
                let finding = format!("connection {} lives without a deadline", connection.id());
                return Err(self.failure(finding));
            }
            earliest = earliest.into_iter().chain(deadline).min();
        }
        let counted = self.engine.stats().held;
        if held != counted {
            let finding = format!("connections hold {held} bytes, and {counted} are counted");
            return Err(self.failure(finding));
        }
        let Some(earliest) = earliest else { return Ok(()) };
        let is_awake = match self.engine.next_deadline() {
            Deadline::Now => true,
            Deadline::At(at) => at <= earliest + TICK,
            Deadline::Never => false,
        };
        if is_awake {
            return Ok(());
        }
        let finding = "a connection has a deadline for which the loop does not wake up";
        Err(self.failure(finding.to_owned()))
    }

    /// Nothing is left behind.
    pub(super) fn check_leftovers(&self) -> Result<(), Failure> {
        let (held, open) = (self.engine.stats().held, self.net.world().open);
        let kept = self.ledger.lock();
        let alive = kept.begun - kept.ended;
        drop(kept);
        if (held, open, alive) == (0, 0, 0) {
            return Ok(());
        }
        Err(self.failure(format!(
            "all is over, and {held} bytes are held, {open} streams open, {alive} protocols alive"
        )))
    }

    pub(super) fn no_end(&self, is_stuck: bool) -> Failure {
        let world = self.net.world();
        let waiting = world.clients.iter().enumerate().filter(|(_, client)| !client.is_done());
        let clients: Vec<_> = waiting
            .map(|(number, client)| format!("client {number} {}", client.place()))
            .take(MOST_NAMED)
            .collect();
        drop(world);
        let why = if is_stuck { "nothing will ever happen" } else { "it comes to no end" };
        let (open, clients) = (self.engine.stats().open, clients.join("; "));
        self.failure(format!("{why}, with {open} connections open; {clients}"))
    }

    pub(super) fn failure(&self, finding: String) -> Failure {
        let trace = self.ledger.lock().trace.tail(lines_shown());
        Failure { seed: self.seed, finding, trace }
    }
}

impl<S> Drop for Simulation<S> {
    fn drop(&mut self) {
        self.ledger.lock().is_ending = true;
    }
}

impl<S> fmt::Debug for Simulation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("seed", &self.seed)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

/// Whether a turn changed nothing for anybody.
fn is_idle(turn: &Turn) -> bool {
    let Turn { accepted, closed, callbacks, bytes_in, bytes_out, .. } = *turn;
    (accepted, closed, callbacks, bytes_in, bytes_out) == (0, 0, 0, 0, 0)
}

/// The timer wheel's tick: so much later than a deadline the loop may wake up for it.
const TICK: Duration = Duration::from_millis(2);
/// Turns in vain in a row, each of which may have done a step of a broadcast that reached nobody:
/// a crowd that says good-bye with a broadcast each takes some thousand of those.
const MOST_VAIN: usize = 20_000;
/// Clients named in a failure.
const MOST_NAMED: usize = 5;
