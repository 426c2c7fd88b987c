//! A host that waits for the loop's descriptor and for nothing else loses nothing, whether its
//! epoll is level- or edge-triggered: `Config::timer_in_descriptor`.
//!
//! Every wait is for something, and a host makes one turn for each: never because some time went
//! by.

#![cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

use std::any::Any;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use switchboard::drivers::event_loop::Interest;
use switchboard::embed::{Guest, WakeUp};
use switchboard::{
    Budget, CloseReason, Closed, Closing, Config, ConnectionId, Control, DatagramLimits,
    DatagramProtocol, DatagramTransport, Error, EventLoop, Limits, ListenerId, ManualClock, Misuse,
    Protocol, Timeout, Transport, Turn, Wait, WhenFull,
};

const LEVEL: EventFlags = EventFlags::IN;
const EDGE: EventFlags = EventFlags::IN.union(EventFlags::ET);
const MODES: [EventFlags; 2] = [LEVEL, EDGE];
const PATIENCE: Duration = Duration::from_secs(20);

/// What protocols were told.
#[derive(Default)]
struct Seen {
    open: Vec<ConnectionId>,
    expired: usize,
    notified: usize,
    closed: Vec<CloseReason>,
}

struct Echo;

impl Protocol<Seen> for Echo {
    fn connected(&mut self, on: &mut Transport<'_, Seen>, seen: &mut Seen) {
        seen.open.push(on.id());
    }

    fn received(&mut self, on: &mut Transport<'_, Seen>, _: &mut Seen, bytes: &[u8]) -> usize {
        assert_ne!(bytes, b"panic", "a panic on purpose");
        if bytes.starts_with(b"wait") {
            on.set_timeout(Duration::from_millis(5));
        }
        on.write(bytes);
        bytes.len()
    }

    fn expired(&mut self, _: &mut Transport<'_, Seen>, seen: &mut Seen, _: Timeout) {
        seen.expired += 1;
    }

    fn notified(&mut self, _: &mut Transport<'_, Seen>, seen: &mut Seen, _: Box<dyn Any + Send>) {
        seen.notified += 1;
    }

    fn closed(&mut self, _: &mut Transport<'_, Seen>, seen: &mut Seen, closed: Closed) {
        seen.closed.push(closed.reason);
    }
}

struct Deaf;

impl DatagramProtocol<Seen> for Deaf {
    fn received(
        &mut self,
        _: &mut DatagramTransport<'_, Seen>,
        _: &mut Seen,
        _: &switchboard::Address,
        _: &[u8],
    ) {
    }
}

/// A loop of its own, in which a Switchboard is one descriptor.
struct Host {
    event_loop: EventLoop<Seen>,
    listener: ListenerId,
    epoll: OwnedFd,
    seen: Seen,
    budget: Budget,
}

impl Host {
    fn new(mode: EventFlags) -> Self {
        Self::with(mode, Config::default().timer_in_descriptor(true))
    }

    fn with(mode: EventFlags, config: Config) -> Self {
        let mut event_loop = EventLoop::with_config(config).unwrap();
        let listener = event_loop.listen("127.0.0.1:0", |_peer| Echo).unwrap();
        let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
        epoll::add(&epoll, &event_loop, EventData::new_u64(0), mode).unwrap();
        let (seen, budget) = (Seen::default(), Budget::default());
        Self { event_loop, listener, epoll, seen, budget }
    }

    fn is_readable_within(&self, wait: Duration) -> bool {
        let mut events = Vec::with_capacity(1);
        let wait = Timespec::try_from(wait).unwrap();
        let buffer = rustix::buffer::spare_capacity(&mut events);
        epoll::wait(&self.epoll, buffer, Some(&wait)).unwrap() == 1
    }

    fn is_readable(&self) -> bool {
        self.is_readable_within(Duration::ZERO)
    }

    fn turn(&mut self) -> Turn {
        self.event_loop.turn(Wait::No, self.budget, &mut self.seen).unwrap()
    }

    /// Waits and makes one turn, as often as it takes.
    fn until(&mut self, mut is_done: impl FnMut(&mut Seen) -> bool) {
        while !is_done(&mut self.seen) {
            assert!(self.is_readable_within(PATIENCE), "the descriptor is silent");
            self.turn();
        }
    }

