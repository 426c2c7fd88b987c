//! The clocks: when each begins, restarts, stands back and runs out.

use std::time::Duration;

use super::script::{Call, Script, listener, messages, script};
use super::table::{NANOSECOND, SECOND, Table};
use crate::sansio::{CloseReason, Limits, Stage, Timeout};

/// Each clock has a time of its own.
pub(super) fn limits() -> Limits {
    Limits::default()
        .first_byte(11 * SECOND)
        .idle(100 * SECOND)
        .message(13 * SECOND)
        .write_stall(17 * SECOND)
        .closing(7 * SECOND)
        .connect(5 * SECOND)
}

/// Fails unless the next thing that happens to the connection is `call`, in exactly `after`.
pub(super) fn assert_next(table: &mut Table, after: Duration, call: Call) {
    table.calls(0);
    table.wait(after - NANOSECOND);
    assert_eq!(table.calls(0), [], "not before its time");
    table.wait(NANOSECOND);
    assert_eq!(table.calls(0).first(), Some(&call));
}

fn timed_out(timeout: Timeout, unsent: u64) -> Call {
    Call::Closed(CloseReason::TimedOut(timeout), unsent)
}

pub(super) fn expired(timeout: Timeout) -> Call {
    Call::Expired(timeout)
}

#[test]
fn a_silent_peer_has_the_first_byte_timeout_from_connecting_on() {
    let mut table = Table::with(limits(), listener());
    assert_next(&mut table, 11 * SECOND, expired(Timeout::FirstByte));
    assert_eq!(table.connection(0).stage(), Stage::Closing, "then it is finished");
}

#[test]
fn the_first_byte_timeout_starts_when_the_connection_is_established() {
    let mut table = Table::new();
    table.dial(limits(), listener());
    table.wait(4 * SECOND);
    table.input(0, |connection, desk, world| connection.handle_connected(desk, world));
    assert_next(&mut table, 11 * SECOND, expired(Timeout::FirstByte));
}

#[test]
fn a_peer_that_sends_nothing_but_takes_what_it_is_sent_is_not_silent() {
    let mut table = Table::with(limits(), listener());
    for _ in 0..5 {
        table.wait(10 * SECOND);
        table.ask(0, |transport| transport.write(b"tick"));
        table.take(0, 4);
    }
    assert_next(&mut table, 11 * SECOND, expired(Timeout::FirstByte));
}

#[test]
fn the_first_byte_is_no_longer_awaited_once_it_came_or_the_peer_has_finished() {
    let mut table = Table::with(limits(), listener());
    table.wait(10 * SECOND);
    table.receive(0, "!");
    assert_next(&mut table, 100 * SECOND, expired(Timeout::Idle));

    let mut table = Table::with(limits(), listener());
    table.end_of_input(0);
    assert_next(&mut table, 100 * SECOND, expired(Timeout::Idle));
}

#[test]
fn idle_begins_again_with_each_byte_in_either_direction() {
    let mut table = Table::with(limits(), listener());
    table.receive(0, "!");
    table.wait(99 * SECOND);
    table.receive(0, "!");
    table.wait(99 * SECOND);
    table.ask(0, |transport| transport.write(b"!"));
    table.take(0, 1);
    assert_next(&mut table, 100 * SECOND, expired(Timeout::Idle));
    assert_eq!(table.connection(0).stage(), Stage::Closing);
}

#[test]
fn a_note_or_a_turn_is_not_a_byte() {
    let mut table = Table::with(limits(), listener());
    table.receive(0, "!");
    table.wait(60 * SECOND);
    table.notify(0, "note");
    table.ask(0, |transport| transport.yield_now());
    table.run();
    assert_next(&mut table, 40 * SECOND, expired(Timeout::Idle));
}

#[test]
fn idle_stands_back_while_the_protocol_has_a_deadline() {
    let mut table = Table::with(limits(), listener());
    table.receive(0, "!");
    table.ask(0, |transport| transport.set_deadline(transport.now() + 500 * SECOND));
    assert_next(&mut table, 500 * SECOND, expired(Timeout::Own));
}

#[test]
fn idle_stands_back_while_output_waits() {
    let mut table = Table::with(limits().write_stall(1000 * SECOND), listener());
    table.receive(0, "!");
    table.ask(0, |transport| transport.write(b"!"));
    assert_next(&mut table, 1000 * SECOND, timed_out(Timeout::WriteStall, 1));
}

#[test]
fn a_message_that_was_begun_has_its_time_however_often_a_byte_comes() {
    let mut table = Table::with(limits(), messages());
    table.receive(0, "a");
    for _ in 0..12 {
        table.wait(SECOND);
        table.receive(0, "b");
    }
    assert_next(&mut table, SECOND, expired(Timeout::Message));
    assert_eq!(table.connection(0).stage(), Stage::Closing);
}

#[test]
fn the_time_for_a_message_begins_again_when_one_was_used() {
    let mut table = Table::with(limits(), messages());
    table.receive(0, "a");
    table.wait(10 * SECOND);
    table.receive(0, ";b");
    assert_next(&mut table, 13 * SECOND, expired(Timeout::Message));
}

#[test]
fn no_message_is_timed_while_none_is_begun() {
    let mut table = Table::with(limits(), messages());
    table.receive(0, "a;");
    table.take(0, 3);
    assert_next(&mut table, 100 * SECOND, expired(Timeout::Idle));
}

