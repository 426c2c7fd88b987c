//! Rule 9: anything may be asked of any connection from inside a call.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::network::Client;
use super::*;
use crate::sansio::{Closing, WhenFull};

#[test]
fn p20_rule_9_a_callback_may_ask_everything_of_itself_and_of_others() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, seen| match call {
            Call::Received(bytes) => {
                let (me, other) = (on.id(), seen.calls[0].0);
                on.send(me, Bytes::from_static(b"to me;"), WhenFull::Drop);
                on.send(other, Bytes::from_static(b"to you;"), WhenFull::Drop);
                on.notify(me, Box::new("note"));
                on.broadcast(Bytes::from_static(b"to all;"), WhenFull::Drop);
                on.connect(address(), silent(), Limits::default());
                on.close(other, Closing::Finish);
                on.close(me, Closing::Finish);
                on.write(b"never sent");
                bytes.len()
            }
            _ => 0,
        })
    });
    let (other, me) = (rig.client(), rig.client());
    me.send("go");
    rig.settle();
    assert_eq!(me.take(), b"", "finishing comes before what is asked of oneself as of another");
    assert_eq!(other.take(), b"to you;to all;");
    assert!(me.pipe().is_shut && other.pipe().is_shut);
    assert_eq!(rig.open(), 3, "and one connects out");
}

#[test]
fn rule_9_what_is_asked_is_carried_out_in_order_and_not_within_the_call() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, seen| match call {
            Call::Received(bytes) => {
                let me = on.id();
                for text in [&b"one,"[..], b"two,", b"three"] {
                    on.send(me, Bytes::copy_from_slice(text), WhenFull::Drop);
                }
                on.notify(me, Box::new(()));
                seen.calls.push((me, "returns"));
                bytes.len()
            }
            Call::Notified(_) => {
                on.write(b"!");
                0
            }
            _ => 0,
        })
    });
    let client = rig.client();
    client.send("go");
    rig.turn();
    let calls: Vec<_> = rig.seen.calls.iter().map(|(_, call)| *call).collect();
    assert_eq!(calls, ["connected", "received", "returns", "notified"]);
    assert_eq!(client.take(), b"one,two,three!");
    assert_eq!(rig.net.world().tally.writes, 1, "one write for however many");
}

#[test]
fn rule_9_what_is_born_in_a_turn_is_served_in_the_next() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| match call {
            Call::Received(bytes) => {
                let me = on.id();
                on.notify(me, Box::new(()));
                bytes.len()
            }
            Call::Notified(_) => {
                let me = on.id();
                on.notify(me, Box::new(()));
                0
            }
            _ => 0,
        })
    });
    let client = rig.client();
    client.send("go");
    for turn in 1..50 {
        assert!(rig.turn().more);
        assert_eq!(rig.count("notified"), turn, "a chain of causes is one link a turn");
    }
}

#[test]
fn a_broadcast_reaches_all_others_of_the_same_listener() {
    let mut rig = Rig::new();
    for _ in 0..2 {
        rig.listen(Limits::default(), |_| {
            probe(|call, on, _| match call {
                Call::Received(bytes) => {
                    on.broadcast(Bytes::copy_from_slice(bytes), WhenFull::Drop);
                    bytes.len()
                }
                _ => 0,
            })
        });
    }
    let clients = rig.clients(3);
    let stranger = rig.net.dial_from("192.0.2.1", 1);
    rig.settle();
    clients[1].send("news");
    rig.settle();
    let heard: Vec<_> = clients.iter().map(Client::take).collect();
    assert_eq!(heard, [&b"news"[..], b"", b"news"]);
    assert_eq!(stranger.take(), b"");
}

#[test]
fn broadcasts_of_one_turn_are_one_write_to_each_and_keep_their_order() {
    let mut rig = Rig::new();
    let listener = rig.listen(Limits::default(), |_| silent());
    let clients = rig.clients(10);
    for said in [&["one"][..], &["one", "two"], &["one", "two", "three"]] {
        let before = rig.engine.stats().writes;
        for line in said {
            rig.engine.control().broadcast(listener, *line, WhenFull::Drop);
        }
        rig.settle();
        assert_eq!(rig.engine.stats().writes - before, 10, "{said:?}");
        let expected = said.concat();
        assert!(clients.iter().all(|client| client.take() == expected.as_bytes()), "{said:?}");
    }
}

