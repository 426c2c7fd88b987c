//! What is published of the loop: no lost work, no spin, no wait that was not asked for.

use std::time::Duration;

use bytes::Bytes;

use super::network::Client;
use super::*;
use crate::sansio::{Closing, WhenFull};

/// A linear congruential generator (Knuth's MMIX constants): the same every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let product = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = product.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn a_zero_wait_never_blocks_and_a_wait_never_outlasts_its_bounds() {
    let mut rig = Rig::echo();
    let client = rig.client();
    for _ in 0..10 {
        rig.turn();
    }
    assert!(rig.net.world().tally.polls.iter().all(|wait| *wait == Some(Duration::ZERO)));
    let state = &mut rig.seen;
    let began = rig.net.clock.now();
    let until = began + 7 * MILLISECOND;
    rig.engine.turn(Wait::Forever, Budget::until(until), state).unwrap();
    assert_eq!(rig.net.clock.now(), until, "a frame is not overslept");
    rig.engine.turn(Wait::UpTo(3 * MILLISECOND), Budget::default(), state).unwrap();
    assert_eq!(rig.net.clock.now(), until + 3 * MILLISECOND);
    rig.engine.turn(Wait::Forever, Budget::default(), state).unwrap();
    assert_eq!(rig.net.clock.now(), began + Limits::default().first_byte);
    drop(client);
}

#[test]
fn the_longest_wait_there_is_is_no_overflow() {
    let mut rig = Rig::echo();
    rig.client();
    rig.engine.turn(Wait::UpTo(Duration::MAX), Budget::default(), &mut rig.seen).unwrap();
    assert_eq!(rig.count("expired"), 1);
}

/// An echo that does now and then whatever else a protocol may do.
fn moody(seed: u64) -> impl Protocol<Seen> {
    let mut random = Random(seed);
    probe(move |call, on, seen| match call {
        Call::Received(bytes) => {
            let used = match random.below(8) {
                0 => {
                    on.yield_now();
                    bytes.len() / 2
                }
                1 => {
                    on.pause_reading();
                    on.set_deadline(on.now() + random.below(50) as u32 * MILLISECOND);
                    0
                }
                2 => {
                    on.set_deadline(on.now() + random.below(50) as u32 * MILLISECOND);
                    bytes.len()
                }
                3 => {
                    let (_, other) = (on.id(), seen.calls[seen.calls.len() / 2].0);
                    on.send(other, Bytes::from_static(b"hello from afar"), WhenFull::PauseSource);
                    bytes.len()
                }
                _ => bytes.len(),
            };
            on.write(&bytes[..used]);
            used
        }
        Call::Expired(Timeout::Own) | Call::Writable => {
            on.resume_reading();
            0
        }
        Call::Finished => {
            on.finish();
            0
        }
        _ => 0,
    })
}

/// One thing that clients, the network or the host may do.
fn disturb(rig: &mut Rig, random: &mut Random, clients: &mut Vec<Client>) {
    if clients.is_empty() || random.below(20) == 0 {
        let client = rig.net.dial();
        client.pipe().step = [3, 20, 100, 5000, usize::MAX][random.below(5) as usize];
        client.pipe().room = [10, 1000, 100_000][random.below(3) as usize];
        clients.push(client);
    }
    let at = random.below(clients.len() as u64) as usize;
    let client = clients[at].clone();
    match random.below(12) {
        0..=4 => {
            if !client.pipe().is_finished {
                client.send(vec![7; random.below(1000) as usize]);
            }
        }
        5..=7 => drop(client.take()),
        8 => {
            if random.below(4) == 0 {
                client.reset();
            }
        }
        9 => {
            if random.below(4) == 0 {
                client.finish();
            }
        }
        10 => {
            let is_stuck = !client.pipe().is_stuck;
            client.change(|pipe| pipe.is_stuck = is_stuck);
        }
        _ => {
            let ids = rig.ids();
            if !ids.is_empty() && random.below(8) == 0 {
                let id = ids[random.below(ids.len() as u64) as usize];
                rig.engine.control().close(id, Closing::Finish);
            }
        }
    }
    clients.retain(|client| !client.is_closed());
}

fn budget(random: &mut Random, rig: &Rig) -> Budget {
    let budget = Budget::default()
        .connections(random.below(4) as usize)
        .accepts(random.below(3) as usize)
        .deadlines(random.below(3) as usize)
        .requests(random.below(3) as usize);
    match random.below(3) {
        0 => Budget { until: Some(rig.net.clock.now()), ..budget },
        _ => budget,
    }
}

/// Quiet, nothing pending, before the deadline: then a turn does nothing.
fn check_quiet(rig: &mut Rig) {
    assert_ne!(rig.engine.next_deadline(), Deadline::Now);
    let calls = rig.seen.calls.len();
    let next = rig.engine.next_deadline();
    let turn = rig.turn();
    assert_eq!(turn, Turn { next, ..Turn::default() }, "a turn did something");
    assert_eq!(rig.seen.calls.len(), calls);
    rig.engine.wheel.check_invariants();
}

/// Nobody who can be served waits: what clients sent was read, what was written was sent.
fn check_nothing_is_lost(rig: &Rig, clients: &[Client], seed: u64) {
    for connection in rig.engine.connections() {
        let token = usize::try_from(connection.id().to_u64()).unwrap();
        let Some(client) = clients.iter().find(|client| client.pipe().token == Some(token)) else {
            continue;
        };
        let pipe = client.pipe();
        let may_read = connection.wants_bytes() > 0 && !pipe.is_stuck;
        assert!(!may_read || pipe.inbound.is_empty(), "seed {seed}: unread, {connection:?}");
        let may_write = connection.unsent() > 0 && pipe.free() > 0;
        assert!(!may_write, "seed {seed}: unsent, {connection:?}");
        assert!(!connection.wants_turn(), "seed {seed}: forgotten, {connection:?}");
    }
}

#[test]
fn whatever_happens_nothing_is_lost_nothing_spins_and_a_quiet_loop_does_nothing() {
    for seed in 0..60 {
        let mut random = Random(seed);
        // Every third world has too little memory for what goes on in it.
        let memory = if seed % 3 == 0 { 15_000 } else { 400_000 };
        let mut rig = Rig::with(Config::default().read_size(2000).memory(memory));
        rig.net.world().batch = 3;
        rig.net.world().is_batch_fixed = seed % 2 == 0;
        let limits = Limits::default().high_water(4000).low_water(1000).input(5000);
        rig.listen(limits.connections(12).idle(SECOND), move |_| moody(seed));
        let mut clients = Vec::new();
        for _ in 0..60 {
            for _ in 0..random.below(8) {
                disturb(&mut rig, &mut random, &mut clients);
                let budget = budget(&mut random, &rig);
                rig.turn_within(budget);
            }
            rig.settle();
            check_nothing_is_lost(&rig, &clients, seed);
            check_quiet(&mut rig);
            assert!(rig.pass(random.below(30) as u32 * MILLISECOND) < 300, "seed {seed}: a spin");
        }
        clients.iter().for_each(Client::reset);
        rig.pass(Duration::from_secs(400));
        let stats = rig.engine.stats();
        assert_eq!((stats.open, stats.held), (0, 0), "seed {seed}");
        assert_eq!((rig.engine.wheel.len(), rig.net.world().open()), (0, 0), "seed {seed}");
        let ends = rig.count("closed");
        assert_eq!(ends as u64, stats.accepted, "seed {seed}: each was told of its end once");
    }
}
