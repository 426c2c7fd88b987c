//! What a relay is made of: half-closing by id, reading on, holding without idling out, and
//! handing another connection over.

use bytes::Bytes;

use super::script::{ALL, Call, Script, finished, listener, messages, named, received, script};
use super::table::{SECOND, Table, id};
use crate::sansio::{CloseReason, Closing, ConnectionId, Limits, Stage, Timeout, WhenFull, Wire};

fn limits() -> Limits {
    Limits::default().high_water(10).low_water(2).output(40)
}

#[test]
fn a_half_close_asked_for_by_another_comes_after_what_that_one_sent() {
    let mut table = Table::with(limits(), listener());
    table.ends[0].room = 0;
    table.open(limits(), listener());
    table.ask(1, |transport| {
        transport.send(id(0), Bytes::from_static(b"last words"), WhenFull::PauseSource);
        transport.close(id(0), Closing::FinishWriting);
        transport.send(id(0), Bytes::from_static(b"never sent"), WhenFull::PauseSource);
    });
    table.run();
    assert_eq!(table.ends[0].wire, []);
    table.ends[0].room = usize::MAX;
    table.run();
    assert_eq!((table.got(0), &table.ends[0].wire[..]), ("last words", &[Wire::ShutdownWrite][..]));
    table.receive(0, "read on");
    assert_eq!(table.calls(0), [Call::Connected, received("read on")]);
    table.close(0, Closing::FinishWriting);
    table.run();
    assert_eq!(table.connection(0).stage(), Stage::Open, "a second one asks for nothing more");
}

#[test]
fn a_half_close_leaves_a_connection_that_is_not_established_in_peace() {
    let mut table = Table::new();
    table.dial(limits(), listener());
    table.close(0, Closing::FinishWriting);
    assert_eq!(table.connection(0).stage(), Stage::Connecting);
}

/// Reads on, and says nothing by itself.
fn deaf_to_pressure() -> Script {
    script(|transport, call| {
        if let Call::Connected = call {
            transport.read_on();
        }
        ALL
    })
}

#[test]
fn who_reads_on_is_offered_input_while_output_waits() {
    let mut table = Table::with(limits(), deaf_to_pressure());
    table.ends[0].room = 0;
    table.ask(0, |transport| {
        transport.write(&[b'.'; 11]);
        assert!(transport.is_backpressured() && transport.wants_input());
    });
    table.flush(0);
    assert!(table.connection(0).wants_bytes() > 0);
    table.receive(0, "still heard");
    table.take(0, 9);
    table.end_of_input(0);
    let calls = [Call::Connected, received("still heard"), Call::Writable, finished("")];
    assert_eq!(table.calls(0), calls);
}

#[test]
fn who_reads_on_can_still_pause_be_held_and_give_way() {
    let mut table = Table::with(limits(), deaf_to_pressure());
    table.ask(0, |transport| transport.pause_reading());
    assert_eq!(table.connection(0).wants_bytes(), 0);
    table.ask(0, |transport| {
        transport.resume_reading();
        transport.yield_now();
    });
    assert!(table.connection(0).wants_bytes() == 0 && table.turn(0));
    table.ends[0].connection.handle_hold();
    assert_eq!(table.connection(0).wants_bytes(), 0);
    table.ends[0].connection.handle_release();
    assert!(table.connection(0).wants_bytes() > 0);
}

#[test]
fn reading_on_ends_with_the_protocol_that_wanted_it() {
    let mut table = Table::with(limits(), deaf_to_pressure());
    table.ends[0].room = 0;
    table.ask(0, |transport| {
        transport.write(&[b'.'; 11]);
        transport.become_protocol(listener());
    });
    table.run();
    assert_eq!(table.connection(0).wants_bytes(), 0);
}

#[test]
fn a_connection_held_for_anothers_sake_does_not_idle_out() {
    for first in ["", "heard before"] {
        let mut table = Table::with(limits(), listener());
        table.receive(0, first);
        table.ends[0].connection.handle_hold();
        table.wait(SECOND * 3600);
        assert_eq!(table.connection(0).stage(), Stage::Open);
        table.ends[0].connection.handle_release();
        table.calls(0);
        table.wait(SECOND * 3600);
        let timeout = if first.is_empty() { Timeout::FirstByte } else { Timeout::Idle };
        assert_eq!(table.calls(0)[0], Call::Expired(timeout), "released, it idles as others do");
    }
}

#[test]
fn a_held_connection_keeps_its_other_clocks() {
    let mut table = Table::with(limits(), listener());
    table.ends[0].room = 0;
    table.ask(0, |transport| transport.write(b"never taken"));
    table.flush(0);
    table.ends[0].connection.handle_hold();
    table.wait(SECOND * 30);
    let reason = CloseReason::TimedOut(Timeout::WriteStall);
    assert_eq!(table.connection(0).close_reason(), Some(reason));
}

/// Hands connection 0 over to what `next` makes.
fn hand_over(table: &mut Table, next: fn() -> Script) {
    table.ask(1, move |transport| transport.hand_over(id(0), next()));
    table.run();
}

#[test]
fn a_connection_handed_over_by_another_gives_what_it_had_kept_to_the_successor() {
    let mut table = Table::with(limits(), messages());
    table.open(limits(), listener());
    table.receive(0, "one;half");
    hand_over(&mut table, || named("next", |_, _| ALL));
    table.receive(0, "more");
    let expected = [
        ("script", Call::Connected),
        ("script", received("one;half")),
        ("next", Call::Connected),
        ("next", received("half")),
        ("next", received("more")),
    ];
    assert_eq!(table.calls_with_names(0), expected);
    assert_eq!(table.got(0), "[one]");
}

#[test]
fn a_connection_handed_over_after_its_peer_finished_tells_the_successor_at_once() {
    let mut table = Table::with(limits(), listener());
    table.open(limits(), listener());
    table.end_of_input(0);
    table.calls(0);
    hand_over(&mut table, || named("next", |_, _| ALL));
    assert_eq!(table.calls(0), [Call::Connected, finished("")]);
}

#[test]
fn a_connection_handed_over_before_it_is_established_belongs_to_the_successor_alone() {
    let mut table = Table::new();
    table.dial(limits(), listener());
    table.open(limits(), listener());
    hand_over(&mut table, || named("next", |_, _| ALL));
    assert_eq!(table.calls(0), []);
    table.input(0, |connection, desk, world| connection.handle_connected(desk, world));
    assert_eq!(table.calls_with_names(0), [("next", Call::Connected)]);
}

#[test]
fn a_successor_of_a_connection_that_is_ending_is_told_so_and_nothing_else() {
    type End = fn(&mut Table);
    let ends: [End; 3] = [
        |table| table.close(0, Closing::Finish),
        |table| table.close(0, Closing::Abort),
        |table| table.wait(SECOND * 400),
    ];
    for end in ends {
        let mut table = Table::with(limits(), listener());
        table.receive(0, "!");
        end(&mut table);
        table.open(limits(), listener());
        table.calls(0);
        hand_over(&mut table, || named("next", |_, _| ALL));
        assert_eq!(table.calls(0), []);
        let told = table.world.calls.iter().filter(|(id, ..)| *id == ConnectionId::NOBODY);
        let told: Vec<_> = told.map(|(_, name, call)| (*name, call.clone())).collect();
        assert_eq!(told, [("next", Call::Closed(CloseReason::Gone, 0))]);
    }
}
