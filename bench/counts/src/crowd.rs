//! A loop with connections over real sockets, on a clock that is moved by hand.

use std::any::Any;
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use switchboard::sansio::Timeout;
use switchboard::{
    Budget, Config, ConnectionId, EventLoop, ListenerId, ManualClock, Protocol, Transport, Wait,
    WhenFull,
};

/// How many clients a crowd has: both ends of each are descriptors of this process, and a
/// thousand and twenty-four is a common limit.
pub const CLIENTS: usize = 256;

const LINE: &[u8] = &[b'l'; 64];

/// An [`EventLoop`] with [`CLIENTS`] connections of one listener.
#[derive(Debug)]
pub struct Crowd {
    event_loop: EventLoop<Seen>,
    clock: ManualClock,
    listener: ListenerId,
    connections: Vec<ConnectionId>,
    clients: Vec<TcpStream>,
    seen: Seen,
}

/// What the connections have seen.
#[derive(Debug, Default)]
struct Seen {
    connected: usize,
    expired: usize,
}

/// Sets its deadline as far away as the message says, and counts when it is over.
struct Timed;

impl Protocol<Seen> for Timed {
    fn connected(&mut self, _: &mut Transport<'_, Seen>, seen: &mut Seen) {
        seen.connected += 1;
    }

    fn received(&mut self, _: &mut Transport<'_, Seen>, _: &mut Seen, bytes: &[u8]) -> usize {
        bytes.len()
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, Seen>,
        _: &mut Seen,
        message: Box<dyn Any + Send>,
    ) {
        if let Ok(timeout) = message.downcast::<Duration>() {
            transport.set_timeout(*timeout);
        }
    }

    fn expired(&mut self, _: &mut Transport<'_, Seen>, seen: &mut Seen, timeout: Timeout) {
        if timeout == Timeout::Own {
            seen.expired += 1;
        }
    }
}

impl Crowd {
    /// A loop whose clients are all connected and quiet, and have been told a line each.
    #[must_use]
    pub fn connected() -> Self {
        let clock = ManualClock::new();
        let config = Config::default().clock(clock.clone());
        let mut event_loop = EventLoop::with_config(config).expect("a loop can be made");
        let listener = event_loop
            .listen("127.0.0.1:0", |_peer| Timed)
            .expect("a port of the loopback is free");
        let address = event_loop.local_address(listener).and_then(|its| its.socket());
        let address = address.expect("a TCP listener has an address");
        let mut crowd = Self {
            event_loop,
            clock,
            listener,
            connections: Vec::new(),
            clients: Vec::new(),
            seen: Seen::default(),
        };
        // One after the other, so that slots and timers lie in the same order every time.
        while crowd.clients.len() < CLIENTS {
            crowd.clients.push(TcpStream::connect(address).expect("the loop listens"));
            while crowd.seen.connected < crowd.clients.len() {
                crowd.turn(Wait::Forever);
            }
        }
        crowd.connections = crowd.event_loop.connections().map(|its| its.id()).collect();
        // The first times make buffers and room, which later ones find.
        for _ in 0..2 {
            crowd.broadcast();
            crowd.hear();
            crowd.set_timers(Duration::from_secs(3));
            crowd.fire_timers();
        }
        crowd.seen.expired = 0;
        crowd
    }

    /// Sends a line to all, whose sockets take it at once.
    pub fn broadcast(&mut self) {
        self.event_loop.control().broadcast(self.listener, LINE, WhenFull::Drop);
        self.settle();
    }

    /// Has every client read its line.
    pub fn hear(&mut self) {
        for client in &mut self.clients {
            let mut line = [0; LINE.len()];
            client.read_exact(&mut line).expect("a line was sent");
            assert_eq!(line, LINE);
        }
    }

    /// Tells every connection to set its deadline so far from now; one that had one moves it.
    pub fn set_timers(&mut self, timeout: Duration) {
        let mut control = self.event_loop.control();
        for &connection in &self.connections {
            control.notify(connection, Box::new(timeout));
        }
        self.settle();
    }

    /// Lets time pass until all deadlines are over, and gives how many protocols were told.
    pub fn fire_timers(&mut self) -> usize {
        self.clock.advance(Duration::from_secs(4));
        self.settle();
        std::mem::take(&mut self.seen.expired)
    }

    /// Turns until nothing is left over.
    fn settle(&mut self) {
        self.turn(Wait::No);
        while self.event_loop.has_pending() {
            self.turn(Wait::No);
        }
    }

    fn turn(&mut self, wait: Wait) {
        self.event_loop.turn(wait, Budget::default(), &mut self.seen).expect("a turn is made");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broadcast_reaches_every_client() {
        let mut crowd = Crowd::connected();
        crowd.broadcast();
        crowd.hear();
    }

    #[test]
    fn every_timer_that_was_set_fires_once() {
        let mut crowd = Crowd::connected();
        crowd.set_timers(Duration::from_secs(3));
        assert_eq!(crowd.fire_timers(), CLIENTS);
        assert_eq!(crowd.fire_timers(), 0);
    }

    #[test]
    fn a_timer_that_was_moved_fires_when_it_was_moved_to() {
        let mut crowd = Crowd::connected();
        crowd.set_timers(Duration::from_secs(60));
        assert_eq!(crowd.fire_timers(), 0);
        crowd.set_timers(Duration::from_secs(3));
        assert_eq!(crowd.fire_timers(), CLIENTS);
    }
}
