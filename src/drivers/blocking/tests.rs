//! The operator, with a test in the place of its driver.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use super::super::event_loop::{Ended, OnPanic};
use super::*;
use crate::net::ListenOptions;
use crate::sansio::{
    Address, CloseReason, ConnectionId, Driver, Error, Limits, Misuse, Protocol, Transport,
};

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct Echo;

impl Protocol<()> for Echo {
    fn received(&mut self, transport: &mut Transport<'_, ()>, _: &mut (), bytes: &[u8]) -> usize {
        transport.write(bytes);
        bytes.len()
    }
}

fn operator(config: Config, limits: Limits) -> Operator<()> {
    let mut operator = Operator::new(Driver::Threads, config);
    let options = ListenOptions::default().limits(limits);
    operator.listen(&"127.0.0.1:0".parse().unwrap(), &options, |_| Echo).unwrap();
    operator
}

fn client(operator: &Operator<()>) -> TcpStream {
    let address = operator.local_addresses().next().and_then(Address::socket).unwrap();
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// The next call; none where nothing happens that leads to one.
fn call(operator: &mut Operator<()>) -> Option<Call<()>> {
    for _ in 0..10 {
        if let Next::Call(call) = operator.next(None, Some(Duration::from_millis(10))).unwrap() {
            return Some(call);
        }
    }
    None
}

#[test]
fn a_call_that_nobody_can_run_waits_and_is_given_again() {
    let config = Config::default().accept_rest(Duration::from_millis(1));
    let mut operator = operator(config, Limits::default());
    let [mut first, _second] = [(); 2].map(|()| client(&operator));
    first.write_all(b"hello").unwrap();
    first.shutdown(Shutdown::Write).unwrap();
    let refused = call(&mut operator).unwrap();
    let id = refused.id();
    operator.put_back(refused, &io::Error::other("no thread is left"));
    let again = call(&mut operator).unwrap();
    assert_eq!(again.id(), id, "the one that waits comes first");
    let outcome = again.converse(&mut (), None);
    assert_eq!(outcome.reason, CloseReason::Finished);
    operator.note_ended(id, outcome);
    let stats = operator.handle().stats();
    assert_eq!((stats.exhaustions, stats.open, stats.bytes_in, stats.bytes_out), (1, 0, 5, 5));
    let mut back = Vec::new();
    first.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"hello");
}

#[test]
fn a_rest_ends_early_when_a_connection_does() {
    let config = Config::default().accept_rest(Duration::from_secs(1000));
    let mut operator = operator(config, Limits::default());
    let [_first, _second] = [(); 2].map(|()| client(&operator));
    let running = call(&mut operator).unwrap();
    let refused = call(&mut operator).unwrap();
    let (running, refused_id) = (running.id(), refused.id());
    operator.put_back(refused, &io::Error::other("no thread is left"));
    assert!(call(&mut operator).is_none());
    operator.note_ended(running, Outcome::new(CloseReason::Finished));
    assert_eq!(call(&mut operator).map(|call| call.id()), Some(refused_id));
}

