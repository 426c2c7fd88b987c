//! A guest on a `mio::Poll` that belongs to the program around it.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]
#![expect(clippy::disallowed_methods, reason = "a host reads the clock")]
#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::ops::ControlFlow::{Break, Continue};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};
use switchboard::drivers::event_loop::Interest as Watched;
use switchboard::embed::{Guest, WakeUp};
use switchboard::{
    Address, Budget, Deadline, Error, Limits, ListenerId, Misuse, Protocol, Transport, Turn,
};

/// Answers in capitals.
struct Upper;

impl<S> Protocol<S> for Upper {
    fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        transport.write(&bytes.to_ascii_uppercase());
        bytes.len()
    }
}

/// The program: its poll, and what it is told.
struct Host {
    poll: Poll,
    events: Events,
    /// Events that were no guest's.
    own: Vec<Token>,
    /// Events that were a guest's.
    guests: Vec<Token>,
}

impl Host {
    fn new() -> Self {
        let (poll, events) = (Poll::new().unwrap(), Events::with_capacity(64));
        Self { poll, events, own: Vec::new(), guests: Vec::new() }
    }

    fn waker(&self, token: usize) -> WakeUp {
        let waker = Waker::new(self.poll.registry(), Token(token)).unwrap();
        WakeUp::callback(move || waker.wake().unwrap())
    }

    /// One round of the program's loop.
    fn round(&mut self, guests: &mut [&mut Guest<()>]) -> Vec<Turn> {
        let timeouts = guests.iter().map(|guest| guest.next_deadline().timeout(Instant::now()));
        let timeout = timeouts.flatten().min().unwrap_or(PATIENCE).min(PATIENCE);
        self.poll.poll(&mut self.events, Some(timeout)).unwrap();
        for event in &self.events {
            match guests.iter_mut().find(|guest| guest.owns(event.token())) {
                Some(guest) => {
                    guest.ready(event).unwrap();
                    self.guests.push(event.token());
                }
                None => self.own.push(event.token()),
            }
        }
        guests.iter_mut().map(|guest| guest.end_round(Budget::default(), &mut ())).collect()
    }

    /// Rounds until `is_done`.
    fn until(&mut self, guests: &mut [&mut Guest<()>], mut is_done: impl FnMut(&Turn) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !self.round(guests).iter().any(&mut is_done) {
            assert!(Instant::now() < end, "it never came to pass");
        }
    }

    /// Rounds until nobody is connected.
    fn until_empty(&mut self, guest: &mut Guest<()>) {
        let end = Instant::now() + PATIENCE;
        while guest.stats().open > 0 {
            self.round(&mut [&mut *guest]);
            assert!(Instant::now() < end, "somebody stays");
        }
    }

    /// What is in the poll: the descriptors, as proc(5) lists them.
    #[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
    fn sources(&self) -> usize {
        let path = format!("/proc/self/fdinfo/{}", self.poll.as_raw_fd());
        let info = std::fs::read_to_string(path).unwrap();
        info.lines().filter(|line| line.starts_with("tfd:")).count()
    }
}

/// More than anything here takes, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(20);

