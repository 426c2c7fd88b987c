//! A load against servers in another thread, over real sockets.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use switchboard::{Address, Bytes, EventLoop, Handle, Protocol, Transport, WhenFull};

use super::order::Order;
use super::runner::Runner;
use super::tally::Tally;
use super::{Beside, Job};
use crate::failure::Outcome;
use crate::traffic::Kind;

const BODY_BYTES: usize = 3_000_000;

/// What the server under test does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Echo,
    /// Every line goes to all.
    Broadcast,
    /// Every read is taken for one request and gets a file.
    File,
    /// The second message of a connection gets a wrong reply.
    Lies,
    /// The second message of a connection ends it.
    Leaves,
}

struct Session {
    manner: Manner,
    messages: usize,
}

impl Protocol<u64> for Session {
    fn connected(&mut self, _: &mut Transport<'_, u64>, accepted: &mut u64) {
        *accepted += 1;
    }

    fn received(&mut self, transport: &mut Transport<'_, u64>, _: &mut u64, bytes: &[u8]) -> usize {
        self.messages += 1;
        match self.manner {
            Manner::Lies if self.messages == 2 => transport.write(&vec![b'x'; bytes.len()]),
            Manner::Leaves if self.messages == 2 => transport.finish(),
            Manner::Echo | Manner::Lies | Manner::Leaves => transport.write(bytes),
            Manner::Broadcast => {
                transport.write(bytes);
                transport.broadcast(Bytes::copy_from_slice(bytes), WhenFull::Close);
            }
            Manner::File => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY_BYTES}\r\n\r\n");
                transport.write(head.as_bytes());
                transport.write_shared(vec![b'x'; BODY_BYTES].into());
            }
        }
        bytes.len()
    }
}

/// A server that is stopped when its test is over.
struct Server {
    address: SocketAddr,
    handle: Handle<u64>,
    thread: Option<JoinHandle<u64>>,
}

impl Server {
    fn start(manner: Manner) -> Self {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut event_loop = EventLoop::new().unwrap();
            let session = move |_| Session { manner, messages: 0 };
            let listener = event_loop.listen("127.0.0.1:0", session).unwrap();
            let Some(&Address::Tcp(address)) = event_loop.local_address(listener) else {
                panic!("it listens on TCP");
            };
            sender.send((address, event_loop.handle())).unwrap();
            let mut accepted = 0;
            event_loop.run(&mut accepted).unwrap();
            accepted
        });
        let (address, handle) = receiver.recv().unwrap();
        Self { address, handle, thread: Some(thread) }
    }

    fn job(&self, kind: Kind, connections: usize) -> Job {
        Job::new(self.address, kind, connections)
    }

    /// Stops it. Says how many connections it had.
    fn stop(mut self) -> u64 {
        let _ = self.handle.stop();
        self.thread.take().map_or(0, |thread| thread.join().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.handle.stop();
    }
}

fn carry_out(job: &Job, orders: &[Order]) -> Outcome<Vec<Tally>> {
    let mut runner = Runner::connect(job)?;
    orders.iter().map(|&order| runner.carry_out(order)).collect()
}

fn moment() -> Duration {
    Duration::from_millis(20)
}

#[test]
fn each_client_asks_at_least_once_and_all_replies_are_counted() {
    let server = Server::start(Manner::Echo);
    let orders = [Order::Requests(0), Order::Requests(100), Order::Slice(moment())];
    let tallies = carry_out(&server.job(Kind::Echo, 5).pipeline(3), &orders).unwrap();
    assert_eq!(tallies[0].requests, 15, "a batch of three from each of five");
    assert!((100..=100 + 15).contains(&tallies[1].requests), "{:?}", tallies[1]);
    assert!(tallies[2].requests >= 15 && tallies[2].latency.is_none());
    for tally in tallies {
        assert_eq!(tally.bytes, tally.requests * 64);
        assert!(tally.elapsed_ns >= tally.idle_ns);
    }
}