    /// Makes one turn for each time that it is readable, until it is not.
    fn settle(&mut self) {
        for _ in 0..1000 {
            if !self.is_readable() {
                assert!(!self.event_loop.has_pending(), "it is quiet, and there is work");
                return;
            }
            self.turn();
        }
        panic!("it is readable for ever");
    }

    /// A client whose connection is there.
    fn client(&mut self) -> TcpStream {
        let open = self.seen.open.len();
        let address = self.event_loop.local_address(self.listener).unwrap().socket().unwrap();
        let client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        self.until(|seen| seen.open.len() > open);
        self.settle();
        client
    }

    /// A client of a host that asks for deadlines, too.
    fn client_by_turns(&mut self) -> TcpStream {
        let address = self.event_loop.local_address(self.listener).unwrap().socket().unwrap();
        let client = TcpStream::connect(address).unwrap();
        while self.is_readable() || self.event_loop.has_pending() {
            self.turn();
        }
        client
    }
}

#[test]
fn a_deadline_makes_the_descriptor_readable_each_time() {
    for mode in MODES {
        let mut host = Host::new(mode);
        let mut client = host.client();
        for round in 1..=3 {
            client.write_all(b"wait").unwrap();
            host.until(|seen| seen.expired == round);
            host.settle();
        }
    }
}

#[test]
fn what_a_budget_left_over_makes_the_descriptor_readable() {
    for mode in MODES {
        let past = Budget::until(ManualClock::new().now());
        for budget in [Budget::default().connections(1), past] {
            let mut host = Host::with(mode, Config::default().events(4).timer_in_descriptor(true));
            let mut clients: Vec<_> = (0..64).map(|_| host.client()).collect();
            clients.iter_mut().for_each(|client| client.write_all(b"hello").unwrap());
            host.budget = budget;
            host.settle();
            for client in &mut clients {
                let mut heard = [0; 5];
                client.read_exact(&mut heard).unwrap();
            }
        }
    }
}

#[test]
fn without_the_timer_an_edge_host_that_makes_one_turn_strands_clients() {
    let mut host = Host::with(EDGE, Config::default().events(4));
    let mut clients: Vec<_> = (0..64).map(|_| host.client_by_turns()).collect();
    clients.iter_mut().for_each(|client| client.write_all(b"hello").unwrap());
    host.budget = Budget::default().connections(1);
    assert!(host.is_readable());
    assert!(host.turn().more);
    assert!(!host.is_readable(), "this is what the option is for");
}

/// Something that a host does between two turns.
type Act = fn(&mut Host, ConnectionId);

const ACTS: [(&str, Act); 19] = [
    ("close", |host, id| host.event_loop.close(id, Closing::Finish)),
    ("drain", |host, _| host.event_loop.drain(PATIENCE)),
    ("control: send", |host, id| host.event_loop.control().send(id, "news", WhenFull::Drop)),
    ("control: broadcast", |host, _| {
        let listener = host.listener;
        host.event_loop.control().broadcast(listener, "news", WhenFull::Drop);
    }),
    ("control: notify", |host, id| host.event_loop.control().notify(id, Box::new(()))),
    ("control: close", |host, id| host.event_loop.control().close(id, Closing::Abort)),
    ("control: hand over", |host, id| host.event_loop.control().hand_over(id, Echo)),
    ("control: connect", |host, _| {
        let to = host.event_loop.local_address(host.listener).unwrap().clone();
        host.event_loop.control().connect(to, Echo, Limits::default());
    }),
    ("control: drain", |host, _| host.event_loop.control().drain(PATIENCE)),
    ("control: stop", |host, _| host.event_loop.control().stop()),
    ("bind", |host, _| {
        host.event_loop.bind("udp://127.0.0.1:0", Deaf).unwrap();
    }),
    ("adopt a UDP socket", |host, _| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        host.event_loop.adopt_udp_socket(socket, Deaf, DatagramLimits::default()).unwrap();
    }),
    ("adopt a Unix datagram socket", |host, _| {
        let (socket, _other) = UnixDatagram::pair().unwrap();
        host.event_loop.adopt_unix_datagram(socket, Deaf, DatagramLimits::default()).unwrap();
    }),
    ("adopt a Unix stream", |host, _| {
        let (stream, _other) = UnixStream::pair().unwrap();
        host.event_loop.adopt_unix_stream(stream, Echo, Limits::default()).unwrap();
    }),
    ("adopt a TCP stream", |host, _| {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        host.event_loop.adopt_stream(stream, Echo, Limits::default()).unwrap();
    }),
    ("watch what is ready", |host, _| {
        let (source, _other) = UnixStream::pair().unwrap();
        let over = |_: &mut _, _, _: &mut Control<'_, Seen>, _: &mut Seen| ControlFlow::Break(());
        host.event_loop.watch(source, Interest::Readable, over).unwrap();
    }),
    ("call now", |host, _| {
        let now = host.event_loop.control().now();
        host.event_loop.call_at(now, |_, _| ControlFlow::Break(()));
    }),
    ("handle: post", |host, _| host.event_loop.handle().post(|_, _| ()).unwrap()),
    ("handle: wake", |host, _| host.event_loop.handle().wake()),
];

