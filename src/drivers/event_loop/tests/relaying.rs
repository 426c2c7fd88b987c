//! Relays on the loop: accepted connections coupled with ones that are opened for them.

use std::io::ErrorKind;

use super::coherence::Random;
use super::network::Client;
use super::world::Fate;
use super::*;
use crate::protocols::relay;
use crate::sansio::Closing;

const READ: usize = 64 << 10;

/// A listener that relays.
fn relaying() -> Rig {
    relaying_with(Config::default())
}

fn relaying_with(config: Config) -> Rig {
    let mut rig = Rig::with(config);
    let factory = relay::to(address()).unwrap();
    rig.engine.listen(address(), &Limits::default().into(), boxed(factory)).unwrap();
    rig
}

/// A client who was accepted, and the server that the loop connects to for it.
fn dial(rig: &mut Rig) -> (Client, Client) {
    let client = rig.client();
    let server = rig.net.client(client.number + 1);
    (client, server)
}

fn answer(rig: &mut Rig, server: &Client) {
    server.change(|pipe| pipe.is_connecting = false);
    rig.settle();
}

fn relayed(rig: &mut Rig) -> (Client, Client) {
    let (client, server) = dial(rig);
    answer(rig, &server);
    (client, server)
}

#[test]
fn a_peer_is_connected_through_and_read_from_once_that_is_established() {
    let mut rig = relaying();
    let (client, server) = dial(&mut rig);
    client.send("early");
    rig.settle();
    assert_eq!(client.pipe().inbound.len(), 5, "it stays where it is");
    answer(&mut rig, &server);
    assert_eq!(server.take(), b"early");
    server.send("answer");
    client.send(" and more");
    rig.settle();
    assert_eq!((client.take(), server.take()), (b"answer".to_vec(), b" and more".to_vec()));
}

#[test]
fn each_direction_is_closed_on_its_own_and_the_sockets_are_freed_in_order() {
    for client_first in [true, false] {
        let mut rig = relaying();
        let (client, server) = relayed(&mut rig);
        let (first, second) = if client_first { (client, server) } else { (server, client) };
        first.send("question");
        first.finish();
        rig.settle();
        assert_eq!((second.take(), second.pipe().is_shut), (b"question".to_vec(), true));
        assert!(!first.pipe().is_shut);
        for _ in 0..3 {
            second.send(vec![7; 50_000]);
            rig.settle();
            assert_eq!(first.take().len(), 50_000);
        }
        second.finish();
        rig.settle();
        assert_eq!([&first, &second].map(Client::fate), [Some(Fate::InOrder); 2]);
        assert_eq!(rig.engine.stats().closed_for(CloseReason::Finished), 2);
        assert_eq!(rig.engine.stats().dead_letters, 0);
    }
}

#[test]
fn a_reset_of_either_end_resets_the_other_at_once() {
    for at_client in [true, false] {
        let mut rig = relaying();
        let (client, server) = relayed(&mut rig);
        let (gone, left) = if at_client { (client, server) } else { (server, client) };
        gone.send("on the way");
        gone.reset();
        rig.settle();
        assert_eq!(left.fate(), Some(Fate::ByReset));
        assert_eq!((rig.open(), rig.engine.stats().held), (0, 0));
    }
}

#[test]
fn a_connection_that_cannot_be_opened_resets_the_peer_that_wanted_it() {
    type Fail = fn(&mut Rig);
    let fails: [Fail; 4] = [
        |rig| rig.net.world().connects_fail = Some(ErrorKind::NetworkUnreachable),
        |_| {},
        |rig| {
            let mut world = rig.net.world();
            world.new_peer("192.0.2.7");
        },
        |_| {},
    ];
    for (number, fail) in fails.iter().enumerate() {
        let mut rig = relaying();
        fail(&mut rig);
        let client = rig.client();
        let server = client.number + 1;
        match number {
            1 => {
                let refused = |pipe: &mut world::Pipe| {
                    pipe.refusal = Some(ErrorKind::ConnectionRefused);
                };
                rig.net.client(server).change(refused);
                rig.settle();
            }
            2 | 3 => drop(rig.pass(Limits::default().connect)),
            _ => {}
        }
        assert_eq!(client.fate(), Some(Fate::ByReset), "failure {number}");
        assert_eq!(rig.open(), 0);
    }
}

