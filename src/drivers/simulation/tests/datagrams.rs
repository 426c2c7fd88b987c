//! Datagrams: whole, late, twice or never.

use super::*;
use crate::sansio::{Address, DatagramLimits, DatagramProtocol, DatagramTransport};

const PORT: &str = "udp://10.0.0.1:7";

/// Gives every datagram back.
struct Mirror;

impl DatagramProtocol<usize> for Mirror {
    fn received(
        &mut self,
        transport: &mut DatagramTransport<'_, usize>,
        seen: &mut usize,
        _: &Address,
        bytes: &[u8],
    ) {
        *seen += 1;
        transport.reply(bytes);
    }
}

/// Sends `count` datagrams, each longer than the one before. Gives how long the answers are, in
/// the order in which they came, and how many datagrams the loop has seen.
fn answers(faults: Faults, count: usize) -> (Vec<usize>, usize) {
    let mut simulation = Simulation::with(7, faults);
    simulation.bind_with(PORT, DatagramLimits::default().datagram(1000), Mirror).unwrap();
    for length in 1..=count {
        simulation.datagram("udp://10.5.0.1:9", PORT, vec![b'x'; length]).unwrap();
    }
    let mut seen = 0;
    simulation.run_for(SECOND, &mut seen).unwrap_or_else(|failure| panic!("{failure}"));
    let lengths = simulation.datagrams().iter().map(|(_, bytes)| bytes.len()).collect();
    (lengths, seen)
}

fn all(count: usize) -> Vec<usize> {
    (1..=count).collect()
}

#[test]
fn without_faults_every_datagram_is_answered_once() {
    let (mut lengths, seen) = answers(Faults::none(), 20);
    lengths.sort_unstable();
    assert_eq!((lengths, seen), (all(20), 20));
}

#[test]
fn a_datagram_is_lost_repeated_or_overtaken_where_a_fault_says_so() {
    let still = Faults::none().latency(Duration::ZERO);
    assert_eq!(answers(still.clone(), 9).0, all(9), "with no latency they keep their order");
    assert_eq!(answers(still.clone().nth(1, Fault::LostDatagram), 3).0, [2, 3]);
    assert_eq!(answers(still.clone().nth(1, Fault::RepeatedDatagram), 2).0, [1, 1, 2]);
    assert_eq!(answers(still.clone().nth(1, Fault::LateDatagram), 3).0, [2, 3, 1]);
    let (lengths, seen) = answers(still.nth(1, Fault::RefusedDatagram), 3);
    assert_eq!((lengths, seen), (vec![2, 3], 3), "it was received, and its answer refused");
}

#[test]
fn a_datagram_beyond_the_limit_never_comes_and_a_blocked_one_comes_later() {
    let mut simulation = Simulation::with(7, Faults::none().nth(1, Fault::BlockedSend));
    simulation.bind_with(PORT, DatagramLimits::default().datagram(10), Mirror).unwrap();
    for length in [11, 10] {
        simulation.datagram("udp://10.5.0.1:9", PORT, vec![b'x'; length]).unwrap();
    }
    let mut seen = 0;
    simulation.run_for(SECOND, &mut seen).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!((seen, simulation.datagrams().len()), (1, 1));
    assert_eq!(simulation.stats().datagrams.truncated, 1);
}

#[test]
fn an_address_is_bound_once_and_must_be_of_datagrams() {
    let mut simulation = Simulation::<usize>::new(1);
    simulation.bind(PORT, Mirror).unwrap();
    assert!(simulation.bind(PORT, Mirror).is_err());
    assert!(simulation.bind("10.0.0.1:7", Mirror).is_err());
    assert!(simulation.bind("udp://10.0.0.1:0", Mirror).is_ok());
}

#[test]
fn a_unix_socket_of_either_kind_works_like_its_cousin() {
    let mut simulation = Simulation::<()>::with(3, Faults::rough());
    simulation.listen("unix:@echo", |_| Echo).unwrap();
    let client = simulation.client("unix:@echo", script().send("abc").expect("abc").close());
    play(&mut simulation, &mut ());
    assert_eq!(simulation.received(client.unwrap()), b"abc");
}
