//! Connecting by name over real sockets: a host that knows its own name, one with an address
//! where nobody listens, and what of it reaches a protocol.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use switchboard::drivers::resolver::Config;
use switchboard::{
    Budget, CloseReason, Closed, Error, EventLoop, Limits, Protocol, Resolver, Transport,
    Unresolved, Wait, relay,
};

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct Echo;

impl Protocol<Diary> for Echo {
    fn received(
        &mut self,
        transport: &mut Transport<'_, Diary>,
        _: &mut Diary,
        bytes: &[u8],
    ) -> usize {
        transport.write(bytes);
        bytes.len()
    }
}

/// Says hello, and finishes when that comes back.
struct Caller;

/// What became of the callers.
#[derive(Default)]
struct Diary {
    heard: Vec<String>,
    ended: Vec<CloseReason>,
}

impl Protocol<Diary> for Caller {
    fn connected(&mut self, transport: &mut Transport<'_, Diary>, _: &mut Diary) {
        transport.write(b"hello");
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_, Diary>,
        diary: &mut Diary,
        bytes: &[u8],
    ) -> usize {
        if bytes.len() < 5 {
            return 0;
        }
        diary.heard.push(transport.peer().to_string());
        transport.finish();
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, Diary>, diary: &mut Diary, closed: Closed) {
        diary.ended.push(closed.reason);
    }
}

/// Makes turns until so many callers have ended.
fn run(event_loop: &mut EventLoop<Diary>, callers: usize) -> Diary {
    let mut diary = Diary::default();
    while diary.ended.len() < callers {
        let turn = event_loop.turn(Wait::UpTo(PATIENCE), Budget::default(), &mut diary).unwrap();
        assert!(turn.events > 0 || turn.callbacks > 0 || turn.more, "nothing happens any more");
    }
    diary
}

/// A loop that echoes on IPv4, and where.
fn echoing(resolver: Resolver) -> (EventLoop<Diary>, SocketAddr) {
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.set_resolver(resolver);
    let listener = event_loop.listen("127.0.0.1:0", |_| Echo).unwrap();
    let address = event_loop.local_address(listener).unwrap().socket().unwrap();
    (event_loop, address)
}

#[test]
fn localhost_is_reached_on_ipv4_whatever_else_it_has() {
    let (mut event_loop, address) = echoing(Resolver::new().unwrap());
    let to = format!("localhost:{}", address.port());
    event_loop.connect(&*to, Caller, Limits::default()).unwrap();
    let diary = run(&mut event_loop, 1);
    assert_eq!(diary.heard, [format!("tcp://{address}")]);
    assert_eq!(diary.ended, [CloseReason::Finished]);
}

#[test]
fn an_address_that_refuses_is_followed_by_one_that_answers() {
    // Nobody listens on that port of IPv6, if there is IPv6: it is IPv4 alone that was bound.
    let both = |_: &str, port| {
        let v4 = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(vec![SocketAddr::from((Ipv6Addr::LOCALHOST, port)), v4])
    };
    let resolver = Resolver::with_lookup(Config::default(), both).unwrap();
    let (mut event_loop, address) = echoing(resolver);
    let to = format!("both.example:{}", address.port());
    for _ in 0..10 {
        event_loop.connect(&*to, Caller, Limits::default()).unwrap();
    }
    let diary = run(&mut event_loop, 10);
    assert_eq!(diary.heard, vec![format!("tcp://{address}"); 10]);
    assert_eq!(diary.ended, [CloseReason::Finished; 10]);
}

#[test]
fn the_reason_says_whether_a_name_has_no_address_or_nobody_listens_there() {
    // A port that was ours a moment ago, and that nobody has asked for since.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lookup = move |host: &str, _| match host {
        "nowhere.example" => Err(io::Error::other("no such host")),
        "empty.example" => Ok(Vec::new()),
        _ => Ok(vec![free, free]),
    };
    let resolver = Resolver::with_lookup(Config::default(), lookup).unwrap();
    let (mut event_loop, _) = echoing(resolver);
    let unresolved = CloseReason::Unresolved(Unresolved::NotFound);
    for (to, reason) in [
        ("nowhere.example:80", unresolved),
        ("empty.example:80", unresolved),
        ("quiet.example:80", CloseReason::Io(io::ErrorKind::ConnectionRefused)),
    ] {
        event_loop.connect(to, Caller, Limits::default()).unwrap();
        assert_eq!(run(&mut event_loop, 1).ended, [reason], "{to}");
    }
}

#[test]
fn a_loop_without_a_resolver_says_so() {
    let mut event_loop = EventLoop::<Diary>::new().unwrap();
    let error = event_loop.connect("localhost:80", Caller, Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Unresolved { why: Unresolved::NoResolver, .. }), "{error}");
    assert_eq!(error.to_string(), "cannot look up localhost: no resolver to look the name up with");
    assert_eq!(event_loop.stats().open, 0);
}

#[test]
fn a_relay_reaches_its_server_by_name() {
    let (mut event_loop, address) = echoing(Resolver::new().unwrap());
    let factory = relay::to(&*format!("localhost:{}", address.port())).unwrap();
    let relay = event_loop.listen("127.0.0.1:0", factory).unwrap();
    let address = event_loop.local_address(relay).unwrap().clone();
    event_loop.connect(address.clone(), Caller, Limits::default()).unwrap();
    let diary = run(&mut event_loop, 1);
    assert_eq!(diary.heard, [address.to_string()]);
}
