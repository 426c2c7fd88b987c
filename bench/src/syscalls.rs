//! System calls per request, counted by strace.
//!
//! strace is attached after the warm-up and detached after a fixed number of
//! requests, so starting and accepting are not in the count. A traced server
//! is many times slower than the load, so every wait finds all connections
//! ready: this is the count under load.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

use crate::Cores;
use crate::asked::Asked;
use crate::failure::{Attempt, Failure, Outcome};
use crate::load::Load;
use crate::output::say;
use crate::process::{Family, pin_to};
use crate::server::{Guarded, Server, pinned};
use crate::table::Table;

const WARM_UP_REQUESTS: u64 = 2_000;
const STRACE_TIMEOUT: Duration = Duration::from_secs(10);

/// Options of `syscalls`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Command of the server to measure
    #[arg(long, value_name = "COMMAND")]
    server: String,
    #[command(flatten)]
    asked: Asked,
    /// Requests to count over
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    requests: u64,
    #[command(flatten)]
    cores: Cores,
}

/// Runs the measurement and prints its table.
pub(crate) fn measure(options: &Options) -> Outcome<()> {
    pin_to(options.cores.load_core)?;
    let server = Server::start(&options.server, options.cores.server_core)?;
    let job = options.asked.job(server.address);
    let mut load = Load::start(&job, options.cores.load_core)?;
    load.requests(WARM_UP_REQUESTS)?;
    let strace = Strace::attach(&server.family(), options.cores.server_core)?;
    let tally = load.requests(options.requests)?;
    let calls = strace.count()?;
    report(options, &calls, tally.requests)
}

/// A running strace, and its messages from a thread that reads them.
#[derive(Debug)]
pub(crate) struct Strace {
    child: Guarded,
    messages: mpsc::Receiver<String>,
}

impl Strace {
    /// Attaches to all threads of a family and to what they start.
    ///
    /// It runs on the server's core, where it has work only while the server is
    /// stopped; on the other it would wait for a load that spins.
    pub(crate) fn attach(family: &Family, core: usize) -> Outcome<Self> {
        let attached = family.pids().iter().map(|pid| format!(" --attach={pid}"));
        let mut child =
            pinned(&format!("strace -c -f{}", attached.collect::<String>()), core, None)?
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .attempt("cannot start strace")?;
        let messages = child.stderr.take();
        let child = Guarded(child);
        let (sender, receiver) = mpsc::sync_channel(2);
        if let Some(messages) = messages {
            let processes = family.pids().len();
            thread::spawn(move || forward(messages, processes, &sender));
        }
        let strace = Self { child, messages: receiver };
        let first = strace.next_message("did not attach")?;
        if first.is_empty() {
            Ok(strace)
        } else {
            Err(Failure::new(format!("strace (is it installed?) cannot attach: {}", first.trim())))
        }
    }

    /// Ends the tracing and returns the names of the calls with how many there were.
    pub(crate) fn count(self) -> Outcome<Vec<(String, u64)>> {
        let summary = self.detach()?;
        let calls = parse_summary(&summary);
        if calls.is_empty() {
            return Err(Failure::new(format!("strace counted nothing: {}", summary.trim())));
        }
        Ok(calls)
    }

    /// Ends the tracing as Ctrl-C would, and returns the summary.
    fn detach(self) -> Outcome<String> {
        let pid = i32::try_from(self.child.0.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Failure::new("strace has no process"))?;
        kill_process(pid, Signal::INT).attempt("cannot stop strace")?;
        self.next_message("did not end")
    }

    fn next_message(&self, missing: &str) -> Outcome<String> {
        let message = self.messages.recv_timeout(STRACE_TIMEOUT);
        message.map_err(|_| Failure::new(format!("strace {missing} in {STRACE_TIMEOUT:?}")))
    }
}

/// Sends an empty message once so many processes are attached, or the first line that says
/// something else; then all the rest in one piece.
fn forward(messages: impl Read, processes: usize, sender: &mpsc::SyncSender<String>) {
    let mut reader = BufReader::new(messages);
    let (mut attached, mut complaint) = (0, String::new());
    for _ in 0..processes {
        let mut line = String::new();
        // What cannot be read, or is at its end, says nothing of a process.
        let _ = reader.read_line(&mut line);
        if line.contains("attached") {
            attached += 1;
        } else if !line.contains("No such process") {
            complaint = if line.is_empty() { "it ended".to_owned() } else { line };
            break;
        }
        // A child may have ended since it was listed.
    }
    if attached == 0 && complaint.is_empty() {
        complaint = "no such process".to_owned();
    }
    // The receiver may have given up.
    let _ = sender.send(complaint);
    let mut rest = String::new();
    let _ = reader.read_to_string(&mut rest);
    let _ = sender.send(rest);
}

/// Names and counts in the table that `strace -c` prints:
/// `% time, seconds, usecs/call, calls, [errors,] syscall`.
fn parse_summary(summary: &str) -> Vec<(String, u64)> {
    let mut calls = Vec::new();
    for line in summary.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(name), Some(Ok(count))) = (words.last(), words.get(3).map(|word| word.parse()))
        else {
            continue;
        };
        if *name != "total" {
            calls.push(((*name).to_owned(), count));
        }
    }
    calls.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    calls
}

fn report(options: &Options, calls: &[(String, u64)], requests: u64) -> Outcome<()> {
    say(format_args!("{}, {requests} requests", options.asked))?;
    let mut table = Table::new(&["system call", "calls", "per request"]);
    let total: u64 = calls.iter().map(|(_, count)| count).sum();
    let all = calls.iter().map(|(name, count)| (name.as_str(), *count));
    for (name, count) in all.chain([("total", total)]) {
        table.row(vec![
            name.to_owned(),
            count.to_string(),
            format!("{:.4}", count as f64 / requests as f64),
        ]);
    }
    table.print()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracer_is_ready_when_every_process_is_attached() {
        let told = |text: &'static str, processes| {
            let (sender, receiver) = mpsc::sync_channel(2);
            forward(text.as_bytes(), processes, &sender);
            receiver.iter().take(2).collect::<Vec<_>>()
        };
        let two = "strace: Process 7 attached with 3 threads\nstrace: Process 8 attached\n% time\n";
        assert_eq!(told(two, 2), ["", "% time\n"]);
        let refused = "strace: attach: ptrace(PTRACE_SEIZE, 7): Operation not permitted\n";
        assert_eq!(told(refused, 2), [refused, ""]);
        assert_eq!(told("strace: Process 7 attached\n", 2), ["it ended", ""]);
        let gone = "strace: attach: ptrace(PTRACE_SEIZE, 8): No such process\n";
        assert_eq!(told(gone, 1), ["no such process", ""]);
        let one = "strace: Process 7 attached\nstrace: attach: No such process\n% time\n";
        assert_eq!(told(one, 2), ["", "% time\n"]);
    }

    #[test]
    fn a_summary_yields_its_calls_with_or_without_errors() {
        let summary = "strace: Process 7 detached\n\
            % time     seconds  usecs/call     calls    errors syscall\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
             60.00    0.000600           1       600           sendto\n\
             40.00    0.000400           1       601         1 recvfrom\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
            100.00    0.001000           1      1201         1 total\n";
        let expected = vec![("recvfrom".to_owned(), 601), ("sendto".to_owned(), 600)];
        assert_eq!(parse_summary(summary), expected);
    }
}
