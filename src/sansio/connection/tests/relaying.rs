//! The relay on two connections: each direction for itself, in every piece, at the pace of the
//! slow end, to its own end.

use super::script::{Call, Script, listener, messages, script};
use super::table::{SECOND, Table, id};
use crate::protocols::relay;
use crate::sansio::{CloseReason, Closing, Limits, Stage, Timeout, WhenFull, Wire};
use std::io::ErrorKind;

/// More than ten bytes waiting are too many; two are few enough.
fn limits() -> Limits {
    Limits::default().high_water(10).low_water(2).output(40)
}

/// Two ends that are coupled. What 0 receives is sent to 1, and the other way round.
fn coupled() -> Table {
    let mut table = Table::new();
    for relay in relay::pair() {
        table.open(limits(), relay);
    }
    table.run();
    table
}

fn stream(length: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(length).collect()
}

#[test]
fn bytes_pass_both_ways_whatever_they_are_cut_into() {
    let whole = stream(40);
    for cut in 1..whole.len() {
        let mut table = coupled();
        for piece in [&whole[..cut], &whole[cut..]] {
            for end in [0, 1] {
                table.receive(end, piece);
                table.run();
            }
        }
        assert_eq!((&table.ends[0].got, &table.ends[1].got), (&whole, &whole), "cut at {cut}");
    }
}

#[test]
fn nothing_is_read_before_both_ends_are_established() {
    let mut table = Table::new();
    let [first, second] = relay::pair();
    table.open(limits(), first);
    table.dial(limits(), second);
    table.run();
    assert_eq!(table.connection(0).wants_bytes(), 0);
    table.receive(0, "early all the same");
    table.input(1, |connection, desk, world| connection.handle_connected(desk, world));
    table.run();
    assert!(table.connection(0).wants_bytes() > 0 && table.connection(1).wants_bytes() > 0);
    assert_eq!(table.got(1), "early all the same");
}

/// `source` sends as much as it may, and the other end takes a byte at a time.
fn at_the_pace_of_the_slow_end(source: usize) {
    let mut table = coupled();
    let slow = 1 - source;
    let stream = stream(1000);
    table.ends[slow].room = 0;
    let (mut sent, mut most) = (0, 0);
    while table.ends[slow].got.len() < stream.len() {
        let next = table.connection(source).wants_bytes().min(7).min(stream.len() - sent);
        table.receive(source, &stream[sent..sent + next]);
        sent += next;
        table.carry_out();
        most = most.max(table.desk.held());
        table.ends[slow].room = 1;
        table.run();
    }
    assert_eq!(table.ends[slow].got, stream);
    assert!(most <= 10 + 7, "the mark and one read: {most}");
}

#[test]
fn each_direction_runs_at_the_pace_of_its_slow_end() {
    at_the_pace_of_the_slow_end(0);
    at_the_pace_of_the_slow_end(1);
}

#[test]
fn a_direction_that_is_stuck_does_not_stop_the_other() {
    let mut table = coupled();
    table.ends[1].room = 0;
    table.receive(0, stream(20));
    table.run();
    assert_eq!(table.connection(0).wants_bytes(), 0, "1 takes nothing");
    // It takes something once it got rid of what it says itself, as an echo does.
    let answer = stream(500);
    for piece in answer.chunks(20) {
        assert!(table.connection(1).wants_bytes() > 0);
        table.receive(1, piece);
        table.run();
    }
    assert_eq!(table.ends[0].got, answer);
    table.ends[1].room = usize::MAX;
    table.run();
    assert_eq!(table.ends[1].got, stream(20));
    assert!(table.connection(0).wants_bytes() > 0);
}

#[test]
fn each_direction_is_closed_on_its_own() {
    for first in [0, 1] {
        let second = 1 - first;
        let mut table = coupled();
        table.receive(first, "question");
        table.end_of_input(first);
        table.run();
        assert_eq!((table.got(second), &table.ends[second].wire[..]), ("question", HALF));
        assert_eq!(table.ends[first].wire, []);
        table.receive(second, "long answer");
        table.run();
        table.end_of_input(second);
        table.run();
        assert_eq!(table.got(first), "long answer");
        for end in [first, second] {
            assert_eq!(table.connection(end).close_reason(), Some(CloseReason::Finished));
        }
    }
}

const HALF: &[Wire] = &[Wire::ShutdownWrite];

