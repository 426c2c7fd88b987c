//! What one client that pipelines without end makes another one wait.
//!
//! Both clients live in one thread, so the scheduler is not part of the
//! answer: each turn looks at the polite client first, then gives each greedy
//! one a write and a read. Such a turn takes tens of microseconds, which is
//! what this adds to a wait.
//!
//! The longest wait of a run is often the machine's: on a virtual one a core
//! may be away for milliseconds. What a greedy client does, it does all the
//! time, so the longest wait of a typical second (the median of them) is shown
//! too, and the same polite client is measured without greedy ones.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::Cores;
use crate::failure::{Attempt, Failure, Outcome};
use crate::load::wait;
use crate::process::pin_to;
use crate::server::Server;
use crate::table::Table;
use crate::traffic::{Kind, Traffic};

const STALL: Duration = Duration::from_secs(10);
const CHUNK_BYTES: usize = 64 * 1024;
/// Until the greedy clients have filled every buffer on the way.
const WARM_UP: Duration = Duration::from_millis(300);
const HIGHEST_NANOSECONDS: u64 = 60_000_000_000;

/// Options of `greedy`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Command of the server to measure
    #[arg(long, value_name = "COMMAND")]
    server: String,
    /// What to ask for
    #[arg(long, value_enum)]
    kind: Kind,
    /// Greedy clients
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    greedy: u16,
    /// Seconds for each of the two measurements
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    #[command(flatten)]
    cores: Cores,
}

/// Runs the measurement, with the greedy clients and without, and prints its table.
pub(crate) fn measure(options: &Options) -> Outcome<()> {
    pin_to(options.cores.load_core)?;
    let server = Server::start(&options.server, options.cores.server_core)?;
    let traffic = Traffic::learn(server.address, options.kind, 1)?;
    let mut table = Table::new(&[
        "greedy clients",
        "waits",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "longest of a second us",
        "longest us",
        "greedy replies/s",
    ]);
    for greedy in [usize::from(options.greedy), 0] {
        let mut clients = Clients::connect(server.address, greedy, &traffic)?;
        let figures = clients.run(&traffic, options.seconds)?;
        let waits = &figures.waits;
        let microseconds = |nanoseconds: u64| format!("{:.0}", nanoseconds as f64 / 1000.0);
        let replies = figures.greedy_bytes as f64 / traffic.reply_bytes as f64;
        table.row(vec![
            greedy.to_string(),
            waits.len().to_string(),
            microseconds(waits.value_at_quantile(0.5)),
            microseconds(waits.value_at_quantile(0.99)),
            microseconds(waits.value_at_quantile(0.999)),
            microseconds(figures.longest_of_a_second()),
            microseconds(waits.max()),
            format!("{:.0}", replies / options.seconds as f64),
        ]);
    }
    println!("{}, waits of one polite client", options.kind.name());
    table.print();
    Ok(())
}

/// What the polite client felt.
struct Figures {
    /// Its waits in nanoseconds.
    waits: Histogram<u64>,
    /// The longest wait of each second, in nanoseconds.
    longest: Vec<u64>,
    /// What the greedy clients received meanwhile.
    greedy_bytes: u64,
}

impl Figures {
    fn longest_of_a_second(&self) -> u64 {
        let mut sorted = self.longest.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or(0)
    }
}

struct Clients {
    poll: Poll,
    events: Events,
    polite: TcpStream,
    greedy: Vec<Greedy>,
    scratch: Vec<u8>,
}

/// Sends the same requests for ever and drops the replies.
struct Greedy {
    stream: TcpStream,
    /// What of the chunk of whole requests is sent.
    sent: usize,
    can_write: bool,
    can_read: bool,
    received: u64,
}

