//! Connecting where too many wait to be accepted.

use std::io::ErrorKind;

use bytes::Bytes;

use super::*;
use crate::sansio::{Closing, WhenFull};

/// A rig in which nobody who connects finds room, and connections that try to.
fn crowded(count: usize) -> Rig {
    let mut rig = Rig::new();
    rig.net.world().connects_wait = true;
    for number in 0..count {
        if number % 2 == 0 {
            rig.engine.connect(&address(), Box::new(echo()), Limits::default()).unwrap();
        } else {
            rig.engine.control().connect(address(), echo(), Limits::default());
        }
    }
    rig.settle();
    rig
}

#[test]
fn a_connection_that_finds_no_room_tries_until_there_is_some_and_is_like_any_other_then() {
    let mut rig = crowded(2);
    rig.pass(SECOND);
    let tries = rig.net.world().tally.connects;
    assert!((100..=220).contains(&tries), "{tries} tries of two connections in a second");
    assert_eq!((rig.open(), rig.seen.calls.len()), (2, 0), "nobody was told anything");
    rig.net.world().connects_wait = false;
    rig.pass(20 * MILLISECOND);
    for number in 0..2 {
        let client = rig.net.client(number);
        client.change(|pipe| pipe.is_connecting = false);
        client.send("hello");
        rig.settle();
        assert_eq!(client.take(), b"hello");
    }
    let tries = rig.net.world().tally.connects;
    rig.pass(SECOND);
    assert_eq!(rig.net.world().tally.connects, tries, "it is over");
    assert_eq!((rig.count("connected"), rig.count("closed")), (2, 0));
}

#[test]
fn waiting_for_room_ends_by_the_deadline_for_connecting_and_does_not_spin() {
    let mut rig = crowded(2);
    let turns = rig.pass(Limits::default().connect + SECOND);
    assert!(turns < 3000, "{turns} turns in eleven seconds");
    assert_eq!(rig.seen.reasons, [CloseReason::TimedOut(Timeout::Connect); 2]);
    assert_eq!((rig.count("closed"), rig.seen.calls.len(), rig.open()), (2, 2, 0));
    assert_eq!(rig.engine.next_deadline(), Deadline::Never, "nothing is left of them");
}

#[test]
fn a_try_that_fails_for_good_tells_the_protocol_why() {
    for is_registering in [false, true] {
        let mut rig = crowded(2);
        rig.net.world().connects_wait = false;
        rig.net.world().connects_fail = (!is_registering).then_some(ErrorKind::ConnectionRefused);
        rig.net.world().registering_fails = is_registering;
        rig.pass(SECOND);
        let kind =
            if is_registering { ErrorKind::OutOfMemory } else { ErrorKind::ConnectionRefused };
        assert_eq!(rig.seen.reasons, [CloseReason::Io(kind); 2]);
        assert_eq!((rig.count("connected"), rig.open()), (0, 0));
    }
}

#[test]
fn what_is_asked_of_a_connection_that_finds_no_room_does_not_spin() {
    let mut rig = crowded(2);
    let ids: Vec<_> = rig.engine.connections().map(|connection| connection.id()).collect();
    for id in &ids {
        rig.engine.control().send(*id, Bytes::from_static(b"early"), WhenFull::Drop);
    }
    rig.settle();
    rig.engine.control().close(ids[0], Closing::Abort);
    rig.settle();
    assert_eq!((rig.open(), rig.count("closed")), (1, 1));
    let tries = rig.net.world().tally.connects;
    rig.pass(SECOND);
    let tries = rig.net.world().tally.connects - tries;
    assert!((50..=110).contains(&tries), "only one tries on: {tries}");
}

#[test]
fn a_crowd_that_tries_is_held_to_the_budget_of_a_turn_and_rests_between() {
    let mut rig = crowded(50);
    let before = rig.net.world().tally.connects;
    rig.advance(SECOND);
    let budget = Budget { connections: 8, ..Budget::default() };
    for turn in 1..=6 {
        let turn_before = rig.net.world().tally.connects;
        assert!(rig.turn_within(budget).more, "turn {turn} leaves some over");
        assert_eq!(rig.net.world().tally.connects - turn_before, 8);
    }
    assert!(!rig.turn_within(budget).more);
    assert_eq!(rig.net.world().tally.connects - before, 50, "each once");
}
