//! The order of calls, handing over, and what reaches `notified`.

use std::any::Any;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::script::{ALL, Call, Script, World, finished, listener, named, received, script};
use super::table::{SECOND, Table, address, id, start};
use crate::sansio::{
    CloseReason, Closing, ConnectionId, Desk, Limits, Post, PostError, Protocol, Request, Stage,
    Timeout, Transport, Wire,
};

/// Writes nothing and overrides nothing that has a default.
struct Defaults;

impl<S> Protocol<S> for Defaults {
    fn received(&mut self, _: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        bytes.len()
    }
}

#[test]
fn the_calls_of_a_whole_conversation_come_in_order() {
    let mut table = Table::with(
        Limits::default(),
        script(|transport, call| {
            if let Call::Finished(_) = call {
                transport.finish();
            }
            ALL
        }),
    );
    table.receive(0, "hello");
    table.notify(0, "a note");
    table.stop(0);
    table.end_of_input(0);
    assert_eq!(
        table.calls(0),
        [
            Call::Connected,
            received("hello"),
            Call::Notified("a note"),
            Call::Stopping,
            finished(""),
            Call::Closed(CloseReason::Finished, 0),
        ]
    );
    assert_eq!(table.connection(0).stage(), Stage::Closed);
}

#[test]
fn a_connection_that_was_never_established_is_told_so_by_closed_alone() {
    let failed = CloseReason::Io(std::io::ErrorKind::ConnectionRefused);
    type Ending = fn(&mut Table);
    let endings: [(Ending, CloseReason); 5] = [
        (|table| table.fail(0, CloseReason::Io(std::io::ErrorKind::ConnectionRefused)), failed),
        (|table| table.wait(10 * SECOND), CloseReason::TimedOut(Timeout::Connect)),
        (|table| table.stop(0), CloseReason::Stopped),
        (|table| table.close(0, Closing::Finish), CloseReason::Aborted),
        (|table| table.close(0, Closing::Abort), CloseReason::Aborted),
    ];
    for (ending, reason) in endings {
        let mut table = Table::new();
        table.dial(Limits::default(), listener());
        ending(&mut table);
        assert_eq!(table.calls(0), [Call::Closed(reason, 0)]);
    }
}

#[test]
fn nothing_reaches_a_protocol_before_connected() {
    let mut table = Table::new();
    table.dial(Limits::default(), listener());
    table.receive(0, "early");
    table.notify(0, "early");
    table.turn(0);
    assert_eq!(table.calls(0), []);
    assert_eq!(table.connection(0).stage(), Stage::Connecting);
    assert_eq!(table.connection(0).wants_bytes(), 0);
}

#[test]
fn nothing_follows_closed() {
    let mut table = Table::with(Limits::default(), listener());
    table.fail(0, CloseReason::Stopped);
    assert_eq!(table.calls(0), [Call::Connected, Call::Closed(CloseReason::Stopped, 0)]);
    table.fail(0, CloseReason::Overloaded);
    table.receive(0, "late");
    table.notify(0, "late");
    table.stop(0);
    table.close(0, Closing::Finish);
    table.close(0, Closing::Abort);
    table.end_of_input(0);
    table.input(0, |connection, desk, world| {
        connection.handle_connected(desk, world);
        connection.handle_turn(desk, world);
        connection.handle_sent(desk, world, 0);
        connection.handle_deadlines(desk, world);
        assert_eq!(connection.poll_deadline(), None);
        assert!(!connection.wants_turn());
        assert_eq!(connection.wants_bytes(), 0);
    });
    table.wait(1000 * SECOND);
    assert_eq!(table.calls(0), []);
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Stopped));
}

#[test]
fn by_default_the_end_of_input_and_a_drain_finish() {
    let mut table = Table::with(Limits::default(), Defaults);
    table.end_of_input(0);
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Finished));
    let second = table.open(Limits::default(), Defaults);
    table.stop(second);
    table.run();
    assert_eq!(table.ends[second].wire, [Wire::ShutdownWrite]);
    table.end_of_input(second);
    assert_eq!(table.connection(second).close_reason(), Some(CloseReason::Finished));
}

