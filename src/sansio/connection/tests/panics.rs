//! A protocol that panics gets no further call, and nobody else notices.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bytes::Bytes;

use super::script::{Call, Script, listener, received, script};
use super::table::{SECOND, Table, address, id, limits_origin};
use crate::sansio::{
    CloseReason, Closing, Connection, Desk, Layer, LayerFault, Limits, Stage, WhenFull, Wire,
};

/// Panics in the call that `is_bad` picks, without a word on standard error.
fn panics_in(is_bad: impl Fn(&Call) -> bool + Send + 'static) -> Script {
    script(move |transport, call| {
        if is_bad(call) {
            transport.write(b"half done");
            transport.set_deadline(transport.now());
            transport.finish();
            transport.become_protocol(listener());
            resume_unwind(Box::new("a fault of the protocol's"));
        }
        0
    })
}

/// Does `step`, which must panic, as a driver that catches it; and then tells the connection.
fn catch(table: &mut Table, step: impl FnOnce(&mut Table)) {
    catch_without_telling(table, step);
    table.input(0, |connection, desk, _| connection.handle_panic(desk));
}

fn catch_without_telling(table: &mut Table, step: impl FnOnce(&mut Table)) {
    let result = catch_unwind(AssertUnwindSafe(|| step(table)));
    assert!(result.is_err(), "the step was to panic");
}

fn limits() -> Limits {
    Limits::default().high_water(100).low_water(0)
}

type Step = fn(&mut Table);
type IsBad = fn(&Call) -> bool;

/// Each call of a protocol, and what leads to it.
fn calls() -> [(IsBad, Step); 6] {
    [
        (|call| matches!(call, Call::Received(_)), |table| table.receive(0, "abc")),
        (
            |call| matches!(call, Call::Writable),
            |table| {
                table.ask(0, |transport| transport.write(&[b'.'; 101]));
                table.flush(0);
            },
        ),
        (|call| matches!(call, Call::Expired(_)), |table| table.wait(60 * SECOND)),
        (|call| matches!(call, Call::Notified(_)), |table| table.notify(0, "now")),
        (|call| matches!(call, Call::Stopping), |table| table.stop(0)),
        (|call| matches!(call, Call::Finished(_)), |table| table.end_of_input(0)),
    ]
}

/// Every input there is.
fn later_inputs() -> Vec<Step> {
    vec![
        |table| table.input(0, |connection, desk, world| connection.handle_connected(desk, world)),
        |table| table.receive(0, "later"),
        |table| table.end_of_input(0),
        |table| table.fail(0, CloseReason::Stopped),
        |table| table.input(0, |connection, desk, world| connection.handle_turn(desk, world)),
        |table| table.notify(0, "later"),
        |table| table.stop(0),
        |table| table.close(0, Closing::Finish),
        |table| {
            table.deliver(0, b"later", WhenFull::Drop, None);
        },
        |table| table.input(0, |connection, desk, world| connection.handle_sent(desk, world, 0)),
        |table| table.input(0, |connection, desk, world| connection.handle_deadlines(desk, world)),
        |table| table.input(0, |connection, desk, _| connection.handle_panic(desk)),
    ]
}

#[test]
fn a_panic_in_any_call_ends_the_connection_without_a_further_call() {
    for (is_bad, step) in calls() {
        let mut table = Table::with(limits(), panics_in(is_bad));
        catch(&mut table, step);
        table.calls(0);
        assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Panicked));
        assert_eq!(table.connection(0).poll_deadline(), None);
        assert_eq!(table.desk.held(), 0, "buffers are given back");
        for later in later_inputs() {
            later(&mut table);
        }
        table.wait(1000 * SECOND);
        assert_eq!(table.calls(0), []);
        table.flush(0);
        assert_eq!(table.ends[0].wire, [Wire::Reset]);
    }
}

#[test]
fn a_panic_that_nobody_told_the_connection_of_is_noticed_by_any_later_input() {
    for later in later_inputs() {
        let mut table = Table::with(limits(), panics_in(|call| matches!(call, Call::Received(_))));
        catch_without_telling(&mut table, |table| table.receive(0, "abc"));
        table.calls(0);
        later(&mut table);
        table.stop(0);
        assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Panicked));
        assert_eq!(table.calls(0), []);
        assert_eq!(table.desk.held(), 0);
    }
}

#[test]
fn input_that_was_being_offered_again_is_no_longer_counted_after_a_panic() {
    let bad = |call: &Call| *call == received("abcd");
    let mut table = Table::with(limits(), panics_in(bad));
    table.receive(0, "abc");
    assert_eq!(table.desk.held(), 3);
    catch(&mut table, |table| table.receive(0, "d"));
    assert_eq!(table.desk.held(), 0);

    let mut table = Table::with(limits(), panics_in(|call| matches!(call, Call::Finished(_))));
    table.receive(0, "abc");
    catch(&mut table, |table| table.end_of_input(0));
    assert_eq!(table.desk.held(), 0);
}

