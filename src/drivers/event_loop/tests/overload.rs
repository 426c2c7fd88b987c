//! The budget in bytes of the whole loop.

use bytes::Bytes;

use super::network::Client;
use super::*;
use crate::drivers::event_loop::Trouble;
use crate::sansio::WhenFull;

/// Answers each byte with so many kilobytes as it says, and stops reading at a zero.
fn answering() -> impl Protocol<Seen> {
    probe(|call, on, _| match call {
        Call::Received(bytes) => {
            for byte in bytes {
                on.write(&vec![7; usize::from(*byte) << 10]);
            }
            bytes.len()
        }
        Call::Stopping | Call::Finished => {
            on.finish();
            0
        }
        _ => 0,
    })
}

fn rig(memory: usize) -> Rig {
    let mut rig = Rig::with(Config::default().memory(memory));
    rig.listen(Limits::default(), |_| answering());
    rig
}

#[test]
fn p09_ten_thousand_peers_that_do_not_read_stay_within_the_memory_of_the_loop() {
    const MEMORY: usize = 64 << 20;
    let mut rig = rig(MEMORY);
    let clients = rig.clients(10_000);
    let mut most = 0;
    for client in &clients {
        client.pipe().room = 0;
        client.send([60]);
    }
    for _ in 0..2000 {
        rig.turn();
        most = most.max(rig.engine.stats().held);
        if rig.engine.next_deadline() != Deadline::Now {
            break;
        }
    }
    assert!(most <= MEMORY + (64 << 10), "{most} bytes held");
    assert_ne!(rig.engine.next_deadline(), Deadline::Now, "nothing spins");
    let ended = rig.engine.stats().closed_for(CloseReason::Overloaded);
    assert!(ended > 0 && rig.engine.stats().open as u64 == 10_000 - ended);
    assert!(rig.engine.stats().held <= MEMORY);
}

#[test]
fn p09_who_holds_most_and_makes_no_progress_ends_first() {
    let mut rig = rig(300 << 10);
    let sizes = [90, 200, 60];
    let clients = rig.clients(3);
    for (client, size) in clients.iter().zip(sizes) {
        client.pipe().room = 0;
        client.send([size]);
        rig.settle();
    }
    let is_closed: Vec<_> = clients.iter().map(|client| client.is_closed()).collect();
    assert_eq!(is_closed, [false, true, false]);
    assert_eq!(rig.seen.reasons, [CloseReason::Overloaded]);
}

/// A client that takes whatever it is sent, so it makes progress and is not ended for the load
/// that it is: sending it so much takes many turns.
fn fat(rig: &mut Rig) -> Client {
    let client = rig.client();
    client.pipe().room = usize::MAX;
    client
}

#[test]
fn p09_the_application_is_told_of_overload_once_and_of_the_next_again() {
    let mut rig = rig(100 << 10);
    let client = fat(&mut rig);
    for _ in 0..2 {
        client.send([250; 20]);
        let told: Vec<_> = (0..30).filter_map(|_| rig.turn().trouble).collect();
        assert_eq!(told, [Trouble::Overloaded]);
        assert_eq!(client.take().len(), 20 * (250 << 10));
    }
}

#[test]
fn p09_who_was_not_read_from_under_overload_is_read_when_it_ends() {
    let mut rig = rig(100 << 10);
    let (client, thin) = (fat(&mut rig), fat(&mut rig));
    client.send([250; 40]);
    for _ in 0..30 {
        rig.turn();
        // As long as it lasts, more readiness comes; it is noted once.
        thin.send([1]);
        assert!(thin.take().is_empty());
        assert!(rig.engine.parked.len() <= 2, "{} parked", rig.engine.parked.len());
    }
    rig.settle();
    assert_eq!(thin.take().len(), 30 << 10, "no edge was lost");
}

#[test]
fn p09_an_overload_that_ends_as_a_turn_s_time_does_is_followed_by_one_more_turn() {
    let mut rig = rig(100 << 10);
    let (client, thin) = (fat(&mut rig), fat(&mut rig));
    client.send([250; 6]);
    rig.turn();
    thin.send([1]);
    rig.turn();
    for _ in 0..100 {
        if rig.engine.next_deadline() != Deadline::Now {
            break;
        }
        let now = rig.net.clock.now();
        rig.turn_within(Budget::until(now));
    }
    assert_eq!((client.take().len(), thin.take().len()), (1500 << 10, 1 << 10));
}

