//! What connections do to each other: deliveries, holding back a source, closing by id.

use bytes::Bytes;

use super::script::{Call, Script, World, listener, messages, received, script};
use super::table::{Table, address, id};
use crate::sansio::{
    CloseReason, Closing, Connection, Delivery, Limits, Origin, Request, WhenFull, Wire,
};
use std::sync::Arc;

/// More than ten bytes waiting are too many; two are few enough.
fn limits() -> Limits {
    Limits::default().high_water(10).low_water(2).output(40)
}

/// A table whose connection 0 reads nothing and has `waiting` bytes waiting. 1 and 2 are sources.
fn with_slow_reader(waiting: usize) -> Table {
    let mut table = Table::with(limits(), listener());
    table.ends[0].room = 0;
    table.ask(0, move |transport| transport.write(&vec![b'.'; waiting]));
    table.open(limits(), listener());
    table.open(limits(), listener());
    table.calls(0);
    table
}

#[test]
fn a_delivery_is_queued_behind_what_is_there() {
    let mut table = with_slow_reader(2);
    for when_full in [WhenFull::Drop, WhenFull::Close, WhenFull::PauseSource] {
        assert_eq!(table.deliver(0, b"x", when_full, Some(1)), Delivery::Queued);
    }
    table.ends[0].room = usize::MAX;
    table.run();
    assert_eq!(table.got(0), "..xxx");
}

#[test]
fn a_delivery_at_the_high_mark_is_still_queued() {
    let mut table = with_slow_reader(10);
    assert_eq!(table.deliver(0, b"x", WhenFull::Drop, Some(1)), Delivery::Queued);
    assert_eq!(table.deliver(0, b"x", WhenFull::Drop, Some(1)), Delivery::Dropped);
    table.ends[0].room = usize::MAX;
    table.run();
    assert_eq!(table.got(0), "..........x");
    assert_eq!(table.deliver(0, b"x", WhenFull::Drop, Some(1)), Delivery::Queued);
}

#[test]
fn a_delivery_may_close_whoever_is_too_slow_for_it() {
    let mut table = with_slow_reader(11);
    assert_eq!(table.deliver(0, b"x", WhenFull::Close, Some(1)), Delivery::Closed);
    assert_eq!(table.calls(0), [Call::Closed(CloseReason::TooSlow, 11)]);
    table.flush(0);
    assert_eq!(table.ends[0].wire, [Wire::Reset]);
    assert_eq!(table.deliver(0, b"x", WhenFull::Close, Some(1)), Delivery::NoSuchConnection);
}

#[test]
fn a_delivery_over_the_cap_ends_the_connection() {
    let mut table = with_slow_reader(40);
    assert_eq!(table.deliver(0, b"x", WhenFull::PauseSource, Some(1)), Delivery::Closed);
    assert_eq!(table.calls(0), [Call::Closed(CloseReason::OutputFull, 41)]);
    assert!(!table.desk.has_requests(), "nobody was held for it");
}

#[test]
fn nothing_is_delivered_to_a_connection_that_takes_nothing() {
    let mut table = Table::new();
    table.dial(limits(), listener());
    let to = |table: &mut Table| table.deliver(0, b"x", WhenFull::Drop, None);
    assert_eq!(to(&mut table), Delivery::NoSuchConnection, "not established");
    table.input(0, |connection, desk, world| connection.handle_connected(desk, world));
    assert_eq!(to(&mut table), Delivery::Queued);
    table.ask(0, |transport| transport.finish_writing());
    assert_eq!(to(&mut table), Delivery::NoSuchConnection, "half-closed");
    table.ask(0, |transport| transport.finish());
    assert_eq!(to(&mut table), Delivery::NoSuchConnection, "finishing");
    table.fail(0, CloseReason::Stopped);
    assert_eq!(to(&mut table), Delivery::NoSuchConnection, "closed");
}

#[test]
fn a_source_is_held_until_the_slow_reader_is_at_its_low_mark() {
    let mut table = with_slow_reader(10);
    table.receive(1, "before");
    for _ in 0..2 {
        table.ask(1, |transport| {
            transport.send(id(0), Bytes::from_static(b"news"), WhenFull::PauseSource);
        });
    }
    table.run();
    assert_eq!(table.connection(0).unsent(), 18, "both are queued");
    assert_eq!(table.connection(1).wants_bytes(), 0);
    assert!(table.connection(2).wants_bytes() > 0, "nobody else is held");
    table.receive(1, "held back");
    table.take(0, 15);
    table.run();
    assert_eq!(table.connection(1).wants_bytes(), 0, "three bytes are above the low mark");
    table.take(0, 1);
    table.run();
    assert!(table.connection(1).wants_bytes() > 0);
    assert_eq!(table.calls(1)[1..], [received("before"), received("held back")]);
}

#[test]
fn a_source_held_by_two_is_read_when_both_let_go() {
    let mut table = with_slow_reader(10);
    table.ends[2].room = 0;
    table.ask(2, |transport| transport.write(&[b'.'; 10]));
    for to in [0, 2] {
        table.ask(1, move |transport| {
            transport.send(id(to), Bytes::from_static(b"news"), WhenFull::PauseSource);
        });
    }
    table.run();
    table.take(0, 14);
    table.run();
    assert_eq!(table.connection(1).wants_bytes(), 0);
    table.take(2, 14);
    table.run();
    assert!(table.connection(1).wants_bytes() > 0);
}

