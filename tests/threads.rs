//! Threads as a user has them: HTTP in every way it answers, many at once, and one conversation
//! on a socket that somebody else opened.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod programs;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use programs::{Client, PATIENCE};
use switchboard::drivers::blocking::{Call, Config, Handle, Orders, converse};
use switchboard::drivers::event_loop::Ended;
use switchboard::http::{BodyWriter, Deferred, Flow, Source};
use switchboard::{
    CloseReason, Limits, Peer, Protocol, Threads, Timeout, Transport, WhenFull, http,
};

/// A server on a thread of its own, drained at the end.
struct Server {
    address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<std::io::Result<Ended>>>,
}

impl Server {
    fn start<P: Protocol<()>>(factory: impl FnMut(Peer) -> P + Send + 'static) -> Self {
        let server = Threads::new(|| ()).listen("127.0.0.1:0", factory).unwrap();
        let address = server.local_addresses().next().unwrap().socket().unwrap();
        let handle = server.handle();
        let thread = Some(thread::spawn(move || server.run()));
        Self { address, handle, thread }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.drain(PATIENCE).unwrap();
        let ended = self.thread.take().unwrap().join().unwrap().unwrap();
        let Ended::Drained(drained) = ended else { panic!("it was told to drain: {ended:?}") };
        assert_eq!((drained.aborted, drained.otherwise), (0, 0));
    }
}

/// A body of some numbers, each when there is room.
struct Numbers(u32);

impl<S> Source<S> for Numbers {
    fn produce(&mut self, body: &mut BodyWriter<'_>, _: &mut S) -> Flow {
        while self.0 > 0 && !body.is_backpressured() {
            body.write(format!("{:0>63}\n", self.0).as_bytes());
            self.0 -= 1;
        }
        if self.0 == 0 { Flow::End } else { Flow::More }
    }
}

/// Waits to be rung for, once, and ends.
struct Rung(bool);

impl<S> Source<S> for Rung {
    fn produce(&mut self, body: &mut BodyWriter<'_>, _: &mut S) -> Flow {
        if std::mem::replace(&mut self.0, true) {
            body.write(b"rung");
            return Flow::End;
        }
        Flow::Wait
    }
}

fn http_server() -> (Server, mpsc::Receiver<Deferred>) {
    let (owed, to_do) = mpsc::channel();
    let handler = http::server(move |request, reply, (): &mut ()| match request.path() {
        "/later" => owed.send(reply.defer()).unwrap(),
        "/numbers" => reply.stream(Some(64 * 50_000), Numbers(50_000)),
        "/rung" => reply.content_type("text/plain").stream_with(None, |alarm| {
            thread::spawn(move || alarm.ring());
            Rung(false)
        }),
        path => reply.text(format!("you asked for {path}")),
    });
    (Server::start(handler), to_do)
}

#[test]
fn http_keeps_connections_alive_and_pipelines() {
    let (server, _) = http_server();
    let mut clients: Vec<_> = (0..20).map(|_| Client::connect(server.address)).collect();
    for round in 0..3 {
        for client in &mut clients {
            for number in 0..4 {
                client.ask("GET", &format!("/{round}/{number}"));
            }
        }
        for client in &mut clients {
            for number in 0..4 {
                let text = format!("you asked for /{round}/{number}");
                assert_eq!(client.response().text(), text);
            }
        }
    }
    assert_eq!(server.handle.stats().open, 20);
    drop(clients);
}

#[test]
fn a_deferred_reply_comes_from_another_thread_and_those_behind_it_wait() {
    let (server, to_do) = http_server();
    let mut client = Client::connect(server.address);
    client.ask("GET", "/later");
    client.ask("GET", "/next");
    let deferred = to_do.recv_timeout(PATIENCE).unwrap();
    assert!(client.is_silent());
    deferred.text("it took a while").unwrap();
    assert_eq!(client.response().text(), "it took a while");
    assert_eq!(client.response().text(), "you asked for /next");
    client.ask("GET", "/later");
    drop(to_do.recv_timeout(PATIENCE).unwrap());
    assert_eq!(client.response().status, 500, "a reply that nobody pays");
}

