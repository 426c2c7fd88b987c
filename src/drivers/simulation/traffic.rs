//! How bytes, ends and resets travel.
//!
//! What TCP promises is kept: bytes arrive in order, once, and the FIN behind them. What it does
//! not promise is not: a reset overtakes nothing here, but takes with it what was not sent, and
//! perhaps what had arrived. A stream that is closed with input unread is reset, and so is one to
//! which bytes come after it was closed (RFC 9293, 3.10.7.1; RFC 2525, 2.17).

use std::io::ErrorKind;
use std::time::Duration;

use super::client::Client;
use super::faults::Fault;
use super::link::{ACCEPTOR, DIALER, End, Fin, Flow, Link, Owner};
use super::trace::Who;
use super::world::{Errand, Source, World};
use crate::sansio::Address;

/// Connecting.
impl World {
    /// A stream that `owner` begins to open from `local` to `remote`.
    pub(super) fn new_link(&mut self, owner: Owner, local: Address, remote: Address) -> usize {
        let number = self.links.len();
        let flow = |world: &mut Self| {
            let mut capacity = || {
                if world.strikes(Fault::SmallBuffer, Who::Link(number, DIALER)) {
                    world.dice.between(1, world.faults.small_buffer.max(1))
                } else {
                    world.faults.buffer.max(1)
                }
            };
            Flow::new(capacity(), capacity())
        };
        let flows = [flow(self), flow(self)];
        let latency = self.dice.time_below(self.faults.latency);
        let ends = [End::new(owner, local, true), End::new(Owner::Nobody, remote, false)];
        self.links.push(Link { ends, flows, is_cut: false, is_hurt: false, latency });
        number
    }

    /// What a packet of this link takes now.
    fn travel_time(&mut self, link: usize) -> Duration {
        let latency = self.links[link].latency;
        latency + self.dice.time_below(latency / 4)
    }

    /// The other side of a link refuses it.
    pub(super) fn refuse(&mut self, link: usize) {
        let delay = self.travel_time(link);
        self.plan(delay, Errand::Answer { link, is_welcome: false });
    }

    /// Connecting takes its time.
    pub(super) fn knock_late(&mut self, link: usize) {
        let delay = self.dice.time_below(self.faults.delay * 20);
        self.plan(delay, Errand::Knock(link));
    }

    pub(super) fn begin_to_connect(&mut self, link: usize) {
        let delay = self.travel_time(link);
        self.plan(delay, Errand::Knock(link));
    }

    /// A wish to connect arrives where it was sent to.
    pub(super) fn knock(&mut self, link: usize) {
        if self.links[link].ends[DIALER].is_closed {
            return;
        }
        let remote = self.links[link].ends[ACCEPTOR].address.clone();
        let door = self.doors.iter().position(|door| !door.is_closed && door.address == remote);
        let server = self.servers.iter().position(|(address, _)| *address == remote);
        let is_welcome = match (door, server) {
            (Some(number), _) => {
                let door = &mut self.doors[number];
                if door.waiting.len() >= door.backlog {
                    // It is dropped, and sent again.
                    return self.plan(Duration::from_secs(1), Errand::Knock(link));
                }
                door.waiting.push_back(link);
                self.links[link].ends[ACCEPTOR].owner = Owner::Engine;
                self.announce(Source::Listener(number));
                true
            }
            (None, Some(number)) => {
                let script = self.servers[number].1.clone();
                let client = self.clients.len();
                self.clients.push(Client::new(script, remote));
                self.clients[client].begin(link, ACCEPTOR);
                self.links[link].ends[ACCEPTOR].owner = Owner::Client(client);
                self.plan(Duration::ZERO, Errand::Wake(client));
                true
            }
            (None, None) => false,
        };
        let delay = self.travel_time(link);
        // What the other side sends at once comes behind its answer.
        self.links[link].flows[ACCEPTOR].last_arrival = self.elapsed + delay;
        self.plan(delay, Errand::Answer { link, is_welcome });
    }

    pub(super) fn answer(&mut self, link: usize, is_welcome: bool) {
        let end = &mut self.links[link].ends[DIALER];
        if !is_welcome && !end.is_broken {
            end.trouble = Some(ErrorKind::ConnectionRefused);
            end.is_broken = true;
        }
        end.is_connecting = false;
        self.note(Who::Link(link, DIALER), if is_welcome { "connected" } else { "refused" }, None);
        self.tell_owner(link, DIALER);
    }
}

/// Bytes.
impl World {
    /// Takes bytes to be sent, at most `most`. Gives how many.
    pub(super) fn take(&mut self, link: usize, side: usize, bytes: &[u8], most: usize) -> usize {
        let flow = &mut self.links[link].flows[side];
        let count = bytes.len().min(most).min(flow.room());
        flow.queue.extend(&bytes[..count]);
        self.transmit(link, side);
        count
    }

    /// Puts on its way what the other side has room for.
    pub(super) fn transmit(&mut self, link: usize, side: usize) {
        let who = Who::Link(link, side);
        while !self.links[link].is_cut {
            let flow = &self.links[link].flows[side];
            let most = flow.window().min(flow.queue.len());
            let is_fin = flow.queue.is_empty() && flow.fin == Fin::Asked;
            if most == 0 && !is_fin {
                return;
            }
            let is_cut = most > 1 && self.strikes(Fault::CutPacket, who);
            let count = if is_cut { self.dice.between(1, most.min(FEW)) } else { most };
            let mut delay = self.travel_time(link);
            let is_late = self.strikes(Fault::LatePacket, who)
                || (is_fin && self.strikes(Fault::LateFin, who));
            if is_late {
                delay += self.dice.time_below(self.faults.delay);
            }
            let flow = &mut self.links[link].flows[side];
            let at = flow.last_arrival.max(self.elapsed + delay);
            flow.last_arrival = at;
            flow.flight.push_back(flow.queue.drain(..count).collect());
            flow.in_flight += count;
            if is_fin {
                flow.fin = Fin::Sent;
            }
            self.plan(at - self.elapsed, Errand::Packet(link, side));
        }
    }