#[test]
fn a_slow_reader_that_ends_lets_its_sources_go() {
    type End = fn(&mut Table);
    let ends: [End; 4] = [
        |table| table.fail(0, CloseReason::Overloaded),
        |table| table.close(0, Closing::Abort),
        |table| table.wait(super::table::SECOND * 30),
        |table| assert_eq!(table.deliver(0, b"x", WhenFull::Close, None), Delivery::Closed),
    ];
    for end in ends {
        let mut table = with_slow_reader(10);
        table.receive(1, "!");
        table.ask(1, |transport| {
            transport.send(id(0), Bytes::from_static(b"news"), WhenFull::PauseSource);
        });
        table.run();
        assert_eq!(table.connection(1).wants_bytes(), 0);
        end(&mut table);
        table.run();
        assert!(table.connection(1).wants_bytes() > 0);
    }
}

#[test]
fn a_connection_is_not_held_by_itself_nor_by_what_the_host_sends() {
    let mut table = with_slow_reader(10);
    assert_eq!(table.deliver(0, b"news", WhenFull::PauseSource, Some(0)), Delivery::Queued);
    assert_eq!(table.deliver(0, b"news", WhenFull::PauseSource, None), Delivery::Queued);
    table.fail(0, CloseReason::Stopped);
    assert!(!table.desk.has_requests());
}

#[test]
fn a_relay_runs_at_the_pace_of_its_slow_end() {
    let relay = || -> Script {
        script(|transport, call| {
            if let Call::Received(bytes) = call {
                let bytes = Bytes::copy_from_slice(bytes);
                transport.send(id(0), bytes, WhenFull::PauseSource);
            }
            usize::MAX
        })
    };
    let mut table = Table::with(limits(), listener());
    table.ends[0].room = 0;
    let source = table.open(limits(), relay());
    let stream: Vec<u8> = (b'a'..=b'z').cycle().take(1000).collect();
    let mut sent = 0;
    let mut most = 0;
    while table.ends[0].got.len() < stream.len() {
        let next = table.connection(source).wants_bytes().min(3).min(stream.len() - sent);
        table.receive(source, &stream[sent..sent + next]);
        sent += next;
        table.carry_out();
        most = most.max(table.desk.held());
        table.ends[0].room = 1;
        table.run();
    }
    assert_eq!(table.ends[0].got, stream);
    assert!(most <= 13, "the mark and one read: {most}");
}

#[test]
fn a_broadcast_reaches_every_other_connection_of_the_listener() {
    let mut table = with_slow_reader(0);
    table.ask(1, |transport| {
        transport.broadcast(Bytes::from_static(b"to all"), WhenFull::Drop);
    });
    table.ends[0].room = 100;
    table.run();
    assert_eq!((table.got(0), table.got(1), table.got(2)), ("to all", "", "to all"));
}

#[test]
fn a_broadcast_from_a_connection_without_a_listener_reaches_nobody() {
    let mut table = Table::new();
    let origin = Arc::new(Origin::new(Limits::default()));
    let protocol = Box::new(listener());
    let connection: Connection<World> =
        Connection::new(id(0), protocol, origin, address(), &table.desk);
    table.add(connection);
    table.input(0, |connection, desk, world| connection.handle_connected(desk, world));
    table.ask(0, |transport| {
        assert_eq!(transport.listener(), None);
        transport.broadcast(Bytes::from_static(b"anyone"), WhenFull::Drop);
    });
    assert!(!table.desk.has_requests());
}

#[test]
fn a_connection_may_ask_anything_of_itself_from_within_a_call() {
    let mut table = Table::with(limits(), messages());
    table.ask(0, |transport| {
        let me = transport.id();
        transport.send(me, Bytes::from_static(b"to myself"), WhenFull::Drop);
        transport.notify(me, Box::new("to myself"));
    });
    table.run();
    assert_eq!(table.got(0), "to myself");
    assert_eq!(table.calls(0), [Call::Connected, Call::Notified("to myself")]);
    table.ask(0, |transport| transport.close(transport.id(), Closing::Abort));
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Aborted));
    assert!(!table.desk.has_requests(), "that needs no driver");
}

#[test]
fn a_wish_is_carried_out_once_and_by_the_connection_that_had_it() {
    let mut table = with_slow_reader(0);
    table.ask(0, |transport| transport.finish_writing());
    table.ask(1, |transport| transport.write(b"still writing"));
    table.run();
    assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite]);
    assert_eq!((table.got(1), table.ends[1].wire.len()), ("still writing", 0));
    table.receive(0, "goes on");
    table.run();
    assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite]);
    assert_eq!(table.calls(0), [received("goes on")]);
}

#[test]
fn what_is_known_of_a_connection_can_be_asked() {
    let mut table = Table::new();
    table.dial(limits(), listener());
    let local: crate::sansio::Address = "127.0.0.1:2".parse().unwrap();
    table.ends[0].connection.set_local(local.clone());
    table.input(0, |connection, desk, world| connection.handle_connected(desk, world));
    table.ask(0, move |transport| {
        assert_eq!(transport.id(), id(0));
        assert_eq!(transport.peer(), &address());
        assert_eq!(transport.local(), Some(&local));
        assert_eq!(transport.limits(), &limits());
    });
    let connection = table.connection(0);
    assert_eq!((connection.id(), connection.peer()), (id(0), &address()));
    assert_eq!(connection.listener().map(|listener| listener.number()), Some(0));
    assert!(format!("{connection:?}").contains("Open"));
}

#[test]
fn a_request_names_who_asked() {
    let mut table = with_slow_reader(0);
    table.ask(1, |transport| {
        transport.send(id(9), Bytes::from_static(b"hello"), WhenFull::Drop);
    });
    let request = table.desk.poll_request();
    assert!(matches!(request, Some(Request::Send { from: Some(from), .. }) if from == id(1)));
}
