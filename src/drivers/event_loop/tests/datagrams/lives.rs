//! How a socket comes, is reached, and ends.

use bytes::Bytes;

use super::*;
use crate::drivers::event_loop::Ended;
use crate::net::Readiness;
use crate::sansio::{Closing, WhenFull};

#[test]
fn a_socket_is_told_that_it_is_open_in_the_next_turn_before_anything_else() {
    let mut rig = Rig::new();
    rig.bind(DatagramLimits::default(), answering());
    rig.net.deliver(0, &sender(1), "early");
    assert!(rig.seen.calls.is_empty());
    assert_eq!(rig.engine.next_deadline(), Deadline::Now);
    rig.settle();
    let calls: Vec<_> = rig.seen.calls.iter().map(|(_, call)| *call).collect();
    assert_eq!(calls, ["opened", "received"]);
}

#[test]
fn a_socket_s_name_is_never_a_connection_s() {
    let mut rig = Rig::echo();
    let client = rig.client();
    let socket = rig.bind(DatagramLimits::default(), answering());
    let connection = rig.engine.connections().next().unwrap().id();
    assert_ne!(socket.slot(), connection.slot());
    assert!(rig.engine.socket(socket).is_some() && rig.engine.socket(connection).is_none());
    rig.engine.control().close(socket, Closing::Finish);
    rig.settle();
    assert!(!client.is_closed());
    assert_eq!((rig.engine.stats().sockets, rig.open()), (0, 1));
}

#[test]
fn a_socket_can_be_notified_and_closed_from_everywhere() {
    let mut rig = Rig::new();
    let to_close = rig.bind(DatagramLimits::default(), answering());
    let socket = rig.bind(
        DatagramLimits::default(),
        post(move |told, on, _| match told {
            Told::Opened => on.remote().notify(Box::new("remote")).unwrap(),
            Told::Notified(message) if message.is::<Closing>() => {
                on.close(to_close, Closing::Finish);
                on.close(on.id(), Closing::Abort);
            }
            _ => {}
        }),
    );
    rig.listen(Limits::default(), move |_| {
        probe(move |call, on, _| {
            if let Call::Connected = call {
                on.notify(socket, Box::new("connection"));
            }
            0
        })
    });
    rig.client();
    rig.engine.handle().notify(socket, Box::new("handle")).unwrap();
    rig.engine.control().notify(socket, Box::new("control"));
    rig.settle();
    assert_eq!(rig.count("notified"), 4);
    rig.engine.handle().notify(socket, Box::new(Closing::Finish)).unwrap();
    rig.settle();
    assert_eq!(rig.seen.reasons, [CloseReason::Aborted, CloseReason::Finished]);
    assert_eq!(rig.engine.stats().dead_letters, 0);
}

#[test]
fn what_is_for_a_socket_that_is_gone_or_cannot_be_for_one_is_a_dead_letter() {
    let mut rig = Rig::answering();
    let socket = rig.engine.sockets().next().unwrap().id();
    let handle = rig.engine.handle();
    // Bytes without an address are for connections.
    handle.send(socket, Bytes::from_static(b"x"), WhenFull::Drop).unwrap();
    rig.settle();
    assert_eq!(rig.engine.stats().dead_letters, 1);
    handle.close(socket, Closing::Finish).unwrap();
    rig.settle();
    let next = rig.bind(DatagramLimits::default(), answering());
    assert_eq!((next.slot(), next == socket), (socket.slot(), false), "the slot is used again");
    handle.notify(socket, Box::new(())).unwrap();
    handle.close(socket, Closing::Abort).unwrap();
    rig.settle();
    assert_eq!(rig.engine.stats().dead_letters, 3);
    assert_eq!(rig.engine.stats().sockets, 1);
}

#[test]
fn p03_a_stale_event_finds_nobody_although_the_slot_is_in_use_again() {
    let mut rig = Rig::answering();
    let socket = rig.engine.sockets().next().unwrap().id();
    let stale = rig.net.world().ports[0].token.unwrap();
    rig.engine.control().close(socket, Closing::Finish);
    rig.settle();
    rig.bind(DatagramLimits::default(), answering());
    rig.settle();
    let before = rig.receives(1);
    let event = Readiness { token: stale, readable: true, writable: true, hung_up: false };
    rig.net.world().inject(event);
    rig.settle();
    assert_eq!(rig.receives(1), before);
}