#[test]
fn a_successor_asked_for_in_a_call_that_panics_is_given_to_nobody() {
    let mut table = Table::with(limits(), panics_in(|call| matches!(call, Call::Received(_))));
    let other = table.open(limits(), listener());
    table.calls(other);
    catch_without_telling(&mut table, |table| table.receive(0, "abc"));
    table.receive(other, "hello");
    table.notify(other, "note");
    assert_eq!(table.calls(other), [received("hello"), Call::Notified("note")]);
    assert_eq!(table.connection(other).stage(), Stage::Open);
}

#[test]
fn a_panic_in_connected_ends_the_connection() {
    let mut table = Table::new();
    table.dial(limits(), panics_in(|call| matches!(call, Call::Connected)));
    catch(&mut table, |table| {
        table.input(0, |connection, desk, world| connection.handle_connected(desk, world));
    });
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Panicked));
}

#[test]
fn a_panic_in_a_successors_connected_ends_the_connection() {
    let first = script(|transport, call| {
        if let Call::Received(_) = call {
            transport.become_protocol(panics_in(|call| matches!(call, Call::Connected)));
        }
        0
    });
    let mut table = Table::with(limits(), first);
    catch(&mut table, |table| table.receive(0, "abc"));
    table.calls(0);
    table.receive(0, "def");
    assert_eq!(table.calls(0), []);
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Panicked));
}

#[test]
fn a_panic_while_a_predecessor_is_dropped_ends_the_connection() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                resume_unwind(Box::new("a fault in a drop"));
            }
        }
    }
    let mut bomb = Some(Bomb);
    let first = script(move |transport, call| {
        if let Call::Received(_) = call {
            let _ = &mut bomb;
            transport.become_protocol(listener());
        }
        0
    });
    let mut table = Table::with(limits(), first);
    catch(&mut table, |table| table.receive(0, "abc"));
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Panicked));
    table.receive(0, "def");
    assert_eq!(table.calls(0), [Call::Connected, received("abc")]);
}

#[test]
fn a_panic_in_closed_is_the_last_call_all_the_same() {
    let mut table = Table::with(limits(), panics_in(|call| matches!(call, Call::Closed(..))));
    catch(&mut table, |table| table.fail(0, CloseReason::Overloaded));
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Overloaded));
    for later in later_inputs() {
        later(&mut table);
    }
    let closed = Call::Closed(CloseReason::Overloaded, 0);
    assert_eq!(table.calls(0), [Call::Connected, closed]);
}

#[test]
fn sources_held_for_a_connection_that_panicked_are_let_go() {
    let mut table = Table::with(limits(), panics_in(|call| matches!(call, Call::Notified(_))));
    table.ends[0].room = 0;
    let source = table.open(limits(), listener());
    table.ask(source, |transport| {
        transport.send(id(0), Bytes::from_static(&[b'.'; 200]), WhenFull::PauseSource);
    });
    table.run();
    assert_eq!(table.connection(source).wants_bytes(), 0);
    catch(&mut table, |table| table.notify(0, "now"));
    table.run();
    assert!(table.connection(source).wants_bytes() > 0);
}

#[test]
fn a_layer_that_panics_costs_its_connection_alone_and_no_count() {
    struct Faulty;
    impl Layer for Faulty {
        fn receive(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), LayerFault> {
            Ok(())
        }
        fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> usize {
            wire.extend_from_slice(plain);
            if plain.len() < 10 {
                resume_unwind(Box::new("a fault of the layer's"));
            }
            plain.len()
        }
        fn produce(&mut self, _: &mut Vec<u8>) {}
        fn finish(&mut self, _: &mut Vec<u8>) {}
        fn end_of_input(&mut self) -> Result<(), LayerFault> {
            Ok(())
        }
    }
    let mut table = Table::new();
    let origin = limits_origin(limits());
    let connection = Connection::new(id(0), Box::new(listener()), origin, address(), &table.desk);
    table.add(connection.with_layer(Box::new(Faulty)));
    table.input(0, |connection, desk, world| connection.handle_connected(desk, world));
    table.ask(0, |transport| {
        transport.write_shared(Bytes::from_static(&[b'.'; 100]));
        transport.write(b"short");
    });
    catch(&mut table, |table| table.flush(0));
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Panicked));
    assert_eq!(table.desk.held(), 0);
    assert_eq!(table.calls(0), [Call::Connected]);
}

#[test]
fn a_driver_may_say_that_something_else_of_the_connection_panicked() {
    // A request made for the connection, say: its protocol was not being called.
    let mut table = Table::with(limits(), listener());
    table.ask(0, |transport| transport.write(b"unsent"));
    table.input(0, |connection: &mut Connection<_>, desk: &mut Desk<_>, _| {
        connection.handle_panic(desk);
    });
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Panicked));
    assert_eq!(table.calls(0), [Call::Connected]);
}
