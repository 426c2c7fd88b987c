//! A byte layer between wire and protocol.

use std::time::Duration;

use bytes::Bytes;

use super::script::{Call, Script, World, answer_messages, finished, listener, received, script};
use super::table::{NANOSECOND, SECOND, Table, address, file, id, limits_origin};
use super::toy_layer::{ALERT, FAREWELL, GREETING, frame, toy};
use crate::sansio::{
    CloseReason, Connection, FileRange, Layer, LayerFault, Limits, Stage, Timeout, WhenFull, Wire,
};

fn open_with_layer(limits: Limits, protocol: Script) -> Table {
    let mut table = Table::new();
    add_with_layer(&mut table, limits, protocol);
    table
}

fn add_with_layer(table: &mut Table, limits: Limits, protocol: Script) -> usize {
    let id = id(table.ends.len());
    let origin = limits_origin(limits);
    let connection: Connection<World> =
        Connection::new(id, Box::new(protocol), origin, address(), &table.desk);
    let end = table.add(connection.with_layer(Box::new(toy())));
    table.input(end, |connection, desk, world| connection.handle_connected(desk, world));
    end
}

/// A table with one connection whose layer has been greeted.
fn greeted(limits: Limits, protocol: Script) -> Table {
    let mut table = open_with_layer(limits, protocol);
    table.receive(0, GREETING);
    table.run();
    assert_eq!(table.ends[0].got, GREETING);
    table.ends[0].got.clear();
    table.calls(0);
    table
}

/// What the peer gets for `pieces` and an end, in plain, and how it ends.
fn answer_to(pieces: &[&[u8]]) -> (Vec<u8>, Vec<Call>) {
    let mut table = open_with_layer(
        Limits::default(),
        script(|transport, call| match call {
            Call::Received(bytes) => answer_messages(transport, bytes),
            Call::Finished(_) => {
                transport.finish();
                0
            }
            _ => 0,
        }),
    );
    for piece in pieces {
        table.receive(0, piece);
        table.run();
    }
    table.end_of_input(0);
    table.run();
    let mut plain = Vec::new();
    let mut peer = toy();
    peer.receive(&table.ends[0].got, &mut plain).unwrap();
    peer.end_of_input().unwrap();
    let is_end = |call: &Call| matches!(call, Call::Finished(_) | Call::Closed(..));
    (plain, table.calls(0).into_iter().filter(is_end).collect())
}

#[test]
fn every_split_of_the_wire_gives_the_same_answer() {
    let whole = [GREETING, &frame(b"one;t"), &frame(b"wo;rest"), &[FAREWELL]].concat();
    let expected = answer_to(&[&whole]);
    let closed = Call::Closed(CloseReason::Finished, 0);
    assert_eq!(expected, (b"[one][two]".to_vec(), vec![finished("rest"), closed]));
    for cut in 0..=whole.len() {
        for other in cut..=whole.len() {
            let pieces = [&whole[..cut], &whole[cut..other], &whole[other..]];
            assert_eq!(answer_to(&pieces), expected, "cut at bytes {cut} and {other}");
        }
    }
}

#[test]
fn two_of_them_converse_whatever_the_wire_takes_at_once() {
    for step in (1..40).chain([10_000]) {
        let mut table = open_with_layer(
            Limits::default(),
            script(|transport, call| {
                if let Call::Connected = call {
                    transport.write(b"hello;");
                    transport.write_file(FileRange::new(file(&[b'f'; 999]), 0, 999));
                    transport.write(b";");
                    transport.finish_writing();
                }
                usize::MAX
            }),
        );
        let answerer = script(|transport, call| match call {
            Call::Received(bytes) => answer_messages(transport, bytes),
            Call::Finished(_) => {
                transport.finish();
                0
            }
            _ => 0,
        });
        add_with_layer(&mut table, Limits::default(), answerer);
        cross(&mut table, step);
        let said: Vec<u8> = table.calls(0).iter().flat_map(received_bytes).collect();
        assert_eq!(said, [b"[hello][", &[b'f'; 999][..], b"]"].concat(), "in steps of {step}");
        for end in 0..2 {
            assert_eq!(table.connection(end).close_reason(), Some(CloseReason::Finished));
        }
    }
}

fn received_bytes(call: &Call) -> Vec<u8> {
    match call {
        Call::Received(bytes) => bytes.clone(),
        _ => Vec::new(),
    }
}

/// Carries bytes between connections 0 and 1, `step` at a time, until both are closed.
fn cross(table: &mut Table, step: usize) {
    let mut is_ended = [false; 2];
    for _ in 0..100_000 {
        for (from, to) in [(0, 1), (1, 0)] {
            table.ends[from].room = step;
            table.flush(from);
            let bytes = std::mem::take(&mut table.ends[from].got);
            table.receive(to, bytes);
            if !table.ends[from].wire.is_empty() && !is_ended[to] {
                is_ended[to] = true;
                table.end_of_input(to);
            }
            table.turn(to);
        }
        if (0..2).all(|end| table.connection(end).stage() == Stage::Closed) {
            return;
        }
    }
    panic!("the conversation does not end");
}

