//! P1 and P16: a flood, and what it costs everybody else.

use super::*;
use crate::sansio::Closing;

#[test]
fn p16_under_a_flood_a_client_and_a_timer_get_their_turn_after_one_budget() {
    let mut rig = Rig::echo();
    rig.bind(DatagramLimits::default(), answering());
    rig.bind(
        DatagramLimits::default(),
        post(|told, on, _| {
            if let Told::Opened = told {
                on.set_timeout(SECOND);
            }
        }),
    );
    let client = rig.client();
    rig.flood(0);
    rig.seen.calls.clear();
    let budget = Budget::default().datagrams(64);
    for round in 1..=20 {
        client.send("a");
        rig.advance(SECOND);
        rig.turn_within(budget);
        // The turn that met it first is the turn that answers it.
        assert_eq!(client.take(), b"a", "round {round}");
        assert!(rig.receives(0) <= round * 64, "round {round}: {}", rig.receives(0));
    }
    assert_eq!(rig.count("expired"), 1);
    assert!(rig.counts().received >= 19 * 64, "the flood was served, too");
    assert_eq!(rig.engine.next_deadline(), Deadline::Now, "there is always more");
}

#[test]
fn p16_under_a_flood_a_new_peer_a_letter_and_a_deadline_are_served_in_the_same_turn() {
    let mut rig = Rig::new();
    rig.bind(DatagramLimits::default(), answering());
    rig.listen(Limits::default().first_byte(SECOND), |_| silent());
    rig.client().send("heard");
    let _silent = rig.client();
    rig.flood(0);
    rig.turn();
    let id = rig.ids()[1];
    rig.seen.calls.clear();
    let _new = rig.net.dial();
    rig.engine.handle().notify(id, Box::new(())).unwrap();
    rig.advance(2 * SECOND);
    rig.turn();
    for call in ["connected", "notified", "expired"] {
        assert_eq!(rig.count(call), 1, "{call}");
    }
    assert_eq!(rig.count("received"), 256);
}

#[test]
fn p01_what_a_budget_left_over_is_received_with_no_new_edge() {
    let mut rig = Rig::answering();
    for number in 0..100_u8 {
        rig.net.deliver(0, &sender(1), [number]);
    }
    let turn = rig.turn_within(Budget::default().datagrams(30));
    assert_eq!((rig.count("received"), turn.more), (30, true));
    assert_eq!(rig.engine.next_deadline(), Deadline::Now);
    for _ in 0..3 {
        rig.turn_within(Budget::default().datagrams(30));
    }
    let sent: Vec<_> = rig.net.sent(0).into_iter().map(|(_, bytes)| bytes[0]).collect();
    assert_eq!(sent, (0..100).collect::<Vec<_>>());
    rig.settle();
    assert_eq!(rig.engine.next_deadline(), Deadline::Never);
}

#[test]
fn a_socket_is_received_from_until_would_block_and_then_left_alone() {
    let mut rig = Rig::answering();
    let before = rig.receives(0);
    (0..3).for_each(|_| rig.net.deliver(0, &sender(1), "x"));
    rig.settle();
    assert_eq!(rig.receives(0) - before, 4, "three datagrams and one would-block");
    for _ in 0..10 {
        rig.turn();
    }
    assert_eq!(rig.receives(0) - before, 4);
}

#[test]
fn a_budget_is_shared_by_all_sockets_and_none_of_them_starves() {
    let mut rig = Rig::new();
    for _ in 0..10 {
        rig.bind(DatagramLimits::default(), answering());
    }
    rig.settle();
    (0..10).for_each(|port| rig.flood(port));
    let before = rig.counts().received;
    rig.turn_within(Budget::default().datagrams(50));
    assert_eq!(rig.counts().received - before, 50, "over all of them");
    assert!((0..10).all(|port| rig.net.sent(port).len() == 5), "the same to each");
    // One is left where there is less than one for each; its turn comes.
    for _ in 0..10 {
        rig.turn_within(Budget::default().datagrams(3));
    }
    assert!((0..10).all(|port| rig.net.sent(port).len() == 3));
}

#[test]
fn a_quiet_socket_s_share_goes_to_those_that_want_it() {
    let mut rig = Rig::new();
    for _ in 0..4 {
        rig.bind(DatagramLimits::default(), answering());
    }
    rig.settle();
    (0..3).for_each(|port| rig.net.deliver(port, &sender(1), "x"));
    rig.flood(3);
    let before = rig.counts().received;
    rig.turn_within(Budget::default().datagrams(100));
    assert_eq!(rig.counts().received - before, 100);
}

#[test]
fn a_budget_in_bytes_ends_with_the_datagram_that_spends_it() {
    let mut rig = Rig::answering();
    (0..10).for_each(|_| rig.net.deliver(0, &sender(1), [7; 1000]));
    let turn = rig.turn_within(Budget::default().datagram_bytes(2500));
    assert_eq!((rig.count("received"), turn.bytes_in, turn.more), (3, 3000, true));
    rig.settle();
    assert_eq!(rig.count("received"), 10);
}

