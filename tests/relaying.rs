//! A relay between a fast and a slow end holds as much memory after gibibytes as after the first
//! mebibytes, and closes each direction on its own.
//!
//! `SWITCHBOARD_LONG=1` moves 4 GiB, else it is 64 MiB. The relay is this program, started again,
//! so that its memory is its own.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod programs;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use programs::{PATIENCE, Program};
use socket2::{Domain, SockRef, Socket, Type};
use switchboard::{EventLoop, relay};

/// Set to where it connects to in the process that is the relay.
const SERVER: &str = "SWITCHBOARD_TEST_RELAY_TO";

/// What the slow end reads at once: much less than the fast one sends.
const SLOW: usize = 4 << 10;
const FAST: usize = 256 << 10;

#[test]
fn a_relay_between_a_fast_and_a_slow_end_is_flat_and_closes_each_direction_on_its_own() {
    let is_long = std::env::var_os("SWITCHBOARD_LONG").is_some_and(|value| value == "1");
    let up: u64 = if is_long { 4 << 30 } else { 64 << 20 };
    let down = up / 4;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // What is accepted inherits it.
    SockRef::from(&listener).set_recv_buffer_size(SLOW).unwrap();
    let (relay, address) = start_relay(listener.local_addr().unwrap());
    let client = connect(address);
    let (server, _) = listener.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
    }

    let watch = relay.memory_watch(up + down);
    let client_sends = thread::spawn({
        let client = client.try_clone().unwrap();
        move || send(client, up)
    });
    let mut watch = receive(&server, up, watch);
    client_sends.join().unwrap();
    // The client has finished, and is answered all the same.
    let server_sends = thread::spawn(move || send(server, down));
    watch = receive(&client, down, watch);
    server_sends.join().unwrap();

    let growth = watch.most - watch.warm.unwrap();
    println!("{up} bytes up, {down} down: memory grew by {growth} bytes after the first 1/16");
    assert!(growth < 1 << 20, "memory grew by {growth} bytes");
}

/// A client whose system takes little for it: it must know so before it connects.
fn connect(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(SLOW).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.into()
}

/// Sends `count` bytes as fast as it can, and then its end.
fn send(mut stream: TcpStream, count: u64) {
    let pattern = pattern(FAST);
    for _ in 0..count / FAST as u64 {
        stream.write_all(&pattern).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
}

/// Receives `count` bytes a little at a time, in their order, and then their end.
fn receive<'a>(mut stream: &TcpStream, count: u64, mut watch: Watch<'a>) -> Watch<'a> {
    // As long as it takes to begin anywhere within.
    let pattern = pattern(FAST + SLOW);
    let mut buffer = [0; SLOW];
    let mut received = 0;
    loop {
        let length = stream.read(&mut buffer).unwrap();
        if length == 0 {
            break;
        }
        let from = (received % FAST as u64) as usize;
        assert!(buffer[..length] == pattern[from..from + length], "at byte {received}");
        received += length as u64;
        watch.note(length);
    }
    assert_eq!(received, count, "an end comes after the last byte");
    watch
}

/// Bytes that repeat after [`FAST`], and not before.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at % FAST) * 31 / 251) as u8).collect()
}

/// Looks at the memory of the relay now and then.
struct Watch<'a> {
    relay: &'a Relay,
    total: u64,
    seen: u64,
    looks: u64,
    /// After the first sixteenth.
    warm: Option<usize>,
    most: usize,
}

impl Watch<'_> {
    fn note(&mut self, length: usize) {
        self.seen += length as u64;
        if self.seen * 256 / self.total == self.looks {
            return;
        }
        self.looks = self.seen * 256 / self.total;
        let memory = self.relay.0.memory();
        if self.looks >= 16 {
            self.warm.get_or_insert(memory);
            self.most = self.most.max(memory);
        }
    }
}

struct Relay(Program);

impl Relay {
    fn memory_watch(&self, total: u64) -> Watch<'_> {
        Watch { relay: self, total, seen: 0, looks: 0, warm: None, most: 0 }
    }
}

fn start_relay(server: SocketAddr) -> (Relay, SocketAddr) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["the_relay_itself", "--exact", "--nocapture", "--test-threads=1"]);
    let mut program = Program::start(command.env(SERVER, server.to_string()));
    let address = program.ready_after("relay at ");
    (Relay(program), address)
}

#[test]
fn the_relay_itself() {
    let Ok(server) = std::env::var(SERVER) else { return };
    let mut event_loop = EventLoop::new().unwrap();
    let factory = relay::to(&*server).unwrap();
    let listener = event_loop.listen("127.0.0.1:0", factory).unwrap();
    println!("relay at {}", event_loop.local_address(listener).unwrap().socket().unwrap());
    event_loop.run(&mut ()).unwrap();
}
