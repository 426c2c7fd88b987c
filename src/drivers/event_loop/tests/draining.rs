//! The graceful end, and the abrupt one.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::drivers::event_loop::{Drained, Ended};
use crate::sansio::WhenFull;

/// A rig with a drain under way is turned until it ends.
fn drained(rig: &mut Rig) -> Drained {
    for _ in 0..10_000 {
        match rig.wait().ended {
            Some(Ended::Drained(drained)) => return drained,
            Some(Ended::Stopped) => panic!("it was stopped"),
            None => {}
        }
    }
    panic!("the drain never ends: {:?}", rig.engine);
}

/// What a line protocol may be upgraded to: it says good-bye in its own way.
fn upgraded() -> impl Protocol<Seen> {
    probe(|call, on, _| match call {
        Call::Received(bytes) => bytes.len(),
        Call::Stopping => {
            on.write(b"<going away>");
            on.finish();
            0
        }
        _ => 0,
    })
}

/// Idle ones finish at once, those in the middle of a message when it is whole, at a newline.
fn lines() -> impl Protocol<Seen> {
    let mut is_stopping = false;
    let mut is_begun = false;
    probe(move |call, on, _| match call {
        Call::Received(bytes) => {
            let used = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            if bytes == b"UPGRADE\n" {
                on.become_protocol(upgraded());
                return used;
            }
            on.write(&bytes[..used]);
            is_begun = used < bytes.len();
            if is_stopping && !is_begun {
                on.finish();
            }
            used
        }
        Call::Stopping => {
            is_stopping = true;
            if !is_begun {
                on.finish();
            }
            0
        }
        Call::Finished => {
            on.finish();
            0
        }
        _ => 0,
    })
}

#[test]
fn p18_each_class_of_connection_is_drained_in_its_own_right_way() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| lines());
    let [idle, half, stuck, slow, other] = &rig.clients(5)[..] else { panic!("five") };
    half.send("hel");
    stuck.send("nev");
    other.send("UPGRADE\n");
    slow.pipe().room = 10;
    slow.send("a line that takes its time\n");
    rig.settle();
    let late = rig.net.dial();
    rig.engine.begin_drain(10 * SECOND);
    rig.settle();
    assert!(rig.net.world().listeners[0].is_closed, "nobody is accepted");
    assert!(late.pipe().token.is_none());
    assert!(idle.pipe().is_shut, "an idle one finishes at once");
    assert_eq!(other.take(), b"<going away>", "an upgraded one in its own way");
    other.finish();
    assert!(!half.pipe().is_shut && !slow.pipe().is_shut, "what was begun is not cut off");
    idle.finish();
    half.send("lo\n");
    slow.pipe().room = 1000;
    let mut arrived = slow.take();
    rig.settle();
    arrived.extend(slow.take());
    assert_eq!(arrived, b"a line that takes its time\n");
    assert_eq!(half.take(), b"hello\n");
    half.finish();
    slow.reset();
    let began = rig.net.clock.now();
    assert_eq!(drained(&mut rig), Drained { finished: 3, aborted: 1, otherwise: 1 });
    assert!(rig.net.clock.now() - began <= 10 * SECOND);
    assert!(stuck.is_closed());
}

#[test]
fn a_drain_of_nobody_ends_in_its_first_turn() {
    let mut rig = Rig::echo();
    rig.engine.begin_drain(SECOND);
    assert_eq!(rig.engine.next_deadline(), Deadline::Now);
    assert_eq!(rig.turn().ended, Some(Ended::Drained(Drained::default())));
    assert_eq!(rig.engine.next_deadline(), Deadline::Never);
}

#[test]
fn a_drain_comes_to_its_deadline_and_says_how_many_it_aborted() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| probe(|_, _, _| 0));
    rig.clients(3000);
    rig.engine.begin_drain(5 * SECOND);
    let began = rig.net.clock.now();
    assert_eq!(drained(&mut rig), Drained { finished: 0, aborted: 3000, otherwise: 0 });
    assert_eq!(rig.net.clock.now() - began, 5 * SECOND);
    assert_eq!((rig.count("stopping"), rig.count("closed")), (3000, 3000));
}