#[test]
fn what_the_host_asks_between_turns_makes_the_descriptor_readable_at_once() {
    for mode in MODES {
        for (name, act) in ACTS {
            let mut host = Host::new(mode);
            let _client = host.client();
            let id = host.seen.open[0];
            assert!(!host.is_readable(), "{name}: before");
            act(&mut host, id);
            assert!(host.is_readable(), "{name}");
            host.turn();
            host.settle();
        }
    }
}

#[test]
fn looking_at_the_loop_leaves_the_descriptor_quiet() {
    let mut host = Host::new(LEVEL);
    let _client = host.client();
    let _ = host.event_loop.stats();
    let control = host.event_loop.control();
    let _ = (control.stats(), control.now());
    control.visit(&mut |_| ());
    assert_eq!(host.event_loop.connections().count(), 1);
    assert!(!host.is_readable());
}

#[test]
fn a_connection_begun_between_turns_has_its_deadline_in_the_descriptor() {
    for mode in MODES {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full");
        // Nobody accepts, and a backlog of none is full with the first: nothing announces room.
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let _first = UnixStream::connect(&path).unwrap();
        let mut host = Host::new(mode);
        host.settle();
        let limits = Limits::default().connect(Duration::from_millis(30));
        let to = format!("unix://{}", path.display());
        host.event_loop.connect(&*to, Echo, limits).unwrap();
        host.until(|seen| !seen.closed.is_empty());
        assert_eq!(host.seen.closed, [CloseReason::TimedOut(Timeout::Connect)]);
    }
}

#[test]
fn a_call_at_a_time_is_in_the_descriptor() {
    for mode in MODES {
        let mut host = Host::new(mode);
        host.settle();
        let at = host.event_loop.control().now() + Duration::from_millis(5);
        host.event_loop.call_at(at, |control, seen| {
            seen.expired += 1;
            ControlFlow::Continue(control.now() + Duration::from_millis(5))
        });
        host.until(|seen| seen.expired == 3);
    }
}

#[test]
fn what_a_callback_left_in_a_watched_descriptor_is_announced_again() {
    for mode in MODES {
        let mut host = Host::new(mode);
        let (source, mut other) = UnixStream::pair().unwrap();
        other.write_all(b"abc").unwrap();
        let read = |source: &mut UnixStream, _, _: &mut Control<'_, Seen>, seen: &mut Seen| {
            seen.notified += source.read(&mut [0]).unwrap();
            ControlFlow::Continue(())
        };
        host.event_loop.watch(source, Interest::Readable, read).unwrap();
        host.until(|seen| seen.notified == 3);
        host.settle();
    }
}

#[test]
fn a_panic_that_leaves_a_turn_leaves_the_descriptor_readable() {
    for mode in MODES {
        let mut host = Host::new(mode);
        let mut client = host.client();
        client.write_all(b"panic").unwrap();
        assert!(host.is_readable_within(PATIENCE));
        assert!(panic::catch_unwind(AssertUnwindSafe(|| host.turn())).is_err());
        assert!(host.is_readable(), "its connection is to be closed");
        host.turn();
        host.settle();
        assert_eq!(host.event_loop.connections().count(), 0);
    }
}

#[test]
fn a_guest_has_no_descriptor_to_put_a_timer_in() {
    let poll = mio::Poll::new().unwrap();
    let config = Config::default().timer_in_descriptor(true);
    let refused = Guest::<()>::attach_with(poll.registry(), 0..9, WakeUp::callback(|| ()), config);
    assert!(matches!(refused, Err(Error::Misuse(Misuse::NoDescriptor))));
}
