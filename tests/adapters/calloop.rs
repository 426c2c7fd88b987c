//! As a source of calloop's.

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ::calloop::generic::Generic;
use ::calloop::{Dispatcher, EventLoop, Interest, LoopHandle, Mode, RegistrationToken};
use switchboard::drivers::event_loop::Ended;
use switchboard::embed::calloop::{Source, Turned, Turner};
use switchboard::{Budget, Closing, Wait};

use super::programs::PATIENCE;
use super::{Client, Heard, server};

/// The host's data. The guest is lent one field.
struct Data {
    heard: Heard,
    turns: usize,
    ended: Option<Ended>,
    handle: LoopHandle<'static, Self>,
    /// What is removed by its own callback once something was heard.
    leaving: Option<RegistrationToken>,
}

type Host = EventLoop<'static, Data>;
type Guest = Dispatcher<'static, Source<Heard>, Data>;

fn host() -> (Host, Data) {
    let host = Host::try_new().unwrap();
    let handle = host.handle();
    (host, Data { heard: 0, turns: 0, ended: None, handle, leaving: None })
}

fn turn((): (), server: &mut Turner<Heard>, data: &mut Data) -> io::Result<Turned> {
    let turned = server.turn(Budget::default(), &mut data.heard)?;
    data.turns += 1;
    data.ended = turned.turn.ended;
    if data.heard > 0
        && let Some(token) = data.leaving.take()
    {
        data.handle.remove(token);
    }
    Ok(turned)
}

/// A server in this host, and a client that was answered once.
fn served(host: &mut Host, data: &mut Data, mode: Mode) -> (Guest, RegistrationToken, Client) {
    let (server, address) = server();
    let guest = Dispatcher::new(Source::new(server, mode).unwrap(), turn);
    let token = host.handle().register_dispatcher(guest.clone()).unwrap();
    let mut client = Client::connect(address);
    let heard = data.heard;
    client.send("first");
    until(host, data, |data| data.heard == heard + 5);
    assert_eq!(client.bytes(5), b"first");
    (guest, token, client)
}

/// Has the host go round until it is so. Each time the guest must have been called.
fn until(host: &mut Host, data: &mut Data, is_so: impl Fn(&Data) -> bool) {
    while !is_so(data) {
        let turns = data.turns;
        host.dispatch(Some(PATIENCE), data).unwrap();
        assert!(data.turns > turns, "the guest was forgotten");
    }
}

/// How many descriptors the host's poller watches.
fn watched(host: &Host) -> usize {
    let path = format!("/proc/self/fdinfo/{}", host.as_fd().as_raw_fd());
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter(|line| line.starts_with("tfd:")).count()
}

#[test]
fn a_guest_removed_in_its_own_callback_leaves_nothing_and_another_may_come() {
    let (mut host, mut data) = host();
    let empty = watched(&host);
    for _ in 0..3 {
        data.heard = 0;
        let (server, address) = server();
        let source = Source::new(server, Mode::Level).unwrap();
        data.leaving = Some(host.handle().insert_source(source, turn).unwrap());
        let mut client = Client::connect(address);
        client.send("first");
        until(&mut host, &mut data, |data| data.leaving.is_none());
        assert_eq!(client.rest().unwrap(), b"first", "its sockets went with it");
        assert_eq!(watched(&host), empty);
        let turns = data.turns;
        host.dispatch(Some(Duration::ZERO), &mut data).unwrap();
        assert_eq!(data.turns, turns);
    }
}

#[test]
fn a_guest_that_was_disabled_is_silent_and_loses_nothing() {
    for mode in [Mode::Level, Mode::Edge, Mode::OneShot] {
        let (mut host, mut data) = host();
        let empty = watched(&host);
        let (_guest, token, mut client) = served(&mut host, &mut data, mode);
        host.handle().disable(&token).unwrap();
        assert_eq!(watched(&host), empty);
        client.send("while away");
        let turns = data.turns;
        host.dispatch(Some(Duration::ZERO), &mut data).unwrap();
        assert_eq!(data.turns, turns);
        host.handle().enable(&token).unwrap();
        until(&mut host, &mut data, |data| data.heard == 15);
        assert_eq!(client.bytes(10), b"while away");
    }
}

#[test]
fn a_disabled_guest_can_be_removed() {
    let (mut host, mut data) = host();
    let empty = watched(&host);
    let (guest, token, _client) = served(&mut host, &mut data, Mode::Level);
    host.handle().disable(&token).unwrap();
    host.handle().remove(token);
    assert_eq!(watched(&host), empty);
    drop(guest.into_source_inner());
    host.dispatch(Some(Duration::ZERO), &mut data).unwrap();
}

#[test]
fn what_is_asked_of_the_loop_elsewhere_is_done_after_an_update() {
    let (mut host, mut data) = host();
    let (guest, token, mut client) = served(&mut host, &mut data, Mode::Edge);
    {
        let server = &mut guest.as_source_mut().turner.event_loop;
        let id = server.connections().next().unwrap().id();
        server.close(id, Closing::Finish);
    }
    host.handle().update(&token).unwrap();
    until(&mut host, &mut data, |_| !guest.as_source_ref().turner.event_loop.has_pending());
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn what_the_host_dropped_when_another_source_failed_comes_back_with_an_update() {
    for mode in [Mode::Level, Mode::Edge, Mode::OneShot] {
        let (mut host, mut data) = host();
        let (_guest, token, mut client) = served(&mut host, &mut data, mode);
        let (other, mut trouble) = UnixStream::pair().unwrap();
        let other = Generic::new(other, Interest::READ, Mode::Level);
        let other = host.handle().insert_source(other, |_, _, _| Err(io::Error::other("failed")));
        // Until the host has looked again it keeps a level-triggered source at hand.
        host.dispatch(Some(Duration::ZERO), &mut data).unwrap();
        // First, so that the guest's event comes after it.
        trouble.write_all(b"!").unwrap();
        client.send("again");
        let turns = data.turns;
        host.dispatch(Some(PATIENCE), &mut data).unwrap_err();
        assert_eq!(data.turns, turns, "it was not called");
        host.handle().remove(other.unwrap());
        host.handle().update(&token).unwrap();
        until(&mut host, &mut data, |data| data.heard == 10);
        assert_eq!(client.bytes(5), b"again");
    }
}

#[test]
fn a_guest_that_was_stopped_has_left_and_its_loop_goes_on_elsewhere() {
    let (mut host, mut data) = host();
    let empty = watched(&host);
    let (guest, _, mut client) = served(&mut host, &mut data, Mode::Level);
    let handle = guest.as_source_ref().turner.event_loop.handle();
    handle.stop().unwrap();
    until(&mut host, &mut data, |data| data.ended == Some(Ended::Stopped));
    assert_eq!(watched(&host), empty);
    let mut server = guest.into_source_inner().turner.event_loop;
    client.send("again");
    while data.heard < 10 {
        server.turn(Wait::UpTo(PATIENCE), Budget::default(), &mut data.heard).unwrap();
    }
    assert_eq!(client.bytes(5), b"again");
}
