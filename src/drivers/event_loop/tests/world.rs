//! What the scripted network is made of: streams, listeners, and the list of what is ready.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::network::{ReadyList, Source};
use super::ports::Port;
use crate::net::{Accept, Read, Readiness};
use crate::sansio::Address;

/// How a stream was closed by the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    InOrder,
    ByReset,
}

/// One stream, seen from both ends.
pub(super) struct Pipe {
    pub(super) token: Option<usize>,
    peer: Address,
    /// What the client sent and the engine has not read.
    pub(super) inbound: VecDeque<u8>,
    /// What the engine wrote and the client has not taken.
    pub(super) outbound: Vec<u8>,
    /// How much `outbound` may hold: a peer that never reads fills it.
    pub(super) room: usize,
    /// The most that one read or write moves.
    pub(super) step: usize,
    /// Reads would block, whatever there is: it has not arrived yet.
    pub(super) is_stuck: bool,
    /// The client said FIN.
    pub(super) is_finished: bool,
    pub(super) is_reset: bool,
    /// The engine said FIN.
    pub(super) is_shut: bool,
    pub(super) closed: Option<Fate>,
    pub(super) is_connecting: bool,
    pub(super) refusal: Option<ErrorKind>,
    /// A write found no room: the system will say when there is some.
    pub(super) wants_room: bool,
    is_listed: bool,
}

impl Pipe {
    fn new(peer: Address) -> Self {
        Self {
            token: None,
            peer,
            inbound: VecDeque::new(),
            outbound: Vec::new(),
            room: 64 << 10,
            step: usize::MAX,
            is_stuck: false,
            is_finished: false,
            is_reset: false,
            is_shut: false,
            closed: None,
            is_connecting: false,
            refusal: None,
            wants_room: false,
            is_listed: false,
        }
    }

    pub(super) fn free(&self) -> usize {
        self.room.saturating_sub(self.outbound.len())
    }

    /// Whether a write may be tried.
    pub(super) fn fate(&self) -> Result<(), ErrorKind> {
        assert!(self.closed.is_none(), "a closed stream is used");
        if self.is_reset { Err(ErrorKind::ConnectionReset) } else { Ok(()) }
    }

    /// A write of the engine.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        assert!(!self.is_shut, "bytes after our FIN");
        let count = bytes.len().min(self.free()).min(self.step);
        self.outbound.extend_from_slice(&bytes[..count]);
        self.wants_room |= count < bytes.len();
        count
    }

    /// A read of the engine.
    pub(super) fn give(&mut self, buffer: &mut [u8]) -> Read {
        assert!(self.closed.is_none(), "a closed stream is used");
        if self.is_reset {
            return Read::Failed(ErrorKind::ConnectionReset);
        }
        let count = buffer.len().min(self.inbound.len()).min(self.step);
        if self.is_stuck || (count == 0 && !self.is_finished) {
            return Read::Blocked;
        }
        if count == 0 {
            return Read::End;
        }
        for (place, byte) in buffer.iter_mut().zip(self.inbound.drain(..count)) {
            *place = byte;
        }
        Read::Bytes { count, is_last: self.inbound.is_empty() && count < buffer.len() }
    }

    pub(super) fn close(&mut self, by_reset: bool) {
        self.token = None;
        self.closed.get_or_insert(if by_reset { Fate::ByReset } else { Fate::InOrder });
    }

    /// What epoll would say of it now; nothing if it would say nothing.
    fn readiness(&self) -> Option<Readiness> {
        let token = self.token?;
        let is_over = self.is_reset || self.refusal.is_some();
        if self.is_connecting && !is_over {
            return None;
        }
        let has_input = !self.inbound.is_empty() && !self.is_stuck;
        let hung_up = self.is_finished || is_over;
        let readable = has_input || hung_up;
        let writable = self.free() > 0 || is_over;
        (readable || writable).then_some(Readiness { token, readable, writable, hung_up })
    }
}

/// A listener and who waits at it.
pub(super) struct Door {
    token: usize,
    /// The streams of those who wait.
    pub(super) backlog: VecDeque<usize>,
    /// So many of the next attempts find that the peer is gone.
    pub(super) skips: usize,
    pub(super) is_closed: bool,
    is_listed: bool,
}

/// What was called, and how often.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// The timeout of each poll.
    pub(super) polls: Vec<Option<Duration>>,
    pub(super) accepts: usize,
    pub(super) connects: usize,
    /// Where to, in order.
    pub(super) dialed: Vec<Address>,
    pub(super) reads: usize,
    pub(super) writes: usize,
    pub(super) file_sends: usize,
    pub(super) bytes_in: usize,
    pub(super) bytes_out: usize,
    /// Each stream closed by the engine, and whether by a reset.
    pub(super) closes: Vec<(usize, bool)>,
}

