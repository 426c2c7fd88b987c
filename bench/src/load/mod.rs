//! The load: clients of one server, in a process of their own, on Switchboard's own event loop.
//!
//! A [`Load`] is a child pinned to a core. It keeps its connections from one order to the next,
//! spins while it carries one out and sleeps in between, so that loads for several servers can
//! take turns on one core. It is a process and not a thread because a process has 20,000
//! descriptors, because its CPU time is then the kernel's own count, and because loads in one
//! process would share what their loops keep in memory.
//!
//! An order is a line on its standard input, and the answer a line of JSON on its output:
//!
//! | order | what is done |
//! | --- | --- |
//! | `slice MILLIS` | closed loop for so long |
//! | `waits MILLIS` | the same, timing each request |
//! | `requests COUNT` | closed loop for so many requests; at least one from each client |
//! | `rate PER_SECOND MILLIS` | open loop: a request is timed from when it was due |
//! | `active COUNT` | from now on only the first so many clients ask |
//! | `quit` | ends the process, as the end of its input does |
//!
//! The first line it prints is `{"ready":{"connected_ns":…}}`, each answer is a [`Tally`], and a
//! failure is `{"error":"…"}` and the end. An order ends with nothing under way, so that the
//! server's CPU time can be read exactly. Two kinds of clients cannot keep to that: those that
//! misbehave ([`Beside`]), and readers of a file, which `slice` stops where they are. The server
//! goes on until every buffer on the way to them is full, so wait for its CPU time to stand
//! still; the next slice begins as this one ended, and what it counts is what was sent in it.
//!
//! A load never sleeps while it works: it would have to be woken by the server's own write, at a
//! price that depends on how often it happens to be asleep.

mod child;
mod churn;
mod client;
mod order;
mod others;
mod reader;
mod run;
mod runner;
mod stream;
mod tally;
#[cfg(test)]
mod tests;
mod world;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::failure::{Attempt, Failure, Outcome};
use crate::server::{Guarded, this_program};
use crate::traffic::{ECHO_BYTES, Kind};

pub(crate) use child::{Options, serve};
use order::{Answer, Order};
pub(crate) use tally::Tally;

/// A load that says nothing for this much longer than its order may take has failed. It finds
/// out itself when a server stalls, and says so sooner.
const GRACE: Duration = Duration::from_secs(60);
/// Connecting may take so long: a handshake that was dropped comes again after a second, and
/// then after two, four and so on.
const READY_TIMEOUT: Duration = Duration::from_secs(180);

/// Who the clients are and what they ask.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct Job {
    /// Server to connect to
    #[arg(long)]
    pub(crate) address: SocketAddr,
    /// What to ask for
    #[arg(long, value_enum)]
    pub(crate) kind: Kind,
    /// Clients that ask; of `churn`, at a time
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Requests in one write
    #[arg(long, default_value_t = 1)]
    pub(crate) pipeline: usize,
    /// Bytes of an echoed message
    #[arg(long, default_value_t = ECHO_BYTES)]
    pub(crate) bytes: u32,
    /// Connect for each request, and close
    #[arg(long)]
    pub(crate) churn: bool,
    /// Clients of another sort beside them
    #[arg(long, value_enum, requires = "others")]
    pub(crate) beside: Option<Beside>,
    /// How many of those
    #[arg(long, default_value_t = 0)]
    pub(crate) others: usize,
}

/// Clients that misbehave, as long as an order lasts. They are not in the figures but in
/// [`Tally::others`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Beside {
    /// Asks without end and takes 4 KiB of the replies every 10 ms
    SlowReader,
    /// Sends its requests a byte every millisecond
    Trickle,
    /// Asks without end and takes all replies
    Greedy,
}

impl Job {
    /// Clients of one kind that ask one request after the other.
    pub(crate) fn new(address: SocketAddr, kind: Kind, connections: usize) -> Self {
        let (pipeline, bytes, churn) = (1, ECHO_BYTES, false);
        Self { address, kind, connections, pipeline, bytes, churn, beside: None, others: 0 }
    }

    /// With so many bytes in an echoed message.
    pub(crate) fn bytes(self, bytes: u32) -> Self {
        Self { bytes, ..self }
    }

    /// With so many requests in one write.
    pub(crate) fn pipeline(self, pipeline: usize) -> Self {
        Self { pipeline, ..self }
    }

    /// With a connection for each request.
    pub(crate) fn churn(self) -> Self {
        Self { churn: true, ..self }
    }

    /// With so many clients of another sort.
    pub(crate) fn beside(self, beside: Beside, others: usize) -> Self {
        Self { beside: Some(beside), others, ..self }
    }

