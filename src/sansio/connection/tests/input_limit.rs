//! How much input is kept, and what happens when that is full.

use super::script::{ALL, Call, Script, messages, named, received, script};
use super::table::Table;
use crate::sansio::{CloseReason, Limits, Stage, Wire};

#[test]
fn no_more_is_read_than_may_be_kept() {
    let mut table = Table::with(Limits::default().input(10), messages());
    assert_eq!(table.connection(0).wants_bytes(), 10);
    table.receive(0, "abcd");
    assert_eq!(table.connection(0).wants_bytes(), 6);
    table.receive(0, "efghi");
    assert_eq!(table.connection(0).wants_bytes(), 1);
    table.receive(0, ";");
    assert_eq!(table.connection(0).wants_bytes(), 10);
}

/// Needs more and more. In its last call it says so, and then answers `used`.
fn insatiable(used: usize) -> Script {
    script(move |transport, _| {
        if transport.is_input_full() {
            transport.write(b"too long");
            used
        } else {
            0
        }
    })
}

#[test]
fn input_at_its_limit_is_offered_once_more_and_then_the_connection_closes_in_order() {
    for pieces in [&["abcdefgh"][..], &["abc", "defgh"], &["abcdefg", "h"], &["abcdefghijklmn"]] {
        let mut table = Table::with(Limits::default().input(8), insatiable(0));
        for piece in pieces {
            table.receive(0, piece);
        }
        let whole = pieces.concat();
        let offers = table.calls(0).into_iter().filter(|call| *call == received(&whole)).count();
        assert_eq!(offers, 2, "once as ever, and once as the last time: {pieces:?}");
        assert_eq!(table.connection(0).stage(), Stage::Closing);
        table.run();
        assert_eq!(table.got(0), "too long");
        table.end_of_input(0);
        table.run();
        assert_eq!(table.calls(0), [Call::Closed(CloseReason::InputFull, 0)]);
        let orderly = [Wire::ShutdownWrite, Wire::Close];
        assert_eq!(table.ends[0].wire, orderly, "a reset could overtake the last words");
    }
}

#[test]
fn one_byte_below_the_limit_is_not_full() {
    let mut table = Table::with(Limits::default().input(8), insatiable(0));
    table.receive(0, "abcdefg");
    table.run();
    assert_eq!(table.got(0), "");
    assert_eq!(table.connection(0).stage(), Stage::Open);
}

#[test]
fn a_protocol_that_uses_some_in_its_last_call_goes_on() {
    let mut table = Table::with(Limits::default().input(8), insatiable(3));
    table.receive(0, "abcdefgh");
    assert_eq!(table.connection(0).stage(), Stage::Open);
    assert_eq!(table.connection(0).held(), 5 + "too long".len());
    table.receive(0, "ij");
    assert_eq!(table.calls(0).last(), Some(&received("defghij")), "seven is below the limit");
}

#[test]
fn input_that_is_held_back_at_its_limit_is_not_full() {
    let mut table = Table::with(Limits::default().input(4), messages());
    table.ask(0, |transport| transport.pause_reading());
    table.receive(0, "ab;c;d");
    assert_eq!(table.connection(0).stage(), Stage::Open);
    table.ask(0, |transport| transport.resume_reading());
    table.run();
    assert_eq!(table.got(0), "[ab][c]");
    assert_eq!(table.connection(0).stage(), Stage::Open);
}

#[test]
fn last_words_that_wait_for_a_slow_peer_do_not_put_the_end_off() {
    let limits = Limits::default().input(8).high_water(4).low_water(2);
    let mut table = Table::with(limits, insatiable(0));
    table.ends[0].room = 0;
    table.receive(0, "abcdefgh");
    assert!(table.connection(0).is_backpressured(), "they are above the mark");
    assert_eq!(table.connection(0).stage(), Stage::Closing);
    table.ends[0].room = usize::MAX;
    table.run();
    assert_eq!(table.got(0), "too long", "once");
}

#[test]
fn pausing_in_the_last_call_puts_the_end_off() {
    let pauses = script(|transport, _| {
        if transport.is_input_full() {
            transport.pause_reading();
        }
        0
    });
    let mut table = Table::with(Limits::default().input(4), pauses);
    table.receive(0, "abcd");
    assert_eq!((table.connection(0).stage(), table.connection(0).wants_bytes()), (Stage::Open, 0));
    table.ask(0, |transport| {
        transport.resume_reading();
        transport.become_protocol(messages());
    });
    table.run();
    assert_eq!(table.connection(0).close_reason(), None);
    assert_eq!(table.connection(0).stage(), Stage::Closing, "the successor was full at once");
}

#[test]
fn a_successor_sees_input_that_its_predecessor_had_no_room_for() {
    let first = named("first", |transport, call| {
        if let Call::Received(_) = call
            && transport.is_input_full()
        {
            transport.become_protocol(named("next", |_, _| ALL));
        }
        0
    });
    let mut table = Table::with(Limits::default().input(4), first);
    table.receive(0, "abcd");
    table.run();
    assert_eq!(table.connection(0).stage(), Stage::Open);
    assert_eq!(table.calls_with_names(0).last(), Some(&("next", received("abcd"))));
}
