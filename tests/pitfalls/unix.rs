//! Unix stream sockets: their files, their names, and where they are not like TCP.

use std::fs;
use std::io::{ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketType, sendmsg,
};
use socket2::{Domain, SockAddr, Socket, Type};
use switchboard::{Address, Closing, Error, ListenerId, Timeout, UnixAddress};
use tempfile::TempDir;

use super::*;

/// A folder of its own for each test, and a path in it.
struct Place {
    folder: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        Self { folder, path }
    }

    fn address(&self) -> Address {
        Address::Unix(UnixAddress::path(&self.path).unwrap())
    }

    fn client(&self) -> Client<UnixStream> {
        Client::connect_to_path(&self.path)
    }
}

fn echo_at(rig: &mut Rig, place: &Place) -> ListenerId {
    rig.event_loop.listen(place.address(), |_| Echo).unwrap()
}

fn kind_of(error: Error) -> ErrorKind {
    let Error::Io { source, .. } = error else { panic!("{error}") };
    source.kind()
}

#[test]
fn every_byte_comes_back_and_each_direction_ends_on_its_own() {
    let (mut rig, place) = (Rig::new(), Place::new());
    echo_at(&mut rig, &place);
    let mut client = place.client();
    let all: Vec<_> = (0..3_000_000_u32).map(|number| number as u8).collect();
    let mut sent = 0;
    while sent < all.len() {
        sent += client.send_some(&all[sent..]);
        rig.turn();
        client.receive();
    }
    client.finish_writing();
    rig.receive(&mut client, usize::MAX);
    assert_eq!(client.end, Some(Ok(())));
    assert!(client.received == all);
    rig.until("it ended", |rig| rig.ends == [CloseReason::Finished]);
}

#[test]
fn p01_each_peer_is_heard_however_late_it_comes() {
    let (mut rig, place) = (Rig::new(), Place::new());
    echo_at(&mut rig, &place);
    for _ in 0..3 {
        rig.settle();
        let mut client = place.client();
        for word in ["hello", "again"] {
            client.received.clear();
            client.send(word);
            rig.receive(&mut client, 5);
            assert_eq!(client.text(), word);
        }
    }
}

#[test]
fn p08_a_peer_that_does_not_read_stops_the_loop_from_reading_and_is_served_when_it_does() {
    let (mut rig, place) = (Rig::new(), Place::new());
    rig.event_loop.listen(place.address(), |_| Answer { bytes: 8 << 20, finishes: true }).unwrap();
    let mut client = place.client();
    client.send("go");
    rig.until("the system takes no more", |rig| {
        let turn = rig.turn();
        turn.callbacks == 0 && turn.bytes_out == 0 && rig.event_loop.stats().held > 0
    });
    for _ in 0..5 {
        let turn = rig.turn();
        assert_eq!((turn.events, turn.more), (0, false), "it waits");
    }
    rig.receive(&mut client, usize::MAX);
    assert_eq!((client.received.len(), client.end), (8 << 20, Some(Ok(()))));
}

#[test]
fn the_file_goes_with_its_listener_and_with_the_loop() {
    let (mut rig, place, other) = (Rig::new(), Place::new(), Place::new());
    let listener = echo_at(&mut rig, &place);
    echo_at(&mut rig, &other);
    let mut client = place.client();
    rig.settle();
    rig.event_loop.stop_listening(listener).unwrap();
    assert!(!place.path.exists());
    client.send("hello");
    rig.receive(&mut client, 5);
    assert_eq!(client.text(), "hello", "its connections live on");
    echo_at(&mut rig, &place);
    assert!(place.path.exists() && other.path.exists());
    drop(rig);
    assert!(!place.path.exists() && !other.path.exists());
}

#[test]
fn a_drain_removes_the_file_before_it_waits_for_anybody() {
    let (mut rig, place) = (Rig::new(), Place::new());
    echo_at(&mut rig, &place);
    let _client = place.client();
    rig.settle();
    rig.event_loop.drain(SECOND);
    rig.turn();
    assert!(!place.path.exists());
}

#[test]
fn a_path_on_which_somebody_answers_is_in_use_and_one_on_which_nobody_does_is_not() {
    let (mut rig, place) = (Rig::new(), Place::new());
    drop(UnixListener::bind(&place.path).unwrap());
    echo_at(&mut rig, &place);
    let mut second = EventLoop::<Ends>::new().unwrap();
    let error = second.listen(place.address(), |_| Echo).unwrap_err();
    assert!(error.to_string().contains("somebody answers on it"), "{error}");
    assert_eq!(kind_of(error), ErrorKind::AddrInUse);
    let mut client = place.client();
    client.send("still there");
    rig.receive(&mut client, 11);
    assert_eq!(client.text(), "still there");
}

#[test]
fn a_file_that_is_not_a_socket_is_left_alone() {
    let (mut rig, place) = (Rig::new(), Place::new());
    fs::write(&place.path, "precious").unwrap();
    let error = rig.event_loop.listen(place.address(), |_| Echo).unwrap_err();
    assert!(error.to_string().contains("not a socket"), "{error}");
    drop(rig);
    assert_eq!(fs::read(&place.path).unwrap(), b"precious");
}

