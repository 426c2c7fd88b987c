//! The clients of one server and the event loop that they live on.

use std::any::Any;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use switchboard::{Budget, Config, ConnectionId, EventLoop, Wait};

use super::churn::Once;
use super::client::{Ask, Asker, Listener, Pause, ROOM};
use super::order::Order;
use super::others::{Flood, Trickle, chunk};
use super::reader::{Reader, SAMPLE_BYTES};
use super::stream::{Sources, connect_with_buffer};
use super::tally::{Others, Tally, nanoseconds};
use super::world::{World, limits};
use super::{Beside, Job};
use crate::failure::{Attempt, Failure, Outcome};
use crate::traffic::{Kind, Traffic};

/// A server that does not answer for this long has failed.
const STALL: Duration = Duration::from_secs(10);
/// Lanes that are told to ask in one turn: an event loop reads nothing while 4096 requests wait.
const ASKED_AT_ONCE: usize = 1024;
/// What the socket of a reader may hold; the kernel doubles it for its own needs. What stopped
/// readers hold is the first that their next slice takes, so it should not be most of it: 100 of
/// them hold 50 MiB, which a slice of 20 ms hardly moves.
const READER_BUFFER_BYTES: usize = 256 * 1024;
/// What one client is sent in a turn at most, so that no other waits long for its turn. Only
/// those who flood have more.
const WRITE_BYTES: usize = 64 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Runner {
    event_loop: EventLoop<World>,
    world: World,
    server: SocketAddr,
    clients: Vec<ConnectionId>,
    style: Style,
    /// Lanes that ask.
    active: usize,
    /// From the first connect until all connections were established.
    pub(super) connected: Duration,
}

/// What it takes to make a lane ask.
#[derive(Debug)]
enum Style {
    /// Its client is told.
    Ask,
    /// The same, and that client may be stopped in the middle of a reply.
    ReadFile,
    /// The one client that sends for all is told.
    Speak,
    /// A connection is made.
    Connect(Sources),
}

impl Runner {
    /// Opens all connections at once and returns when all are established.
    pub(super) fn connect(job: &Job) -> Outcome<Self> {
        if job.connections == 0 || job.pipeline == 0 || job.bytes == 0 {
            return Err(Failure::new("a load needs a client and a request with a byte in it"));
        }
        let config = Config::default().write_size(WRITE_BYTES);
        let style = match job.kind {
            _ if job.churn => Style::Connect(Sources::default()),
            Kind::Echo | Kind::Http => Style::Ask,
            Kind::File => Style::ReadFile,
            Kind::Broadcast => Style::Speak,
        };
        let mut runner = Self {
            event_loop: EventLoop::with_config(config).attempt("cannot make an event loop")?,
            world: World::new(Traffic::learn(job.address, job.kind, job.pipeline, job.bytes)?),
            server: job.address,
            clients: Vec::new(),
            active: if matches!(style, Style::Speak) { 1 } else { job.connections },
            style,
            connected: Duration::ZERO,
        };
        let begin = Instant::now();
        for lane in 0..job.connections {
            runner.add_client(lane, job).attempt(format!("connection {}", lane + 1))?;
        }
        runner.add_others(job)?;
        let others = if job.beside.is_some() { job.others } else { 0 };
        runner.wait_until_connected(runner.clients.len() + others)?;
        runner.connected = begin.elapsed();
        Ok(runner)
    }

    fn add_client(&mut self, lane: usize, job: &Job) -> Outcome<()> {
        let (event_loop, server) = (&mut self.event_loop, self.server);
        let to = || format!("cannot connect to {server}");
        let added = match self.style {
            Style::Ask => event_loop.connect(server, Asker::new(lane), limits()),
            Style::Speak => event_loop.connect(server, Listener::new(job.connections), limits()),
            Style::ReadFile => {
                let stream = connect_with_buffer(server, READER_BUFFER_BYTES).attempt(to())?;
                let reader = Reader::new(lane, stream.try_clone().attempt(to())?);
                event_loop.adopt_stream(stream, reader, limits().input(SAMPLE_BYTES))
            }
            Style::Connect(_) => return Ok(()),
        };
        self.clients.push(added.attempt(to())?);
        Ok(())
    }

    fn add_others(&mut self, job: &Job) -> Outcome<()> {
        let Some(beside) = job.beside else { return Ok(()) };
        let request = self.world.traffic.request();
        let chunk = chunk(request);
        let trickle = || Trickle::new(request.to_vec().into());
        for _ in 0..job.others {
            let flood = match beside {
                Beside::SlowReader => Some(Flood::slow_reader(chunk.clone())),
                Beside::Greedy => Some(Flood::greedy(chunk.clone())),
                Beside::Trickle => None,
            };
            let added = match flood {
                Some(flood) => {
                    let limits = flood.limits();
                    self.event_loop.connect(self.server, flood, limits)
                }
                None => self.event_loop.connect(self.server, trickle(), limits()),
            };
            added.attempt(format!("cannot connect to {}", self.server))?;
        }
        Ok(())
    }

