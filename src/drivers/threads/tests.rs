//! A thread per connection over real sockets. Nothing sleeps: each wait ends with what is waited
//! for, or fails.

use std::any::Any;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::super::event_loop::Drained;
use super::*;
use crate::sansio::{Closed, Limits, RequestKind, Timeout, Transport, Unsupported, WhenFull};

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that runs on a thread of its own.
struct Server {
    address: SocketAddr,
    handle: Handle,
    thread: JoinHandle<io::Result<Ended>>,
}

impl Server {
    fn start<P: Protocol<()>>(
        limits: Limits,
        factory: impl FnMut(Peer) -> P + Send + 'static,
    ) -> Self {
        Self::with(Config::default(), limits, factory)
    }

    fn with<P: Protocol<()>>(
        config: Config,
        limits: Limits,
        factory: impl FnMut(Peer) -> P + Send + 'static,
    ) -> Self {
        let server = Threads::with_config(config, || ());
        let server = server.listen_with("127.0.0.1:0", limits, factory).unwrap();
        let address = server.local_addresses().next().and_then(Address::socket).unwrap();
        let handle = server.handle();
        Self { address, handle, thread: thread::spawn(move || server.run()) }
    }

    fn client(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    fn drained(self) -> Drained {
        self.handle.drain(PATIENCE).unwrap();
        match self.thread.join().unwrap().unwrap() {
            Ended::Drained(drained) => drained,
            Ended::Stopped => panic!("it was told to drain"),
        }
    }
}

/// Sends back what comes, and tells how it ended.
struct Echo(mpsc::Sender<CloseReason>);

impl Protocol<()> for Echo {
    fn received(&mut self, transport: &mut Transport<'_, ()>, _: &mut (), bytes: &[u8]) -> usize {
        transport.write(bytes);
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, ()>, _: &mut (), closed: Closed) {
        self.0.send(closed.reason).unwrap();
    }
}

fn echo() -> (impl FnMut(Peer) -> Echo + Send + 'static, mpsc::Receiver<CloseReason>) {
    let (sender, receiver) = mpsc::channel();
    (move |_| Echo(sender.clone()), receiver)
}

fn exchange(client: &mut TcpStream, text: &str) {
    client.write_all(text.as_bytes()).unwrap();
    let mut back = vec![0; text.len()];
    client.read_exact(&mut back).unwrap();
    assert_eq!(back, text.as_bytes());
}

fn rest(client: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    rest
}

#[test]
fn each_client_has_its_echo_and_a_finish_is_a_finish() {
    let (factory, reasons) = echo();
    let server = Server::start(Limits::default(), factory);
    let mut clients: Vec<_> = (0..5).map(|_| server.client()).collect();
    for client in &mut clients {
        exchange(client, "hello");
    }
    for mut client in clients {
        client.write_all(b"last").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut client), b"last");
    }
    for _ in 0..5 {
        assert_eq!(reasons.recv_timeout(PATIENCE), Ok(CloseReason::Finished));
    }
    // Those whose threads were not joined yet are counted in the drain.
    let drained = server.drained();
    assert_eq!((drained.aborted, drained.otherwise), (0, 0));
}

#[test]
fn a_drain_reaches_a_thread_that_waits_for_its_peer() {
    let (factory, reasons) = echo();
    let server = Server::start(Limits::default(), factory);
    let mut client = server.client();
    exchange(&mut client, "hello");
    server.handle.drain(PATIENCE).unwrap();
    assert_eq!(rest(&mut client), b"");
    drop(client);
    assert_eq!(reasons.recv_timeout(PATIENCE), Ok(CloseReason::Finished));
    let Ended::Drained(drained) = server.thread.join().unwrap().unwrap() else {
        panic!("it was told to drain");
    };
    assert_eq!((drained.finished, drained.aborted, drained.otherwise), (1, 0, 0));
    assert!(server.handle.stop().is_err(), "the server is gone");
}

#[test]
fn a_stop_resets_whoever_is_there() {
    let (factory, reasons) = echo();
    let server = Server::start(Limits::default(), factory);
    let mut client = server.client();
    exchange(&mut client, "hello");
    server.handle.stop().unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(reasons.recv_timeout(PATIENCE), Ok(CloseReason::Stopped));
    assert_eq!(server.thread.join().unwrap().unwrap(), Ended::Stopped);
}

#[test]
fn a_silent_peer_is_told_good_bye_at_its_deadline() {
    let (factory, reasons) = echo();
    let server = Server::start(Limits::default().idle(Duration::from_millis(80)), factory);
    let mut client = server.client();
    exchange(&mut client, "hello");
    assert_eq!(rest(&mut client), b"");
    drop(client);
    assert_eq!(reasons.recv_timeout(PATIENCE), Ok(CloseReason::TimedOut(Timeout::Idle)));
    server.drained();
}

