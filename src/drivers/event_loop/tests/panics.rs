//! P19 and rule 8: a callback that panics.

use std::panic::{self, AssertUnwindSafe};

use bytes::Bytes;

use super::*;
use crate::drivers::event_loop::OnPanic;
use crate::sansio::{Closing, WhenFull};

const CALLS: [&str; 8] =
    ["connected", "received", "writable", "expired", "notified", "stopping", "finished", "closed"];

/// Panics in the call named `at`, which is logged before; otherwise writes much and echoes.
fn panicking(at: &'static str) -> impl Protocol<Seen> {
    probe(move |call, on, _| {
        assert_ne!(call.name(), at, "a panic on purpose");
        match call {
            Call::Connected => {
                on.set_deadline(on.now() + SECOND);
                0
            }
            Call::Received(bytes) => {
                if bytes.starts_with(b"a") {
                    on.write(&[7; 70_000]);
                }
                bytes.len() - 1
            }
            _ => 0,
        }
    })
}

/// A rig with one sound client and one whose protocol panics in the call `at`.
fn rig(on_panic: OnPanic, at: &'static str) -> (Rig, Client, Client) {
    let mut rig = Rig::with(Config::default().on_panic(on_panic));
    rig.listen(Limits::default(), |_| echo());
    let sound = rig.client();
    rig.listen(Limits::default(), move |_| panicking(at));
    let bad = rig.net.dial_from("192.0.2.1", 1);
    bad.pipe().room = 1000;
    (rig, sound, bad)
}

/// Lets the bad one come into every call.
fn provoke(rig: &mut Rig, bad: &Client, turn: &mut dyn FnMut(&mut Rig)) {
    let step = |rig: &mut Rig, turn: &mut dyn FnMut(&mut Rig)| (0..4).for_each(|_| turn(rig));
    step(rig, turn);
    let handle = rig.engine.handle();
    let id = rig.ids()[1];
    handle.notify(id, Box::new(())).unwrap();
    step(rig, turn);
    bad.send("ab");
    step(rig, turn);
    for _ in 0..80 {
        bad.take();
        turn(rig);
    }
    bad.send("cd");
    step(rig, turn);
    rig.advance(2 * SECOND);
    step(rig, turn);
    bad.finish();
    for _ in 0..160 {
        bad.take();
        turn(rig);
    }
    if rig.engine.connections().any(|connection| connection.id() == id) {
        // Only this one is told: the sound one is to be asked afterwards.
        let listener_drain = |rig: &mut Rig| {
            rig.engine.touch(id, super::super::service::Input::Stopping, &mut rig.seen);
        };
        let _ = panic::catch_unwind(AssertUnwindSafe(|| listener_drain(rig)));
    }
    step(rig, turn);
    handle.close(id, Closing::Abort).unwrap();
    step(rig, turn);
}

/// What must hold after the panic, whatever the policy.
fn check_aftermath(rig: &mut Rig, at: &str, sound: &Client, bad: &Client) {
    let id = rig.ids()[1];
    let last = rig.seen.calls.iter().rfind(|(called, _)| *called == id).unwrap();
    assert_eq!(last.1, at, "the protocol got no further call");
    assert_eq!(rig.seen.calls.iter().filter(|call| **call == (id, last.1)).count(), 1);
    assert!(bad.is_closed(), "{at}: its socket is closed");
    assert_eq!(rig.open(), 1, "{at}: its slot is free");
    // The last call comes when the reason is settled.
    let panicked = rig.engine.stats().closed_for(CloseReason::Panicked);
    assert_eq!(panicked, u64::from(at != "closed"), "{at}");
    assert_eq!(rig.engine.wheel.len(), 1, "{at}: its timer is gone");
    assert_eq!(rig.engine.stats().held, 0, "{at}: its buffers are counted off");
    sound.send("still here");
    rig.settle();
    assert_eq!(sound.take(), b"still here");
    let next = rig.client();
    assert!(!next.is_closed(), "{at}: the slot may serve another");
}