#[test]
fn a_relay_that_is_dropped_before_its_server_answers_ends_the_server_too() {
    let mut rig = relaying();
    let (client, server) = dial(&mut rig);
    let ids: Vec<_> = rig.engine.connections().map(|connection| connection.id()).collect();
    rig.engine.control().close(ids[0], Closing::Abort);
    rig.settle();
    assert_eq!((client.fate(), rig.open()), (Some(Fate::ByReset), 1));
    answer(&mut rig, &server);
    assert_eq!((server.fate(), rig.open()), (Some(Fate::ByReset), 0));
}

/// Moves a stream through the relay to an end that takes `step` bytes at a time.
fn pour(rig: &mut Rig, from: &Client, to: &Client, step: usize) -> usize {
    to.pipe().room = step;
    let stream: Vec<u8> = (0..2_000_000_u32).map(|n| (n >> 8) as u8).collect();
    from.send(&stream);
    let (mut arrived, mut most) = (Vec::new(), 0);
    while arrived.len() < stream.len() {
        rig.turn();
        most = most.max(rig.engine.stats().held + rig.engine.desk.bytes_asked());
        arrived.extend(to.take());
    }
    assert!(arrived == stream, "every byte, in order");
    most
}

#[test]
fn a_fast_end_is_read_at_the_pace_of_the_slow_one() {
    for to_server in [true, false] {
        let mut rig = relaying();
        let (client, server) = relayed(&mut rig);
        let (fast, slow) = if to_server { (&client, &server) } else { (&server, &client) };
        let most = pour(&mut rig, fast, slow, 10_000);
        assert!(most <= Limits::default().high_water + READ, "{most} bytes held");
    }
}

#[test]
fn a_relay_within_the_smallest_budget_holds_no_more() {
    let mut rig = relaying();
    let ends: Vec<_> = (0..20).map(|_| relayed(&mut rig)).collect();
    for (client, server) in &ends {
        client.send(vec![7; 500_000]);
        server.pipe().room = 20_000;
    }
    let (mut arrived, mut most) = (0, 0);
    while arrived < ends.len() * 500_000 {
        // One request a turn, and a turn may read from all.
        rig.turn_within(Budget::default().requests(1));
        most = most.max(rig.engine.stats().held + rig.engine.desk.bytes_asked());
        arrived += ends.iter().map(|(_, server)| server.take().len()).sum::<usize>();
    }
    assert!(most <= ends.len() * (Limits::default().high_water + READ), "{most} bytes held");
}

#[test]
fn what_is_asked_counts_against_the_budget_of_the_loop() {
    let mut rig = relaying_with(Config::default().memory(1 << 20));
    let ends: Vec<_> = (0..100).map(|_| relayed(&mut rig)).collect();
    for (client, _) in &ends {
        client.send(vec![7; 100_000]);
    }
    rig.turn_within(Budget::default().requests(1));
    let asked = rig.engine.desk.bytes_asked();
    assert!(asked <= (1 << 20) + READ, "{asked} bytes asked to be sent");
    let mut arrived = 0;
    while arrived < 100 * 100_000 {
        rig.turn();
        arrived += ends.iter().map(|(_, server)| server.take().len()).sum::<usize>();
    }
}

#[test]
fn two_programs_that_write_before_they_read_are_relayed_all_the_same() {
    let mut rig = relaying();
    let (client, server) = relayed(&mut rig);
    // An echo whose own output is full takes nothing until somebody reads it.
    client.send(vec![7; 1_000_000]);
    server.pipe().room = 0;
    rig.settle();
    assert!(!client.pipe().inbound.is_empty());
    server.send(vec![8; 60_000]);
    rig.settle();
    assert_eq!(client.take().len(), 60_000);
}

/// What is sent one way, and how much of it has been.
struct Way {
    stream: Vec<u8>,
    sent: usize,
    arrived: Vec<u8>,
}

impl Way {
    fn new(random: &mut Random) -> Self {
        let length = random.below(400_000) as usize;
        let stream = (0..length).map(|_| random.below(256) as u8).collect();
        Self { stream, sent: 0, arrived: Vec::new() }
    }

    /// One thing happens at either end. Says whether all is over.
    fn happen(&mut self, random: &mut Random, from: &Client, to: &Client) -> bool {
        let left = self.stream.len() - self.sent;
        match random.below(6) {
            0 if left > 0 => {
                let next = left.min(1 + random.below(100_000) as usize);
                from.send(&self.stream[self.sent..self.sent + next]);
                self.sent += next;
            }
            1 if left == 0 => from.finish(),
            2 => to.change(|pipe| pipe.room = random.below(90_000) as usize),
            3 => to.pipe().step = 1 + random.below(30_000) as usize,
            4 => from.pipe().step = 1 + random.below(30_000) as usize,
            _ => self.arrived.extend(to.take()),
        }
        let is_ended = to.pipe().is_shut || to.is_closed();
        assert!(!is_ended || from.pipe().is_finished, "an end that nobody said");
        is_ended && self.arrived.len() == self.stream.len()
    }
}

