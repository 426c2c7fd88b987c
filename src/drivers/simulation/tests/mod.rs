//! The simulation itself: that its network keeps TCP's promises and no others, that a seed
//! decides everything, and that it finds what is wrong.

use super::*;
use crate::sansio::{Protocol, Transport};

const HERE: &str = "10.0.0.1:7000";

/// Gives back what it gets.
struct Echo;

impl<S> Protocol<S> for Echo {
    fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        transport.write(bytes);
        bytes.len()
    }
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
    simulation.run(&mut ()).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(simulation.received(client), b"abc");
    simulation.settle(&mut ()).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(simulation.seen(client), Some(Seen::End));
}

#[test]
fn every_harmless_fault_leaves_an_echo_as_it_is() {
    let text = "the quick brown fox ".repeat(200);
    let mut struck = Struck::default();
    for seed in seeds(60) {
        let mut simulation = echo(seed, Faults::rough().varied(seed));
        for _ in 0..5 {
            let script = script().send(&text).finish_writing().expect(&text).expect_end();
            simulation.client(HERE, script).unwrap();
        }
        simulation.run(&mut ()).unwrap_or_else(|failure| panic!("{failure}"));
        simulation.settle(&mut ()).unwrap_or_else(|failure| panic!("{failure}"));
        struck.add(&simulation.struck());
    }
    println!("{:?}", struck.missed().collect::<Vec<_>>());
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