#[test]
fn nothing_goes_out_before_the_connection_is_established() {
    let mut table = Table::new();
    let connection: Connection<World> = Connection::new(
        id(0),
        Box::new(listener()),
        limits_origin(Limits::default()),
        address(),
        &table.desk,
    );
    table.add(connection.with_layer(Box::new(toy())));
    table.flush(0);
    assert_eq!(table.ends[0].got, b"");
}

#[test]
fn what_is_written_waits_for_the_handshake() {
    let mut table = open_with_layer(Limits::default(), listener());
    table.ask(0, |transport| transport.write(b"early"));
    table.run();
    assert_eq!(table.ends[0].got, GREETING);
    assert_eq!(table.connection(0).unsent(), 5);
    table.receive(0, GREETING);
    table.run();
    assert_eq!(table.ends[0].got, [GREETING, &frame(b"early")].concat());
    assert_eq!(table.calls(0), [Call::Connected], "a handshake is nothing to the protocol");
}

#[test]
fn a_handshake_is_read_although_the_protocol_wrote_more_than_its_mark() {
    let mut table = open_with_layer(Limits::default().high_water(10).low_water(0), listener());
    table.ask(0, |transport| transport.write(&[b'x'; 100]));
    table.flush(0);
    assert!(table.connection(0).is_backpressured());
    assert!(table.connection(0).wants_bytes() > 0, "else neither side could go on");
    table.receive(0, GREETING);
    table.flush(0);
    assert_eq!(table.ends[0].got, [GREETING, &frame(&[b'x'; 100])].concat());
    assert_eq!(table.calls(0), [Call::Connected, Call::Writable]);
}

#[test]
fn a_handshake_is_read_although_the_protocol_has_finished() {
    let mut table = open_with_layer(Limits::default(), listener());
    table.ask(0, |transport| {
        transport.write(b"short and sweet");
        transport.finish();
    });
    table.flush(0);
    assert!(table.connection(0).wants_bytes() > 0, "else neither side could go on");
    table.receive(0, [GREETING, &frame(b"ignored")].concat());
    table.flush(0);
    let expected = [GREETING, &frame(b"short and sweet"), &[FAREWELL]].concat();
    assert_eq!(table.ends[0].got, expected);
    assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite]);
    assert_eq!(table.calls(0), [Call::Connected]);
}

#[test]
fn the_farewell_goes_out_before_fin() {
    for is_half in [false, true] {
        let mut table = greeted(Limits::default(), listener());
        table.ask(0, move |transport| {
            transport.write(b"bye");
            if is_half {
                transport.finish_writing();
            } else {
                transport.finish();
            }
        });
        table.take(0, 4);
        assert_eq!(table.ends[0].wire, [], "the farewell is unsent");
        table.take(0, 1);
        assert_eq!(table.ends[0].got, [&frame(b"bye")[..], &[FAREWELL]].concat());
        assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite]);
        table.ends[0].room = 100;
        table.flush(0);
        assert_eq!(table.ends[0].got.len(), 5, "nothing follows it");
    }
}

#[test]
fn a_layer_that_says_no_farewell_closes_all_the_same() {
    struct Mute;
    impl Layer for Mute {
        fn receive(&mut self, wire: &[u8], plain: &mut Vec<u8>) -> Result<(), LayerFault> {
            plain.extend_from_slice(wire);
            Ok(())
        }
        fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> usize {
            wire.extend_from_slice(plain);
            plain.len()
        }
        fn produce(&mut self, _: &mut Vec<u8>) {}
        fn finish(&mut self, _: &mut Vec<u8>) {}
        fn end_of_input(&mut self) -> Result<(), LayerFault> {
            Ok(())
        }
    }
    let mut table = Table::new();
    let origin = limits_origin(Limits::default());
    let connection: Connection<World> =
        Connection::new(id(0), Box::new(listener()), origin, address(), &table.desk);
    table.add(connection.with_layer(Box::new(Mute)));
    table.input(0, |connection, desk, world| connection.handle_connected(desk, world));
    table.end_of_input(0);
    table.ask(0, |transport| transport.finish());
    table.run();
    let closed = Call::Closed(CloseReason::Finished, 0);
    assert_eq!(table.calls(0), [Call::Connected, finished(""), closed]);
    assert_eq!(table.ends[0].wire, [Wire::Close]);
}

#[test]
fn a_fault_ends_the_connection_after_the_layers_last_words() {
    let mut table = greeted(Limits::default(), script(|_, _| 1));
    table.receive(0, [&frame(b"good")[..], &[201, 1, 2, 3]].concat());
    assert_eq!(table.calls(0), [received("good")], "what came before it is offered");
    assert_eq!(table.connection(0).stage(), Stage::Closing);
    table.flush(0);
    assert_eq!(table.ends[0].got, [ALERT]);
    assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite]);
    table.receive(0, "more of that");
    table.end_of_input(0);
    table.flush(0);
    assert_eq!(table.calls(0), [Call::Closed(CloseReason::Layer, 0)]);
    assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite, Wire::Close]);
}

