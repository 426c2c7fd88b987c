//! Anything in any order: no datagram is forgotten, none is counted twice, nothing spins.

use super::super::ports::Mail;
use super::*;
use crate::sansio::{Closing, Dispatched, DropPolicy};

/// Knuth's generator: a seed that fails once fails always.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        let product = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = product.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// An answerer that does now and then whatever else it may do.
fn moody(seed: u64) -> impl DatagramProtocol<Seen> {
    let mut random = Random(seed);
    post(move |told, on, seen| {
        if let Told::Received(from, bytes) = &told {
            for _ in 0..random.below(3) {
                on.send_to(from, bytes);
            }
        }
        match (told, random.below(60)) {
            (Told::Stopping | Told::Closed(_), _) => on.finish(),
            (_, 0) => on.set_timeout(random.below(50) as u32 * MILLISECOND),
            (_, 1) => on.set_deadline(on.now()),
            (_, 2) => {
                let other = seen.calls[seen.calls.len() / 2].0;
                on.notify(other, Box::new("hello"));
            }
            (_, 3) if random.below(8) == 0 => on.finish(),
            _ => {}
        }
    })
}

fn limits(random: &mut Random) -> DatagramLimits {
    DatagramLimits::default()
        .datagram(500)
        .queue_datagrams(1 + random.below(20) as usize)
        .queue_time((1 + random.below(100) as u32) * MILLISECOND)
        .queue_full([DropPolicy::Newest, DropPolicy::Oldest][random.below(2) as usize])
}

/// One thing that peers, the network or the host may do to a socket that is open.
fn disturb(rig: &mut Rig, random: &mut Random, port: usize) {
    let who = sender(random.below(4) as u16);
    match random.below(14) {
        0..=5 => rig.net.deliver(port, &who, vec![7; random.below(600) as usize]),
        6 => rig.net.change_port(port, |port| {
            port.inbound.push_back(Mail::Error(std::io::ErrorKind::ConnectionRefused));
        }),
        7 => rig.net.change_port(port, |port| port.room = random.below(3) as usize),
        8 => rig.net.change_port(port, |port| port.room = 1000),
        9 => rig.net.world().ports[port].full.push(who),
        10 => rig.net.world().ports[port].full.clear(),
        11 => {
            let refusals = [
                None,
                None,
                Some(Dispatched::TooLarge),
                Some(Dispatched::Failed(std::io::ErrorKind::Other)),
            ];
            rig.net.world().ports[port].refusal = refusals[random.below(4) as usize];
        }
        12 => rig.advance(random.below(30) as u32 * MILLISECOND),
        _ => {
            // An event that says nothing new.
            rig.net.change_port(port, |_| {});
        }
    }
}

/// Where nothing more is to be done, nothing may be left that could be.
fn check_at_rest(rig: &Rig, seed: u64) {
    if rig.engine.next_deadline() == Deadline::Now {
        return;
    }
    let world = rig.net.world();
    for (number, port) in world.ports.iter().enumerate() {
        let id = super::super::super::tokens::connection(port.token.unwrap(), |_| None);
        // One that finishes wants nothing more.
        let wants = rig.engine.socket(id.unwrap()).is_some_and(|socket| socket.wants_datagrams());
        let is_forgotten = wants && !port.inbound.is_empty() && !port.is_listed;
        assert!(!is_forgotten, "seed {seed}: socket {number} is not received from");
        let could_send = rig.engine.socket(id.unwrap()).is_some_and(|s| s.poll_output().is_some());
        let is_stuck = could_send && port.room > 0 && !port.is_listed;
        assert!(!is_stuck, "seed {seed}: socket {number} does not send");
    }
}

#[test]
fn p01_whatever_happens_nothing_is_forgotten_and_everything_is_counted() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut rig = Rig::echo();
        let budgets = [1, 3, 256];
        for step in 0..200 {
            if rig.engine.stats().sockets == 0 || random.below(60) == 0 {
                let limits = limits(&mut random);
                rig.bind(limits, moody(random.below(1 << 30)));
            }
            let open = open_ports(&rig);
            let port = open[random.below(open.len() as u64) as usize];
            disturb(&mut rig, &mut random, port);
            if random.below(100) == 0 {
                let id = rig.engine.sockets().next().unwrap().id();
                rig.engine.control().close(id, [Closing::Finish, Closing::Abort][step % 2]);
            }
            if random.below(3) > 0 {
                let budget = budgets[random.below(3) as usize];
                rig.turn_within(Budget::default().datagrams(budget));
            }
            let held: usize = rig.engine.sockets().map(|socket| socket.held()).sum();
            assert_eq!(rig.engine.stats().held, held, "seed {seed}, step {step}");
            check_at_rest(&rig, seed);
        }
        finish(&mut rig, seed);
    }
}

fn open_ports(rig: &Rig) -> Vec<usize> {
    let ports = &rig.net.world().ports;
    (0..ports.len()).filter(|port| !ports[*port].is_closed).collect()
}

/// With room for everybody all is received and sent, and a drain ends it.
fn finish(rig: &mut Rig, seed: u64) {
    for port in open_ports(rig) {
        rig.net.change_port(port, |port| {
            (port.room, port.refusal) = (100_000, None);
            port.full.clear();
        });
    }
    rig.pass(SECOND);
    check_at_rest(rig, seed);
    assert_eq!(rig.engine.stats().held, 0, "seed {seed}");
    rig.engine.begin_drain(SECOND);
    for _ in 0..100 {
        if rig.turn().ended.is_some() {
            assert_eq!(rig.engine.stats().sockets, 0, "seed {seed}");
            assert_eq!(rig.count("opened"), rig.count("closed"), "seed {seed}");
            let received = rig.count("received") as u64;
            assert_eq!(rig.counts().received, received, "seed {seed}");
            let sent: usize = rig.net.world().ports.iter().map(|port| port.outbound.len()).sum();
            assert_eq!(rig.counts().sent, sent as u64, "seed {seed}");
            return;
        }
    }
    panic!("seed {seed}: the drain does not end");
}