#[test]
fn the_time_for_a_message_stands_back_while_we_refuse_to_read_it() {
    type Hold = fn(&mut Table);
    let holds: [(Hold, Hold); 3] = [
        (
            |table| table.ask(0, |transport| transport.pause_reading()),
            |table| table.ask(0, |transport| transport.resume_reading()),
        ),
        (
            |table| table.ends[0].connection.handle_hold(),
            |table| table.ends[0].connection.handle_release(),
        ),
        (|table| table.ask(0, |transport| transport.write(&[b'x'; 11])), |table| table.take(0, 11)),
    ];
    for (hold, release) in holds {
        let limits = limits().high_water(10).low_water(0).write_stall(50 * SECOND);
        let mut table = Table::with(limits, messages());
        table.receive(0, "a");
        table.wait(10 * SECOND);
        hold(&mut table);
        table.wait(40 * SECOND);
        assert_eq!(table.connection(0).stage(), Stage::Open);
        release(&mut table);
        table.run();
        assert_next(&mut table, 13 * SECOND, expired(Timeout::Message));
    }
}

#[test]
fn a_write_stall_is_counted_from_when_output_began_to_wait() {
    let mut table = Table::with(limits(), listener());
    table.receive(0, "!");
    table.wait(10 * SECOND);
    table.ask(0, |transport| transport.write(b"one"));
    table.wait(10 * SECOND);
    table.ask(0, |transport| transport.write(b"two"));
    assert_next(&mut table, 7 * SECOND, timed_out(Timeout::WriteStall, 6));
}

#[test]
fn a_write_stall_begins_again_when_the_system_takes_a_byte() {
    let mut table = Table::with(limits(), listener());
    table.ask(0, |transport| transport.write(b"one"));
    table.wait(10 * SECOND);
    table.take(0, 1);
    table.receive(0, "what comes in does not matter");
    assert_next(&mut table, 17 * SECOND, timed_out(Timeout::WriteStall, 2));
}

#[test]
fn a_write_stall_is_kept_also_while_finishing() {
    let mut table = Table::with(limits().closing(60 * SECOND), listener());
    table.ask(0, |transport| {
        transport.write(b"one");
        transport.finish();
    });
    assert_next(&mut table, 17 * SECOND, timed_out(Timeout::WriteStall, 3));
}

#[test]
fn a_close_has_its_time_from_finish_on() {
    let mut table = Table::with(limits().slowest_reader(100), listener());
    table.wait(3 * SECOND);
    table.ask(0, |transport| {
        transport.write(&[b'x'; 250]);
        transport.finish();
    });
    table.wait(4 * SECOND);
    table.take(0, 100);
    assert_next(&mut table, 5 * SECOND, timed_out(Timeout::Closing, 150));
}

#[test]
fn a_half_close_that_cannot_be_said_has_the_same_time() {
    let mut table = Table::with(limits(), listener());
    table.receive(0, "!");
    table.ask(0, |transport| {
        transport.write(b"last words");
        transport.finish_writing();
    });
    assert_next(&mut table, 7 * SECOND, timed_out(Timeout::Closing, 10));
}

#[test]
fn a_half_closed_connection_is_idle_like_any_other() {
    let mut table = Table::with(limits(), listener());
    table.receive(0, "!");
    table.ask(0, |transport| transport.finish_writing());
    table.flush(0);
    assert_next(&mut table, 100 * SECOND, expired(Timeout::Idle));
}

#[test]
fn connecting_out_has_its_time() {
    let mut table = Table::new();
    table.dial(limits(), listener());
    assert_next(&mut table, 5 * SECOND, timed_out(Timeout::Connect, 0));
}

/// Says farewell when a clock runs out.
fn polite() -> Script {
    script(|transport, call| {
        if let Call::Expired(timeout) = call {
            transport.write(timeout.to_string().as_bytes());
        }
        0
    })
}

#[test]
fn what_is_said_when_a_clock_runs_out_is_sent() {
    let mut table = Table::with(limits(), polite());
    table.wait(11 * SECOND);
    table.run();
    assert_eq!(table.got(0), "first byte");

    let mut table = Table::with(limits(), polite());
    table.receive(0, "partial");
    table.wait(13 * SECOND);
    table.run();
    assert_eq!(table.got(0), "message");
    table.end_of_input(0);
    assert_eq!(table.calls(0).last(), Some(&timed_out(Timeout::Message, 0)));
}

#[test]
fn whatever_is_asked_for_when_a_clock_runs_out_the_connection_ends() {
    let mut table = Table::with(
        limits(),
        script(|transport, call| {
            if let Call::Expired(_) = call {
                transport.set_deadline(transport.now() + 1000 * SECOND);
                transport.become_protocol(listener());
                transport.finish_writing();
            }
            0
        }),
    );
    table.wait(11 * SECOND);
    table.run();
    assert_eq!(table.connection(0).stage(), Stage::Closing);
    table.wait(7 * SECOND);
    let reason = timed_out(Timeout::FirstByte, 0);
    assert_eq!(table.calls(0).last(), Some(&reason), "a silent farewell is no other reason");
}

#[test]
fn abort_is_stronger_than_a_clock() {
    let mut table = Table::with(
        limits(),
        script(|transport, call| {
            if let Call::Expired(_) = call {
                transport.abort();
            }
            0
        }),
    );
    table.wait(11 * SECOND);
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Aborted));
}