#[test]
fn a_streamed_reply_is_made_as_it_is_taken() {
    let (server, _) = http_server();
    let mut client = Client::connect(server.address);
    let response = client.get("/numbers");
    assert_eq!(response.body.len(), 64 * 50_000);
    assert!(response.text().ends_with(&format!("{:0>63}\n", 1)));
    client.ask("GET", "/rung");
    assert_eq!(client.head().status, 200);
    assert_eq!(client.bytes(14), b"4\r\nrung\r\n0\r\n\r\n");
}

/// Sends back what comes, under back-pressure.
struct Echo;

impl<S> Protocol<S> for Echo {
    fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        transport.write(bytes);
        bytes.len()
    }
}

#[test]
fn a_client_may_send_and_receive_at_once() {
    let server = Server::start(|_| Echo);
    let stream = TcpStream::connect(server.address).unwrap();
    let mut sender = stream.try_clone().unwrap();
    let sent: Vec<u8> = (0..10_000_000_u32).map(|number| (number % 251) as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            sender.write_all(&sent).unwrap();
            sender.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        (&stream).read_to_end(&mut received).unwrap();
        assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
    });
}

/// A connected pair.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    (client, listener.accept().unwrap().0)
}

#[test]
fn one_conversation_runs_on_a_socket_that_somebody_else_opened() {
    let (mut client, stream) = pair();
    let conversation = thread::spawn(|| converse(stream, Echo, Limits::default(), &mut ()));
    client.write_all(b"inetd would do").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"inetd would do");
    let outcome = conversation.join().unwrap().unwrap();
    assert_eq!(outcome.reason, CloseReason::Finished);
    assert_eq!((outcome.bytes_in, outcome.bytes_out), (14, 14));
}

/// Asks itself and finishes what it asks.
struct Selfish;

impl Protocol<u32> for Selfish {
    fn received(&mut self, transport: &mut Transport<'_, u32>, _: &mut u32, bytes: &[u8]) -> usize {
        let me = transport.id();
        transport.send(me, "to me".into(), WhenFull::Drop);
        transport.notify(me, Box::new(()));
        transport.set_timeout(std::time::Duration::from_millis(1));
        bytes.len()
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, u32>,
        state: &mut u32,
        _: Box<dyn std::any::Any + Send>,
    ) {
        *state += 1;
        transport.write(b", told");
    }

    fn expired(&mut self, transport: &mut Transport<'_, u32>, state: &mut u32, timeout: Timeout) {
        *state += 10;
        assert_eq!(timeout, Timeout::Own);
        transport.write(b", late");
        transport.close(transport.id(), switchboard::Closing::Finish);
    }
}

#[test]
fn a_unix_stream_serves_as_well_and_a_connection_may_ask_itself_anything() {
    let (mut client, stream) = UnixStream::pair().unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let conversation = thread::spawn(move || {
        let mut state = 0;
        let call = Call::adopt_unix(stream, Selfish, Limits::default(), Config::default()).unwrap();
        (call.converse(&mut state, None).reason, state)
    });
    client.write_all(b"?").unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"to me, told, late");
    drop(client);
    assert_eq!(conversation.join().unwrap(), (CloseReason::Finished, 11));
}

#[test]
fn orders_reach_a_conversation_that_is_stuck_in_its_output() {
    let (client, stream) = pair();
    let orders = Orders::new().unwrap();
    let limits = Limits::default().output(256 << 20);
    let call = Call::adopt(stream, Wordy, limits, Config::default()).unwrap();
    thread::scope(|scope| {
        let conversation = scope.spawn(|| call.converse(&mut (), Some(&orders)));
        // By the first byte the protocol has written what no buffer holds.
        (&client).read_exact(&mut [0]).unwrap();
        orders.stop();
        assert_eq!(conversation.join().unwrap().reason, CloseReason::Stopped);
    });
}

/// Says more than anybody reads.
struct Wordy;

impl Protocol<()> for Wordy {
    fn connected(&mut self, transport: &mut Transport<'_, ()>, (): &mut ()) {
        transport.write(&vec![b'~'; 100 << 20]);
    }

    fn received(&mut self, _: &mut Transport<'_, ()>, (): &mut (), bytes: &[u8]) -> usize {
        bytes.len()
    }
}