#[test]
fn the_end_of_a_direction_comes_after_all_that_waits_in_it() {
    let mut table = coupled();
    table.ends[1].room = 0;
    let bytes = stream(30);
    table.receive(0, &bytes[..15]);
    table.run();
    // It came with the bytes that the system had; neither is lost while 1 is slow.
    table.receive(0, &bytes[15..]);
    table.end_of_input(0);
    table.run();
    assert_eq!(table.ends[1].wire, []);
    for taken in 1..=bytes.len() {
        table.ends[1].room = 1;
        table.run();
        assert_eq!(table.ends[1].got, bytes[..taken]);
    }
    assert_eq!(table.ends[1].wire, HALF);
    assert_eq!(table.connection(0).stage(), Stage::Open, "it is still listened to");
}

#[test]
fn a_failure_of_either_end_resets_the_other() {
    let failures = [
        CloseReason::Io(ErrorKind::ConnectionReset),
        CloseReason::Overloaded,
        CloseReason::Layer,
        CloseReason::Stopped,
    ];
    for reason in failures {
        for end in [0, 1] {
            let mut table = coupled();
            table.ends[1 - end].room = 0;
            table.receive(end, "on the way");
            table.carry_out();
            table.fail(end, reason);
            table.run();
            assert_eq!(table.ends[1 - end].wire, [Wire::Reset], "{reason}");
        }
    }
}

#[test]
fn an_end_that_could_not_be_opened_resets_the_other() {
    type Fail = fn(&mut Table);
    let refused: Fail = |table| table.fail(1, CloseReason::Io(ErrorKind::ConnectionRefused));
    let late: Fail = |table| table.wait(SECOND * 10);
    for fail in [refused, late] {
        let mut table = Table::new();
        let [first, second] = relay::pair();
        table.open(limits(), first);
        table.dial(limits(), second);
        table.receive(0, "in vain");
        fail(&mut table);
        table.run();
        assert_eq!(table.ends[0].wire, [Wire::Reset]);
    }
}

#[test]
fn an_end_that_is_established_after_the_other_ended_ends_the_same_way() {
    for (closing, wire) in [(Closing::Abort, Wire::Reset), (Closing::Finish, Wire::ShutdownWrite)] {
        let mut table = Table::new();
        let [first, second] = relay::pair();
        table.open(limits(), first);
        table.dial(limits(), second);
        table.close(0, closing);
        table.end_of_input(0);
        table.run();
        table.input(1, |connection, desk, world| connection.handle_connected(desk, world));
        table.flush(1);
        assert_eq!(table.ends[1].wire, [wire]);
    }
}

#[test]
fn an_end_that_was_dropped_unused_counts_as_reset() {
    let mut table = Table::new();
    let [first, second] = relay::pair();
    drop(second);
    table.open(limits(), first);
    table.flush(0);
    assert_eq!(table.ends[0].wire, [Wire::Reset]);
}

#[test]
fn an_end_that_idles_out_finishes_both() {
    for hasty in [0, 1] {
        let mut table = Table::new();
        for (end, relay) in relay::pair().into_iter().enumerate() {
            let idle = SECOND * if end == hasty { 20 } else { 300 };
            table.open(limits().idle(idle), relay);
        }
        for end in [0, 1] {
            table.receive(end, "hello");
            table.run();
        }
        table.wait(SECOND * 20);
        table.run();
        assert_eq!((&table.ends[0].wire[..], &table.ends[1].wire[..]), (HALF, HALF));
        table.end_of_input(0);
        table.end_of_input(1);
        let reasons = [hasty, 1 - hasty].map(|end| table.connection(end).close_reason());
        let idle = CloseReason::TimedOut(Timeout::Idle);
        assert_eq!(reasons, [Some(idle), Some(CloseReason::Finished)]);
    }
}

#[test]
fn an_end_that_takes_nothing_for_long_resets_both() {
    let mut table = coupled();
    table.ends[1].room = 0;
    table.receive(0, "never taken");
    table.run();
    table.wait(SECOND * 30);
    table.run();
    assert_eq!((&table.ends[0].wire[..], &table.ends[1].wire[..]), (RESET, RESET));
}

const RESET: &[Wire] = &[Wire::Reset];

