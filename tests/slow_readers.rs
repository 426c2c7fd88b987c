//! A hundred clients that read nothing cost nothing: what waits for them stays under the
//! high-water mark each, others are served meanwhile, and the write-stall deadline ends them.
//!
//! The server is this program, started again, so that its memory is its own.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod programs;

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use programs::{Client, Program};
use socket2::{Domain, Socket, Type};
use switchboard::http::{Reply, Request, StatusCode};
use switchboard::{
    Budget, Bytes, CloseReason, EventLoop, FileRange, Limits, Protocol, Timeout, Transport, Wait,
    WhenFull, http,
};

const CLIENTS: usize = 100;
const STALL: CloseReason = CloseReason::TimedOut(Timeout::WriteStall);

/// Set to the high-water mark in the process that is the server.
const SERVER: &str = "SWITCHBOARD_TEST_HIGH_WATER";

#[test]
fn a_hundred_that_ask_for_a_gibibyte_each_cost_no_memory() {
    a_hundred_cost_nothing(64 << 10, |server| ask_and_never_read(server.http, "/file", 1), |_| {});
}

#[test]
fn a_hundred_that_pipeline_replies_from_memory_cost_no_more_than_their_marks() {
    let ask = |server: &Server| ask_and_never_read(server.http, "/memory", 64);
    a_hundred_cost_nothing(1 << 20, ask, |_| {});
}

#[test]
fn a_hundred_that_listen_to_a_chat_cost_no_more_than_their_marks() {
    let mut talker = None;
    let line = [&[b'x'; 16 << 10][..], b"\n"].concat();
    a_hundred_cost_nothing(
        64 << 10,
        |server| deaf(server.chat),
        |server| {
            let talker = talker.get_or_insert_with(|| TcpStream::connect(server.chat).unwrap());
            talker.write_all(&line).unwrap();
        },
    );
}

/// Connects a hundred clients, makes more for them until all are back-pressured, and watches
/// the server's memory until all have ended.
fn a_hundred_cost_nothing(
    high_water: usize,
    mut connect: impl FnMut(&Server) -> TcpStream,
    mut make_more: impl FnMut(&Server),
) {
    let server = Server::start(high_water);
    let mut polite = Client::connect(server.http);
    polite.get("/counts");
    let before = server.program.memory();
    let _clients: Vec<_> = (0..CLIENTS).map(|_| connect(&server)).collect();
    let mut most_memory = 0;
    let mut most_slow = 0;
    loop {
        let counts = polite.get("/counts");
        let (slow, ended) = counts.text().split_once(' ').unwrap();
        most_slow = most_slow.max(slow.parse().unwrap());
        if ended.parse::<usize>().unwrap() == CLIENTS {
            break;
        }
        if most_slow < CLIENTS {
            make_more(&server);
        }
        most_memory = most_memory.max(server.program.memory());
    }
    assert_eq!(most_slow, CLIENTS, "all were back-pressured at once");
    let growth = most_memory - before;
    println!("high-water mark {high_water}: memory grew by {growth} bytes for {CLIENTS} clients");
    assert!(growth < CLIENTS * high_water + (4 << 20), "memory grew by {growth} bytes");
}

fn ask_and_never_read(server: SocketAddr, target: &str, times: usize) -> TcpStream {
    let mut stream = deaf(server);
    let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n");
    stream.write_all(request.repeat(times).as_bytes()).unwrap();
    stream
}

/// A client that does not read, and whose system takes little for it.
fn deaf(server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.into()
}

struct Server {
    program: Program,
    http: SocketAddr,
    chat: SocketAddr,
}

impl Server {
    fn start(high_water: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["the_server_itself", "--exact", "--nocapture", "--test-threads=1"]);
        let mut program = Program::start(command.env(SERVER, high_water.to_string()));
        let http = program.ready_after("http at ");
        let chat = program.ready_after("chat at ");
        Self { program, http, chat }
    }
}

/// What the server says of itself: connections that are back-pressured, and that have stalled.
#[derive(Default)]
struct Counts {
    slow: usize,
    stalled: u64,
}

#[test]
fn the_server_itself() {
    let Ok(high_water) = std::env::var(SERVER) else { return };
    let limits = Limits::default()
        .high_water(high_water.parse().unwrap())
        .low_water(16 << 10)
        .write_stall(Duration::from_secs(3));
    let file = tempfile::tempfile().unwrap();
    file.set_len(1 << 30).unwrap();
    let file = Arc::new(file);
    let mut event_loop = EventLoop::new().unwrap();
    let answer = move |request: &Request<'_>, reply: Reply<'_, Counts>, counts: &mut Counts| {
        respond(request, reply, counts, &file);
    };
    let web = http::server(answer);
    let web = event_loop.listen_with("127.0.0.1:0", limits.clone(), web).unwrap();
    let chat = event_loop.listen_with("127.0.0.1:0", limits, |_| Chat).unwrap();
    for (name, listener) in [("http", web), ("chat", chat)] {
        let address = event_loop.local_address(listener).unwrap().socket().unwrap();
        println!("{name} at {address}");
    }
    let mut counts = Counts::default();
    loop {
        event_loop.turn(Wait::Forever, Budget::default(), &mut counts).unwrap();
        counts.slow = event_loop.connections().filter(|other| other.is_backpressured()).count();
        counts.stalled = event_loop.stats().closed_for(STALL);
    }
}

fn respond(request: &Request<'_>, reply: Reply<'_, Counts>, counts: &mut Counts, file: &Arc<File>) {
    match request.path() {
        "/file" => reply.file(FileRange::new(Arc::clone(file), 0, 1 << 30)),
        "/memory" => reply.shared(vec![b'x'; 1 << 20]),
        "/counts" => reply.text(format!("{} {}", counts.slow, counts.stalled)),
        _ => reply.status(StatusCode::NOT_FOUND).empty(),
    }
}

/// Passes every line on to everybody else.
struct Chat;

impl<S> Protocol<S> for Chat {
    fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        transport.broadcast(Bytes::copy_from_slice(bytes), WhenFull::Drop);
        bytes.len()
    }
}