    fn wait_until_connected(&mut self, all: usize) -> Outcome<()> {
        let mut progress = Instant::now();
        let mut connected = 0;
        while self.world.connected < all {
            self.turn(Wait::UpTo(Duration::from_millis(100)))?;
            if self.world.connected > connected {
                connected = self.world.connected;
                progress = Instant::now();
            } else if progress.elapsed() > STALL {
                let missing = all - connected;
                return Err(Failure::new(format!(
                    "{missing} connections not established in {STALL:?}"
                )));
            }
        }
        Ok(())
    }

    /// Carries an order out.
    pub(super) fn carry_out(&mut self, order: Order) -> Outcome<Tally> {
        if let Order::Active(count) = order {
            self.set_active(count)?;
        }
        let others = self.world.others;
        let cpu = cpu_time();
        let begin = Instant::now();
        self.world.run.begin(order, self.active, begin)?;
        if self.world.run.is_closed_loop() && !matches!(order, Order::Active(_)) {
            for lane in 0..self.active {
                self.world.run.set_going(lane, begin);
                self.world.wanting.push_back(lane);
            }
        }
        let idle = self.spin(begin)?;
        let elapsed = begin.elapsed();
        let run = &self.world.run;
        let bytes = self.world.others.bytes - others.bytes;
        Ok(Tally {
            requests: run.requests,
            elapsed_ns: nanoseconds(elapsed),
            idle_ns: nanoseconds(idle),
            cpu_ns: nanoseconds(cpu_time().saturating_sub(cpu)),
            bytes: run.bytes,
            latency: run.waits(),
            others: Others {
                bytes,
                replies: bytes / self.world.traffic.reply_bytes as u64,
                closed: self.world.others.closed,
            },
        })
    }

    fn set_active(&mut self, count: usize) -> Outcome<()> {
        let has_lanes = matches!(self.style, Style::Ask | Style::ReadFile);
        if !has_lanes || !(1..=self.clients.len()).contains(&count) {
            return Err(Failure::new(format!("{count} clients cannot be the active ones")));
        }
        self.active = count;
        Ok(())
    }

    /// Turns until the order is done. Says how long there was nothing to do.
    fn spin(&mut self, begin: Instant) -> Outcome<Duration> {
        let mut idle = Duration::ZERO;
        let mut before = begin;
        let mut progress = (begin, self.world.run.bytes);
        loop {
            self.make_ask(before)?;
            let was_busy = self.turn(Wait::No)?;
            let now = Instant::now();
            if !was_busy {
                idle += now - before;
            }
            before = now;
            if self.world.run.is_done(now)? {
                return Ok(idle);
            }
            if self.world.run.is_over() && matches!(self.style, Style::ReadFile) {
                self.pause()?;
                return Ok(idle);
            }
            // Those who misbehave may be served while the others starve.
            let World { run, .. } = &self.world;
            if run.bytes != progress.1 || run.under_way() == 0 {
                progress = (now, run.bytes);
            } else if now - progress.0 > STALL {
                let why = format!("no reply on {} connections in {STALL:?}", run.under_way());
                return Err(Failure::new(why));
            }
        }
    }

    /// Has those lanes ask that want to or are due.
    #[inline]
    fn make_ask(&mut self, now: Instant) -> Outcome<()> {
        let World { run, wanting, .. } = &mut self.world;
        while let Some(lane) = run.take_due(now) {
            wanting.push_back(lane);
        }
        if self.world.wanting.is_empty() { Ok(()) } else { self.make_wanting_ask() }
    }

    fn make_wanting_ask(&mut self) -> Outcome<()> {
        for _ in 0..ASKED_AT_ONCE {
            let Some(lane) = self.world.wanting.pop_front() else { break };
            match &mut self.style {
                Style::Ask | Style::ReadFile => self.tell(lane, Box::new(Ask)),
                Style::Speak => self.tell(ROOM, Box::new(Ask)),
                Style::Connect(sources) => {
                    let to = || format!("cannot connect to {}", self.server);
                    let stream = sources.connect(self.server).attempt(to())?;
                    let once = Once::new(lane, &self.world);
                    let added = self.event_loop.adopt_stream(stream, once, limits());
                    added.attempt(to())?;
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, lane: usize, what: Box<dyn Any + Send>) {
        self.event_loop.control().notify(self.clients[lane], what);
    }

    /// Stops all clients in the middle of what they read.
    fn pause(&mut self) -> Outcome<()> {
        for lane in 0..self.active {
            self.tell(lane, Box::new(Pause));
        }
        while self.event_loop.has_pending() {
            self.turn(Wait::No)?;
        }
        Ok(())
    }

    /// Says whether anything happened in a turn.
    #[inline]
    fn turn(&mut self, wait: Wait) -> Outcome<bool> {
        let turn = self.event_loop.turn(wait, Budget::default(), &mut self.world);
        if let Some(failure) = self.world.failure.take() {
            return Err(failure);
        }
        let turn = turn.attempt("cannot poll")?;
        Ok(turn.events > 0 || turn.callbacks > 0)
    }
}

/// What this process has spent on its core.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // It counts up from zero.
    Duration::try_from(time).unwrap_or_default()
}
