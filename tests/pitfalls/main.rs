//! The pitfalls in which the system itself is the point, over real loopback sockets.
//!
//! Time is a `ManualClock`'s, clients are `std` sockets that never block, and everything is told
//! by counts. The other pitfalls are proved on a scripted network, in
//! `src/drivers/event_loop/tests/`.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod client;
mod descriptors;
#[cfg(feature = "http")]
mod http;
mod signals;
mod tcp;
mod unix;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use client::Client;
use switchboard::{
    Budget, CloseReason, Closed, Config, Ended, EventLoop, Limits, ListenOptions, ManualClock,
    Peer, Protocol, Transport, Turn, Wait,
};

const SECOND: Duration = Duration::from_secs(1);

/// A loop with its clock, and how the connections of its protocols ended.
struct Rig {
    event_loop: EventLoop<Ends>,
    clock: ManualClock,
    ends: Ends,
}

type Ends = Vec<CloseReason>;

impl Rig {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let clock = ManualClock::new();
        let event_loop = EventLoop::with_config(config.clock(clock.clone())).unwrap();
        Self { event_loop, clock, ends: Ends::new() }
    }

    fn listen<P: Protocol<Ends>>(
        &mut self,
        options: impl Into<ListenOptions>,
        factory: impl FnMut(Peer) -> P + Send + 'static,
    ) -> SocketAddr {
        let listener = self.event_loop.listen_with("127.0.0.1:0", options, factory).unwrap();
        self.event_loop.local_address(listener).unwrap().socket().unwrap()
    }

    /// One turn that waits for a moment at most, so that a test which waits in vain fails soon.
    fn turn(&mut self) -> Turn {
        let moment = Wait::UpTo(Duration::from_millis(5));
        self.event_loop.turn(moment, Budget::default(), &mut self.ends).unwrap()
    }

    /// Turns until something is so.
    fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        for _ in 0..4000 {
            if is_so(self) {
                return;
            }
            self.turn();
        }
        panic!("never: {what}; {:?}, {:?}", self.ends, self.event_loop.stats());
    }

    /// Turns until the loop is stopped or drained.
    fn ended(&mut self) -> Ended {
        for _ in 0..4000 {
            if let Some(ended) = self.turn().ended {
                return ended;
            }
        }
        panic!("it never ends: {:?}", self.event_loop);
    }

    /// Turns until nothing happens any more. Gives how many.
    fn settle(&mut self) -> usize {
        for turns in 0..1000 {
            let turn = self.turn();
            if turn.events == 0 && turn.callbacks == 0 && !turn.more {
                return turns;
            }
        }
        panic!("the loop spins: {:?}", self.event_loop);
    }

    /// Clients that were accepted.
    fn clients(&mut self, address: SocketAddr, count: usize) -> Vec<Client> {
        let open = self.event_loop.stats().open + count;
        let clients = (0..count).map(|_| Client::connect(address)).collect();
        self.until("accepted", |rig| rig.event_loop.stats().open == open);
        clients
    }

    /// Lets a client receive until it has so many bytes, or the end.
    fn receive<S: Read + Write + AsFd>(&mut self, client: &mut Client<S>, bytes: usize) {
        self.until("received", |_| {
            client.receive();
            client.received.len() >= bytes || client.end.is_some()
        });
    }
}

/// Echoes, and tells how it ended.
struct Echo;

impl Protocol<Ends> for Echo {
    fn received(&mut self, on: &mut Transport<'_, Ends>, _: &mut Ends, bytes: &[u8]) -> usize {
        on.write(bytes);
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, Ends>, ends: &mut Ends, closed: Closed) {
        ends.push(closed.reason);
    }
}

/// Answers whatever it gets with so many bytes, and finishes if so told.
struct Answer {
    bytes: usize,
    finishes: bool,
}

impl Protocol<Ends> for Answer {
    fn received(&mut self, on: &mut Transport<'_, Ends>, _: &mut Ends, bytes: &[u8]) -> usize {
        on.write(&vec![7; self.bytes]);
        if self.finishes {
            on.finish();
        }
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, Ends>, ends: &mut Ends, closed: Closed) {
        ends.push(closed.reason);
    }
}