fn connect(guest: &Guest<()>, listener: ListenerId) -> TcpStream {
    let Some(Address::Tcp(address)) = guest.local_address(listener) else { panic!("no address") };
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// Asks, has the host go round until it is answered, and gives the answer.
fn ask(
    host: &mut Host,
    guests: &mut [&mut Guest<()>],
    client: &mut TcpStream,
    text: &str,
) -> String {
    client.write_all(text.as_bytes()).unwrap();
    let mut written = 0;
    host.until(guests, |turn| {
        written += turn.bytes_out;
        written >= text.len() as u64
    });
    let mut answer = vec![0; text.len()];
    client.read_exact(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn two_guests_and_the_program_s_own_sources_share_one_poll() {
    let mut host = Host::new();
    let mut first = Guest::attach(host.poll.registry(), 10..20, host.waker(0)).unwrap();
    let mut second = Guest::attach(host.poll.registry(), 20..30, WakeUp::callback(|| ())).unwrap();
    let doors = (first.listen("127.0.0.1:0", |_| Upper), second.listen("127.0.0.1:0", |_| Upper));
    let own = UnixDatagram::pair().unwrap();
    own.0.set_nonblocking(true).unwrap();
    let own_0 = own.0.as_raw_fd();
    let source = &mut mio::unix::SourceFd(&own_0);
    host.poll.registry().register(source, Token(5), Interest::READABLE).unwrap();

    let mut one = connect(&first, doors.0.unwrap());
    let mut two = connect(&second, doors.1.unwrap());
    let guests = &mut [&mut first, &mut second];
    assert_eq!(ask(&mut host, guests, &mut one, "one"), "ONE");
    own.1.send(b"!").unwrap();
    assert_eq!(ask(&mut host, guests, &mut two, "two"), "TWO");
    if !host.own.contains(&Token(5)) {
        host.round(guests);
    }
    assert_eq!(host.own.iter().filter(|token| **token == Token(5)).count(), 1);
    assert_eq!(first.stats().open, 1);
    assert_eq!(second.stats().open, 1);
}

#[test]
fn an_event_that_is_not_the_guest_s_is_refused_by_name() {
    let mut host = Host::new();
    let mut guest = Guest::attach(host.poll.registry(), 10..20, WakeUp::callback(|| ())).unwrap();
    let waker = Waker::new(host.poll.registry(), Token(20)).unwrap();
    waker.wake().unwrap();
    host.poll.poll(&mut host.events, None).unwrap();
    let event = host.events.iter().next().unwrap();
    assert!(!guest.owns(event.token()));
    let refused = guest.ready(event).unwrap_err();
    assert_eq!(refused, Misuse::ForeignToken { token: 20, tokens: 10..20 });
    assert_eq!(refused.to_string(), "the event of token 20 is not the guest's, whose are 10..20");
    assert_eq!(guest.end_round(Budget::default(), &mut ()).events, 0);
}

#[test]
fn a_range_in_which_nobody_could_connect_is_refused() {
    let host = Host::new();
    let attached = Guest::<()>::attach(host.poll.registry(), 7..9, WakeUp::callback(|| ()));
    let Err(Error::Misuse(misuse)) = attached else { panic!("it was taken") };
    assert_eq!(misuse.to_string(), "tokens is 2, but must be at least 3");
}

#[test]
fn where_every_token_is_in_use_clients_wait_and_the_host_is_told() {
    let mut host = Host::new();
    let mut guest = Guest::attach(host.poll.registry(), 10..13, WakeUp::callback(|| ())).unwrap();
    let door = guest.listen("127.0.0.1:0", |_| Upper).unwrap();
    let mut clients: Vec<_> = (0..3).map(|_| connect(&guest, door)).collect();
    let mut told = 0;
    for _ in 0..2 {
        let turn = &host.round(&mut [&mut guest])[0];
        told += usize::from(turn.trouble.is_some());
    }
    assert_eq!((guest.stats().open, told), (2, 1));
    assert_ne!(guest.next_deadline(), Deadline::Now, "it would spin");

    let refused = guest.connect("127.0.0.1:9", Upper, Limits::default()).unwrap_err();
    let Error::Misuse(Misuse::TokensInUse { tokens }) = &refused else { panic!("{refused}") };
    assert_eq!(*tokens, 10..13);
    assert!(guest.listen("127.0.0.1:0", |_| Upper).is_err());
    assert!(guest.bind("udp://127.0.0.1:0", switchboard::services::Echo).is_err());

    let guests = &mut [&mut guest];
    assert_eq!(ask(&mut host, guests, &mut clients[1], "second"), "SECOND");
    drop(clients.remove(0));
    assert_eq!(ask(&mut host, guests, &mut clients[1], "the last"), "THE LAST");
    // A token is free again, whatever had it.
    drop(clients);
    host.until_empty(&mut guest);
    for _ in 0..50 {
        let door = guest.listen("127.0.0.1:0", |_| Upper).unwrap();
        guest.stop_listening(door).unwrap();
    }
}

#[test]
fn an_event_of_one_that_left_reaches_neither_it_nor_its_successor() {
    let mut host = Host::new();
    let mut guest = Guest::attach(host.poll.registry(), 10..13, WakeUp::callback(|| ())).unwrap();
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    let socket = guest.adopt_unix_datagram(ours, Silent, Default::default()).unwrap();
    guest.end_round(Budget::default(), &mut ());
    theirs.send(b"for the first").unwrap();
    host.poll.poll(&mut host.events, Some(PATIENCE)).unwrap();
    let token = host.events.iter().next().unwrap().token();

    // The first leaves while its event is still in the host's hands; the next has its token.
    guest.close(socket, switchboard::Closing::Abort);
    while guest.stats().sockets > 0 {
        guest.end_round(Budget::default(), &mut ());
    }
    let door = guest.listen("127.0.0.1:0", |_| Upper).unwrap();
    for event in &host.events {
        guest.ready(event).unwrap();
    }
    let turn = guest.end_round(Budget::default(), &mut ());
    assert_eq!((turn.callbacks, turn.accepted), (0, 0));
    let mut client = connect(&guest, door);
    assert_eq!(ask(&mut host, &mut [&mut guest], &mut client, "hello"), "HELLO");
    assert_eq!(host.guests[0], token, "the successor should have had its token");
}

struct Silent;

impl<S> switchboard::DatagramProtocol<S> for Silent {
    fn received(
        &mut self,
        _: &mut switchboard::DatagramTransport<'_, S>,
        _: &mut S,
        _: &Address,
        _: &[u8],
    ) {
        panic!("it was for another");
    }
}

/// Posts a thousand letters from another thread, one after the other was taken.
fn posts_arrive(host: &mut Host, guest: &mut Guest<()>) {
    let (handle, (sender, receiver)) = (guest.handle(), std::sync::mpsc::channel());
    let poster = thread::spawn(move || {
        for number in 0..1000 {
            let sender = sender.clone();
            handle.post(move |_, ()| sender.send(number).unwrap()).unwrap();
            assert_eq!(receiver.recv_timeout(PATIENCE), Ok(number));
        }
        handle.stop().unwrap();
    });
    host.until(&mut [guest], |turn| turn.ended.is_some());
    poster.join().unwrap();
}

#[test]
fn what_another_thread_posts_wakes_the_host_by_its_own_waker() {
    let mut host = Host::new();
    let wake_up = host.waker(0);
    let mut guest = Guest::attach(host.poll.registry(), 10..20, wake_up).unwrap();
    posts_arrive(&mut host, &mut guest);
}

#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn what_another_thread_posts_wakes_the_host_by_the_guest_s_descriptor() {
    let mut host = Host::new();
    // The host has a waker of its own: the guest needs none of it.
    let _waker = Waker::new(host.poll.registry(), Token(0)).unwrap();
    let mut guest = Guest::attach(host.poll.registry(), 10..20, WakeUp::Descriptor).unwrap();
    let mut other = Guest::attach(host.poll.registry(), 20..30, WakeUp::Descriptor).unwrap();
    posts_arrive(&mut host, &mut guest);
    posts_arrive(&mut host, &mut other);
}

#[test]
fn deadlines_wait_for_events_that_the_host_s_poll_had_no_room_for() {
    let mut host = Host::new();
    let clock = switchboard::ManualClock::new();
    let config = switchboard::Config::default().clock(clock.clone());
    let registry = host.poll.registry();
    let mut guest = Guest::attach_with(registry, 10..20, WakeUp::callback(|| ()), config).unwrap();
    let limits = Limits::default().idle(Duration::from_secs(5));
    let door = guest.listen_with("127.0.0.1:0", limits, |_| Upper).unwrap();
    let mut client = connect(&guest, door);
    assert_eq!(ask(&mut host, &mut [&mut guest], &mut client, "early"), "EARLY");

    // The host was away; its bytes are there, and the first wait did not bring them.
    clock.advance(Duration::from_secs(6));
    client.write_all(b"late").unwrap();
    guest.expect_more_events();
    let turn = guest.end_round(Budget::default(), &mut ());
    assert_eq!((turn.closed, turn.next), (0, Deadline::Now));
    // (A poll that is poll(2) is not even asked about bytes that follow others.)
    let mut written = turn.bytes_out;
    let mut answer = [0; 4];
    if written < 4 {
        host.until(&mut [&mut guest], |turn| {
            written += turn.bytes_out;
            written >= 4
        });
    }
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"LATE");
    // And where nothing is left behind they fire, or where it is the host's own, for ever.
    clock.advance(Duration::from_secs(6));
    let mut rounds = (0..9).map(|_| {
        guest.expect_more_events();
        guest.end_round(Budget::default(), &mut ())
    });
    assert!(rounds.any(|turn| turn.callbacks > 0), "its clocks stand still");
}

#[test]
#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
fn a_guest_that_is_dropped_in_the_middle_leaves_nothing_in_the_poll() {
    let mut host = Host::new();
    let _waker = Waker::new(host.poll.registry(), Token(0)).unwrap();
    let before = host.sources();
    for wake_up in [WakeUp::callback(|| ()), WakeUp::Descriptor, WakeUp::Descriptor] {
        let mut guest = Guest::attach(host.poll.registry(), 10..30, wake_up).unwrap();
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let shared = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let also = (ours.try_clone().unwrap(), shared.try_clone().unwrap());
        let (datagram, _peer) = UnixDatagram::pair().unwrap();
        let also_datagram = datagram.try_clone().unwrap();
        guest.adopt_unix_stream(ours, Upper, Limits::default()).unwrap();
        guest.adopt_unix_datagram(datagram, Silent, Default::default()).unwrap();
        guest.adopt_listener(shared, Limits::default(), |_| Upper).unwrap();
        guest.bind("udp://127.0.0.1:0", switchboard::services::Echo).unwrap();
        let watched = std::sync::Arc::new(UnixDatagram::unbound().unwrap());
        guest.watch(watched.clone(), Watched::Writable, |_, _, _, ()| Continue(())).unwrap();
        let door = guest.listen("127.0.0.1:0", |_| Upper).unwrap();
        let mut clients: Vec<_> = (0..5).map(|_| connect(&guest, door)).collect();
        for client in &mut clients {
            client.write_all(b"in the middle of it").unwrap();
        }
        (&theirs).write_all(b"and here").unwrap();
        host.until(&mut [&mut guest], |turn| turn.accepted > 0);
        assert!(host.sources() > before);
        let handle = guest.handle();
        drop(guest);
        assert_eq!(host.sources(), before, "something stayed behind");
        assert!(handle.post(|_, ()| ()).is_err(), "nobody is there to read it");
        // Whoever shared something with it still has that.
        (&also.0).write_all(b"on").unwrap();
        assert!(also.1.local_addr().is_ok() && also_datagram.local_addr().is_ok());
        host.poll.poll(&mut host.events, Some(Duration::ZERO)).unwrap();
    }
}

#[test]
fn a_guest_watches_descriptors_for_the_program_and_calls_it_at_a_time() {
    let mut host = Host::new();
    let mut guest = Guest::attach(host.poll.registry(), 0..64, WakeUp::callback(|| ())).unwrap();
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    guest
        .watch(ours, Watched::Readable, |ours, _, control, ()| {
            if ours.recv(&mut [0; 9]).unwrap() < 3 {
                return Continue(());
            }
            control.stop();
            Break(())
        })
        .unwrap();
    let mut calls = 0;
    guest.call_at(Instant::now(), move |control, ()| {
        calls += 1;
        // Once that has been heard there may be nobody who hears more.
        match theirs.send(&[0; 9][..calls.min(9)]) {
            Ok(_) => Continue(control.now()),
            Err(_) => Break(()),
        }
    });
    host.until(&mut [&mut guest], |turn| turn.ended.is_some());
}

#[test]
fn a_guest_takes_what_a_host_asks_of_an_event_loop() {
    let mut host = Host::new();
    let mut guest = Guest::attach(host.poll.registry(), 0..64, WakeUp::callback(|| ())).unwrap();
    let door = guest.listen("127.0.0.1:0", |_| Upper).unwrap();
    let address = guest.local_address(door).unwrap().clone();
    let Address::Tcp(address) = address else { panic!("{address}") };
    guest.connect(format!("{address}").as_str(), Upper, Limits::default()).unwrap();
    host.until(&mut [&mut guest], |turn| turn.accepted == 1);
    guest.drain(Duration::ZERO);
    host.until(&mut [&mut guest], |turn| turn.ended.is_some());
    assert_eq!(guest.connections().count(), 0);
}