#[test]
fn what_closed_asks_for_itself_is_ignored_and_for_others_carried_out() {
    let ending = script(|transport, call| {
        if let Call::Closed(..) = call {
            transport.write(b"last words");
            transport.set_deadline(transport.now());
            transport.finish();
            transport.become_protocol(listener());
            transport.close(id(1), Closing::Abort);
        }
        ALL
    });
    let mut table = Table::with(Limits::default(), ending);
    table.open(Limits::default(), listener());
    table.fail(0, CloseReason::Stopped);
    table.run();
    assert_eq!(table.got(0), "");
    assert_eq!(table.connection(0).poll_deadline(), None);
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Stopped));
    assert_eq!(table.connection(1).close_reason(), Some(CloseReason::Aborted));
    table.receive(1, "nobody took the successor over");
    assert_eq!(table.calls(1).len(), 2);
}

/// Uses `used` bytes of the first input and hands over to a protocol called `next`.
fn hands_over(used: usize, call_that_does: Call) -> Script {
    named("first", move |transport, call| {
        if *call == call_that_does {
            transport.write(b"before ");
            transport.set_deadline(transport.now() + SECOND);
            transport.pause_reading();
            transport.become_protocol(named("next", |transport, call| {
                if let Call::Connected = call {
                    transport.write(b"after");
                    assert_eq!(transport.deadline(), None);
                }
                ALL
            }));
        }
        used
    })
}

#[test]
fn a_successor_begins_with_connected_and_gets_what_was_left_unused() {
    let mut table = Table::with(Limits::default(), hands_over(4, received("usedunused")));
    table.receive(0, "usedunused");
    assert_eq!(
        table.calls_with_names(0),
        [("first", Call::Connected), ("first", received("usedunused")), ("next", Call::Connected)]
    );
    table.run();
    assert_eq!(table.calls_with_names(0), [("next", received("unused"))]);
    assert_eq!(table.got(0), "before after", "output stays queued");
    table.wait(2 * SECOND);
    assert_eq!(table.calls(0), [], "the deadline is forgotten");
}

#[test]
fn a_handover_from_connected_gives_the_successor_everything() {
    let mut table = Table::with(Limits::default(), hands_over(0, Call::Connected));
    assert!(table.turn(0), "what may have been left is offered in the next turn");
    table.receive(0, "abc");
    assert_eq!(
        table.calls_with_names(0),
        [("first", Call::Connected), ("next", Call::Connected), ("next", received("abc"))]
    );
}

#[test]
fn a_handover_from_notified_offers_what_was_kept() {
    let mut table = Table::with(Limits::default(), hands_over(1, Call::Notified("now")));
    table.receive(0, "abc");
    table.notify(0, "now");
    table.run();
    assert_eq!(
        table.calls_with_names(0)[1..],
        [
            ("first", received("abc")),
            ("first", Call::Notified("now")),
            ("next", Call::Connected),
            ("next", received("bc")),
        ]
    );
}

#[test]
fn a_message_that_a_successor_begins_has_its_whole_time() {
    let limits = Limits::default().message(30 * SECOND);
    let first = script(|transport, call| {
        if let Call::Notified(_) = call {
            transport.become_protocol(named("next", |_, _| 0));
        }
        0
    });
    let mut table = Table::with(limits, first);
    table.receive(0, "abc");
    table.wait(20 * SECOND);
    table.notify(0, "now");
    table.run();
    table.calls(0);
    table.wait(29 * SECOND);
    assert_eq!(table.calls(0), []);
    table.wait(SECOND);
    assert_eq!(table.calls(0), [Call::Expired(Timeout::Message)]);
}

#[test]
fn a_successor_that_comes_after_the_end_of_input_is_told_of_it() {
    let becomes = |at: Call| {
        named("first", move |transport, call| {
            if *call == at {
                transport.become_protocol(named("next", |_, _| ALL));
            }
            0
        })
    };
    let mut table = Table::with(Limits::default(), becomes(finished("rest")));
    table.receive(0, "rest");
    table.end_of_input(0);
    let calls = [("next", Call::Connected), ("next", finished(""))];
    assert_eq!(table.calls_with_names(0)[3..], calls);

    let mut table = Table::with(Limits::default(), becomes(Call::Notified("now")));
    table.end_of_input(0);
    table.notify(0, "now");
    assert_eq!(table.calls_with_names(0)[3..], calls);
}

