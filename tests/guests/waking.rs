//! The host wakes whenever it should: for other threads, for clients, and for itself.

use std::sync::mpsc;

use switchboard::Config;

use crate::hosts::Host;
use crate::is_long;
use crate::programs::PATIENCE;
use crate::protocols::{Heard, Late, Restless, hours};
use crate::stage::{House, Stage};

pub(crate) fn each_wake_up_from_another_thread_is_heard<H: Host<Heard> + 'static>() {
    let stage = Stage::<H>::set(Config::default());
    let (heard, is_heard) = mpsc::channel();
    let count = if is_long() { 20_000 } else { 1000 };
    for number in 0..count {
        let heard = heard.clone();
        stage.handle.post(move |_, _| heard.send(number).unwrap()).unwrap();
        assert_eq!(is_heard.recv_timeout(PATIENCE), Ok(number));
    }
    stage.stops();
}

pub(crate) fn no_round_trip_stalls<H: Host<Heard> + 'static>() {
    let stage = Stage::<H>::set(Config::default());
    let mut client = stage.client();
    let count = if is_long() { 12_000 } else { 600 };
    for number in 0..count {
        let line = format!("{number:08}");
        client.send(&line);
        assert_eq!(client.bytes(8), line.as_bytes());
    }
    assert_eq!(stage.stops(), 8 * count);
}

pub(crate) fn a_deadline_is_kept_though_nothing_else_comes<H: Host<Heard> + 'static>() {
    let stage = House::<H>::new().takes_in(Config::default(), hours(), || Late);
    // The host sleeps until an hour has passed; what comes moves that to the next moment.
    let mut client = stage.client();
    for _ in 0..5 {
        client.send("now");
        assert_eq!(client.bytes(5), b"later");
    }
    stage.stops();
}

pub(crate) fn a_busy_guest_leaves_its_host_time<H: Host<Heard> + 'static>() {
    let stage = House::<H>::new().takes_in(Config::default(), hours(), || Restless);
    let mut client = stage.client();
    client.send("go");
    assert_eq!(client.bytes(1), b"!");
    let (done, is_done) = mpsc::channel();
    for number in 0..40 {
        let done = done.clone();
        stage.works(move || done.send(number).unwrap());
        assert_eq!(is_done.recv_timeout(PATIENCE), Ok(number));
    }
    // And the guest has had its turns all the while, and goes on having them.
    assert_eq!(client.bytes(1), b"!");
    assert!(stage.stops() > Restless::TURNS);
}
