//! Connecting by name: what the resolver says is up to the test.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::network::Client;
use super::world::Fate;
use super::*;
use crate::drivers::resolver::{Answer, Resolve};
use crate::protocols::relay;
use crate::sansio::{Closing, Destination, Error, Unresolved};

/// A resolver that answers when the test does.
#[derive(Clone, Default)]
struct Directory {
    asked: Arc<Mutex<Vec<(String, Answer)>>>,
    is_busy: bool,
}

impl Resolve for Directory {
    fn look_up(&self, host: &str, port: u16, answer: Answer) -> Result<(), Unresolved> {
        if self.is_busy {
            return Err(Unresolved::Busy);
        }
        self.asked.lock().unwrap().push((format!("{host}:{port}"), answer));
        Ok(())
    }
}

impl Directory {
    /// Answers the oldest question.
    fn answer(&self, found: io::Result<Vec<SocketAddr>>) -> String {
        let (question, answer) = self.asked.lock().unwrap().remove(0);
        answer(found);
        question
    }
}

fn addresses(last: impl IntoIterator<Item = u8>) -> Vec<SocketAddr> {
    last.into_iter().map(|last| SocketAddr::from(([192, 0, 2, last], 80))).collect()
}

fn rig() -> (Rig, Directory) {
    let (mut rig, directory) = (Rig::new(), Directory::default());
    rig.engine.set_resolver(Box::new(directory.clone()));
    (rig, directory)
}

/// A rig that connects to a name which has so many addresses. None of them has said anything.
fn calling(count: u8) -> (Rig, ConnectionId) {
    let (mut rig, directory) = rig();
    let id = connect(&mut rig).unwrap();
    rig.settle();
    directory.answer(Ok(addresses(1..=count)));
    rig.settle();
    (rig, id)
}

fn connect(rig: &mut Rig) -> Result<ConnectionId, Error> {
    rig.engine.connect_by_name("example.com", 80, Box::new(echo()), Limits::default())
}

fn refuse(rig: &mut Rig, number: usize) {
    rig.net.client(number).change(|pipe| pipe.refusal = Some(ErrorKind::ConnectionRefused));
    rig.settle();
}

fn accept(rig: &mut Rig, number: usize) -> Client {
    let server = rig.net.client(number);
    server.change(|pipe| pipe.is_connecting = false);
    rig.settle();
    server
}

/// The protocol was told once that this is the end, and nothing is left.
fn assert_over(rig: &Rig, reason: CloseReason) {
    assert_eq!((&rig.seen.reasons[..], rig.seen.calls.len()), (&[reason][..], 1));
    assert_eq!(rig.open(), 0);
    assert!(rig.engine.searches.is_empty());
    assert_eq!(rig.engine.next_deadline(), Deadline::Never);
}

#[test]
fn a_name_is_looked_up_once_and_connected_to_when_that_is_done() {
    let (mut rig, directory) = rig();
    let id = connect(&mut rig).unwrap();
    rig.settle();
    assert_eq!((rig.open(), rig.net.world().tally.connects), (1, 0));
    assert_eq!(directory.answer(Ok(addresses([7]))), "example.com:80");
    rig.settle();
    let server = accept(&mut rig, 0);
    server.send("hello");
    rig.settle();
    assert_eq!(server.take(), b"hello");
    let connection = rig.engine.connections().next().unwrap();
    assert_eq!((connection.id(), connection.peer().to_string()), (id, "tcp://192.0.2.7:80".into()));
    assert!(rig.engine.searches.is_empty());
    rig.pass(Limits::default().connect * 2);
    assert_eq!((rig.count("connected"), rig.count("closed")), (1, 0));
}

#[test]
fn an_address_that_refuses_is_followed_by_the_next() {
    let (mut rig, id) = calling(3);
    refuse(&mut rig, 0);
    refuse(&mut rig, 1);
    assert!(rig.seen.calls.is_empty(), "its protocol knows nothing of that");
    assert_eq!([0, 1].map(|number| rig.net.client(number).fate()), [Some(Fate::InOrder); 2]);
    let server = accept(&mut rig, 2);
    assert_eq!(rig.net.world().tally.reads, 0, "what hung up was another stream");
    server.send("hello");
    rig.settle();
    assert_eq!((server.take(), rig.seen.calls[0]), (b"hello".to_vec(), (id, "connected")));
    let dialed: Vec<_> = rig.net.world().tally.dialed.iter().map(Address::ip).collect();
    assert_eq!(dialed, addresses(1..=3).iter().map(|a| Some(a.ip())).collect::<Vec<_>>());
}