    /// The options that say this on a command line.
    fn arguments(&self) -> Vec<String> {
        let mut words = vec![
            format!("--address={}", self.address),
            format!("--kind={}", self.kind.name()),
            format!("--connections={}", self.connections),
            format!("--pipeline={}", self.pipeline),
            format!("--bytes={}", self.bytes),
            format!("--others={}", self.others),
        ];
        if self.churn {
            words.push("--churn".to_owned());
        }
        if let Some(beside) = self.beside.as_ref().and_then(Beside::to_possible_value) {
            words.push(format!("--beside={}", beside.get_name()));
        }
        words
    }
}

/// A running load, ended when dropped, and at the latest with the thread that started it.
#[derive(Debug)]
pub(crate) struct Load {
    orders: ChildStdin,
    answers: Receiver<String>,
    _child: Guarded,
    /// From the first connect until all connections were established.
    pub(crate) connected: Duration,
}

impl Load {
    /// Starts a load on a core and waits until all its clients are connected.
    pub(crate) fn start(job: &Job, core: usize) -> Outcome<Self> {
        let mut child = this_program()?
            .arg("load")
            .arg(format!("--core={core}"))
            .args(job.arguments())
            // What ends this program at the terminal ends its loads when it is gone.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .attempt("cannot start a load")?;
        let (orders, output) = (child.stdin.take(), child.stdout.take());
        let child = Guarded(child);
        let (Some(orders), Some(output)) = (orders, output) else {
            return Err(Failure::new("a load is not connected to this program"));
        };
        let answers = lines_of(output);
        let mut load = Self { orders, answers, _child: child, connected: Duration::ZERO };
        load.connected = match load.answer(READY_TIMEOUT)? {
            Answer::Ready { connected_ns } => Duration::from_nanos(connected_ns),
            other @ (Answer::Done(_) | Answer::Error(_)) => return Err(unexpected(&other)),
        };
        Ok(load)
    }

    /// Closed loop for so long.
    pub(crate) fn slice(&mut self, time: Duration) -> Outcome<Tally> {
        self.order(Order::Slice(time), time + GRACE)
    }

    /// Closed loop for so long, timing each request.
    pub(crate) fn waits(&mut self, time: Duration) -> Outcome<Tally> {
        self.order(Order::Waits(time), time + GRACE)
    }

    /// Closed loop until so many requests are answered; each client asks at least once.
    pub(crate) fn requests(&mut self, count: u64) -> Outcome<Tally> {
        // How long that takes is not known; a stall is found out by the load.
        self.order(Order::Requests(count), Duration::from_secs(3600))
    }

    /// Open loop: so many requests a second, each timed from when it was due.
    pub(crate) fn rate(&mut self, per_second: u64, time: Duration) -> Outcome<Tally> {
        self.order(Order::Rate { per_second, time }, time + GRACE)
    }

    /// From now on only the first so many clients ask.
    pub(crate) fn active(&mut self, count: usize) -> Outcome<()> {
        self.order(Order::Active(count), GRACE).map(drop)
    }

    fn order(&mut self, order: Order, limit: Duration) -> Outcome<Tally> {
        let sent = writeln!(self.orders, "{order}").and_then(|()| self.orders.flush());
        // One that has failed has said why before it ended.
        let answer = self.answer(limit);
        if !matches!(answer, Err(_) | Ok(Answer::Error(_))) {
            sent.attempt("cannot tell a load what to do")?;
        }
        match answer? {
            Answer::Done(tally) => Ok(tally),
            other @ (Answer::Ready { .. } | Answer::Error(_)) => Err(unexpected(&other)),
        }
    }

    fn answer(&self, limit: Duration) -> Outcome<Answer> {
        let line = self.answers.recv_timeout(limit).map_err(|why| match why {
            mpsc::RecvTimeoutError::Timeout => Failure::new(format!("load: silent for {limit:?}")),
            mpsc::RecvTimeoutError::Disconnected => Failure::new("load: ended without a word"),
        })?;
        match serde_json::from_str(&line) {
            Ok(Answer::Error(why)) => Err(Failure::because("load", why)),
            Ok(answer) => Ok(answer),
            Err(_) => Err(Failure::because("load", line)),
        }
    }
}

fn unexpected(answer: &Answer) -> Failure {
    Failure::new(format!("load: said {answer:?} when it was not asked for it"))
}

/// The lines that a child prints, read by a thread so that one can stop waiting for them.
fn lines_of(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(16);
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return; // Nobody wants to know any more.
            }
        }
    });
    receiver
}
