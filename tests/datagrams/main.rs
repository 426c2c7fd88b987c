//! Datagram sockets of every kind over the real network of this machine.
//!
//! Clients are std's sockets in the same thread: what they send has arrived when `send` returns,
//! so a turn that waits for nothing finds it.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod udp;
#[cfg(unix)]
mod unix;

use std::time::Duration;

use switchboard::sansio::DatagramCounts;
use switchboard::{
    Address, BindOptions, Budget, ConnectionId, DatagramLimits, DatagramProtocol,
    DatagramTransport, EventLoop, Turn, Wait,
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers each datagram with itself.
struct Echo;

impl<S> DatagramProtocol<S> for Echo {
    fn received(
        &mut self,
        on: &mut DatagramTransport<'_, S>,
        _: &mut S,
        _: &Address,
        bytes: &[u8],
    ) {
        on.reply(bytes);
    }
}

/// Sends what it was made with when it is opened.
struct Sends(Vec<(Address, Vec<u8>)>);

impl<S> DatagramProtocol<S> for Sends {
    fn opened(&mut self, on: &mut DatagramTransport<'_, S>, _: &mut S) {
        for (to, bytes) in &self.0 {
            assert!(on.send_to(to, bytes).is_queued());
        }
    }

    fn received(&mut self, _: &mut DatagramTransport<'_, S>, _: &mut S, _: &Address, _: &[u8]) {}
}

/// A loop with one socket that echoes, and its address.
fn echo(address: &str, options: impl Into<BindOptions>) -> (EventLoop<()>, Address) {
    let mut event_loop = EventLoop::new().unwrap();
    let id = event_loop.bind_with(address, options, Echo).unwrap();
    let local = local(&event_loop, id);
    (event_loop, local)
}

fn local(event_loop: &EventLoop<()>, id: ConnectionId) -> Address {
    event_loop.datagram_socket(id).unwrap().local().clone()
}

/// Turns until there is nothing to do right now.
fn settle(event_loop: &mut EventLoop<()>) -> Turn {
    loop {
        let turn = event_loop.turn(Wait::No, Budget::default(), &mut ()).unwrap();
        if turn.events == 0 && !turn.more {
            return turn;
        }
    }
}

/// Turns until the counts are so.
fn wait_for(event_loop: &mut EventLoop<()>, are_so: impl Fn(&DatagramCounts) -> bool) {
    while !are_so(&counts(event_loop)) {
        let turn = event_loop.turn(Wait::UpTo(PATIENCE), Budget::default(), &mut ()).unwrap();
        let is_idle = turn.events == 0 && turn.callbacks == 0 && !turn.more;
        let waits = event_loop.datagram_sockets().any(|socket| socket.poll_deadline().is_some());
        assert!(!is_idle || waits, "it never happens: {:?}", counts(event_loop));
    }
}

fn counts(event_loop: &EventLoop<()>) -> DatagramCounts {
    event_loop.stats().datagrams
}

fn limit(datagram: usize) -> DatagramLimits {
    DatagramLimits::default().datagram(datagram)
}