#[test]
fn a_message_from_elsewhere_is_one_flush_and_leaves_nothing_over() {
    let mut rig = Rig::echo();
    let client = rig.client();
    rig.engine.handle().send(rig.ids()[0], "hello", WhenFull::Drop).unwrap();
    let turn = rig.turn();
    assert_eq!(client.take(), b"hello");
    assert!(!turn.more, "no further turn is needed");
}

#[test]
fn p20_connections_may_close_each_other_in_the_same_turn() {
    let mut rig = Rig::new();
    let listener = rig.listen(Limits::default(), |_| {
        probe(|call, on, seen| match call {
            Call::Received(_) | Call::Closed(_) => {
                // Whoever is closed closes everybody, itself included.
                let everybody: Vec<_> = seen.calls.iter().map(|(id, _)| *id).collect();
                for id in everybody {
                    on.close(id, Closing::Abort);
                    on.notify(id, Box::new(()));
                }
                1
            }
            _ => 0,
        })
    });
    let clients = rig.clients(5);
    clients[2].send("x");
    rig.settle();
    assert_eq!((rig.open(), rig.count("closed")), (0, 5));
    rig.engine.control().broadcast(listener, "nobody", WhenFull::Drop);
    rig.settle();
}

#[test]
fn a_full_target_is_dropped_closed_or_waited_for_as_the_sender_says() {
    for (when_full, is_closed) in [(WhenFull::Drop, false), (WhenFull::Close, true)] {
        let mut rig = Rig::echo();
        let client = rig.client();
        client.pipe().room = 0;
        let (id, handle) = (rig.ids()[0], rig.engine.handle());
        for _ in 0..10 {
            handle.send(id, vec![7; 20_000], when_full).unwrap();
            rig.settle();
        }
        assert_eq!(client.is_closed(), is_closed);
        let held = rig.engine.stats().held;
        assert!(held <= 80_000, "{held}");
        let reason = is_closed.then_some(CloseReason::TooSlow);
        assert_eq!(rig.seen.reasons, Vec::from_iter(reason));
    }
}

#[test]
fn a_target_is_not_full_as_long_as_its_system_takes_what_it_has() {
    let mut rig = Rig::echo();
    let client = rig.client();
    client.pipe().room = usize::MAX;
    let (id, handle) = (rig.ids()[0], rig.engine.handle());
    for _ in 0..10 {
        handle.send(id, vec![7; 50_000], WhenFull::Close).unwrap();
    }
    rig.settle();
    assert_eq!((client.take().len(), client.is_closed()), (500_000, false));
}

#[test]
fn control_reaches_everything_that_a_transport_does() {
    let mut rig = Rig::echo();
    let clients = rig.clients(2);
    let ids = rig.ids();
    let found = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&found);
    rig.engine
        .handle()
        .post(move |control, seen| {
            control.visit(&mut |connection| shared.lock().unwrap().push(connection.id()));
            control.send(ids[0], "sent", WhenFull::Drop);
            control.notify(ids[0], Box::new(7));
            control.close(ids[1], Closing::Finish);
            control.connect(address(), silent(), Limits::default());
            let stats = control.stats();
            assert_eq!((stats.accepted, stats.open, seen.calls.len()), (2, 2, 2));
        })
        .unwrap();
    rig.settle();
    assert_eq!(*found.lock().unwrap(), rig.ids()[..2]);
    assert_eq!((clients[0].take(), rig.count("notified")), (b"sent".to_vec(), 1));
    assert!(clients[1].pipe().is_shut);
    assert_eq!(rig.open(), 3);
    rig.engine.handle().post(|control, _| control.drain(SECOND)).unwrap();
    rig.settle();
    assert_eq!(rig.count("stopping"), 1, "the other one is closing already");
    rig.engine.handle().post(|control, _| control.stop()).unwrap();
    let ended = (0..3).find_map(|_| rig.turn().ended);
    assert_eq!(ended, Some(crate::drivers::event_loop::Ended::Stopped));
}
