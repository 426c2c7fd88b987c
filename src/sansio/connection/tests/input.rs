//! What becomes of received bytes: used, kept, offered again, limited, and ended.

use super::script::{ALL, Call, finished, listener, messages, received, script};
use super::table::{SECOND, Table};
use crate::sansio::{CloseReason, Limits, Timeout, Transport};

#[test]
fn a_whole_message_in_one_read_is_not_copied() {
    let bytes = b"one;two;".to_vec();
    let place = bytes.as_ptr() as usize;
    let mut table = Table::with(Limits::default(), listener());
    table.input(0, |connection, desk, world| connection.handle_received(desk, world, &bytes));
    assert!(table.connection(0).line.kept.is_none());
    assert_eq!(table.desk.held(), 0);

    // Not even where the protocol leaves some unused.
    struct Half(usize);
    impl<S> crate::sansio::Protocol<S> for Half {
        fn received(&mut self, _: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
            assert_eq!(bytes.as_ptr() as usize, self.0, "the slice is the caller's own");
            4
        }
    }
    let second = table.open(Limits::default(), Half(place));
    table.input(second, |connection, desk, world| {
        connection.handle_received(desk, world, &bytes);
    });
    assert_eq!(table.desk.held(), 4, "only what was left is kept");
}

#[test]
fn what_was_not_used_is_offered_again_with_more() {
    let mut table = Table::with(Limits::default(), messages());
    table.receive(0, "a;bc");
    assert!(!table.connection(0).wants_turn(), "it waits for more, not for a turn");
    table.receive(0, "d");
    table.receive(0, ";e;");
    assert_eq!(table.calls(0)[1..], [received("a;bc"), received("bcd"), received("bcd;e;")]);
    assert!(table.connection(0).line.kept.is_none());
    table.run();
    assert_eq!(table.got(0), "[a][bcd][e]");
}

/// What the peer gets when it sends `pieces` and ends.
fn answer_to(pieces: &[&[u8]]) -> (String, Call) {
    let mut table = Table::with(
        Limits::default(),
        script(|transport, call| match call {
            Call::Received(bytes) => super::script::answer_messages(transport, bytes),
            Call::Finished(_) => {
                transport.finish();
                0
            }
            _ => 0,
        }),
    );
    for piece in pieces {
        table.receive(0, piece);
    }
    table.end_of_input(0);
    table.run();
    let is_end = |call: &Call| matches!(call, Call::Finished(_));
    let end = table.calls(0).into_iter().find(is_end).unwrap();
    (table.got(0).to_owned(), end)
}

#[test]
fn every_split_of_a_conversation_gives_the_same_answer() {
    let whole = b"first;;second message;x;rest";
    let expected = answer_to(&[whole]);
    assert_eq!(expected, ("[first][][second message][x]".to_owned(), finished("rest")));
    for cut in 0..=whole.len() {
        for other in cut..=whole.len() {
            let pieces = [&whole[..cut], &whole[cut..other], &whole[other..]];
            assert_eq!(answer_to(&pieces), expected, "cut at bytes {cut} and {other}");
        }
    }
    let bytes: Vec<&[u8]> = whole.chunks(1).collect();
    assert_eq!(answer_to(&bytes), expected, "byte by byte");
}

#[test]
fn yielding_offers_the_rest_in_the_next_turn_with_no_new_byte() {
    let mut table = Table::with(
        Limits::default(),
        script(|transport, _| {
            transport.yield_now();
            1
        }),
    );
    table.turn(0);
    table.receive(0, "abc");
    assert_eq!(table.connection(0).wants_bytes(), 0, "what is kept comes first");
    for _ in 0..3 {
        assert!(table.turn(0));
    }
    assert!(!table.turn(0));
    assert_eq!(table.calls(0)[1..], [received("abc"), received("bc"), received("c")]);
}

