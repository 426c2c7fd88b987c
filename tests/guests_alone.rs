//! What a guest leaves in its host, which must be nothing: no descriptor in its poller or
//! anywhere, no thread, no signal handler. In a process of its own, because these are counted
//! over the whole of it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]
#![allow(dead_code, reason = "what it shares with the tests of guests is more than it needs")]

#[path = "guests/hosts/mod.rs"]
mod hosts;
mod programs;
#[path = "guests/protocols.rs"]
mod protocols;
#[path = "guests/stage.rs"]
mod stage;
#[path = "guests/traffic.rs"]
mod traffic;

use std::fs;
use std::thread;

use hosts::*;
use programs::PATIENCE;
use protocols::{Echo, Heard, hours};
use stage::House;
use switchboard::Config;
use traffic::Traffic;

/// What the process has of the system.
#[derive(Debug, PartialEq, Eq)]
struct Holdings {
    descriptors: usize,
    /// Descriptors that are watched, over all epolls.
    watched: usize,
    threads: usize,
    /// Signals that have a handler, as a mask.
    handled: String,
}

impl Holdings {
    fn now() -> Self {
        let of_poll = |path: String| {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.lines().filter(|line| line.starts_with("tfd:")).count()
        };
        let watched = entries("/proc/self/fdinfo").into_iter().map(of_poll).sum();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let handled = status.lines().find(|line| line.starts_with("SigCgt:")).unwrap().to_owned();
        let descriptors = entries("/proc/self/fd").len();
        let threads = entries("/proc/self/task").len();
        Self { descriptors, watched, threads, handled }
    }
}

/// Waits until what the process has is so: a thread that was joined may be there for a moment.
fn await_holdings(when: &str, is_so: impl Fn(&Holdings) -> bool) {
    let end = now() + PATIENCE;
    loop {
        let holdings = Holdings::now();
        if is_so(&holdings) {
            return;
        }
        assert!(now() < end, "{when}: {holdings:?}");
        thread::yield_now();
    }
}

fn entries(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path().display().to_string()).collect()
}

/// A guest comes, is busy, and is dropped in the middle of it. Gives what the process had while
/// it was there, with nobody to serve yet.
fn visit<H: Host<Heard> + 'static>(house: House<H>) -> (House<H>, Holdings) {
    let stage = house.takes_in(Config::default(), hours(), || Echo);
    stage.wakes_until_quiet(std::time::Duration::from_millis(1));
    let during = Holdings::now();
    let traffic = Traffic::to(stage.address, usize::MAX);
    traffic.flows(20);
    let (house, guest) = stage.leaves();
    drop(guest);
    traffic.ends();
    await_holdings("its clients are done", |holdings| holdings.threads <= during.threads);
    (house, during)
}

fn leaves_nothing<H: Host<Heard> + 'static>(name: &str) {
    println!("row: {name}");
    // The host opens some things when they are first needed.
    let (mut house, _) = visit(House::<H>::new());
    let before = Holdings::now();
    for visits in 1..=5 {
        let (back, during) = visit(house);
        assert_eq!(during.threads, before.threads, "no threads of its own");
        assert_eq!(during.handled, before.handled, "no signal handlers");
        let when = format!("{name}, {visits} visits after {before:?}");
        await_holdings(&when, |holdings| *holdings == before);
        house = back;
    }
}

#[test]
fn a_guest_dropped_in_the_middle_of_traffic_leaves_nothing_in_any_host() {
    leaves_nothing::<Own<Heard>>("our own turns");
    leaves_nothing::<GameTick>("game tick");
    leaves_nothing::<OnPoll<ByWaker>>("a guest on a poll");
    leaves_nothing::<OnPoll<ByDescriptor>>("a guest on a poll, with a waker of its own");
    #[cfg(not(mio_unsupported_force_poll_poll))]
    {
        leaves_nothing::<Poll>("poll(2)");
        leaves_nothing::<Epoll<Level>>("epoll, level-triggered");
        leaves_nothing::<Epoll<Edge>>("epoll, edge-triggered");
        leaves_nothing::<Epoll<LevelAlone>>("the descriptor alone, level-triggered");
        leaves_nothing::<Epoll<EdgeAlone>>("the descriptor alone, edge-triggered");
        leaves_nothing::<AsyncIo>("async-io");
    }
    #[cfg(all(feature = "calloop", not(mio_unsupported_force_poll_poll)))]
    {
        leaves_nothing::<Calloop<Heard, ToldWhile>>("calloop, level-triggered");
        leaves_nothing::<Calloop<Heard, ToldEach>>("calloop, edge-triggered");
        leaves_nothing::<Calloop<Heard, ToldOnce>>("calloop, one-shot");
    }
    #[cfg(all(feature = "tokio", not(mio_unsupported_force_poll_poll)))]
    {
        leaves_nothing::<Tokio<CurrentThread>>("tokio on one thread");
        leaves_nothing::<Tokio<MultiThread>>("tokio on two");
    }
}