#[test]
fn an_address_without_a_route_is_followed_by_the_next_at_once() {
    let (mut rig, directory) = rig();
    rig.net.world().unreachable = Some(addresses([1])[0].ip());
    connect(&mut rig).unwrap();
    directory.answer(Ok(addresses([1, 2])));
    rig.settle();
    accept(&mut rig, 0);
    assert_eq!((rig.count("connected"), rig.net.world().tally.connects), (1, 2));
}

#[test]
fn where_all_fail_the_protocol_is_told_how_the_last_did() {
    let (mut rig, _) = calling(2);
    refuse(&mut rig, 0);
    refuse(&mut rig, 1);
    assert_over(&rig, CloseReason::Io(ErrorKind::ConnectionRefused));
    let (mut rig, directory) = self::rig();
    rig.net.world().connects_fail = Some(ErrorKind::NetworkUnreachable);
    connect(&mut rig).unwrap();
    directory.answer(Ok(addresses([1, 2, 3])));
    rig.settle();
    assert_over(&rig, CloseReason::Io(ErrorKind::NetworkUnreachable));
    let (mut rig, directory) = self::rig();
    rig.net.world().registering_fails = true;
    connect(&mut rig).unwrap();
    directory.answer(Ok(addresses([1, 2])));
    rig.settle();
    assert_over(&rig, CloseReason::Io(ErrorKind::OutOfMemory));
}

#[test]
fn a_silent_address_takes_its_share_of_the_time_and_no_more() {
    let (mut rig, _) = calling(4);
    let share = Limits::default().connect / 4;
    for tried in 1..4 {
        assert_eq!(rig.net.world().tally.connects, tried);
        rig.pass(share - MILLISECOND);
        assert_eq!(rig.net.world().tally.connects, tried);
        rig.pass(MILLISECOND);
        rig.settle();
    }
    accept(&mut rig, 3);
    assert_eq!((rig.count("connected"), rig.open()), (1, 1));
}

#[test]
fn what_an_address_leaves_of_its_share_goes_to_the_others() {
    let (mut rig, _) = calling(2);
    refuse(&mut rig, 0);
    rig.pass(Limits::default().connect - MILLISECOND);
    assert!(rig.seen.calls.is_empty());
    accept(&mut rig, 1);
    assert_eq!(rig.count("connected"), 1);
}

#[test]
fn one_deadline_ends_all_tries() {
    for count in 1..=5 {
        let (mut rig, _) = calling(count);
        rig.pass(Limits::default().connect - MILLISECOND);
        rig.settle();
        assert_eq!((rig.open(), rig.net.world().tally.connects), (1, usize::from(count)));
        rig.pass(MILLISECOND);
        rig.settle();
        assert_over(&rig, CloseReason::TimedOut(Timeout::Connect));
    }
}

#[test]
fn a_lookup_counts_against_the_same_deadline() {
    let (mut rig, directory) = rig();
    connect(&mut rig).unwrap();
    rig.pass(Limits::default().connect - 2 * SECOND);
    directory.answer(Ok(addresses([1, 2])));
    rig.settle();
    rig.pass(2 * SECOND);
    rig.settle();
    assert_eq!(rig.net.world().tally.connects, 2);
    assert_over(&rig, CloseReason::TimedOut(Timeout::Connect));
    let (mut rig, directory) = self::rig();
    connect(&mut rig).unwrap();
    rig.pass(Limits::default().connect + SECOND);
    assert_over(&rig, CloseReason::TimedOut(Timeout::Connect));
    directory.answer(Ok(addresses([1])));
    rig.settle();
    assert_eq!(rig.net.world().tally.connects, 0, "that came too late");
}

#[test]
fn a_name_without_an_address_is_told_as_such() {
    for found in [Ok(Vec::new()), Err(io::Error::other("no such host"))] {
        let (mut rig, directory) = rig();
        connect(&mut rig).unwrap();
        directory.answer(found);
        rig.settle();
        assert_over(&rig, CloseReason::Unresolved(Unresolved::NotFound));
    }
}

#[test]
fn what_cannot_be_looked_up_is_an_error_for_the_host_and_an_end_for_a_callback() {
    let busy = Directory { is_busy: true, ..Directory::default() };
    for (resolver, expected) in [(None, Unresolved::NoResolver), (Some(busy), Unresolved::Busy)] {
        let mut rig = Rig::new();
        if let Some(resolver) = resolver {
            rig.engine.set_resolver(Box::new(resolver));
        }
        let error = connect(&mut rig).unwrap_err();
        let is_told = matches!(&error, Error::Unresolved { why, .. } if *why == expected);
        assert!(is_told && error.to_string().contains("example.com"), "{error}");
        assert_eq!((rig.open(), rig.engine.next_deadline()), (0, Deadline::Never));
        let to: Destination = "example.com:80".parse().unwrap();
        rig.engine.control().connect(to, echo(), Limits::default());
        rig.settle();
        assert_over(&rig, CloseReason::Unresolved(expected));
    }
}