#[test]
fn an_address_with_as_many_connections_as_it_may_have_is_turned_away() {
    let mut operator = operator(Config::default(), Limits::default().connections_per_address(1));
    let [_first, mut second] = [(); 2].map(|()| client(&operator));
    let running = call(&mut operator).unwrap().id();
    assert!(call(&mut operator).is_none());
    assert_eq!(second.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(operator.handle().stats().refused, 1);
    operator.note_ended(running, Outcome::new(CloseReason::Finished));
    let _third = client(&operator);
    assert!(call(&mut operator).is_some());
}

#[test]
fn at_its_limit_a_listener_is_not_asked_and_others_are() {
    let mut operator = operator(Config::default(), Limits::default().connections(1));
    let options = ListenOptions::default();
    operator.listen(&"127.0.0.1:0".parse().unwrap(), &options, |_| Echo).unwrap();
    let addresses: Vec<_> =
        operator.local_addresses().map(|address| address.socket().unwrap()).collect();
    let _waiting: Vec<_> = (0..3).map(|_| TcpStream::connect(addresses[0]).unwrap()).collect();
    let running = call(&mut operator).unwrap().id();
    assert!(call(&mut operator).is_none());
    let _others: Vec<_> = (0..3).map(|_| TcpStream::connect(addresses[1]).unwrap()).collect();
    let calls: Vec<_> = std::iter::from_fn(|| call(&mut operator)).collect();
    assert_eq!(calls.len(), 3);
    operator.note_ended(running, Outcome::new(CloseReason::Finished));
    assert!(call(&mut operator).is_some());
}

#[test]
fn a_drain_is_over_when_nobody_is_left_and_a_late_one_stops() {
    let mut operator = operator(Config::default(), Limits::default());
    let clients = [(); 3].map(|()| client(&operator));
    let ids: Vec<ConnectionId> =
        std::iter::from_fn(|| call(&mut operator)).map(|call| call.id()).collect();
    let handle = operator.handle();
    handle.drain(PATIENCE).unwrap();
    handle.drain(Duration::ZERO).unwrap();
    assert!(matches!(operator.next(None, None).unwrap(), Next::Look));
    assert!(operator.is_stopping(), "the shorter one counts, and its time is out");
    for (id, reason) in
        ids.iter().zip([CloseReason::Finished, CloseReason::Stopped, CloseReason::File])
    {
        operator.note_ended(*id, Outcome::new(reason));
    }
    let Next::Ended(Ended::Drained(drained)) = operator.next(None, None).unwrap() else {
        panic!("nobody is left");
    };
    assert_eq!((drained.finished, drained.aborted, drained.otherwise), (1, 1, 1));
    assert!(handle.drain(PATIENCE).is_err());
    drop(clients);
}

#[test]
fn a_stop_comes_before_a_drain_and_a_call_that_waits_is_given_up() {
    let mut operator = operator(Config::default(), Limits::default());
    let mut client = client(&operator);
    let refused = call(&mut operator).unwrap();
    operator.put_back(refused, &io::Error::other("no thread is left"));
    operator.handle().drain(PATIENCE).unwrap();
    operator.handle().stop().unwrap();
    assert!(matches!(operator.next(None, None).unwrap(), Next::Ended(Ended::Stopped)));
    assert!(!matches!(client.read(&mut [0]), Ok(1)));
}

#[test]
fn a_factory_that_panics_costs_its_peer_or_the_server_as_was_chosen() {
    for (on_panic, is_through) in [(OnPanic::Close, false), (OnPanic::Propagate, true)] {
        let mut operator = Operator::new(Driver::Threads, Config::default().on_panic(on_panic));
        let factory = |_| -> Echo { panic!("as the test wants it") };
        let address = "127.0.0.1:0".parse().unwrap();
        operator.listen(&address, &ListenOptions::default(), factory).unwrap();
        let mut client = client(&operator);
        let called = panic::catch_unwind(AssertUnwindSafe(|| call(&mut operator).is_some()));
        assert_eq!(called.is_err(), is_through);
        assert!(client.read(&mut [0]).map_or(true, |count| count == 0));
    }
}

#[test]
fn what_cannot_work_is_refused_when_it_is_set_up() {
    let address = "127.0.0.1:0".parse().unwrap();
    let refusal = |config: Config, limits: Limits| {
        let mut operator = Operator::<()>::new(Driver::Threads, config);
        let options = ListenOptions::default().limits(limits);
        match operator.listen(&address, &options, |_| Echo) {
            Err(Error::Misuse(misuse)) => Some(misuse),
            _ => None,
        }
    };
    let least = |field, found, least| Some(Misuse::Limit { field, found, least });
    let (config, limits) = (Config::default, Limits::default);
    assert_eq!(refusal(config(), limits()), None);
    assert_eq!(refusal(config(), limits().connections(0)), least("connections", 0, 1));
    assert_eq!(refusal(config().read_size(0), limits()), least("read_size", 0, 1));
    assert_eq!(refusal(config().mailbox(0), limits()), least("mailbox", 0, 1));
    assert_eq!(refusal(config().stack_size(1), limits()), least("stack_size", 1, 64 << 10));
}

#[test]
fn an_address_without_streams_is_refused() {
    let mut operator = Operator::<()>::new(Driver::Threads, Config::default());
    for address in ["udp://127.0.0.1:0", "unixgram:@switchboard-test"] {
        let address = address.parse().unwrap();
        let refused = operator.listen(&address, &ListenOptions::default(), |_| Echo).unwrap_err();
        let Error::Io { source, attempt } = refused else { panic!("{refused}") };
        assert_eq!(source.kind(), ErrorKind::Unsupported);
        assert_eq!(attempt, format!("cannot listen on {address}"));
    }
}