    /// The next packet of what `side` sent arrives.
    pub(super) fn arrive(&mut self, link: usize, side: usize) {
        let other = 1 - side;
        if self.links[link].is_cut {
            return;
        }
        let Some(packet) = self.links[link].flows[side].flight.pop_front() else { return };
        let Link { ends, flows, .. } = &mut self.links[link];
        flows[side].in_flight -= packet.len();
        flows[side].grow(packet.len(), self.faults.buffer);
        let count = packet.len() as u64;
        if ends[other].is_closed {
            if count > 0 && !ends[other].is_broken {
                self.note(Who::Link(link, other), "bytes for a closed stream", count);
                self.send_reset(link, other);
            }
            return;
        }
        if ends[other].is_broken {
            return;
        }
        if packet.is_empty() {
            flows[side].fin = Fin::Arrived;
            self.note(Who::Link(link, other), "fin arrives", None);
        } else {
            flows[side].inbox.extend(packet);
            self.note(Who::Link(link, other), "arrives", count);
        }
        self.tell_owner(link, other);
        self.tell_room(link, side);
    }

    /// Lets the owner of an end know that there is room again, if it wants to.
    fn tell_room(&mut self, link: usize, side: usize) {
        let flow = &mut self.links[link].flows[side];
        if flow.wants_room && flow.is_roomy() {
            flow.wants_room = false;
            self.tell_owner(link, side);
        }
    }

    /// Something about an end has changed.
    pub(super) fn tell_owner(&mut self, link: usize, side: usize) {
        match self.links[link].ends[side].owner {
            Owner::Engine => self.announce(Source::End(link, side)),
            Owner::Client(client) => self.wake_client(client),
            Owner::Nobody => {}
        }
    }

    /// Reads what has arrived at an end, at most `most`.
    pub(super) fn give(&mut self, link: usize, side: usize, most: usize) -> Vec<u8> {
        let inbox = &mut self.links[link].flows[1 - side].inbox;
        let count = inbox.len().min(most);
        let bytes = inbox.drain(..count).collect();
        self.transmit(link, 1 - side);
        bytes
    }
}

/// Ends.
impl World {
    /// Says FIN behind what was sent.
    pub(super) fn finish(&mut self, link: usize, side: usize) {
        let flow = &mut self.links[link].flows[side];
        if flow.fin == Fin::Open {
            flow.fin = Fin::Asked;
            self.transmit(link, side);
        }
    }

    /// Closes an end, as the system does for a program that closes or exits.
    pub(super) fn close(&mut self, link: usize, side: usize, by_reset: bool) {
        let has_unread = !self.links[link].flows[1 - side].inbox.is_empty();
        let end = &mut self.links[link].ends[side];
        if end.is_closed {
            return;
        }
        end.is_closed = true;
        let is_broken = end.is_broken;
        if let Some(token) = end.token.take() {
            self.remember_token(token);
            if let Some(carried) = self.ledger.lock().carried.get_mut(&token) {
                carried.is_closed = true;
            }
        }
        let how = match (by_reset, has_unread) {
            (true, _) => "closes by reset",
            (false, true) => "closes with input unread",
            (false, false) => "closes",
        };
        self.note(Who::Link(link, side), how, None);
        if is_broken {
            self.links[link].flows[side].drop_unsent();
        } else if by_reset || has_unread {
            self.send_reset(link, side);
        } else {
            self.finish(link, side);
        }
    }

    /// Sends a reset, behind what is on its way.
    pub(super) fn send_reset(&mut self, link: usize, side: usize) {
        let delay = self.travel_time(link);
        let Link { ends, flows, is_cut, .. } = &mut self.links[link];
        ends[side].is_broken = true;
        flows[side].queue.clear();
        if *is_cut {
            return;
        }
        let at = flows[side].last_arrival.max(self.elapsed + delay);
        flows[side].last_arrival = at;
        self.plan(at - self.elapsed, Errand::Reset(link, 1 - side));
    }

    pub(super) fn take_reset(&mut self, link: usize, side: usize) {
        if self.links[link].is_cut || self.links[link].ends[side].is_broken {
            return;
        }
        self.note(Who::Link(link, side), "reset arrives", None);
        self.break_end(link, side, ErrorKind::ConnectionReset);
        self.tell_owner(link, side);
    }

    /// From now on this end has failed, with `trouble`.
    pub(super) fn break_end(&mut self, link: usize, side: usize, trouble: ErrorKind) {
        let loses_input = self.strikes(Fault::LostInput, Who::Link(link, side));
        let Link { ends, flows, is_hurt, .. } = &mut self.links[link];
        ends[side].is_broken = true;
        ends[side].trouble = Some(trouble);
        ends[side].is_connecting = false;
        flows[side].drop_unsent();
        if loses_input {
            *is_hurt |= !flows[1 - side].inbox.is_empty();
            flows[1 - side].inbox.clear();
        }
    }
}

/// So many bytes at most are in a packet that was cut.
const FEW: usize = 7;