#[test]
fn a_second_drain_can_only_shorten_the_first() {
    for (first, second, least) in [(60, 5, 5), (5, 60, 5)] {
        let mut rig = Rig::new();
        rig.listen(Limits::default(), |_| probe(|_, _, _| 0));
        rig.client();
        let handle = rig.engine.handle();
        handle.drain(first * SECOND).unwrap();
        handle.drain(second * SECOND).unwrap();
        let began = rig.net.clock.now();
        assert_eq!(drained(&mut rig).aborted, 1);
        assert_eq!(rig.net.clock.now() - began, least * SECOND, "{first} then {second}");
    }
}

#[test]
fn a_drain_that_may_take_for_ever_is_no_overflow() {
    let mut rig = Rig::echo();
    let client = rig.client();
    rig.engine.handle().drain(Duration::MAX).unwrap();
    rig.settle();
    client.finish();
    assert_eq!(drained(&mut rig).finished, 1);
}

#[test]
fn accepting_may_rest_for_ever() {
    let mut rig = Rig::with(Config::default().accept_rest(Duration::MAX));
    rig.listen(Limits::default(), |_| echo());
    rig.net.world().is_exhausted = true;
    rig.net.dial();
    assert!(rig.settle() < 5);
}

#[test]
fn the_first_stop_signal_drains_and_the_second_stops() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| probe(|_, _, _| 0));
    rig.client();
    rig.engine.watch_stop_signals(30 * SECOND, |_, _| Ok(())).unwrap();
    rig.net.signal();
    assert_eq!(rig.turn().ended, None);
    assert_eq!(rig.count("stopping"), 1);
    rig.net.signal();
    assert_eq!(rig.turn().ended, Some(Ended::Stopped));
}

#[test]
fn stop_ends_one_turn_and_leaves_everything_as_it_is() {
    let mut rig = Rig::echo();
    let client = rig.client();
    rig.engine.handle().stop().unwrap();
    assert_eq!(rig.turn().ended, Some(Ended::Stopped));
    client.send("on");
    assert_eq!(rig.turn().ended, None);
    assert_eq!(client.take(), b"on");
}

#[test]
fn who_connects_during_a_drain_is_counted_and_ends_with_it() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| {
            if let Call::Stopping = call {
                on.connect(address(), silent(), Limits::default());
                on.finish();
            }
            0
        })
    });
    let client = rig.client();
    client.finish();
    rig.engine.begin_drain(3 * SECOND);
    let drained = drained(&mut rig);
    assert_eq!(drained.finished + drained.aborted + drained.otherwise, 2, "{drained:?}");
    assert_eq!(rig.open(), 0);
}

#[test]
fn who_connects_out_at_the_very_end_of_a_drain_keeps_it_from_ending_no_longer() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| {
            if let Call::Closed(_) = call {
                on.connect(address(), silent(), Limits::default());
            }
            0
        })
    });
    rig.clients(3);
    let began = rig.net.clock.now();
    rig.engine.begin_drain(SECOND);
    assert_eq!(drained(&mut rig).aborted, 6);
    assert_eq!(rig.net.clock.now() - began, SECOND);
}

#[test]
fn a_drain_does_not_end_before_what_was_asked_for_is_carried_out() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| {
            if let Call::Closed(_) = call {
                on.send(on.id(), Bytes::from_static(b"too late"), WhenFull::Drop);
                on.connect(address(), silent(), Limits::default());
            }
            0
        })
    });
    rig.client();
    rig.engine.begin_drain(Duration::ZERO);
    let ended = (0..100).find_map(|_| rig.turn_within(Budget::default().requests(1)).ended);
    let Some(Ended::Drained(drained)) = ended else { panic!("{:?}", rig.engine) };
    assert_eq!(drained.aborted, 2, "it waits for the connection that was asked for last");
    rig.settle();
    assert_eq!(rig.open(), 0);
}

#[test]
fn after_a_drain_the_loop_may_listen_and_drain_again() {
    let mut rig = Rig::echo();
    rig.engine.begin_drain(SECOND);
    drained(&mut rig);
    rig.listen(Limits::default(), |_| echo());
    let client = rig.net.dial_from("192.0.2.1", 1);
    client.send("again");
    rig.settle();
    assert_eq!(client.take(), b"again");
    client.finish();
    rig.settle();
    rig.engine.begin_drain(SECOND);
    assert_eq!(drained(&mut rig), Drained::default(), "counted afresh");
}