#[test]
fn a_zero_budget_is_one_datagram() {
    let mut rig = Rig::answering();
    rig.flood(0);
    let before = rig.counts().received;
    rig.turn_within(Budget::default().datagrams(0).datagram_bytes(0));
    assert_eq!(rig.counts().received - before, 1);
}

#[test]
fn a_turn_begins_no_callback_after_its_time_and_does_one_thing_at_least() {
    for milliseconds in [0, 1, 3] {
        let mut rig = Rig::new();
        let clock = rig.net.clock.clone();
        rig.bind(DatagramLimits::default(), post(|_, _, _| {}).costing(&clock, MILLISECOND));
        (0..20).for_each(|_| rig.net.deliver(0, &sender(1), "x"));
        let mut turns = 0;
        while rig.count("received") < 20 {
            let before = rig.seen.calls.len();
            let until = rig.net.clock.now() + MILLISECOND * milliseconds;
            rig.turn_within(Budget::until(until));
            let calls = rig.seen.calls.len() - before;
            assert!(calls <= milliseconds.max(1) as usize, "{calls} in {milliseconds} ms");
            turns += 1;
            assert!(turns < 200, "it goes on");
        }
    }
}

#[test]
fn a_turn_sends_no_datagram_after_its_time() {
    let mut rig = Rig::new();
    rig.bind(
        DatagramLimits::default(),
        post(|told, on, _| {
            if let Told::Opened = told {
                (0..100).for_each(|_| _ = on.send_to(&sender(1), b"x"));
            }
        }),
    );
    rig.net.world().call_time = MILLISECOND;
    let until = rig.net.clock.now() + 10 * MILLISECOND;
    rig.turn_within(Budget::until(until));
    assert!((1..=10).contains(&rig.sends(0)), "{} sends of a millisecond", rig.sends(0));
    rig.settle();
    assert_eq!(rig.net.sent(0).len(), 100);
}

#[test]
fn a_call_that_sends_much_is_kept_to_the_budget_of_sending() {
    let mut rig = Rig::new();
    rig.bind(
        DatagramLimits::default(),
        post(|told, on, _| {
            if let Told::Received(from, _) = told {
                (0..100).for_each(|_| _ = on.send_to(from, b"x"));
            }
        }),
    );
    rig.settle();
    (0..5).for_each(|_| rig.net.deliver(0, &sender(1), "x"));
    rig.turn_within(Budget::default().datagrams(30));
    assert_eq!((rig.sends(0), rig.count("received")), (30, 1), "none is received meanwhile");
    rig.settle();
    assert_eq!((rig.sends(0), rig.counts().dropped), (500, 0));
}

#[test]
fn a_congested_loop_receives_nothing_and_forgets_nothing() {
    let mut rig = Rig::answering();
    for _ in 0..10_000 {
        rig.engine.control().close(ConnectionId::new(1, 1), Closing::Abort);
    }
    rig.net.deliver(0, &sender(1), "waits");
    let before = rig.receives(0);
    rig.turn();
    assert_eq!((rig.receives(0) - before, rig.counts().received), (0, 0));
    rig.settle();
    assert_eq!((rig.counts().received, rig.net.sent(0).len()), (1, 1));
}

#[test]
fn a_congested_loop_still_sends_and_fires_deadlines() {
    let mut rig = Rig::new();
    rig.bind(
        DatagramLimits::default(),
        post(|told, on, _| match told {
            Told::Opened => on.set_timeout(SECOND),
            Told::Expired => _ = on.send_to(&sender(1), b"x"),
            _ => {}
        }),
    );
    rig.settle();
    rig.advance(SECOND);
    for _ in 0..20_000 {
        rig.engine.control().close(ConnectionId::new(1, 1), Closing::Abort);
    }
    rig.turn();
    rig.turn();
    assert!(rig.engine.is_congested());
    assert_eq!(rig.net.sent(0).len(), 1);
}

#[test]
fn events_of_sockets_do_not_stand_for_those_of_connections_that_were_not_fetched() {
    let mut rig = Rig::echo();
    let ports = 0..8;
    for _ in ports.clone() {
        rig.bind(DatagramLimits::default(), answering());
    }
    let client = rig.client();
    client.send("x");
    rig.settle();
    rig.net.world().batch = 4;
    rig.net.world().is_batch_fixed = true;
    ports.for_each(|port| rig.net.deliver(port, &sender(1), "first in the poll"));
    client.send("in time");
    rig.advance(10 * 60 * SECOND);
    rig.settle();
    assert_eq!(client.take(), b"xin time");
    assert_eq!(rig.count("expired"), 0);
}