#[test]
fn p09_an_overload_that_begins_as_a_turn_s_time_ends_is_followed_by_one_more_turn() {
    let mut rig = rig(100 << 10);
    let client = rig.client();
    client.pipe().room = 0;
    client.send([200]);
    // To answer takes all the time there is: nobody is ended in this turn.
    let turn = rig.turn_within(Budget::until(rig.net.clock.now()));
    assert_eq!((turn.trouble, turn.closed), (None, 0));
    assert_eq!(rig.engine.next_deadline(), Deadline::Now, "the loop must not sleep on it");
    rig.settle();
    assert_eq!(rig.seen.reasons, [CloseReason::Overloaded]);
    assert_ne!(rig.engine.next_deadline(), Deadline::Now, "nothing spins");
}

#[test]
fn p09_nothing_is_accepted_under_overload_and_all_are_after_it() {
    let mut rig = rig(100 << 10);
    let client = fat(&mut rig);
    client.send([250; 40]);
    rig.turn();
    let late = rig.net.dial();
    late.send([1]);
    rig.turn();
    assert!(!rig.net.world().listeners[0].backlog.is_empty());
    rig.settle();
    assert_eq!(late.take().len(), 1 << 10);
}

#[test]
fn stalled_connections_are_ended_a_few_in_each_turn() {
    let mut rig = rig(1 << 20);
    let clients = rig.clients(100);
    for client in &clients {
        client.pipe().room = 0;
    }
    rig.engine.config.memory = usize::MAX;
    clients.iter().for_each(|client| client.send([60]));
    rig.settle();
    rig.engine.config.memory = 1 << 20;
    rig.engine.handle().wake();
    let mut turns = 0;
    while rig.engine.stats().held > 1 << 20 {
        let before = rig.seen.reasons.len();
        rig.turn();
        assert!(rig.seen.reasons.len() - before <= 16);
        turns += 1;
        assert!(turns < 20);
    }
    rig.settle();
    assert!(rig.open() > 0);
}

/// Passes every byte on to everybody else.
fn chat() -> impl Protocol<Seen> {
    probe(|call, on, _| match call {
        Call::Received(bytes) => {
            for byte in bytes {
                on.broadcast(Bytes::copy_from_slice(&[*byte]), WhenFull::Drop);
            }
            bytes.len()
        }
        _ => 0,
    })
}

#[test]
fn a_flood_of_requests_is_left_with_those_who_make_it() {
    let mut rig = Rig::with(Config::default().read_size(1000));
    rig.listen(Limits::default(), |_| chat());
    let clients = rig.clients(50);
    clients.iter().for_each(|client| client.pipe().room = usize::MAX);
    clients[0].send(vec![7; 100_000]);
    clients[1].send("!");
    let mut most = 0;
    for _ in 0..300 {
        rig.turn();
        most = most.max(rig.engine.desk.request_count());
    }
    assert!(most <= 4096 + 1000, "{most} requests wait");
    assert!(clients[0].pipe().inbound.len() > 50_000, "it is not read from meanwhile");
    rig.settle();
    assert!(clients[0].pipe().inbound.is_empty() && rig.engine.parked.is_empty());
    assert_eq!((clients[0].take(), clients[2].take().len()), (b"!".to_vec(), 100_001));
}

#[test]
fn broadcasts_from_other_threads_wait_in_the_mailbox_until_their_turn() {
    let mut rig = Rig::with(Config::default().mailbox(1000));
    let listener = rig.listen(Limits::default(), |_| chat());
    rig.clients(500);
    let handle = rig.engine.handle();
    let mut refused = 0;
    for _ in 0..50 {
        while handle.broadcast(listener, "x", WhenFull::Drop).is_ok() {}
        refused += 1;
        rig.turn();
        let waiting = rig.engine.desk.request_count();
        assert!(waiting <= 4096 + 1000, "{waiting} requests wait");
    }
    assert_eq!(refused, 50);
}
