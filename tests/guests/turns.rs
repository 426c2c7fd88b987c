//! A turn takes the time that it is given. That it looks at it after each system call, and in the
//! middle of a broadcast to ten thousand, is proved on a scripted network, whose calls take their
//! time, in `src/drivers/event_loop/tests/budgets.rs`; a guest on a foreign poll makes the same
//! turns.

use std::time::Duration;

use switchboard::{Budget, Config, ManualClock, Protocol, Transport, Turn, Wait};

use crate::hosts::{ByWaker, Host, OnPoll, Own, Turns, Visitor};
use crate::programs::Client;
use crate::protocols::{Heard, hours};

const MILLISECOND: Duration = Duration::from_millis(1);

/// Takes a millisecond for each call, by the clock of its loop, and counts them.
struct Slow(ManualClock);

impl Slow {
    fn works(&self, calls: &mut Heard) {
        self.0.advance(MILLISECOND);
        *calls += 1;
    }
}

impl Protocol<Heard> for Slow {
    fn connected(&mut self, _: &mut Transport<'_, Heard>, calls: &mut Heard) {
        self.works(calls);
    }

    fn received(
        &mut self,
        on: &mut Transport<'_, Heard>,
        calls: &mut Heard,
        bytes: &[u8],
    ) -> usize {
        self.works(calls);
        on.write(bytes);
        bytes.len()
    }

    fn expired(
        &mut self,
        on: &mut Transport<'_, Heard>,
        calls: &mut Heard,
        _: switchboard::Timeout,
    ) {
        self.works(calls);
        on.finish();
    }
}

/// A guest with slow calls and twenty clients, which is given so many milliseconds a turn.
fn keeps_to<P: Turns>(
    milliseconds: u32,
    clock: &ManualClock,
    mut visitor: Visitor<Heard, P>,
    mut turn: impl FnMut(&mut Visitor<Heard, P>, Budget) -> Turn,
) {
    let slow = clock.clone();
    let door = visitor.server.listen_with("127.0.0.1:0", hours(), move |_| Slow(slow.clone()));
    let address = visitor.server.local_address(door.unwrap()).unwrap().socket().unwrap();
    let mut clients: Vec<_> = (0..20).map(|_| Client::connect(address)).collect();
    let mut calls_come_to = |expected| {
        while visitor.state < expected {
            let (began, calls) = (clock.now(), visitor.state);
            turn(&mut visitor, Budget::until(began + MILLISECOND * milliseconds));
            // One that begins in time may end late; with no time at all there is one.
            let most = MILLISECOND * milliseconds.max(1);
            assert!(clock.now() - began <= most, "{} calls", visitor.state - calls);
        }
    };
    calls_come_to(20);
    clients.iter_mut().for_each(|client| client.send("hello"));
    calls_come_to(40);
    clients.iter_mut().for_each(|client| assert_eq!(client.bytes(5), b"hello"));
    clock.advance(2 * Duration::from_secs(3600));
    calls_come_to(60);
}

#[test]
fn a_turn_begins_no_callback_after_its_time() {
    for milliseconds in [0, 1, 3] {
        let clock = ManualClock::new();
        let config = Config::default().clock(clock.clone());
        let visitor = Own::new().unwrap().guest(config, 0).unwrap();
        keeps_to(milliseconds, &clock, visitor, |visitor, budget| {
            let moment = Wait::UpTo(Duration::from_millis(5));
            visitor.server.turn(moment, budget, &mut visitor.state).unwrap()
        });
    }
}

#[test]
fn a_round_of_a_guest_on_a_foreign_poll_begins_no_callback_after_its_time() {
    for milliseconds in [0, 1, 3] {
        let clock = ManualClock::new();
        let config = Config::default().clock(clock.clone());
        let mut host: OnPoll<ByWaker> = Host::<Heard>::new().unwrap();
        let visitor = host.guest(config, 0).unwrap();
        keeps_to(milliseconds, &clock, visitor, |visitor, budget| {
            host.round(visitor, Some(Duration::from_millis(5)), budget).unwrap().1
        });
    }
}