#[test]
fn what_reads_as_an_address_needs_no_resolver() {
    let mut rig = Rig::new();
    let to: Destination = "192.0.2.1:80".parse().unwrap();
    rig.engine.control().connect(to, echo(), Limits::default());
    rig.settle();
    accept(&mut rig, 0);
    assert_eq!(rig.count("connected"), 1);
}

#[test]
fn a_connection_can_be_closed_while_its_name_is_looked_up_and_while_it_tries() {
    for is_found in [false, true] {
        let (mut rig, directory) = rig();
        let id = connect(&mut rig).unwrap();
        if is_found {
            directory.answer(Ok(addresses([1, 2])));
            rig.settle();
        }
        rig.engine.control().close(id, Closing::Abort);
        rig.settle();
        assert_over(&rig, CloseReason::Aborted);
        if !is_found {
            directory.answer(Ok(addresses([1, 2])));
            rig.settle();
        }
        assert_eq!(rig.net.world().tally.connects, usize::from(is_found));
        assert_eq!(rig.net.world().open(), 0);
    }
}

#[test]
fn a_drain_does_not_wait_for_a_name() {
    let (mut rig, _directory) = rig();
    connect(&mut rig).unwrap();
    rig.engine.begin_drain(60 * SECOND);
    let ended = (0..5).find_map(|_| rig.turn().ended);
    assert!(ended.is_some());
    assert_eq!(rig.seen.reasons, [CloseReason::Stopped]);
}

#[test]
fn an_event_of_an_address_that_failed_says_nothing_of_the_next() {
    let (mut rig, _) = calling(2);
    let token = rig.net.client(0).pipe().token.unwrap();
    rig.net.client(0).change(|pipe| pipe.refusal = Some(ErrorKind::ConnectionRefused));
    let stale = crate::net::Readiness { token, readable: true, writable: true, hung_up: true };
    rig.net.world().inject(stale);
    rig.turn();
    rig.net.world().inject(stale);
    rig.settle();
    assert_eq!((rig.seen.calls.len(), rig.open()), (0, 1));
    let server = accept(&mut rig, 1);
    server.send("hello");
    rig.settle();
    assert_eq!(server.take(), b"hello");
}

#[test]
fn a_name_with_a_thousand_addresses_is_tried_at_some() {
    let (mut rig, directory) = rig();
    rig.net.world().connects_fail = Some(ErrorKind::ConnectionRefused);
    connect(&mut rig).unwrap();
    directory.answer(Ok(addresses([1; 1000])));
    rig.settle();
    assert_eq!(rig.net.world().tally.connects, 16);
}

#[test]
fn answers_are_taken_within_the_budget_of_a_turn() {
    let (mut rig, directory) = rig();
    for _ in 0..10 {
        connect(&mut rig).unwrap();
    }
    for _ in 0..10 {
        directory.answer(Ok(addresses([1])));
    }
    for turn in 1..=10 {
        rig.turn_within(Budget::default().requests(1));
        assert_eq!(rig.net.world().tally.connects, turn);
    }
}

#[test]
fn a_full_mailbox_has_room_for_an_answer() {
    let (mut rig, directory) = (Rig::with(Config::default().mailbox(1)), Directory::default());
    rig.engine.set_resolver(Box::new(directory.clone()));
    connect(&mut rig).unwrap();
    let handle = rig.engine.handle();
    while handle.post(|_, _| {}).is_ok() {}
    directory.answer(Ok(addresses([1])));
    rig.settle();
    assert_eq!(rig.net.world().tally.connects, 1);
    connect(&mut rig).unwrap();
    drop(rig);
    directory.answer(Ok(addresses([1])));
}

#[test]
fn a_relay_goes_to_a_name() {
    let (mut rig, directory) = rig();
    let factory = boxed(relay::to("example.com:80").unwrap());
    rig.engine.listen(address(), &Limits::default().into(), factory).unwrap();
    let client = rig.client();
    client.send("hello");
    directory.answer(Ok(addresses([1, 2])));
    rig.settle();
    refuse(&mut rig, 1);
    let server = accept(&mut rig, 2);
    assert_eq!(server.take(), b"hello");
    let lost = rig.client();
    directory.answer(Ok(Vec::new()));
    rig.settle();
    assert_eq!(lost.fate(), Some(Fate::ByReset));
}