/// Tells who connected, and echoes.
fn tell_peers(rig: &mut Rig, address: Address) -> mpsc::Receiver<Address> {
    let (sender, receiver) = mpsc::channel();
    let factory = move |peer: Peer| {
        sender.send(peer.address).unwrap();
        Echo
    };
    rig.event_loop.listen(address, factory).unwrap();
    receiver
}

#[test]
fn a_peer_without_a_name_is_known_as_such() {
    let (mut rig, place) = (Rig::new(), Place::new());
    let peers = tell_peers(&mut rig, place.address());
    let _client = place.client();
    rig.settle();
    assert_eq!(peers.try_recv().unwrap().to_string(), "unix:");
    let connection = rig.event_loop.connections().next().unwrap();
    assert_eq!(connection.peer(), &Address::Unix(UnixAddress::unnamed()));
    assert_eq!(connection.peer().ip(), None);
}

/// Answers with its own address.
struct Where;

impl Protocol<Ends> for Where {
    fn received(&mut self, on: &mut Transport<'_, Ends>, _: &mut Ends, bytes: &[u8]) -> usize {
        let local = on.local().map(Address::to_string).unwrap_or_default();
        on.write(local.as_bytes());
        bytes.len()
    }
}

#[test]
fn our_end_has_the_name_of_the_listener() {
    let (mut rig, place) = (Rig::new(), Place::new());
    rig.event_loop.listen(place.address(), |_| Where).unwrap();
    let mut client = place.client();
    client.send("where?");
    rig.receive(&mut client, 1);
    assert_eq!(client.text(), place.address().to_string());
}

#[test]
fn a_peer_whose_name_fills_the_whole_of_sun_path_ends_nobody_s_loop() {
    let (mut rig, place) = (Rig::new(), Place::new());
    let peers = tell_peers(&mut rig, place.address());
    let room = 108 - place.folder.path().as_os_str().len() - 1;
    let own = place.folder.path().join("x".repeat(room));
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddrUnix::new(&own).unwrap()).unwrap();
    rustix::net::connect(&socket, &SocketAddrUnix::new(&place.path).unwrap()).unwrap();
    let mut client = Client::over(UnixStream::from(socket));
    client.send("hello");
    rig.receive(&mut client, 5);
    assert_eq!(client.text(), "hello");
    let peer = peers.try_recv().unwrap();
    assert_eq!(peer.unix().and_then(UnixAddress::as_path), Some(own.as_path()));
}

