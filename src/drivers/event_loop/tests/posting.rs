//! From other threads: handles, remotes, and the mailbox between.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use bytes::Bytes;

use super::*;
use crate::drivers::event_loop::HandleError;
use crate::sansio::{Closing, Delivery, Remote, WhenFull};

#[test]
fn p04_a_message_to_a_connection_that_is_gone_reaches_nobody_and_is_told() {
    let mut rig = Rig::echo();
    let first = rig.client();
    let dead = rig.ids()[0];
    first.reset();
    rig.settle();
    let second = rig.client();
    assert_eq!(rig.ids()[1].slot(), dead.slot(), "the slot serves another");
    let (handle, (sender, told)) = (rig.engine.handle(), mpsc::channel());
    handle
        .send_then(dead, "secret", WhenFull::Drop, move |delivery| sender.send(delivery).unwrap())
        .unwrap();
    handle.send(dead, "secret", WhenFull::Drop).unwrap();
    handle.notify(dead, Box::new("secret")).unwrap();
    handle.close(dead, Closing::Abort).unwrap();
    rig.settle();
    assert_eq!(told.try_recv(), Ok(Delivery::NoSuchConnection));
    assert_eq!(rig.engine.stats().dead_letters, 4);
    assert!(second.take().is_empty() && !second.is_closed());
    assert_eq!(rig.count("notified"), 0);
}

