//! The load: many connections, one thread, a closed loop.
//!
//! Each connection sends one batch of requests in one write and sends the next
//! when all replies to it have come. A run begins and ends with nothing under
//! way, so that the server's CPU time can be read exactly. The poll never
//! sleeps: a sleeping load would have to be woken by the server's own write,
//! at a price that depends on how often it happens to be asleep.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::failure::{Attempt, Failure, Outcome};
use crate::traffic::{Kind, Traffic};

/// A server that does not answer for this long has failed.
const STALL: Duration = Duration::from_secs(10);
const EVENTS: usize = 1024;
const SCRATCH_BYTES: usize = 64 * 1024;

/// When a run sends no further batches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// When this much time has passed.
    Time(Duration),
    /// When so many requests are answered; each connection sends at least one batch.
    Requests(u64),
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Requests that were answered.
    pub(crate) requests: u64,
    /// From the first request to the last reply.
    pub(crate) elapsed: Duration,
    /// The part of it in which the load had nothing to do.
    pub(crate) idle: Duration,
}

/// Connections to one server.
#[derive(Debug)]
pub(crate) struct Load {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    traffic: Traffic,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Client {
    stream: TcpStream,
    is_connected: bool,
    /// Bytes of the batch that the socket has not taken.
    unsent: usize,
    /// Bytes of the batch's replies that have not come.
    awaited: usize,
}

impl Load {
    /// Opens all connections at once and returns when all are established.
    pub(crate) fn connect(
        address: SocketAddr,
        kind: Kind,
        connections: usize,
        pipeline: usize,
    ) -> Outcome<Self> {
        let traffic = Traffic::learn(address, kind, pipeline)?;
        let poll = Poll::new().attempt("cannot make a poll")?;
        let mut clients = Vec::with_capacity(connections);
        for index in 0..connections {
            let stream = open(&poll, address, index)
                .attempt(format!("connection {} to {address}", index + 1))?;
            clients.push(Client { stream, is_connected: false, unsent: 0, awaited: 0 });
        }
        let mut load = Self {
            poll,
            events: Events::with_capacity(EVENTS),
            clients,
            traffic,
            scratch: vec![0; SCRATCH_BYTES],
        };
        load.wait_until_connected()?;
        Ok(load)
    }

    /// Keeps every connection busy until the goal is reached and then until
    /// every reply has come.
    pub(crate) fn run(&mut self, goal: Goal) -> Outcome<Tally> {
        let begin = Instant::now();
        let mut progress = begin;
        let mut tally = Tally::default();
        let mut busy = self.clients.len();
        for client in &mut self.clients {
            client.send_batch(&self.traffic)?;
        }
        while busy > 0 {
            let before = Instant::now();
            wait(&mut self.poll, &mut self.events, Duration::ZERO)?;
            let now = Instant::now();
            if !self.events.is_empty() {
                progress = now;
            } else if now - progress > STALL {
                return Err(Failure::new(format!("no reply on {busy} connections in {STALL:?}")));
            } else {
                tally.idle += now - before;
                continue;
            }
            let wants_more = match goal {
                Goal::Time(limit) => now - begin < limit,
                Goal::Requests(limit) => tally.requests < limit,
            };
            for event in &self.events {
                let client = &mut self.clients[event.token().0];
                if !client.receive(&self.traffic, &mut self.scratch)? {
                    continue;
                }
                tally.requests += self.traffic.pipeline as u64;
                if wants_more {
                    client.send_batch(&self.traffic)?;
                } else {
                    busy -= 1;
                }
            }
        }
        tally.elapsed = begin.elapsed();
        Ok(tally)
    }

    fn wait_until_connected(&mut self) -> Outcome<()> {
        let mut missing = self.clients.len();
        let mut progress = Instant::now();
        while missing > 0 {
            wait(&mut self.poll, &mut self.events, Duration::from_millis(100))?;
            for event in &self.events {
                let client = &mut self.clients[event.token().0];
                if client.is_connected {
                    continue;
                }
                let connected = client.finish_connecting();
                client.is_connected = connected.attempt("cannot connect")?;
                missing -= usize::from(client.is_connected);
                progress = Instant::now();
            }
            if progress.elapsed() > STALL {
                return Err(Failure::new(format!(
                    "{missing} connections not established in {STALL:?}"
                )));
            }
        }
        Ok(())
    }
}

impl Client {
    fn finish_connecting(&mut self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => {
                self.stream.set_nodelay(true)?;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn send_batch(&mut self, traffic: &Traffic) -> Outcome<()> {
        self.unsent = traffic.batch.len();
        self.awaited = traffic.batch_reply_bytes();
        self.send(traffic)
    }

    fn send(&mut self, traffic: &Traffic) -> Outcome<()> {
        while self.unsent > 0 {
            let rest = &traffic.batch[traffic.batch.len() - self.unsent..];
            match self.stream.write(rest) {
                Ok(count) => self.unsent -= count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(Failure::because("cannot send", error)),
            }
        }
        Ok(())
    }

    /// Takes what has come; true when that was the last of the batch.
    fn receive(&mut self, traffic: &Traffic, scratch: &mut [u8]) -> Outcome<bool> {
        self.send(traffic)?;
        while self.awaited > 0 {
            let piece = match self.stream.read(scratch) {
                Ok(0) => return Err(Failure::new("the server closed a connection")),
                Ok(count) => &scratch[..count],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(Failure::because("cannot receive", error)),
            };
            if !traffic.accepts(piece, self.awaited) {
                let shown = String::from_utf8_lossy(&piece[..piece.len().min(80)]);
                return Err(Failure::new(format!("a reply is wrong: {shown:?}")));
            }
            self.awaited -= piece.len();
            if self.awaited == 0 {
                // No further read: in a closed loop nothing more can come.
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Waits for readiness; a signal ends the wait early with no events.
pub(crate) fn wait(poll: &mut Poll, events: &mut Events, limit: Duration) -> Outcome<()> {
    match poll.poll(events, Some(limit)) {
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        other => other.attempt("cannot poll"),
    }
}

fn open(poll: &Poll, address: SocketAddr, index: usize) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    let both = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut stream, Token(index), both)?;
    Ok(stream)
}