#[test]
fn at_the_limit_of_connections_a_client_waits_and_is_not_refused() {
    let (factory, reasons) = echo();
    let server = Server::start(Limits::default().connections(1), factory);
    let mut first = server.client();
    exchange(&mut first, "first");
    let mut second = server.client();
    second.write_all(b"second").unwrap();
    exchange(&mut first, "and still alone");
    assert_eq!(server.handle.stats().open, 1);
    drop(first);
    let mut back = [0; 6];
    second.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"second");
    assert_eq!(reasons.recv_timeout(PATIENCE), Ok(CloseReason::Finished));
    assert_eq!(server.handle.stats().refused, 0);
    drop(second);
    server.drained();
}

/// Panics at what comes.
struct Panics;

impl Protocol<()> for Panics {
    fn received(&mut self, _: &mut Transport<'_, ()>, (): &mut (), _: &[u8]) -> usize {
        panic!("as the test wants it");
    }
}

#[test]
fn a_panic_costs_one_connection_where_that_was_chosen() {
    let config = Config::default().on_panic(OnPanic::Close);
    let server = Server::with(config, Limits::default(), |_| Panics);
    let mut bystander = server.client();
    let mut client = server.client();
    client.write_all(b"x").unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    bystander.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut bystander), b"");
    drop(bystander);
    let handle = server.handle.clone();
    server.drained();
    assert_eq!(handle.stats().closed_for(CloseReason::Panicked), 1);
}

#[test]
fn a_panic_leaves_run_by_default_after_everybody_was_joined() {
    let server = Server::start(Limits::default(), |_| Panics);
    let mut bystander = server.client();
    let mut client = server.client();
    client.write_all(b"x").unwrap();
    let payload = server.thread.join().unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"as the test wants it"));
    assert_eq!(bystander.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// Answers what another thread posts, paused or not.
struct Answers {
    remotes: mpsc::Sender<crate::Remote>,
    is_paused: bool,
}

impl Protocol<()> for Answers {
    fn received(&mut self, transport: &mut Transport<'_, ()>, (): &mut (), bytes: &[u8]) -> usize {
        self.remotes.send(transport.remote()).unwrap();
        if self.is_paused {
            transport.pause_reading();
        }
        bytes.len()
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, ()>,
        (): &mut (),
        message: Box<dyn Any + Send>,
    ) {
        let text: Box<&str> = message.downcast().unwrap();
        transport.write(text.as_bytes());
        transport.finish();
    }
}

#[test]
fn what_another_thread_posts_arrives_whether_or_not_the_peer_is_read_from() {
    for is_paused in [false, true] {
        let (remotes, remote) = mpsc::channel();
        let server = Server::start(Limits::default(), move |_| Answers {
            remotes: remotes.clone(),
            is_paused,
        });
        let mut client = server.client();
        client.write_all(b"?").unwrap();
        let remote = remote.recv_timeout(PATIENCE).unwrap();
        remote.notify(Box::new("later")).unwrap();
        assert_eq!(rest(&mut client), b"later", "paused: {is_paused}");
        drop(client);
        server.drained();
        assert!(remote.notify(Box::new("too late")).is_err());
    }
}

/// Asks for what no thread can do.
struct Shouts(mpsc::Sender<CloseReason>);

impl Protocol<()> for Shouts {
    fn received(&mut self, transport: &mut Transport<'_, ()>, (): &mut (), bytes: &[u8]) -> usize {
        match bytes {
            b"broadcast" => transport.broadcast("hey".into(), WhenFull::Drop),
            b"myself" => transport.send(transport.id(), "me".into(), WhenFull::Drop),
            b"other" => transport.send(ConnectionId::new(7, 7), "you".into(), WhenFull::Drop),
            _ => transport.connect(
                "127.0.0.1:9".parse::<Address>().unwrap(),
                Self(self.0.clone()),
                Limits::default(),
            ),
        }
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, ()>, (): &mut (), closed: Closed) {
        self.0.send(closed.reason).unwrap();
    }
}

#[test]
fn what_a_thread_cannot_do_ends_the_connection_that_asked_and_says_so() {
    let (sender, reasons) = mpsc::channel();
    let server = Server::start(Limits::default(), move |_| Shouts(sender.clone()));
    let because = |request| CloseReason::Unsupported(Unsupported::new(request, Driver::Threads));
    for (word, request) in [("broadcast", RequestKind::Broadcast), ("other", RequestKind::Send)] {
        let mut client = server.client();
        client.write_all(word.as_bytes()).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(reasons.recv_timeout(PATIENCE), Ok(because(request)));
    }
    let mut client = server.client();
    client.write_all(b"myself").unwrap();
    let mut back = [0; 2];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"me");
    // The connection that could not be opened is told why, and the one that asked lives on.
    client.write_all(b"connect").unwrap();
    assert_eq!(reasons.recv_timeout(PATIENCE), Ok(because(RequestKind::Connect)));
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut client), b"");
    assert_eq!(reasons.recv_timeout(PATIENCE), Ok(CloseReason::Finished));
    drop(client);
    server.drained();
}