pub(super) struct World {
    pub(super) pipes: Vec<Pipe>,
    pub(super) listeners: Vec<Door>,
    pub(super) ports: Vec<Port>,
    pub(super) ready: ReadyList,
    injected: VecDeque<Readiness>,
    /// Events fetched at once. It doubles when it was not enough, as the system's does.
    pub(super) batch: usize,
    pub(super) is_batch_fixed: bool,
    /// There are no descriptors.
    pub(super) is_exhausted: bool,
    pub(super) registering_fails: bool,
    pub(super) connects_fail: Option<ErrorKind>,
    /// There is no route to this one.
    pub(super) unreachable: Option<IpAddr>,
    /// Too many wait to be accepted.
    pub(super) connects_wait: bool,
    pub(super) can_send_file: bool,
    pub(super) signals: usize,
    /// What each call takes, in virtual time; a look at the clock included.
    pub(super) call_time: Duration,
    pub(super) tally: Tally,
}

impl Default for World {
    fn default() -> Self {
        Self {
            pipes: Vec::new(),
            listeners: Vec::new(),
            ports: Vec::new(),
            ready: VecDeque::new(),
            injected: VecDeque::new(),
            batch: 1024,
            is_batch_fixed: false,
            is_exhausted: false,
            registering_fails: false,
            connects_fail: None,
            unreachable: None,
            connects_wait: false,
            can_send_file: true,
            signals: 0,
            call_time: Duration::ZERO,
            tally: Tally::default(),
        }
    }
}

impl World {
    pub(super) fn add_listener(&mut self, token: usize) -> usize {
        self.listeners.push(Door {
            token,
            backlog: VecDeque::new(),
            skips: 0,
            is_closed: false,
            is_listed: false,
        });
        self.listeners.len() - 1
    }

    /// A peer with an IP address, or a Unix peer whose whole address is given.
    pub(super) fn new_peer(&mut self, host: &str) -> usize {
        let port = u16::try_from(1024 + self.pipes.len() % 60_000).unwrap();
        let peer = host.parse().map(|ip| SocketAddr::new(ip, port).into());
        self.pipes.push(Pipe::new(peer.unwrap_or_else(|_| host.parse().unwrap())));
        self.pipes.len() - 1
    }

    /// Something about this stream has changed.
    pub(super) fn announce(&mut self, number: usize) {
        if !std::mem::replace(&mut self.pipes[number].is_listed, true) {
            self.ready.push_back(Source::Pipe(number));
        }
    }

    pub(super) fn announce_listener(&mut self, number: usize) {
        if !std::mem::replace(&mut self.listeners[number].is_listed, true) {
            self.ready.push_back(Source::Listener(number));
        }
    }

    /// Puts an event in the next batch, whatever the truth is.
    pub(super) fn inject(&mut self, readiness: Readiness) {
        self.injected.push_back(readiness);
    }

    /// One batch. Says whether it was full.
    pub(super) fn fetch(&mut self, batch: &mut Vec<Readiness>) -> bool {
        while batch.len() < self.batch {
            if let Some(readiness) = self.injected.pop_front() {
                batch.push(readiness);
                continue;
            }
            match self.ready.pop_front() {
                None => return false,
                Some(Source::Pipe(number)) => {
                    self.pipes[number].is_listed = false;
                    batch.extend(self.pipes[number].readiness());
                }
                Some(Source::Port(number)) => {
                    self.ports[number].is_listed = false;
                    batch.extend(self.ports[number].readiness());
                }
                Some(Source::Listener(number)) => {
                    let door = &mut self.listeners[number];
                    door.is_listed = false;
                    if !door.backlog.is_empty() && !door.is_closed {
                        let token = door.token;
                        let (readable, writable, hung_up) = (true, false, false);
                        batch.push(Readiness { token, readable, writable, hung_up });
                    }
                }
            }
        }
        if !self.is_batch_fixed {
            self.batch *= 2;
        }
        true
    }

    pub(super) fn accept(&mut self, listener: usize) -> Accept<usize> {
        self.tally.accepts += 1;
        let door = &mut self.listeners[listener];
        assert!(!door.is_closed, "a closed listener is used");
        if door.skips > 0 {
            door.skips -= 1;
            return Accept::Skipped;
        }
        if self.is_exhausted && !door.backlog.is_empty() {
            return Accept::Exhausted(io::Error::other("too many open files"));
        }
        match door.backlog.pop_front() {
            None => Accept::Blocked,
            Some(number) => Accept::Peer(number, self.pipes[number].peer.clone()),
        }
    }

    /// Streams that the engine has and has not closed.
    pub(super) fn open(&self) -> usize {
        self.pipes.iter().filter(|pipe| pipe.token.is_some()).count()
    }
}