#[test]
fn the_end_of_input_waits_until_a_successor_was_offered_the_rest() {
    let mut table = Table::with(Limits::default(), hands_over(4, received("usedunused")));
    table.receive(0, "usedunused");
    table.end_of_input(0);
    table.run();
    assert_eq!(
        table.calls_with_names(0)[2..],
        [("next", Call::Connected), ("next", received("unused")), ("next", finished(""))]
    );
}

#[test]
fn the_last_successor_asked_for_wins_and_may_hand_over_itself() {
    let third = || named("third", |_, _| ALL);
    let first = named("first", move |transport, call| {
        if let Call::Received(_) = call {
            transport.become_protocol(named("never", |_, _| ALL));
            transport.become_protocol(named("second", move |transport, _| {
                transport.become_protocol(third());
                ALL
            }));
        }
        1
    });
    let mut table = Table::with(Limits::default(), first);
    table.receive(0, "abc");
    table.run();
    assert_eq!(
        table.calls_with_names(0)[2..],
        [("second", Call::Connected), ("third", Call::Connected), ("third", received("bc"))]
    );
}

#[test]
fn a_connection_that_ended_in_the_same_call_gets_no_successor() {
    let first = named("first", |transport, call| {
        if let Call::Received(_) = call {
            transport.write(&[0; 200]);
            transport.become_protocol(named("never", |_, _| ALL));
        }
        ALL
    });
    let mut table = Table::with(Limits::default().high_water(100).low_water(0).output(100), first);
    table.receive(0, "abc");
    assert_eq!(
        table.calls_with_names(0)[2..],
        [("first", Call::Closed(CloseReason::OutputFull, 200))]
    );
}

/// A post that keeps what it is given.
#[derive(Default)]
struct Letters(Mutex<Vec<(ConnectionId, Box<dyn Any + Send>)>>);

impl Post for Letters {
    fn post(&self, to: ConnectionId, message: Box<dyn Any + Send>) -> Result<(), PostError> {
        self.0.lock().unwrap().push((to, message));
        Ok(())
    }
}

#[test]
fn what_a_remote_posts_arrives_in_notified() {
    let letters = Arc::new(Letters::default());
    let mut table = Table::new();
    table.desk =
        Desk::<World>::with_post(start(), SystemTime::UNIX_EPOCH, Arc::clone(&letters) as _);
    table.open(
        Limits::default(),
        script(|transport, call| {
            if let Call::Connected = call {
                let remote = transport.remote();
                assert_eq!(remote.connection(), transport.id());
                let sent = std::thread::spawn(move || remote.notify(Box::new("from afar")));
                sent.join().unwrap().unwrap();
            }
            ALL
        }),
    );
    let (to, message) = letters.0.lock().unwrap().pop().unwrap();
    assert_eq!(to, id(0));
    table.input(0, |connection, desk, world| connection.handle_notified(desk, world, message));
    assert_eq!(table.calls(0), [Call::Connected, Call::Notified("from afar")]);
}

#[test]
fn a_remote_of_a_desk_without_a_post_gives_the_message_back() {
    let mut table = Table::with(Limits::default(), listener());
    table.ask(0, |transport| {
        let result = transport.remote().notify(Box::new("lost"));
        assert!(matches!(result, Err(PostError::LoopGone(message)) if message.is::<&str>()));
    });
}

#[test]
fn requests_to_others_are_carried_out_after_the_call_in_their_order() {
    let mut table = Table::with(Limits::default(), listener());
    table.ask(0, |transport| {
        transport.connect(address(), listener(), Limits::default());
        transport.notify(id(7), Box::new("hello"));
        transport.close(id(8), Closing::Finish);
    });
    assert!(table.desk.has_requests());
    assert!(matches!(table.desk.poll_request(), Some(Request::Connect { .. })));
    assert!(matches!(table.desk.poll_request(), Some(Request::Notify { to, .. }) if to == id(7)));
    assert!(matches!(table.desk.poll_request(), Some(Request::Close { to, .. }) if to == id(8)));
    assert!(!table.desk.has_requests());
}