#[test]
fn ends_of_any_mood_lose_nothing_and_hold_little() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let mut rig = relaying();
        let (client, server) = relayed(&mut rig);
        let (mut up, mut down) = (Way::new(&mut random), Way::new(&mut random));
        let mut is_over = [false; 2];
        let mut rounds = 0;
        while is_over != [true; 2] {
            rounds += 1;
            assert!(rounds < 100_000, "seed {seed}: it does not end");
            is_over[0] |= up.happen(&mut random, &client, &server);
            is_over[1] |= down.happen(&mut random, &server, &client);
            rig.turn_within(Budget::default().requests(1 + random.below(3) as usize));
            let held = rig.engine.stats().held + rig.engine.desk.bytes_asked();
            assert!(held <= 2 * (Limits::default().high_water + READ), "seed {seed}: {held} held");
        }
        assert!(up.arrived == up.stream && down.arrived == down.stream, "seed {seed}");
        rig.settle();
        assert_eq!(rig.engine.stats().closed_for(CloseReason::Finished), 2, "seed {seed}");
    }
}

#[test]
fn a_relay_outlives_the_begin_of_a_drain_and_not_its_end() {
    let mut rig = relaying();
    let (client, server) = relayed(&mut rig);
    rig.engine.begin_drain(10 * SECOND);
    client.send("last order");
    rig.settle();
    assert_eq!(server.take(), b"last order");
    rig.pass(10 * SECOND);
    rig.turn();
    assert_eq!([&client, &server].map(Client::fate), [Some(Fate::ByReset); 2]);
    let mut rig = relaying();
    let (client, server) = relayed(&mut rig);
    rig.engine.begin_drain(10 * SECOND);
    client.finish();
    server.finish();
    rig.settle();
    assert_eq!([&client, &server].map(Client::fate), [Some(Fate::InOrder); 2]);
}

#[test]
fn silence_at_both_ends_finishes_both() {
    let mut rig = relaying();
    let (client, server) = relayed(&mut rig);
    client.send("?");
    server.send("!");
    rig.settle();
    rig.pass(Limits::default().idle + MILLISECOND);
    assert!(client.pipe().is_shut && server.pipe().is_shut);
    client.finish();
    server.finish();
    rig.settle();
    assert_eq!(rig.open(), 0);
}

#[test]
fn a_source_outlasts_a_reader_that_is_slower_than_its_idle_timeout() {
    let mut rig = Rig::new();
    let patient = Limits::default().idle(SECOND * 20);
    let factory = relay::to_with(address(), patient.clone()).unwrap();
    rig.engine.listen(address(), &patient.into(), boxed(factory)).unwrap();
    let (client, server) = relayed(&mut rig);
    server.pipe().room = 0;
    client.send(vec![7; 500_000]);
    for _ in 0..10 {
        rig.pass(SECOND * 15);
        server.change(|pipe| pipe.room += 100);
        rig.settle();
    }
    assert_eq!(server.take().len(), 1000);
    assert_eq!(rig.open(), 2, "it is not idle: it is not read from");
}

#[test]
fn control_couples_two_connections_that_exist() {
    let mut rig = Rig::echo();
    let clients = rig.clients(2);
    clients[0].send("echo");
    rig.settle();
    let ids = rig.ids();
    let [first, second] = relay::pair();
    rig.engine.control().hand_over(ids[0], first);
    rig.engine.control().hand_over(ids[1], second);
    rig.settle();
    clients[0].send("to the other");
    clients[1].send("and back");
    rig.settle();
    assert_eq!(clients[0].take(), b"echoand back");
    assert_eq!(clients[1].take(), b"to the other");
}

#[test]
fn p19_a_successor_that_panics_costs_its_connection_alone() {
    let mut rig = Rig::with(Config::default().on_panic(crate::OnPanic::Close));
    rig.listen(Limits::default(), |_| echo());
    let clients = rig.clients(2);
    let (gone, here) = (rig.ids()[0], rig.ids()[1]);
    rig.engine.control().close(gone, Closing::Abort);
    rig.engine.control().hand_over(gone, probe(|_, _, _| panic!("told that it is gone")));
    rig.engine.control().hand_over(here, probe(|_, _, _| panic!("connected")));
    rig.settle();
    assert_eq!((rig.open(), rig.engine.stats().held), (0, 0));
    assert!(clients[1].is_closed());
}
