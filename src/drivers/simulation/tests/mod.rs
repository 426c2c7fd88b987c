//! The simulation itself: that its network keeps TCP's promises and no others, that a seed
//! decides everything, and that it finds what is wrong.

mod datagrams;
mod finding;
mod network;
mod pairs;

use std::time::Duration;

use super::*;
use crate::sansio::{CloseReason, Limits, Protocol, Timeout, Transport};

const SECOND: Duration = Duration::from_secs(1);
const HERE: &str = "10.0.0.1:7000";

/// Gives back what it gets.
struct Echo;

impl<S> Protocol<S> for Echo {
    fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        transport.write(bytes);
        bytes.len()
    }
}

/// Runs to the end, with nothing left, or fails.
fn play<S: 'static>(simulation: &mut Simulation<S>, state: &mut S) {
    let played = simulation.run(state).and_then(|_| simulation.settle(state));
    played.unwrap_or_else(|failure| panic!("{failure}"));
}

fn echo(seed: u64, faults: Faults) -> Simulation<()> {
    let mut simulation = Simulation::with(seed, faults);
    simulation.listen(HERE, |_| Echo).unwrap();
    simulation
}

#[test]
fn a_client_gets_its_echo_on_a_network_without_fault() {
    let mut simulation = echo(0, Faults::none());
    let client = simulation
        .client(HERE, script().send("abc").expect("abc").finish_writing().expect_end())
        .unwrap();
    play(&mut simulation, &mut ());
    assert_eq!(simulation.received(client), b"abc");
    assert_eq!(simulation.seen(client), Some(Seen::End));
}

#[test]
fn every_harmless_fault_leaves_an_echo_as_it_is() {
    let text = "the quick brown fox ".repeat(200);
    let mut struck = Struck::default();
    for seed in 0..60 {
        let mut simulation = echo(seed, Faults::rough().varied(seed));
        for _ in 0..5 {
            let script = script().send(&text).finish_writing().expect(&text).expect_end();
            simulation.client(HERE, script).unwrap();
        }
        play(&mut simulation, &mut ());
        struck.add(&simulation.struck());
    }
    let missed: Vec<_> = struck.missed().filter(|fault| fault.is_harmless()).collect();
    let out = [Fault::SlowConnect, Fault::CrowdedConnect, Fault::BlockedSend];
    assert_eq!(missed, out, "nobody connects out or sends datagrams here");
}

#[test]
fn a_check_of_an_echo_passes() {
    let text = "abc".repeat(1000);
    let report = check(
        || Echo,
        [
            script().send("abc").expect("abc").close(),
            script().send(&text).finish_writing().expect(&text).expect_end(),
        ],
        0..20,
    );
    assert_eq!(report.runs, 2 + 20 * 3);
}