#[test]
fn a_socket_that_finishes_is_closed_when_all_is_sent_and_its_slot_freed() {
    let mut rig = Rig::new();
    rig.bind(
        DatagramLimits::default(),
        post(|told, on, _| {
            if let Told::Received(from, _) = told {
                on.send_to(from, b"good-bye");
                on.finish();
            }
        }),
    );
    rig.net.world().ports[0].room = 0;
    rig.net.deliver(0, &sender(1), "x");
    rig.settle();
    assert!(rig.seen.reasons.is_empty() && !rig.net.world().ports[0].is_closed);
    rig.net.deliver(0, &sender(1), "nobody hears this");
    rig.settle();
    rig.net.change_port(0, |port| port.room = 1);
    rig.settle();
    assert_eq!(rig.seen.reasons, [CloseReason::Finished]);
    assert_eq!((rig.net.sent(0).len(), rig.counts().received), (1, 1), "the counts outlive it");
    assert!(rig.net.world().ports[0].is_closed);
    assert_eq!(rig.engine.stats().closed_for(CloseReason::Finished), 1);
}

#[test]
fn a_drain_tells_sockets_waits_for_them_and_aborts_them_at_its_deadline() {
    let mut rig = Rig::new();
    rig.bind(DatagramLimits::default(), answering());
    rig.bind(DatagramLimits::default(), post(|_, _, _| {}));
    rig.settle();
    rig.engine.begin_drain(SECOND);
    assert_eq!(rig.engine.next_deadline(), Deadline::Now);
    rig.settle();
    assert_eq!((rig.count("stopping"), rig.engine.stats().sockets), (2, 1));
    rig.net.deliver(1, &sender(1), "it is served on");
    rig.settle();
    assert_eq!(rig.counts().received, 1);
    let turn = std::iter::repeat_with(|| rig.wait()).find(|turn| turn.ended.is_some()).unwrap();
    let Some(Ended::Drained(drained)) = turn.ended else { panic!("{turn:?}") };
    assert_eq!((drained.finished, drained.aborted), (1, 1));
    assert_eq!(rig.seen.reasons, [CloseReason::Finished, CloseReason::Stopped]);
}

#[test]
fn a_drain_of_many_sockets_keeps_to_each_turn_s_time() {
    let mut rig = Rig::new();
    let clock = rig.net.clock.clone();
    for _ in 0..20 {
        rig.bind(DatagramLimits::default(), post(|_, _, _| {}).costing(&clock, MILLISECOND));
    }
    rig.settle();
    rig.engine.begin_drain(SECOND);
    for call in ["stopping", "closed"] {
        for turns in 1.. {
            let before = rig.seen.calls.len();
            rig.turn_within(Budget::until(rig.net.clock.now() + 3 * MILLISECOND));
            assert!(rig.seen.calls.len() - before <= 3, "{call}");
            if rig.count(call) == 20 {
                break;
            }
            assert!(turns < 100, "{call}: {} told", rig.count(call));
        }
        rig.advance(2 * SECOND);
    }
}

#[test]
fn a_socket_that_cannot_be_registered_is_an_error_and_leaves_nothing() {
    let mut rig = Rig::new();
    rig.net.world().registering_fails = true;
    let refused = rig.try_bind(DatagramLimits::default(), answering()).unwrap_err();
    assert!(refused.to_string().starts_with("cannot bind udp://192.0.2.100:53: "), "{refused}");
    assert!(rig.net.world().ports[0].is_closed);
    rig.settle();
    assert_eq!((rig.engine.stats().sockets, rig.seen.calls.len()), (0, 0));
}

#[test]
fn limits_that_cannot_work_are_refused_before_anything_is_bound() {
    let mut rig = Rig::new();
    let limits = DatagramLimits::default().queue_datagrams(0);
    let refused = rig.try_bind(limits, answering()).unwrap_err();
    assert_eq!(refused.to_string(), "queue_datagrams is 0, but must be at least 1");
    assert!(rig.net.world().ports.is_empty());
}

#[test]
fn a_thousand_sockets_come_and_go_and_leave_nothing() {
    let mut rig = Rig::new();
    for round in 0..10 {
        for _ in 0..100 {
            let id = rig.bind(
                DatagramLimits::default(),
                post(|told, on, _| {
                    if let Told::Opened = told {
                        on.set_timeout(SECOND);
                        on.send_to(&sender(1), b"x");
                    }
                }),
            );
            rig.engine.control().close(id, Closing::Abort);
        }
        rig.settle();
        assert_eq!(rig.engine.stats().sockets, 0, "round {round}");
    }
    assert_eq!((rig.engine.stats().held, rig.engine.next_deadline()), (0, Deadline::Never));
    assert_eq!(rig.count("closed"), 1000);
    assert!(rig.net.world().ports.iter().all(|port| port.is_closed));
}

#[cfg(debug_assertions)]
#[test]
fn p22_a_loop_that_was_forked_refuses_to_turn_in_debug_builds() {
    let mut rig = Rig::answering();
    rig.engine.process += 1;
    let refused = rig.engine.turn(Wait::No, Budget::default(), &mut rig.seen).unwrap_err();
    assert!(refused.to_string().contains("made before a fork"), "{refused}");
}