#[test]
fn an_end_finished_by_another_finishes_its_partner_when_all_is_said() {
    let mut table = coupled();
    table.receive(0, "said");
    table.carry_out();
    table.close(0, Closing::Finish);
    table.end_of_input(0);
    table.run();
    assert_eq!((table.got(1), &table.ends[1].wire[..]), ("said", HALF));
}

#[test]
fn a_drain_lets_both_ends_go_on() {
    let mut table = coupled();
    table.stop(0);
    table.stop(1);
    table.receive(0, "goes on");
    table.run();
    assert_eq!((table.got(1), table.connection(1).stage()), ("goes on", Stage::Open));
}

/// The scripts that were replaced are told nothing any more, so nobody is to count it.
fn expect_no_end_of(table: &mut Table) {
    table.world.ends.clear();
}

/// Couples its connection with connection 0 when it has used a word.
fn operator() -> Script {
    script(|transport, call| {
        let Call::Received(bytes) = call else { return 0 };
        assert_eq!(&bytes[..8], b"CONNECT;");
        transport.write(b"coupled;");
        relay::couple(transport, id(0));
        8
    })
}

#[test]
fn two_connections_that_exist_are_coupled_in_one_call() {
    for cut in 8..=13 {
        let mut table = Table::with(limits(), messages());
        table.receive(0, "hello;to ");
        table.run();
        table.open(limits(), operator());
        let (now, later) = b"CONNECT;early".split_at(cut);
        table.receive(1, now);
        table.receive(1, later);
        table.run();
        table.receive(0, "you");
        table.run();
        assert_eq!((table.got(0), table.got(1)), ("[hello]early", "coupled;to you"), "cut {cut}");
        expect_no_end_of(&mut table);
    }
}

#[test]
fn an_end_that_had_finished_before_it_was_coupled_is_known_to_have() {
    let mut table = Table::with(limits(), listener());
    table.end_of_input(0);
    table.open(limits(), operator());
    table.receive(1, "CONNECT;");
    table.run();
    assert_eq!((table.got(1), &table.ends[1].wire[..]), ("coupled;", HALF));
    table.receive(1, "one way");
    table.run();
    assert_eq!(table.got(0), "one way");
    expect_no_end_of(&mut table);
}

#[test]
fn a_connection_coupled_with_nobody_or_with_itself_is_reset() {
    for partner in [0, 1] {
        let mut table = Table::with(limits(), listener());
        table.close(0, Closing::Abort);
        table.open(limits(), listener());
        table.ask(1, move |transport| relay::couple(transport, id(partner)));
        table.run();
        assert_eq!(table.ends[1].wire, RESET, "coupled with {partner}");
        expect_no_end_of(&mut table);
    }
}

#[test]
fn an_end_that_was_handed_over_hears_no_more_of_its_partner() {
    let mut table = coupled();
    table.open(limits(), operator());
    table.receive(2, "CONNECT;");
    table.run();
    table.receive(1, "to whom");
    table.run();
    assert_eq!((table.got(0), table.got(2)), ("", "coupled;"));
    assert_eq!(table.ends[1].wire, RESET);
    table.receive(2, "to the first");
    table.run();
    assert_eq!(table.got(0), "to the first");
    expect_no_end_of(&mut table);
}

#[test]
fn an_end_that_is_handed_over_while_its_partner_arrives_has_another_partner() {
    let mut table = Table::new();
    let [first, late] = relay::pair();
    let [taken, other] = relay::pair();
    table.open(limits(), first);
    table.open(limits(), listener());
    // What is asked first is done first: the late one finds nobody of its own.
    table.ask(1, |transport| transport.hand_over(id(0), taken));
    table.open(limits(), late);
    table.open(limits(), other);
    table.run();
    for (from, to) in [(0, 3), (3, 0)] {
        table.receive(from, "hello");
        table.run();
        assert_eq!(table.got(to), "hello");
    }
    table.receive(2, "is anybody there");
    table.run();
    assert_eq!((table.got(0), &table.ends[2].wire[..]), ("hello", RESET));
}

#[test]
fn a_stranger_cannot_join_a_relay() {
    let mut table = coupled();
    table.open(limits(), listener());
    table.notify(0, "let me in");
    table.ask(2, |transport| {
        transport.send(id(0), bytes::Bytes::from_static(b"psst"), WhenFull::Drop);
    });
    table.receive(0, "to 1");
    table.run();
    assert_eq!((table.got(1), table.got(2)), ("to 1", ""));
}