#[test]
fn a_protocol_can_ask_whether_to_go_on_with_its_input() {
    type Stop = fn(&mut Transport<'_, super::script::World>);
    let stops: [Stop; 6] = [
        |transport| transport.yield_now(),
        |transport| transport.pause_reading(),
        |transport| transport.write(&[0; 11]),
        |transport| transport.become_protocol(listener()),
        |transport| transport.finish(),
        |transport| transport.abort(),
    ];
    for stop in stops {
        let protocol = script(move |transport, call| {
            if let Call::Received(_) = call {
                assert!(transport.wants_input());
                transport.finish_writing();
                assert!(transport.wants_input(), "reading goes on");
            }
            ALL
        });
        let mut table = Table::with(Limits::default().high_water(10).low_water(0), protocol);
        table.ask(0, move |transport| {
            assert!(transport.wants_input());
            stop(transport);
            assert!(!transport.wants_input());
        });
        table.run();
        table.receive(0, "more");
    }
}

#[test]
fn yielding_from_another_call_also_ends_by_itself() {
    let mut table = Table::with(Limits::default(), listener());
    table.ask(0, |transport| transport.yield_now());
    assert_eq!(table.connection(0).wants_bytes(), 0);
    assert!(table.turn(0));
    assert!(!table.turn(0));
    assert!(table.connection(0).wants_bytes() > 0);
}

#[test]
fn pausing_keeps_the_rest_until_reading_is_resumed() {
    let mut table = Table::with(
        Limits::default(),
        script(|transport, call| {
            if let Call::Received(bytes) = call
                && bytes.len() > 2
            {
                transport.pause_reading();
            }
            1
        }),
    );
    table.receive(0, "abc");
    assert_eq!(table.connection(0).wants_bytes(), 0);
    assert!(!table.turn(0));
    table.receive(0, "d");
    assert_eq!(table.calls(0)[1..], [received("abc")], "what comes all the same is kept");
    table.ask(0, |transport| transport.resume_reading());
    assert!(table.turn(0));
    assert!(!table.turn(0), "it paused again");
    table.ask(0, |transport| transport.resume_reading());
    table.run();
    assert_eq!(table.calls(0), [received("bcd"), received("cd")]);
    assert!(table.connection(0).wants_bytes() > 0, "it needs more of its message");
}

#[test]
fn back_pressure_keeps_the_rest_until_the_low_mark() {
    let mut table = Table::with(
        Limits::default().high_water(10).low_water(4),
        script(|transport, call| match call {
            Call::Received(_) => {
                transport.write(b"eleven chars"[..11].as_ref());
                assert!(transport.is_backpressured());
                1
            }
            _ => 0,
        }),
    );
    table.receive(0, "ab");
    assert_eq!(table.connection(0).wants_bytes(), 0);
    assert!(!table.turn(0));
    table.take(0, 6);
    assert!(!table.turn(0), "five bytes are above the low mark");
    table.take(0, 1);
    assert!(table.turn(0));
    assert_eq!(table.calls(0)[1..], [received("ab"), Call::Writable, received("b")]);
}

#[test]
fn input_that_comes_while_something_holds_it_back_keeps_its_order() {
    let mut table = Table::with(Limits::default(), messages());
    table.ask(0, |transport| transport.pause_reading());
    for piece in ["a", ";b", ";", "c;"] {
        table.receive(0, piece);
    }
    assert_eq!(table.calls(0), [Call::Connected]);
    table.ask(0, |transport| transport.resume_reading());
    table.run();
    assert_eq!(table.got(0), "[a][b][c]");
}

#[test]
fn the_end_of_input_brings_what_was_kept_and_never_used() {
    let mut table = Table::with(Limits::default(), messages());
    table.receive(0, "a;bc");
    table.calls(0);
    table.end_of_input(0);
    assert_eq!(table.calls(0), [finished("bc")], "it was offered before: no need to again");
    assert_eq!(table.desk.held(), "[a]".len());
    table.end_of_input(0);
    assert!(!table.turn(0));
    assert_eq!(table.calls(0), [], "it is told once");
}

#[test]
fn the_end_of_input_waits_for_a_pause_to_end() {
    let mut table = Table::with(Limits::default(), messages());
    table.ask(0, |transport| transport.pause_reading());
    table.receive(0, "a;b");
    table.end_of_input(0);
    assert!(!table.turn(0));
    assert_eq!(table.calls(0), [Call::Connected]);
    table.ask(0, |transport| transport.resume_reading());
    table.run();
    assert_eq!(table.calls(0), [received("a;b"), finished("b")]);
}

#[test]
fn the_end_of_input_alone_also_waits_for_a_pause_to_end() {
    let mut table = Table::with(Limits::default(), messages());
    table.ask(0, |transport| transport.pause_reading());
    table.end_of_input(0);
    assert_eq!(table.calls(0), [Call::Connected]);
    table.ask(0, |transport| transport.resume_reading());
    table.run();
    assert_eq!(table.calls(0), [finished("")]);
}

#[test]
fn the_end_of_input_waits_for_every_yield() {
    let mut table = Table::with(
        Limits::default(),
        script(|transport, _| {
            transport.yield_now();
            1
        }),
    );
    table.receive(0, "abc");
    table.end_of_input(0);
    table.run();
    assert_eq!(table.calls(0)[1..], [received("abc"), received("bc"), received("c"), finished("")]);
}

#[test]
fn the_end_of_input_waits_for_back_pressure_to_end() {
    let mut table = Table::with(
        Limits::default().high_water(3).low_water(0),
        script(|transport, call| match call {
            Call::Received(_) => {
                transport.write(b"long");
                1
            }
            _ => 0,
        }),
    );
    table.ends[0].room = 0;
    table.receive(0, "ab");
    table.end_of_input(0);
    table.run();
    assert_eq!(table.calls(0)[1..], [received("ab")]);
    table.ends[0].room = 4;
    table.run();
    assert_eq!(table.calls(0), [Call::Writable, received("b")]);
    table.ends[0].room = 4;
    table.run();
    assert_eq!(table.calls(0), [Call::Writable, finished("")]);
}

#[test]
fn a_connection_that_is_held_back_at_the_end_of_input_still_has_its_deadlines() {
    let mut table = Table::with(Limits::default(), messages());
    table.receive(0, "a;");
    table.ask(0, |transport| transport.pause_reading());
    table.run();
    table.end_of_input(0);
    table.calls(0);
    table.wait(300 * SECOND);
    assert_eq!(
        table.calls(0),
        [Call::Expired(Timeout::Idle), Call::Closed(CloseReason::TimedOut(Timeout::Idle), 0)],
        "the end was seen, so nothing is waited for"
    );
}