#[test]
fn p19_rule_8_by_default_a_panic_leaves_the_turn_and_the_loop_may_go_on() {
    for at in CALLS {
        let (mut rig, sound, bad) = rig(OnPanic::Propagate, at);
        let mut panics = 0;
        provoke(&mut rig, &bad, &mut |rig| {
            let turn = panic::catch_unwind(AssertUnwindSafe(|| rig.turn()));
            panics += usize::from(turn.is_err());
        });
        assert!(panics == 1 || at == "stopping", "{at}: {panics} panics");
        check_aftermath(&mut rig, at, &sound, &bad);
    }
}

#[test]
fn p19_rule_8_by_choice_a_panic_closes_its_connection_alone() {
    for at in CALLS {
        let (mut rig, sound, bad) = rig(OnPanic::Close, at);
        provoke(&mut rig, &bad, &mut |rig| {
            rig.turn();
        });
        check_aftermath(&mut rig, at, &sound, &bad);
    }
}

#[test]
fn p19_a_connection_whose_panic_left_the_turn_is_closed_in_the_next_not_some_day() {
    let (mut rig, _sound, bad) = rig(OnPanic::Propagate, "received");
    rig.settle();
    bad.send("x");
    let turn = panic::catch_unwind(AssertUnwindSafe(|| rig.turn()));
    assert!(turn.is_err());
    assert_eq!(rig.engine.next_deadline(), Deadline::Now);
    rig.turn();
    assert!(bad.is_closed());
}

#[test]
fn p19_by_choice_a_panicking_factory_costs_its_peer_alone() {
    let mut rig = Rig::with(Config::default().on_panic(OnPanic::Close));
    let mut number = 0;
    rig.listen(Limits::default(), move |_| {
        number += 1;
        assert_ne!(number, 2, "a panic on purpose");
        echo()
    });
    let clients = rig.clients(3);
    let is_closed: Vec<_> = clients.iter().map(|client| client.is_closed()).collect();
    assert_eq!(is_closed, [false, true, false]);
    assert_eq!((rig.open(), rig.engine.stats().accepted), (2, 2));
}

#[test]
fn p19_a_factory_s_panic_that_leaves_the_turn_leaves_the_others_waiting() {
    let mut rig = Rig::new();
    let mut number = 0;
    rig.listen(Limits::default(), move |_| {
        number += 1;
        assert_ne!(number, 2, "a panic on purpose");
        echo()
    });
    let clients: Vec<_> = (0..3).map(|_| rig.net.dial()).collect();
    assert!(panic::catch_unwind(AssertUnwindSafe(|| rig.turn())).is_err());
    rig.settle();
    let is_closed: Vec<_> = clients.iter().map(|client| client.is_closed()).collect();
    assert_eq!(is_closed, [false, true, false]);
}

/// Panics when it is dropped.
struct Mine;

impl Drop for Mine {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a panic on purpose");
    }
}

fn mined() -> impl Protocol<Seen> {
    let mine = Mine;
    probe(move |call, on, _| {
        let _ = &mine;
        match call {
            Call::Received(b"next") => {
                on.become_protocol(echo());
                4
            }
            Call::Received(bytes) => {
                on.abort();
                bytes.len()
            }
            _ => 0,
        }
    })
}

#[test]
fn p19_a_protocol_that_panics_while_it_is_dropped_costs_nobody_else() {
    for on_panic in [OnPanic::Close, OnPanic::Propagate] {
        for word in ["end", "next"] {
            let mut rig = Rig::with(Config::default().on_panic(on_panic));
            rig.listen(Limits::default(), |_| echo());
            let sound = rig.client();
            rig.listen(Limits::default(), |_| mined());
            let bad = rig.net.dial_from("192.0.2.1", 1);
            rig.settle();
            bad.send(word);
            let mut panics = 0;
            for _ in 0..5 {
                let turn = panic::catch_unwind(AssertUnwindSafe(|| rig.turn()));
                panics += usize::from(turn.is_err());
            }
            assert_eq!(panics, usize::from(on_panic == OnPanic::Propagate), "{on_panic:?} {word}");
            assert!(bad.is_closed(), "{on_panic:?} {word}");
            sound.send("still here");
            rig.settle();
            assert_eq!((sound.take(), rig.open()), (b"still here".to_vec(), 1));
        }
    }
}

