//! P19: a datagram callback that panics costs its socket, and nobody else.

use std::panic::{self, AssertUnwindSafe};

use super::*;
use crate::drivers::event_loop::OnPanic;
use crate::sansio::Closing;

const CALLS: [&str; 7] =
    ["opened", "received", "writable", "expired", "notified", "stopping", "closed"];

/// Panics in the call named `at`; otherwise comes into every call if it is given the chance.
fn panicking(at: &'static str) -> impl DatagramProtocol<Seen> {
    post(move |told, on, _| {
        assert_ne!(told.name(), at, "a panic on purpose");
        match told {
            Told::Opened => on.set_timeout(SECOND),
            Told::Received(from, _) => {
                while !on.is_backpressured() {
                    on.send_to(from, b"x");
                }
            }
            _ => {}
        }
    })
}

/// Lets the socket 1 come into every call. Gives how many turns panicked.
fn provoke(rig: &mut Rig, id: ConnectionId) -> usize {
    let mut panics = 0;
    let mut turns = |rig: &mut Rig| {
        for _ in 0..10 {
            let turn = panic::catch_unwind(AssertUnwindSafe(|| rig.turn()));
            panics += usize::from(turn.is_err());
        }
    };
    let handle = rig.engine.handle();
    turns(rig);
    rig.net.deliver(1, &sender(1), "x");
    turns(rig);
    rig.advance(2 * SECOND);
    turns(rig);
    handle.notify(id, Box::new(())).unwrap();
    turns(rig);
    if rig.engine.socket(id).is_some() {
        // Only this one is told: the sound one is to be asked afterwards.
        let input = super::super::super::sockets::SocketInput::Stopping;
        let told = panic::catch_unwind(AssertUnwindSafe(|| {
            rig.engine.input_socket(id, input, &mut rig.seen);
        }));
        drop(told);
    }
    turns(rig);
    handle.close(id, Closing::Abort).unwrap();
    turns(rig);
    panics
}

#[test]
fn p19_a_panic_in_any_call_closes_its_socket_alone_under_either_policy() {
    for on_panic in [OnPanic::Propagate, OnPanic::Close] {
        for at in CALLS {
            let mut rig = Rig::with(Config::default().on_panic(on_panic));
            rig.bind(DatagramLimits::default(), answering());
            rig.listen(Limits::default(), |_| echo());
            let client = rig.client();
            let id = rig.bind(DatagramLimits::default().queue_datagrams(64), panicking(at));
            let panics = provoke(&mut rig, id);
            let leaves = on_panic == OnPanic::Propagate && at != "stopping";
            assert_eq!(panics, usize::from(leaves), "{on_panic:?} {at}");

            let its: Vec<_> = rig.seen.calls.iter().filter(|(called, _)| *called == id).collect();
            assert_eq!(its.last().unwrap().1, at, "{on_panic:?}: no further call");
            assert_eq!(its.iter().filter(|(_, call)| *call == at).count(), 1);
            assert!(rig.net.world().ports[1].is_closed, "{on_panic:?} {at}");
            let stats = rig.engine.stats();
            assert_eq!((stats.sockets, stats.held, stats.open), (1, 0, 1), "{on_panic:?} {at}");

            rig.net.deliver(0, &sender(1), "still here");
            client.send("still here");
            rig.settle();
            assert_eq!((rig.net.sent(0).len(), client.take().len()), (1, 10));
        }
    }
}

#[test]
fn p19_a_panic_in_a_burst_loses_none_of_the_others_datagrams() {
    for on_panic in [OnPanic::Propagate, OnPanic::Close] {
        let mut rig = Rig::with(Config::default().on_panic(on_panic));
        rig.bind(DatagramLimits::default(), answering());
        rig.bind(
            DatagramLimits::default(),
            post(|told, _, _| {
                if let Told::Received(_, bytes) = told {
                    assert_ne!(bytes, b"bad", "a panic on purpose");
                }
            }),
        );
        rig.settle();
        for text in ["a", "bad", "b"] {
            rig.net.deliver(1, &sender(1), text);
            rig.net.deliver(0, &sender(1), text);
        }
        for _ in 0..3 {
            let _ = panic::catch_unwind(AssertUnwindSafe(|| rig.turn()));
        }
        rig.settle();
        assert_eq!((rig.net.sent(0).len(), rig.counts().received), (3, 5));
        assert_eq!(rig.engine.stats().closed_for(CloseReason::Panicked), 1);
    }
}

#[test]
fn p19_a_datagram_protocol_that_panics_while_it_is_dropped_costs_nobody_else() {
    struct Mine;
    impl Drop for Mine {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "a panic on purpose");
        }
    }
    for on_panic in [OnPanic::Close, OnPanic::Propagate] {
        let mut rig = Rig::with(Config::default().on_panic(on_panic));
        let mine = Mine;
        let id = rig.bind(DatagramLimits::default(), post(move |_, _, _| _ = &mine));
        rig.bind(DatagramLimits::default(), answering());
        rig.settle();
        rig.engine.control().close(id, Closing::Finish);
        let mut panics = 0;
        for _ in 0..5 {
            let turn = panic::catch_unwind(AssertUnwindSafe(|| rig.turn()));
            panics += usize::from(turn.is_err());
        }
        assert_eq!(panics, usize::from(on_panic == OnPanic::Propagate));
        rig.net.deliver(1, &sender(1), "still here");
        rig.settle();
        assert_eq!((rig.net.sent(1).len(), rig.engine.stats().sockets), (1, 1));
    }
}