#[test]
fn a_completion_tells_what_became_of_each_message() {
    let mut rig = Rig::echo();
    let client = rig.client();
    client.pipe().room = 0;
    let (handle, id) = (rig.engine.handle(), rig.ids()[0]);
    let (sender, told) = mpsc::channel();
    let messages = [
        (100, WhenFull::Drop),
        (70_000, WhenFull::Drop),
        (100, WhenFull::Drop),
        (100, WhenFull::PauseSource),
        (100, WhenFull::Close),
        (100, WhenFull::Drop),
    ];
    for (length, when_full) in messages {
        let sender = sender.clone();
        let completion = move |delivery| sender.send(delivery).unwrap();
        handle.send_then(id, vec![7; length], when_full, completion).unwrap();
    }
    rig.settle();
    let expected = [
        Delivery::Queued,
        Delivery::Queued,
        Delivery::Dropped,
        Delivery::Queued,
        Delivery::Closed,
        Delivery::NoSuchConnection,
    ];
    assert_eq!(told.try_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn many_messages_are_one_wake_up() {
    let mut rig = Rig::echo();
    let client = rig.client();
    let (handle, id) = (rig.engine.handle(), rig.ids()[0]);
    for round in 1..4 {
        for _ in 0..100 {
            handle.send(id, "x", WhenFull::Drop).unwrap();
        }
        assert_eq!(rig.net.bell.count.load(Ordering::SeqCst), round);
        assert_eq!(rig.engine.next_deadline(), Deadline::Now, "also before the poll says so");
        rig.settle();
        assert_eq!(client.take().len(), 100);
    }
}

#[test]
fn a_wake_ends_the_wait_and_asks_for_nothing() {
    let mut rig = Rig::echo();
    rig.client();
    rig.engine.handle().wake();
    let before = rig.net.clock.now();
    let turn = rig.wait();
    assert_eq!((turn.events, turn.callbacks), (1, 0));
    assert_eq!(rig.net.clock.now(), before);
    assert!(!turn.more);
}

#[test]
fn the_mailbox_is_bounded_however_slowly_letters_are_opened() {
    let mut rig = Rig::with(Config::default().mailbox(10));
    let handle = rig.engine.handle();
    let mut taken = 0;
    for _ in 0..50 {
        while handle.post(|_, seen| seen.reasons.push(CloseReason::Stopped)).is_ok() {
            taken += 1;
        }
        let refused = handle.post(|_, _| {}).unwrap_err();
        assert_eq!(refused, HandleError::Full);
        rig.turn_within(Budget::default().requests(2));
        let waiting = taken - rig.seen.reasons.len();
        assert!(waiting <= 10, "{waiting} letters wait");
    }
    assert_eq!(rig.seen.reasons.len(), 100);
    handle.stop().unwrap();
    assert!(rig.turn_within(Budget::default().requests(2)).ended.is_some(), "there is room");
    rig.settle();
    assert_eq!(rig.seen.reasons.len(), taken, "and none is lost");
}

#[test]
fn letters_are_opened_in_the_order_in_which_they_were_put_in() {
    let mut rig = Rig::echo();
    let client = rig.client();
    let (handle, id) = (rig.engine.handle(), rig.ids()[0]);
    for number in 0..20_u8 {
        handle.send(id, vec![number], WhenFull::Drop).unwrap();
    }
    while client.pipe().outbound.len() < 20 {
        rig.turn_within(Budget::default().requests(3));
    }
    assert_eq!(client.take(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_handle_whose_loop_is_gone_says_so() {
    let rig = Rig::echo();
    let handle = rig.engine.handle();
    let (sender, dropped) = mpsc::channel::<()>();
    handle.post(move |_, _| drop(sender)).unwrap();
    drop(rig);
    assert_eq!(handle.post(|_, _| {}), Err(HandleError::LoopGone));
    assert_eq!(handle.drain(SECOND), Err(HandleError::LoopGone));
    assert_eq!(handle.stop(), Err(HandleError::LoopGone));
    handle.wake();
    assert_eq!(dropped.try_recv(), Err(mpsc::TryRecvError::Disconnected), "its letters as well");
}

#[test]
fn handles_work_from_many_threads_at_once() {
    let mut rig = Rig::echo();
    let listener = rig.listen(Limits::default(), |_| echo());
    let client = rig.net.dial_from("192.0.2.1", 1);
    rig.settle();
    let id = rig.ids()[0];
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let handle = rig.engine.handle();
            thread::spawn(move || {
                for _ in 0..500 {
                    handle.send(id, "s", WhenFull::Drop).unwrap();
                    handle.broadcast(listener, Bytes::from_static(b"b"), WhenFull::Drop).unwrap();
                    handle.notify(id, Box::new(())).unwrap();
                }
            })
        })
        .collect();
    let mut arrived = 0;
    while !threads.iter().all(thread::JoinHandle::is_finished) || arrived < 4000 {
        rig.turn();
        arrived += client.take().len();
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    rig.settle();
    assert_eq!((arrived, rig.count("notified")), (4000, 2000));
}

#[test]
fn a_remote_reaches_its_own_connection_from_another_thread() {
    let (sender, remotes) = mpsc::channel::<Remote>();
    let mut rig = Rig::new();
    rig.listen(Limits::default(), move |_| {
        let sender = sender.clone();
        probe(move |call, on, _| match call {
            Call::Connected => {
                sender.send(on.remote()).unwrap();
                0
            }
            Call::Notified(message) => {
                on.write(message.downcast::<&str>().unwrap().as_bytes());
                0
            }
            _ => 0,
        })
    });
    let (one, other) = (rig.client(), rig.client());
    let remote = remotes.recv().unwrap();
    let posted = remote.clone();
    thread::spawn(move || posted.notify(Box::new("for you")).unwrap()).join().unwrap();
    rig.settle();
    assert_eq!((one.take(), other.take()), (b"for you".to_vec(), Vec::new()));
    one.reset();
    rig.settle();
    remote.notify(Box::new("too late")).unwrap();
    rig.settle();
    assert_eq!(rig.engine.stats().dead_letters, 1);
}

#[test]
fn who_is_woken_for_a_loop_that_is_gone_is_nobody() {
    let Rig { engine, net, .. } = Rig::echo();
    let (handle, rung) = (engine.handle(), net.bell.count.load(Ordering::SeqCst));
    drop(engine);
    handle.wake();
    assert!(handle.stop().is_err());
    assert_eq!(net.bell.count.load(Ordering::SeqCst), rung);
}