#[test]
fn p19_a_panic_in_the_middle_of_a_broadcast_keeps_the_books_straight() {
    let mut rig = Rig::with(Config::default().on_panic(OnPanic::Close));
    let listener = rig.listen(Limits::default(), |_| panicking("closed"));
    let clients = rig.clients(3);
    clients.iter().for_each(|client| client.pipe().room = usize::MAX);
    clients[1].pipe().room = 0;
    let handle = rig.engine.handle();
    for _ in 0..3 {
        handle.broadcast(listener, Bytes::from(vec![7; 50_000]), WhenFull::Close).unwrap();
    }
    rig.settle();
    assert_eq!((rig.open(), rig.engine.stats().held), (2, 0));
    assert!(clients[1].is_closed());
}

#[test]
fn p19_many_panics_with_input_kept_leave_nothing_counted_as_held() {
    let mut rig = Rig::with(Config::default().on_panic(OnPanic::Close));
    rig.listen(Limits::default(), |_| {
        probe(|call, _, _| match call {
            Call::Received(bytes) => {
                assert!(bytes.len() < 100, "a panic on purpose");
                0
            }
            Call::Finished => panic!("a panic on purpose"),
            _ => 0,
        })
    });
    for client in rig.clients(10) {
        client.send([7; 60]);
        rig.settle();
        if client.number % 2 == 0 {
            client.send([7; 60])
        } else {
            client.finish()
        }
        rig.settle();
    }
    assert_eq!((rig.open(), rig.engine.stats().held), (0, 0));
}

#[test]
fn p19_a_panic_in_the_middle_of_a_broadcast_leaves_nobody_else_without_it() {
    let mut rig = Rig::with(Config::default().on_panic(OnPanic::Propagate));
    let listener = rig.listen(Limits::default(), |_| panicking("closed"));
    let clients = rig.clients(3);
    clients.iter().for_each(|client| client.pipe().room = usize::MAX);
    clients[0].pipe().room = 0;
    let handle = rig.engine.handle();
    for _ in 0..3 {
        handle.broadcast(listener, Bytes::from(vec![7; 50_000]), WhenFull::Close).unwrap();
    }
    let mut panics = 0;
    for _ in 0..5 {
        panics += usize::from(panic::catch_unwind(AssertUnwindSafe(|| rig.turn())).is_err());
    }
    assert_eq!((panics, rig.open()), (1, 2));
    assert!(clients[1..].iter().all(|client| client.take().len() == 150_000));
}

#[test]
fn p19_a_panic_of_one_target_does_not_let_a_source_go_that_another_holds() {
    let mut rig = Rig::with(Config::default().on_panic(OnPanic::Close));
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| match call {
            Call::Received(bytes) => {
                on.broadcast(Bytes::from(vec![7; 100_000]), WhenFull::PauseSource);
                bytes.len()
            }
            Call::Writable => panic!("a panic on purpose"),
            _ => 0,
        })
    });
    let clients = rig.clients(3);
    clients[1].pipe().room = 0;
    clients[2].pipe().room = usize::MAX;
    clients[0].send("go");
    rig.settle();
    assert_eq!((rig.open(), rig.count("received")), (2, 1), "the third panicked");
    clients[0].send("go");
    rig.settle();
    assert_eq!(rig.count("received"), 1, "the second has taken nothing yet");
    clients[1].change(|pipe| pipe.room = usize::MAX);
    rig.settle();
    assert_eq!(rig.count("received"), 2);
}