impl Clients {
    fn connect(address: SocketAddr, greedy: usize, traffic: &Traffic) -> Outcome<Self> {
        let poll = Poll::new().attempt("cannot make a poll")?;
        let polite = open(&poll, address, 0)?;
        let mut others = Vec::new();
        for index in 0..greedy {
            others.push(Greedy {
                stream: open(&poll, address, index + 1)?,
                sent: 0,
                can_write: true,
                can_read: false,
                received: 0,
            });
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            polite,
            greedy: others,
            scratch: vec![0; CHUNK_BYTES.max(traffic.reply_bytes)],
        })
    }

    /// Lets the polite client ask for so many seconds.
    fn run(&mut self, traffic: &Traffic, seconds: u64) -> Outcome<Figures> {
        let chunk = traffic.batch.repeat(CHUNK_BYTES / traffic.batch.len());
        let mut waits = Histogram::new_with_max(HIGHEST_NANOSECONDS, 3).attempt("histogram")?;
        let mut longest = Vec::new();
        let warm_up_end = Instant::now() + WARM_UP;
        while Instant::now() < warm_up_end {
            self.serve_greedy(&chunk)?;
        }
        let received = self.received();
        for _ in 0..seconds {
            let begin = Instant::now();
            let mut longest_wait = 0;
            while begin.elapsed() < Duration::from_secs(1) {
                let waited = self.ask_politely(traffic, &chunk)?;
                let nanoseconds = u64::try_from(waited.as_nanos()).unwrap_or(HIGHEST_NANOSECONDS);
                waits.saturating_record(nanoseconds);
                longest_wait = longest_wait.max(nanoseconds);
            }
            longest.push(longest_wait);
        }
        Ok(Figures { waits, longest, greedy_bytes: self.received() - received })
    }

    fn received(&self) -> u64 {
        self.greedy.iter().map(|greedy| greedy.received).sum()
    }

    /// One request of the polite client, until its reply is whole.
    fn ask_politely(&mut self, traffic: &Traffic, chunk: &[u8]) -> Outcome<Duration> {
        let begin = Instant::now();
        // So few bytes always fit: the previous request has been answered.
        self.polite.write_all(&traffic.batch).attempt("cannot send")?;
        let mut awaited = traffic.reply_bytes;
        loop {
            match self.polite.read(&mut self.scratch) {
                Ok(0) => return Err(Failure::new("the server closed the polite connection")),
                Ok(count) if !traffic.accepts(&self.scratch[..count], awaited) => {
                    return Err(Failure::new("a reply to the polite client is wrong"));
                }
                Ok(count) => awaited -= count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.serve_greedy(chunk)?;
                }
                Err(error) => return Err(Failure::because("cannot receive", error)),
            }
            let waited = begin.elapsed();
            if awaited == 0 {
                return Ok(waited);
            }
            if waited > STALL {
                return Err(Failure::new(format!("the polite client waited {STALL:?}")));
            }
        }
    }

    /// One write and one read for each greedy client that can.
    fn serve_greedy(&mut self, chunk: &[u8]) -> Outcome<()> {
        if self.greedy.is_empty() {
            return Ok(());
        }
        wait(&mut self.poll, &mut self.events, Duration::ZERO)?;
        for event in &self.events {
            // Token 0 is the polite client, which is read on every turn.
            let Some(index) = event.token().0.checked_sub(1) else {
                continue;
            };
            self.greedy[index].can_write |= event.is_writable();
            self.greedy[index].can_read |= event.is_readable();
        }
        for greedy in &mut self.greedy {
            greedy.serve(chunk, &mut self.scratch).attempt("greedy client")?;
        }
        Ok(())
    }
}

impl Greedy {
    fn serve(&mut self, chunk: &[u8], scratch: &mut [u8]) -> std::io::Result<()> {
        if self.can_write {
            match self.stream.write(&chunk[self.sent..]) {
                Ok(count) => self.sent = (self.sent + count) % chunk.len(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.can_read {
            match self.stream.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.received += count as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_read = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Connects, then makes the connection non-blocking.
fn open(poll: &Poll, address: SocketAddr, index: usize) -> Outcome<TcpStream> {
    let connect = || {
        let stream = std::net::TcpStream::connect_timeout(&address, STALL)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(index), both)?;
        Ok::<_, std::io::Error>(stream)
    };
    connect().attempt(format!("cannot connect to {address}"))
}