#[test]
fn a_fault_in_the_handshake_does_not_wait_for_what_can_never_be_sent() {
    let mut table = open_with_layer(Limits::default(), listener());
    table.ask(0, |transport| transport.write(b"secret"));
    table.run();
    table.receive(0, "GET / HTTP/1.1");
    table.run();
    assert_eq!(table.ends[0].got, [GREETING, &[ALERT]].concat());
    assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite]);
    table.end_of_input(0);
    assert_eq!(table.calls(0), [Call::Connected, Call::Closed(CloseReason::Layer, 6)]);
}

#[test]
fn what_follows_a_fault_is_thrown_away_within_the_lingering_limit() {
    let mut table = greeted(Limits::default().linger(10), listener());
    table.receive(0, [201]);
    table.flush(0);
    table.receive(0, [1; 10]);
    assert_eq!(table.connection(0).stage(), Stage::Closing);
    table.receive(0, [1; 1]);
    assert_eq!(table.calls(0), [Call::Closed(CloseReason::Layer, 0)]);
}

#[test]
fn an_end_without_a_farewell_is_a_fault_and_not_an_end() {
    let mut table = greeted(Limits::default(), listener());
    table.receive(0, frame(b"the first ha"));
    table.ask(0, |transport| transport.write(b"so?"));
    table.end_of_input(0);
    table.run();
    let closed = Call::Closed(CloseReason::Layer, 3);
    assert_eq!(table.calls(0), [received("the first ha"), closed]);
}

#[test]
fn an_end_without_a_farewell_does_not_matter_after_our_own_close() {
    let mut table = greeted(Limits::default(), listener());
    table.ask(0, |transport| transport.finish());
    table.run();
    table.end_of_input(0);
    assert_eq!(table.calls(0), [Call::Closed(CloseReason::Finished, 0)]);
}

#[test]
fn an_endless_stream_takes_no_more_memory_than_its_marks() {
    let limits = Limits::default().high_water(1000).low_water(500);
    let mut table = greeted(limits, listener());
    for _ in 0..2000 {
        table.ask(0, |transport| {
            while !transport.is_backpressured() {
                transport.write(&[b'x'; 100]);
            }
        });
        table.take(0, 150);
    }
    let slot = table.connection(0).line.layer.as_ref().unwrap();
    assert!(slot.wire.len() < 4000, "{} bytes, most of them sent", slot.wire.len());
}

#[test]
fn marks_count_what_the_layer_holds() {
    let limits = Limits::default().high_water(100).low_water(10);
    let mut table = greeted(limits, listener());
    table.ends[0].room = 0;
    table.ask(0, |transport| transport.write(&[b'x'; 80]));
    let _ = table.ends[0].connection.poll_output(&mut table.desk);
    assert_eq!(table.connection(0).unsent(), 81, "all of it is with the layer");
    table.ask(0, |transport| transport.write(&[b'x'; 20]));
    assert_eq!(table.connection(0).unsent(), 101);
    assert!(table.connection(0).is_backpressured());
}

#[test]
fn a_source_stays_held_while_the_layer_has_everything_and_is_let_go_at_the_low_mark() {
    let limits = Limits::default().high_water(100).low_water(10);
    let mut table = greeted(limits.clone(), listener());
    table.ends[0].room = 1;
    let source = table.open(limits, listener());
    table.ask(source, |transport| {
        transport.send(id(0), Bytes::from_static(&[b'x'; 150]), WhenFull::PauseSource);
    });
    table.run();
    assert_eq!(table.connection(source).wants_bytes(), 0);
    table.ends[0].room = 100;
    table.run();
    assert_eq!(table.connection(source).wants_bytes(), 0, "fifty bytes are left");
    table.ends[0].room = 100;
    table.run();
    assert!(table.connection(source).wants_bytes() > 0);
}

#[test]
fn a_stall_is_counted_from_the_last_byte_that_the_wire_took() {
    let limits = Limits::default().write_stall(30 * SECOND).high_water(1 << 20);
    let mut table = greeted(limits, listener());
    table.ask(0, |transport| transport.write(&[b'x'; 100 << 10]));
    for _ in 0..5 {
        table.wait(20 * SECOND);
        // The wire takes all that the layer has ready, and is not asked again.
        table.ends[0].room = usize::MAX;
        assert!(table.send_once(0));
    }
    table.wait(Duration::from_secs(30) - NANOSECOND);
    assert_eq!(table.connection(0).stage(), Stage::Open);
    table.wait(NANOSECOND);
    let stalled = CloseReason::TimedOut(Timeout::WriteStall);
    assert_eq!(table.connection(0).close_reason(), Some(stalled));
}

#[test]
fn a_file_goes_through_the_layer_too() {
    let content: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let mut table = greeted(Limits::default(), listener());
    let range = FileRange::new(file(&content), 10, 4000);
    table.ask(0, move |transport| transport.write_file(range));
    table.run();
    let mut plain = Vec::new();
    let mut peer = toy();
    peer.is_greeted = true;
    peer.receive(&table.ends[0].got, &mut plain).unwrap();
    assert_eq!(plain, &content[10..4010]);
}
