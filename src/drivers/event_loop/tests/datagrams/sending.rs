//! What becomes of what is sent, and of what cannot be received.

use std::io::ErrorKind;

use super::super::ports::Mail;
use super::*;
use crate::sansio::{Dispatched, DropPolicy, SendOutcome};

/// Sends a datagram to each of these when it is opened.
fn sending(to: Vec<(Address, &'static str)>) -> impl DatagramProtocol<Seen> {
    post(move |told, on, _| match told {
        Told::Opened => {
            for (to, text) in &to {
                assert!(on.send_to(to, text.as_bytes()).is_queued());
            }
        }
        Told::Stopping => on.finish(),
        _ => {}
    })
}

fn texts(rig: &Rig) -> Vec<String> {
    let sent = rig.net.sent(0).into_iter();
    sent.map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect()
}

#[test]
fn an_answer_goes_to_who_asked_in_the_turn_in_which_he_did() {
    let mut rig = Rig::answering();
    rig.net.deliver(0, &sender(1), "one");
    rig.net.deliver(0, &sender(2), "");
    let turn = rig.turn();
    assert_eq!(rig.net.sent(0), [(sender(1), b"one".to_vec()), (sender(2), Vec::new())]);
    assert_eq!((turn.bytes_in, turn.bytes_out), (3, 3));
    let stats = rig.engine.stats();
    assert_eq!((stats.sockets, stats.datagrams.received, stats.datagrams.sent), (1, 2, 2));
}

#[test]
fn what_met_would_block_goes_when_there_is_room_and_not_before() {
    let mut rig = Rig::new();
    rig.bind(DatagramLimits::default(), sending(vec![(sender(1), "a"), (sender(2), "b")]));
    rig.net.world().ports[0].room = 1;
    rig.settle();
    assert_eq!((texts(&rig), rig.sends(0)), (vec!["a".to_owned()], 2));
    for _ in 0..10 {
        rig.turn();
    }
    assert_eq!(rig.sends(0), 2, "it is not tried in vain");
    assert!(
        matches!(rig.engine.next_deadline(), Deadline::At(_)),
        "it waits no longer than it may"
    );
    rig.net.change_port(0, |port| port.room = 1);
    rig.settle();
    assert_eq!(texts(&rig), ["b"]);
}

#[test]
fn what_waits_too_long_is_dropped_on_time_and_leaves_no_timer() {
    let mut rig = Rig::new();
    let limits = DatagramLimits::default().queue_time(3 * SECOND);
    rig.bind(limits, sending(vec![(sender(1), "a")]));
    rig.net.world().ports[0].room = 0;
    rig.settle();
    let began = rig.net.clock.now();
    rig.wait();
    assert_eq!((rig.net.clock.now() - began).as_secs(), 3);
    assert_eq!((rig.counts().expired, rig.engine.stats().held), (1, 0));
    rig.settle();
    assert_eq!(rig.engine.next_deadline(), Deadline::Never);
}

#[test]
fn a_receiver_without_room_holds_up_nobody_and_costs_no_spin() {
    let mut rig = Rig::new();
    let to = vec![(sender(1), "a"), (sender(2), "b"), (sender(1), "c")];
    rig.bind(DatagramLimits::default(), sending(to));
    rig.net.world().ports[0].full = vec![sender(1)];
    rig.settle();
    assert_eq!((texts(&rig), rig.sends(0)), (vec!["b".to_owned()], 2));
    // Each failed attempt is announced as room, as Linux does. It must not lead to the next.
    for _ in 0..100 {
        rig.net.change_port(0, |_| {});
        rig.turn();
    }
    assert_eq!(rig.sends(0), 2);
    let turns = rig.pass(SECOND);
    assert!((5..50).contains(&turns), "{turns} turns in a second");
    rig.net.world().ports[0].full.clear();
    rig.pass(SECOND);
    assert_eq!(texts(&rig), ["a", "c"]);
}

#[test]
fn what_the_system_refuses_is_counted_and_ends_nothing() {
    let mut rig = Rig::answering();
    let fates = [Dispatched::Failed(ErrorKind::ConnectionRefused), Dispatched::TooLarge];
    for fate in fates {
        rig.net.world().ports[0].refusal = Some(fate);
        rig.net.deliver(0, &sender(1), "x");
        rig.settle();
    }
    rig.net.world().ports[0].refusal = None;
    rig.net.deliver(0, &sender(1), "y");
    rig.settle();
    assert_eq!(texts(&rig), ["y"]);
    assert_eq!((rig.counts().failed, rig.counts().too_large), (1, 1));
}

#[test]
fn a_datagram_that_was_cut_is_counted_and_never_told() {
    let mut rig = Rig::new();
    rig.bind(DatagramLimits::default().datagram(100), answering());
    rig.settle();
    for length in [99, 100, 101, 5000] {
        rig.net.deliver(0, &sender(1), vec![7; length]);
    }
    rig.settle();
    let lengths: Vec<_> = rig.net.sent(0).iter().map(|(_, bytes)| bytes.len()).collect();
    assert_eq!((lengths, rig.counts().truncated), (vec![99, 100], 2));
    // Another socket may want larger ones: there is one buffer, and each has its own limit.
    rig.bind(DatagramLimits::default().datagram(5000), answering());
    rig.settle();
    for port in [0, 1] {
        rig.net.deliver(port, &sender(1), vec![7; 5000]);
        rig.net.deliver(port, &sender(1), vec![7; 5001]);
    }
    rig.settle();
    assert_eq!((rig.net.sent(0).len(), rig.net.sent(1).len()), (0, 1));
    assert_eq!(rig.counts().truncated, 5);
}

#[test]
fn errors_of_receiving_end_nothing_and_hide_nothing_behind_them() {
    let mut rig = Rig::answering();
    rig.net.change_port(0, |port| {
        port.inbound.push_back(Mail::Error(ErrorKind::ConnectionRefused));
        port.inbound.push_back(Mail::Error(ErrorKind::ConnectionReset));
    });
    rig.net.deliver(0, &sender(1), "still here");
    rig.settle();
    assert_eq!(texts(&rig), ["still here"]);
    assert_eq!((rig.counts().receive_errors, rig.engine.stats().sockets), (2, 1));
}

#[test]
fn a_socket_that_fails_for_ever_is_left_alone_until_there_is_news_of_it() {
    let mut rig = Rig::answering();
    rig.net.change_port(0, |port| {
        port.inbound.extend((0..5000).map(|_| Mail::Error(ErrorKind::Other)));
    });
    rig.settle();
    let tries = rig.counts().receive_errors;
    assert!((1000..2000).contains(&tries), "{tries} tries");
    assert_eq!(rig.engine.next_deadline(), Deadline::Never, "it does not spin");
    rig.net.world().ports[0].inbound.clear();
    rig.net.deliver(0, &sender(1), "again");
    rig.settle();
    assert_eq!(texts(&rig), ["again"]);
}

#[test]
fn a_loop_that_holds_too_much_drops_datagrams_before_it_ends_a_connection() {
    let mut rig = Rig::with(Config::default().memory(100_000));
    rig.listen(Limits::default(), |_| echo());
    let limits = DatagramLimits::default().datagram(1000).queue_full(DropPolicy::Oldest);
    rig.bind(
        limits,
        post(|told, on, _| {
            if let Told::Opened = told {
                let mut outcomes = (0..150).map(|_| on.send_to(&sender(1), &[7; 1000]));
                assert!(outcomes.all(|outcome| outcome == SendOutcome::Queued));
            }
        }),
    );
    rig.net.world().ports[0].room = 0;
    let client = rig.net.dial();
    client.pipe().room = 10;
    client.send([7; 50]);
    rig.settle();
    assert_eq!((rig.engine.stats().held, rig.counts().dropped), (40, 150));
    assert!(!client.is_closed());
}

#[test]
fn a_deadline_of_its_own_comes_on_time_and_again() {
    let mut rig = Rig::new();
    rig.bind(
        DatagramLimits::default(),
        post(|told, on, _| {
            if let Told::Opened | Told::Expired = told {
                on.set_timeout(SECOND);
            }
        }),
    );
    rig.pass(10 * SECOND + MILLISECOND);
    assert_eq!(rig.count("expired"), 10);
}

#[test]
fn a_deadline_that_comes_again_at_once_lets_others_be_served() {
    let mut rig = Rig::echo();
    rig.bind(
        DatagramLimits::default(),
        post(|told, on, _| {
            if let Told::Opened | Told::Expired = told {
                on.set_deadline(on.now());
            }
        }),
    );
    let client = rig.net.dial();
    for round in 1..10 {
        client.send("x");
        rig.turn();
        rig.turn();
        assert_eq!(client.take(), b"x", "round {round}");
        assert!(rig.count("expired") <= 2 * round, "once a turn");
    }
}