#[test]
fn only_the_active_clients_ask() {
    let server = Server::start(Manner::Echo);
    let orders = [Order::Active(2), Order::Requests(0)];
    let tallies = carry_out(&server.job(Kind::Echo, 5), &orders).unwrap();
    assert_eq!((tallies[0].requests, tallies[1].requests), (0, 2));
    assert!(carry_out(&server.job(Kind::Echo, 5), &[Order::Active(6)]).is_err());
}

#[test]
fn an_open_loop_sends_all_that_was_due_and_times_all() {
    let server = Server::start(Manner::Echo);
    let time = moment();
    let orders = [Order::Rate { per_second: 1000, time }, Order::Waits(time)];
    let tallies = carry_out(&server.job(Kind::Echo, 3), &orders).unwrap();
    assert_eq!(tallies[0].requests, 20);
    for tally in tallies {
        assert_eq!(tally.latency.map(|waits| waits.count), Some(tally.requests));
    }
}

#[test]
fn churn_makes_a_connection_for_each_request() {
    let server = Server::start(Manner::Echo);
    let job = server.job(Kind::Echo, 4).churn();
    let rate = Order::Rate { per_second: 1000, time: moment() };
    let tallies = carry_out(&job, &[Order::Requests(50), rate]).unwrap();
    let requests: u64 = tallies.iter().map(|tally| tally.requests).sum();
    assert_eq!(tallies[1].requests, 20);
    assert_eq!(server.stop(), requests + 1, "and one that tried what it answers");
}

#[test]
fn a_line_counts_once_for_each_who_gets_it() {
    let server = Server::start(Manner::Broadcast);
    let orders = [Order::Requests(0), Order::Requests(21), Order::Waits(moment())];
    let tallies = carry_out(&server.job(Kind::Broadcast, 7), &orders).unwrap();
    assert_eq!((tallies[0].requests, tallies[1].requests), (7, 21));
    let waits = tallies[2].latency.unwrap();
    assert!(waits.count >= 7 && waits.count == tallies[2].requests);
    assert_eq!(tallies[2].requests % 7, 0);
}

#[test]
fn a_reader_that_was_stopped_goes_on_where_it_was() {
    let server = Server::start(Manner::File);
    // Slices of no time, so that most end in the middle; then one more whole file each.
    let mut orders = vec![Order::Slice(Duration::ZERO); 8];
    orders.push(Order::Requests(0));
    orders.push(Order::Requests(4));
    let tallies = carry_out(&server.job(Kind::File, 2), &orders).unwrap();
    let files: u64 = tallies.iter().map(|tally| tally.requests).sum();
    let bytes: u64 = tallies.iter().map(|tally| tally.bytes).sum();
    let head = bytes - files * BODY_BYTES as u64;
    assert!(
        files >= 4 && head.is_multiple_of(files) && head / files < 100,
        "{files} files, {bytes} bytes"
    );
}

#[test]
fn those_who_misbehave_are_not_among_those_who_are_counted() {
    for beside in [Beside::Greedy, Beside::SlowReader, Beside::Trickle] {
        let server = Server::start(Manner::Echo);
        let job = server.job(Kind::Echo, 2).beside(beside, 3);
        let mut runner = Runner::connect(&job).unwrap();
        let mut others = 0;
        for _ in 0..100_000 {
            let tally = runner.carry_out(Order::Requests(10)).unwrap();
            assert_eq!(tally.bytes, tally.requests * 64, "{beside:?}");
            assert_eq!(tally.others.closed, 0, "{beside:?}");
            others += tally.others.bytes;
            if others > 0 {
                break;
            }
        }
        assert!(others > 0, "{beside:?}");
    }
}

#[test]
fn a_server_that_lies_or_leaves_fails_the_load() {
    for (manner, why) in [(Manner::Lies, "a reply is wrong"), (Manner::Leaves, "closed")] {
        let server = Server::start(manner);
        let failed = carry_out(&server.job(Kind::Echo, 2), &[Order::Requests(100)]);
        let failure = failed.expect_err("it does not echo").to_string();
        assert!(failure.contains(why), "{failure}");
    }
}
