//! Datagrams: each arrives whole, late, twice or never.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use super::faults::Fault;
use super::network::Simulated;
use super::trace::Who;
use super::world::{Errand, Source, World};
use crate::net::{Receive, SendTo};
use crate::sansio::{Address, Dispatched};

/// A bound socket of the loop's.
#[derive(Debug)]
pub(super) struct Port {
    address: Address,
    pub(super) token: Option<usize>,
    /// What has arrived and was not received: an error is of an earlier send.
    inbox: VecDeque<Result<Datagram, ErrorKind>>,
    pub(super) is_closed: bool,
    pub(super) is_listed: bool,
    /// The loop was told that receiving is worth trying, and has not met would-block since.
    pub(super) may_receive: bool,
}

/// One datagram on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) bytes: Vec<u8>,
}

/// The engine's hold on a port. Dropping it closes the port.
#[derive(Debug)]
pub(super) struct PortSocket {
    net: Simulated,
    pub(super) number: usize,
}

impl Drop for PortSocket {
    fn drop(&mut self) {
        self.net.with_world(|world| world.close_port(self.number));
    }
}

impl Port {
    pub(super) fn has_mail(&self) -> bool {
        !self.inbox.is_empty()
    }
}

impl Simulated {
    pub(super) fn bind_port(&self, address: &Address) -> io::Result<(PortSocket, Address)> {
        let mut world = self.world();
        let number = world.ports.len();
        let address = World::with_port(address, 49_152 + number)?;
        if !matches!(address, Address::Udp(_) | Address::UnixDatagram(_)) {
            return Err(ErrorKind::InvalidInput.into());
        }
        if world.ports.iter().any(|port| !port.is_closed && port.address == address) {
            return Err(ErrorKind::AddrInUse.into());
        }
        world.ports.push(Port {
            address: address.clone(),
            token: None,
            inbox: VecDeque::new(),
            is_closed: false,
            is_listed: false,
            may_receive: false,
        });
        world.note(Who::Port(number), "is bound", None);
        drop(world);
        Ok((PortSocket { net: self.clone(), number }, address))
    }
}

impl World {
    pub(super) fn register_port(&mut self, number: usize, token: usize) -> io::Result<()> {
        if self.strikes(Fault::FailedRegister, Who::Port(number)) {
            return Err(ErrorKind::OutOfMemory.into());
        }
        self.ports[number].token = Some(token);
        self.announce(Source::Port(number));
        Ok(())
    }

    fn close_port(&mut self, number: usize) {
        let port = &mut self.ports[number];
        if !std::mem::replace(&mut port.is_closed, true) {
            let token = port.token.take();
            token.into_iter().for_each(|token| self.remember_token(token));
            self.note(Who::Port(number), "closes", None);
        }
    }

    /// A datagram is sent, by the loop or by somebody else.
    pub(super) fn post(&mut self, datagram: Datagram) {
        let who = Who::Loop;
        if self.strikes(Fault::LostDatagram, who) {
            return;
        }
        let copies = if self.strikes(Fault::RepeatedDatagram, who) { 2 } else { 1 };
        for _ in 0..copies {
            let mut delay = self.dice.time_below(self.faults.latency);
            if self.strikes(Fault::LateDatagram, who) {
                delay += self.dice.time_below(self.faults.delay);
            }
            self.plan(delay, Errand::Datagram(Box::new(datagram.clone())));
        }
    }

    /// A datagram arrives.
    pub(super) fn deliver(&mut self, datagram: Datagram) {
        let is_there = |port: &Port| !port.is_closed && port.address == datagram.to;
        let Some(number) = self.ports.iter().position(is_there) else {
            self.letters.push(datagram);
            return;
        };
        let who = Who::Port(number);
        if self.ports[number].inbox.len() >= MOST_WAITING {
            return self.note(who, "has no room", None);
        }
        self.note(who, "datagram arrives", datagram.bytes.len() as u64);
        self.ports[number].inbox.push_back(Ok(datagram));
        self.announce(Source::Port(number));
    }

    pub(super) fn receive(&mut self, number: usize, buffer: &mut [u8]) -> Receive {
        self.pass(Duration::ZERO);
        let who = Who::Port(number);
        if self.ports[number].is_closed || !self.ports[number].may_receive {
            self.ledger.find(|| format!("port {number} is received from unannounced or closed"));
        }
        match self.ports[number].inbox.pop_front() {
            None => {
                self.ports[number].may_receive = false;
                Receive::Blocked
            }
            Some(Err(kind)) => {
                self.note(who, "receive fails", None);
                Receive::Failed(kind)
            }
            Some(Ok(datagram)) if datagram.bytes.len() >= buffer.len() => Receive::Truncated,
            Some(Ok(Datagram { from, bytes, .. })) => {
                self.note(who, "receive", bytes.len() as u64);
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Receive::Datagram { count: bytes.len(), from }
            }
        }
    }

    pub(super) fn send_to(&mut self, number: usize, to: &Address, bytes: &[u8]) -> SendTo {
        self.pass(Duration::ZERO);
        let who = Who::Port(number);
        if bytes.len() > LARGEST {
            return SendTo::Done(Dispatched::TooLarge);
        }
        if self.strikes(Fault::BlockedSend, who) {
            self.announce_late(Source::Port(number));
            return SendTo::Blocked;
        }
        self.note(who, "send", bytes.len() as u64);
        let from = self.ports[number].address.clone();
        if self.strikes(Fault::RefusedDatagram, who) {
            // It left, and an error comes back instead of an answer.
            self.ports[number].inbox.push_back(Err(ErrorKind::ConnectionRefused));
            self.announce(Source::Port(number));
        } else {
            self.post(Datagram { from, to: to.clone(), bytes: bytes.to_vec() });
        }
        SendTo::Done(Dispatched::Sent)
    }
}

/// So many datagrams wait in a socket's buffer. The system drops what comes then.
const MOST_WAITING: usize = 64;
/// The largest payload of UDP over IPv4, in bytes.
const LARGEST: usize = 65_507;
