//! The protocol's own deadline, and time as such.

use std::time::{Duration, SystemTime};

use super::deadlines::{assert_next, expired, limits};
use super::script::{Call, listener, messages, received, script};
use super::table::{SECOND, Table};
use crate::sansio::{Limits, Stage, Timeout};

#[test]
fn a_deadline_of_the_protocols_own_ends_nothing_and_comes_once() {
    let mut table = Table::with(limits(), listener());
    table.receive(0, "!");
    table.ask(0, |transport| transport.set_deadline(transport.now() + 3 * SECOND));
    assert_next(&mut table, 3 * SECOND, expired(Timeout::Own));
    assert_eq!(table.connection(0).stage(), Stage::Open);
    table.wait(50 * SECOND);
    assert_eq!(table.calls(0), []);
}

#[test]
fn a_later_call_moves_the_protocols_deadline_and_clearing_forgets_it() {
    let mut table = Table::with(limits(), listener());
    table.receive(0, "!");
    table.ask(0, |transport| transport.set_deadline(transport.now() + 3 * SECOND));
    table.ask(0, |transport| {
        let later = transport.now() + 6 * SECOND;
        transport.set_deadline(later);
        assert_eq!(transport.deadline(), Some(later));
    });
    assert_next(&mut table, 6 * SECOND, expired(Timeout::Own));
    table.ask(0, |transport| {
        transport.set_deadline(transport.now() + 3 * SECOND);
        transport.clear_deadline();
    });
    assert_next(&mut table, 94 * SECOND, expired(Timeout::Idle));
}

#[test]
fn a_deadline_that_is_set_again_at_once_fires_once_for_each_time_it_is_handled() {
    let rearms = script(|transport, call| {
        if matches!(call, Call::Connected | Call::Expired(_)) {
            transport.set_deadline(transport.now());
        }
        usize::MAX
    });
    let mut table = Table::with(limits(), rearms);
    table.calls(0);
    for _ in 0..5 {
        assert_eq!(table.connection(0).poll_deadline(), Some(table.desk.now()));
        table.input(0, |connection, desk, world| connection.handle_deadlines(desk, world));
        table.receive(0, "!");
        assert_eq!(table.calls(0), [expired(Timeout::Own), received("!")]);
    }
}

#[test]
fn a_driver_that_is_late_acts_on_one_deadline_at_a_time_the_earliest_first() {
    let mut table = Table::with(limits(), listener());
    table.ask(0, |transport| transport.set_deadline(transport.now() + 3 * SECOND));
    table.calls(0);
    let late = table.desk.now() + 1000 * SECOND;
    table.desk.set_time(late, SystemTime::UNIX_EPOCH);
    table.input(0, |connection, desk, world| connection.handle_deadlines(desk, world));
    assert_eq!(table.calls(0), [expired(Timeout::Own)]);
    table.input(0, |connection, desk, world| connection.handle_deadlines(desk, world));
    assert_eq!(table.calls(0), [expired(Timeout::FirstByte)]);
    assert!(table.connection(0).poll_deadline() > Some(late), "the close is not late");
}

#[test]
fn time_never_goes_back_and_the_wall_clock_is_no_deadline() {
    let mut table = Table::with(limits(), listener());
    let now = table.desk.now();
    table.wait(SECOND);
    let past = SystemTime::UNIX_EPOCH;
    table.desk.set_time(now, past + Duration::from_secs(1 << 32));
    assert_eq!(table.desk.now(), now + SECOND);
    table.ask(0, move |transport| {
        assert!(transport.wall_time() > past);
        assert_eq!(transport.now(), now + SECOND);
    });
    table.desk.set_time(now, past);
    assert_next(&mut table, 10 * SECOND, expired(Timeout::FirstByte));
}

#[test]
fn the_longest_timeout_there_is_never_comes() {
    let never = Duration::MAX;
    let limits = Limits::default()
        .first_byte(never)
        .idle(never)
        .message(never)
        .write_stall(never)
        .closing(never)
        .connect(never);
    let mut table = Table::with(limits, messages());
    let decade = 10 * 365 * 24 * 3600 * SECOND;
    table.wait(decade);
    table.receive(0, "message;");
    table.wait(decade);
    table.run();
    table.receive(0, "part");
    table.wait(decade);
    table.ask(0, |transport| transport.finish());
    table.run();
    table.wait(decade);
    assert_eq!(table.connection(0).stage(), Stage::Closing);
}