/// Sends `bytes` and a descriptor along.
fn pass(client: &UnixStream, bytes: &[u8], descriptor: impl AsFd) {
    let descriptors = [descriptor.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(client, &[IoSlice::new(bytes)], &mut control, SendFlags::empty()).unwrap();
}

/// Echoes once it has 18 bytes. Until then it gives the system no reason to announce anything.
struct Whole;

impl Protocol<Ends> for Whole {
    fn received(&mut self, on: &mut Transport<'_, Ends>, _: &mut Ends, bytes: &[u8]) -> usize {
        if bytes.len() < 18 {
            return 0;
        }
        on.write(bytes);
        bytes.len()
    }
}

#[test]
fn p01_rule_2_descriptors_that_a_peer_sends_unasked_stall_nothing_and_stay_with_nobody() {
    let (mut rig, place) = (Rig::new(), Place::new());
    rig.event_loop.listen(place.address(), |_| Whole).unwrap();
    let mut client = place.client();
    rig.settle();
    let (mut witness, passed) = UnixStream::pair().unwrap();
    // All of it is there before the loop looks: the system announces it once.
    client.send("one ");
    pass(&client.stream, b"two ", &passed);
    pass(&client.stream, b"three ", &passed);
    client.send("four");
    drop(passed);
    rig.receive(&mut client, 18);
    assert_eq!(client.text(), "one two three four");
    witness.set_nonblocking(true).unwrap();
    assert_eq!(witness.read(&mut [0]).expect("nobody holds the other end"), 0);
}

/// Connects out, and says hello when it is established.
struct Caller;

impl Protocol<Ends> for Caller {
    fn connected(&mut self, on: &mut Transport<'_, Ends>, _: &mut Ends) {
        on.write(b"hello");
        on.finish();
    }

    fn received(&mut self, _: &mut Transport<'_, Ends>, _: &mut Ends, bytes: &[u8]) -> usize {
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, Ends>, ends: &mut Ends, closed: Closed) {
        ends.push(closed.reason);
    }
}

#[test]
fn a_loop_connects_to_a_path_and_to_an_abstract_name() {
    let (mut rig, place) = (Rig::new(), Place::new());
    echo_at(&mut rig, &place);
    let name = place.path.as_os_str().as_encoded_bytes();
    let abstract_name = Address::Unix(UnixAddress::abstract_name(name));
    if cfg!(any(target_os = "linux", target_os = "android")) {
        rig.event_loop.listen(abstract_name.clone(), |_| Echo).unwrap();
        rig.event_loop.connect(abstract_name, Caller, Limits::default()).unwrap();
    } else {
        let error = rig.event_loop.listen(abstract_name, |_| Echo).unwrap_err();
        assert_eq!(kind_of(error), ErrorKind::Unsupported);
        rig.event_loop.connect(place.address(), Caller, Limits::default()).unwrap();
    }
    rig.event_loop.connect(place.address(), Caller, Limits::default()).unwrap();
    rig.until("both ends of both ended", |rig| rig.ends.len() == 4);
    assert_eq!(rig.ends, [CloseReason::Finished; 4]);
}

#[test]
fn connecting_where_nobody_listens_or_nothing_is_fails_with_the_system_s_reason() {
    let (mut rig, place) = (Rig::new(), Place::new());
    let error = rig.event_loop.connect(place.address(), Caller, Limits::default()).unwrap_err();
    assert_eq!(kind_of(error), ErrorKind::NotFound);
    drop(UnixListener::bind(&place.path).unwrap());
    let error = rig.event_loop.connect(place.address(), Caller, Limits::default()).unwrap_err();
    assert_eq!(kind_of(error), ErrorKind::ConnectionRefused);
    rig.event_loop.control().connect(place.address(), Caller, Limits::default());
    rig.settle();
    assert_eq!(rig.ends, [CloseReason::Io(ErrorKind::ConnectionRefused)]);
}

/// A server with room for one who waits, and somebody who does.
fn busy_server(place: &Place) -> (Socket, UnixStream) {
    let server = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    server.bind(&SockAddr::unix(&place.path).unwrap()).unwrap();
    server.listen(0).unwrap();
    let waiting = UnixStream::connect(&place.path).unwrap();
    (server, waiting)
}

#[test]
fn connecting_where_too_many_wait_succeeds_as_soon_as_they_are_fewer() {
    let (mut rig, place) = (Rig::new(), Place::new());
    let (server, _waiting) = busy_server(&place);
    rig.event_loop.connect(place.address(), Caller, Limits::default()).unwrap();
    for _ in 0..5 {
        rig.clock.advance(Duration::from_millis(10));
        rig.turn();
    }
    assert_eq!((rig.event_loop.stats().open, rig.ends.len()), (1, 0), "it waits");
    server.accept().unwrap();
    rig.clock.advance(Duration::from_millis(10));
    rig.turn();
    let (accepted, _) = server.accept().unwrap();
    let mut accepted = Client::over(accepted.into());
    rig.receive(&mut accepted, usize::MAX);
    assert_eq!((accepted.text().as_str(), accepted.end), ("hello", Some(Ok(()))));
    drop(accepted);
    rig.until("it ended", |rig| rig.ends == [CloseReason::Finished]);
}

#[test]
fn connecting_where_too_many_wait_for_ever_ends_by_the_deadline() {
    let (mut rig, place) = (Rig::new(), Place::new());
    let _busy = busy_server(&place);
    rig.event_loop.connect(place.address(), Caller, Limits::default()).unwrap();
    rig.settle();
    rig.clock.advance(Limits::default().connect);
    rig.settle();
    assert_eq!(rig.ends, [CloseReason::TimedOut(Timeout::Connect)]);
    assert_eq!(rig.event_loop.stats().open, 0);
}

#[test]
fn what_was_opened_elsewhere_is_taken_over_and_its_file_stays() {
    let (mut rig, place) = (Rig::new(), Place::new());
    let socket = UnixListener::bind(&place.path).unwrap();
    let held = socket.try_clone().unwrap();
    rig.event_loop.adopt_unix_listener(socket, Limits::default(), |_| Echo).unwrap();
    let (one, other) = UnixStream::pair().unwrap();
    rig.event_loop.adopt_unix_stream(one, Echo, Limits::default()).unwrap();
    for mut client in [place.client(), Client::over(other)] {
        client.send("hello");
        rig.receive(&mut client, 5);
        assert_eq!(client.text(), "hello");
    }
    drop((rig, held));
    assert!(place.path.exists());
}

#[test]
fn an_abort_ends_the_peer_s_stream_although_there_is_no_reset() {
    let (mut rig, place) = (Rig::new(), Place::new());
    echo_at(&mut rig, &place);
    let mut client = place.client();
    client.send("hello");
    rig.receive(&mut client, 5);
    let id = rig.event_loop.connections().next().unwrap().id();
    rig.event_loop.close(id, Closing::Abort);
    rig.until("it ended", |_| {
        client.receive();
        client.end.is_some()
    });
    assert_eq!((client.end, rig.ends.as_slice()), (Some(Ok(())), &[CloseReason::Aborted][..]));
}

#[test]
fn a_kind_of_socket_without_streams_is_neither_listened_on_nor_connected_to() {
    let mut rig = Rig::new();
    for address in ["udp://127.0.0.1:0", "unixgram:@switchboard", "unix:"] {
        let error = rig.event_loop.listen(address, |_| Echo).unwrap_err();
        assert!(error.to_string().contains(address), "{error}");
        rig.event_loop.connect(address, Caller, Limits::default()).unwrap_err();
    }
}
