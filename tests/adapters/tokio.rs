//! As a task of tokio's.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use ::tokio::runtime::{Builder, Runtime};
use switchboard::drivers::event_loop::Ended;
use switchboard::embed::tokio::{drive, drive_with};
use switchboard::{Budget, ManualClock};

use super::{Client, server};

fn runtimes() -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()]
        .map(|mut builder| builder.enable_all().build().unwrap())
}

#[test]
fn the_future_may_go_from_thread_to_thread() {
    fn is_send<T: Send>(_: &T) {}
    let (mut server, _) = server();
    is_send(&drive(&mut server, &mut 0));
}

#[test]
fn outside_of_a_runtime_it_is_an_error() {
    let (mut server, _) = server();
    let mut heard = 0;
    let future = pin!(drive(&mut server, &mut heard));
    let polled = future.poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(error)) = polled else { panic!("{polled:?}") };
    assert!(error.to_string().contains("no reactor"), "{error}");
}

#[test]
#[should_panic(expected = "IO is disabled")]
fn a_runtime_without_readiness_is_told_at_once() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let _ = runtime.block_on(drive(&mut server().0, &mut 0));
}

#[test]
#[should_panic(expected = "timers are disabled")]
fn a_runtime_without_time_is_told_at_once() {
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    let _ = runtime.block_on(drive(&mut server().0, &mut 0));
}

/// Polls a future so often, and drops it. Each poll was asked for.
async fn cut_after(polls: usize, future: impl Future<Output = io::Result<Ended>>) {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|context| {
        polled += 1;
        assert!(future.as_mut().poll(context).is_pending(), "nobody stops it");
        if polled == polls { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[test]
fn dropped_after_any_poll_it_leaves_a_loop_that_can_be_driven_again_and_run() {
    for runtime in runtimes() {
        let (mut server, address) = server();
        let handle = server.handle();
        let is_enough = Arc::new(AtomicBool::new(false));
        let client = thread::spawn({
            let is_enough = Arc::clone(&is_enough);
            move || {
                let mut client = Client::connect(address);
                let mut count = 0;
                while count < 100 || !is_enough.load(Ordering::Relaxed) {
                    client.send("hello");
                    assert_eq!(client.bytes(5), b"hello");
                    count += 1;
                }
                handle.stop().unwrap();
                count
            }
        });
        let mut heard = 0;
        runtime.block_on(async {
            for polls in 1..=30 {
                cut_after(polls, drive(&mut server, &mut heard)).await;
            }
        });
        is_enough.store(true, Ordering::Relaxed);
        assert_eq!(server.run(&mut heard).unwrap(), Ended::Stopped);
        assert_eq!(heard, 5 * client.join().unwrap());
    }
}

#[test]
fn each_turn_gets_the_budget_that_was_asked_for_before_it() {
    for budget in [Budget::default().connections(1), Budget::until(ManualClock::new().now())] {
        for runtime in runtimes() {
            let (mut server, address) = server();
            let (mut heard, mut turns) = (0, 0);
            let handle = server.handle();
            let mut clients = [(); 20].map(|()| Client::connect(address));
            clients.iter_mut().for_each(|client| client.send("hello"));
            let clients = thread::spawn(move || {
                clients.iter_mut().for_each(|client| assert_eq!(client.bytes(5), b"hello"));
                handle.stop().unwrap();
            });
            let counted = || {
                turns += 1;
                budget
            };
            let ended = runtime.block_on(drive_with(&mut server, counted, &mut heard)).unwrap();
            assert_eq!((ended, heard), (Ended::Stopped, 20 * 5));
            assert!(turns > 20, "one served in each, at most: {turns}");
            clients.join().unwrap();
        }
    }
}

#[test]
fn two_of_them_share_a_runtime_and_each_has_its_own_state() {
    for runtime in runtimes() {
        let servers = [(); 2].map(|()| server());
        let clients = thread::spawn({
            let addresses = servers.each_ref().map(|(server, address)| (server.handle(), *address));
            move || {
                let mut clients = addresses.map(|(handle, at)| (handle, Client::connect(at)));
                for _ in 0..100 {
                    clients.iter_mut().for_each(|(_, client)| client.send("hello"));
                    clients
                        .iter_mut()
                        .for_each(|(_, client)| assert_eq!(client.bytes(5), b"hello"));
                }
                clients[1].1.send("!");
                assert_eq!(clients[1].1.bytes(1), b"!");
                clients.iter().for_each(|(handle, _)| handle.stop().unwrap());
            }
        });
        let tasks = servers.map(|(mut server, _)| {
            runtime.spawn(async move {
                let mut heard = 0;
                assert_eq!(drive(&mut server, &mut heard).await.unwrap(), Ended::Stopped);
                heard
            })
        });
        let heard = tasks.map(|task| runtime.block_on(task).unwrap());
        assert_eq!(heard, [500, 501]);
        clients.join().unwrap();
    }
}
