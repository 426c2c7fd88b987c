//! The datagram sockets of the scripted network.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};

use super::network::Scripted;
use super::world::World;
use crate::net::{Readiness, Receive, SendTo};
use crate::sansio::{Address, Dispatched};

/// What a receive finds.
pub(super) enum Mail {
    Datagram(Address, Vec<u8>),
    Error(ErrorKind),
}

/// One datagram socket, seen from the network.
#[derive(Default)]
pub(super) struct Port {
    pub(super) token: Option<usize>,
    /// What has arrived and was not received.
    pub(super) inbound: VecDeque<Mail>,
    /// As many as are taken arrive again at once: a flood.
    pub(super) is_flooded: bool,
    /// What was sent, and to whom.
    pub(super) outbound: Vec<(Address, Vec<u8>)>,
    /// So many sends are taken before one meets would-block.
    pub(super) room: usize,
    /// Who has no room, of which nobody is told.
    pub(super) full: Vec<Address>,
    /// What the system answers to every send.
    pub(super) refusal: Option<Dispatched>,
    /// Receives and sends made.
    pub(super) receives: usize,
    pub(super) sends: usize,
    pub(super) is_closed: bool,
    pub(super) is_listed: bool,
}

impl Port {
    /// What epoll would say of it now.
    pub(super) fn readiness(&self) -> Option<Readiness> {
        let token = self.token.filter(|_| !self.is_closed)?;
        let (readable, writable) = (!self.inbound.is_empty(), self.room > 0);
        (readable || writable).then_some(Readiness { token, readable, writable, hung_up: false })
    }

    /// A receive of the engine.
    pub(super) fn give(&mut self, buffer: &mut [u8]) -> Receive {
        assert!(!self.is_closed, "a closed socket is used");
        self.receives += 1;
        let (from, bytes) = match self.inbound.pop_front() {
            None => return Receive::Blocked,
            Some(Mail::Error(kind)) => return Receive::Failed(kind),
            Some(Mail::Datagram(from, bytes)) => (from, bytes),
        };
        if self.is_flooded {
            self.inbound.push_back(Mail::Datagram(from.clone(), bytes.clone()));
        }
        if bytes.len() >= buffer.len() {
            return Receive::Truncated;
        }
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Receive::Datagram { count: bytes.len(), from }
    }

    /// A send of the engine.
    pub(super) fn take(&mut self, to: &Address, bytes: &[u8]) -> SendTo {
        assert!(!self.is_closed, "a closed socket is used");
        self.sends += 1;
        if let Some(refusal) = self.refusal {
            return SendTo::Done(refusal);
        }
        if self.full.contains(to) {
            return SendTo::Done(Dispatched::NoRoom);
        }
        if self.room == 0 {
            return SendTo::Blocked;
        }
        self.room -= 1;
        self.outbound.push((to.clone(), bytes.to_vec()));
        SendTo::Done(Dispatched::Sent)
    }
}

/// The engine's end of a datagram socket. Dropping it closes it.
pub(super) struct PortSocket {
    net: Scripted,
    pub(super) number: usize,
}

impl PortSocket {
    pub(super) fn new(net: &Scripted) -> Self {
        let mut world = net.world();
        world.ports.push(Port { room: usize::MAX, ..Port::default() });
        Self { net: net.clone(), number: world.ports.len() - 1 }
    }
}

impl Drop for PortSocket {
    fn drop(&mut self) {
        self.net.world().ports[self.number].is_closed = true;
    }
}

impl World {
    pub(super) fn register_port(&mut self, number: usize, token: usize) -> io::Result<()> {
        if self.registering_fails {
            return Err(ErrorKind::OutOfMemory.into());
        }
        self.ports[number].token = Some(token);
        self.announce_port(number);
        Ok(())
    }

    /// Something about this socket has changed.
    pub(super) fn announce_port(&mut self, number: usize) {
        if !std::mem::replace(&mut self.ports[number].is_listed, true) {
            self.ready.push_back(super::network::Source::Port(number));
        }
    }
}

/// The network's side of datagram sockets, by the order in which they were bound.
impl Scripted {
    /// A datagram arrives.
    pub(super) fn deliver(&self, number: usize, from: &Address, bytes: impl AsRef<[u8]>) {
        let mail = Mail::Datagram(from.clone(), bytes.as_ref().to_vec());
        self.change_port(number, |port| port.inbound.push_back(mail));
    }

    /// Changes a socket, and lets the system announce it.
    pub(super) fn change_port(&self, number: usize, change: impl FnOnce(&mut Port)) {
        let mut world = self.world();
        change(&mut world.ports[number]);
        world.announce_port(number);
    }

    /// Takes what was sent.
    pub(super) fn sent(&self, number: usize) -> Vec<(Address, Vec<u8>)> {
        std::mem::take(&mut self.world().ports[number].outbound)
    }
}
