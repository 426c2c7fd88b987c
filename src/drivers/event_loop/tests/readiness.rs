//! Edges, batches of events, and stale ones.

use std::time::Duration;

use super::*;
use crate::net::Readiness;
use crate::sansio::Stage;

/// Rule 1 is told by the same counts.
#[test]
fn p01_rule_1_a_socket_left_undrained_is_served_again_with_no_new_edge() {
    let mut rig = Rig::echo();
    let client = rig.client();
    client.pipe().room = usize::MAX;
    client.send(vec![7; 200 << 10]);
    let turn = rig.turn();
    assert_eq!((turn.events, turn.bytes_in), (1, 64 << 10), "one read, and the rest waits");
    assert!(turn.more && turn.next == Deadline::Now);
    assert_eq!(rig.engine.next_deadline(), Deadline::Now);
    let mut events = 0;
    while rig.engine.next_deadline() == Deadline::Now {
        events += rig.turn().events;
    }
    assert_eq!(events, 0, "the network never said a word again");
    assert_eq!(client.take().len(), 200 << 10);
}

#[test]
fn p02_with_more_ready_sockets_than_event_slots_nobody_waits_more_than_one_turn_extra() {
    let mut rig = Rig::echo();
    let clients = rig.clients(10);
    rig.net.world().batch = 4;
    clients.iter().for_each(|client| client.send("abc"));
    let first = rig.turn();
    assert_eq!(first.events, 4);
    assert!(first.more, "the rest waits in the poll, and an edge-triggered host must know");
    assert_eq!(rig.turn().events, 6, "the next batch has more slots");
    assert!(clients.iter().all(|client| client.take() == b"abc"));
}

#[test]
fn p03_rule_3_a_stale_event_finds_nobody_although_its_slot_is_in_use_again() {
    let mut rig = Rig::echo();
    let first = rig.client();
    let token = first.pipe().token.unwrap();
    first.reset();
    rig.settle();
    let second = rig.client();
    let [old, new] = rig.ids()[..] else { panic!("two connections") };
    assert_eq!(old.slot(), new.slot(), "the slot is used again");
    let reads = rig.net.world().tally.reads;
    rig.net.world().inject(Readiness { token, readable: true, writable: true, hung_up: true });
    let turn = rig.turn();
    assert_eq!((turn.events, turn.callbacks), (1, 0));
    assert_eq!(rig.net.world().tally.reads, reads, "the new one was not even looked at");
    assert!(!second.is_closed());
}

#[test]
fn p03_a_slot_freed_in_a_batch_is_not_used_again_in_that_batch() {
    let mut rig = Rig::echo();
    let first = rig.client();
    let token = first.pipe().token.unwrap();
    first.reset();
    rig.net.dial();
    rig.turn();
    // The same batch has one more event of the first one: it came before the slot was freed.
    rig.net.world().inject(Readiness { token, readable: true, writable: true, hung_up: true });
    rig.settle();
    let [old, new] = rig.ids()[..] else { panic!("two connections") };
    assert_ne!(old.slot(), new.slot());
    assert_eq!(rig.open(), 1);
}

#[test]
fn rule_2_a_short_read_ends_the_reading_unless_an_end_was_announced() {
    let mut rig = Rig::echo();
    let client = rig.client();
    client.send("abc");
    rig.settle();
    assert_eq!(rig.net.world().tally.reads, 1, "would-block was not sought");
    client.change(|pipe| {
        pipe.inbound.extend(b"def");
        pipe.is_finished = true;
    });
    rig.settle();
    assert_eq!(rig.net.world().tally.reads, 3, "bytes, then the end, of one event");
    assert_eq!(client.take(), b"abcdef");
    assert!(client.is_closed());
}

#[test]
fn rule_2_readiness_is_a_hint_and_a_read_that_finds_nothing_changes_nothing() {
    let mut rig = Rig::echo();
    let client = rig.client();
    let token = client.pipe().token.unwrap();
    for hung_up in [false, true] {
        rig.net.world().inject(Readiness { token, readable: true, writable: true, hung_up });
        let turn = rig.turn();
        assert_eq!((turn.callbacks, turn.more), (0, false));
    }
    assert_eq!(rig.net.world().tally.reads, 2);
    client.send("abc");
    rig.settle();
    assert_eq!(client.take(), b"abc");
}

#[test]
fn bytes_cut_at_any_step_arrive_whole() {
    for step in 1..5 {
        let mut rig = Rig::echo();
        let client = rig.client();
        client.pipe().step = step;
        client.send("the whole of it");
        client.finish();
        rig.settle();
        assert_eq!(client.take(), b"the whole of it", "step {step}");
        assert!(client.is_closed(), "step {step}");
    }
}

#[test]
fn an_edge_that_comes_while_reading_is_paused_is_served_when_it_resumes() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| match call {
            Call::Connected => {
                on.pause_reading();
                0
            }
            Call::Notified(_) => {
                on.resume_reading();
                0
            }
            Call::Received(bytes) => {
                on.write(bytes);
                bytes.len()
            }
            _ => 0,
        })
    });
    let client = rig.client();
    client.send("early");
    client.finish();
    assert!(rig.settle() < 3, "a hung-up connection that is not read does not spin");
    assert_eq!(rig.net.world().tally.reads, 0);
    let id = rig.ids()[0];
    rig.engine.handle().notify(id, Box::new(())).unwrap();
    rig.settle();
    assert_eq!((client.take(), rig.count("finished")), (b"early".to_vec(), 1));
}

#[test]
fn a_paused_connection_whose_peer_reset_ends_by_its_own_clock() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| match call {
            Call::Received(bytes) => {
                on.pause_reading();
                bytes.len()
            }
            _ => 0,
        })
    });
    let client = rig.client();
    client.send("x");
    rig.settle();
    client.reset();
    assert!(rig.settle() < 3);
    assert!(rig.pass(Duration::from_secs(400)) < 10);
    assert_eq!(rig.open(), 0);
}

#[test]
fn a_connection_that_is_closed_by_another_s_event_of_the_batch_is_served_no_more() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, seen| match call {
            Call::Received(bytes) => {
                let others: Vec<_> = seen.calls.iter().map(|(id, _)| *id).collect();
                let me = on.id();
                for other in others.into_iter().filter(|other| *other != me) {
                    on.close(other, crate::sansio::Closing::Abort);
                }
                bytes.len()
            }
            _ => 0,
        })
    });
    let clients = rig.clients(2);
    clients.iter().for_each(|client| client.send("x"));
    rig.settle();
    assert_eq!(rig.open(), 0, "each closed the other");
    assert_eq!(rig.count("closed"), 2, "and each was told once");
    assert!(rig.engine.connections().all(|connection| connection.stage() == Stage::Closed));
}
