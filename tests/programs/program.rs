//! A program that runs until its test is over, however that ends.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::PATIENCE;

/// A running program. Dropping it kills it.
pub(crate) struct Program {
    child: Child,
    output: Lines,
    log: Lines,
}

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// The lines of its standard output that were not asked for before.
    pub(crate) output: Vec<String>,
    /// Every line of its standard error.
    pub(crate) log: Vec<String>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let output = Lines::of(child.stdout.take().unwrap());
        let log = Lines::of(child.stderr.take().unwrap());
        Self { child, output, log }
    }

    /// Where it says that it listens, in its next line of output: an address, with `before` and
    /// `after` around it.
    pub(crate) fn ready(&mut self, before: &str, after: &str) -> SocketAddr {
        let place = self.ready_at(before, after);
        place.parse().unwrap_or_else(|_| panic!("not an address and a port: {place:?}"))
    }

    /// As [`ready`](Self::ready), for any kind of address.
    pub(crate) fn ready_at(&mut self, before: &str, after: &str) -> String {
        let Some(line) = self.output.next(PATIENCE) else {
            self.log.exhaust();
            panic!("it ended without a word on standard output; its log: {:#?}", self.log.seen);
        };
        line.strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .unwrap_or_else(|| panic!("not a ready line: {line:?}"))
            .to_owned()
    }

    /// Its next line of output.
    pub(crate) fn line(&mut self) -> String {
        self.output.next(PATIENCE).expect("it says more")
    }

    /// The address that follows `before` in some later line of its output.
    pub(crate) fn ready_after(&mut self, before: &str) -> SocketAddr {
        loop {
            let line = self.output.next(PATIENCE).expect("it says where it listens");
            if let Some((_, address)) = line.split_once(before) {
                return address.parse().expect("it listens on an address");
            }
        }
    }

    /// A line of the log that holds `part`: one that was seen before, or else the next.
    pub(crate) fn logged(&mut self, part: &str) -> String {
        let mut looked = 0;
        loop {
            while let Some(line) = self.log.seen.get(looked) {
                if line.contains(part) {
                    return line.clone();
                }
                looked += 1;
            }
            if self.log.next(PATIENCE).is_none() {
                panic!("it ended and logged no {part:?}: {:#?}", self.log.seen);
            }
        }
    }

    /// The lines of the log so far, after waiting `time` for one more.
    pub(crate) fn log_within(&mut self, time: Duration) -> &[String] {
        let _ = self.log.receive(time);
        &self.log.seen
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(mut self) -> Ended {
        let before = self.output.seen.len();
        self.output.exhaust();
        self.log.exhaust();
        let status = self.child.wait().unwrap();
        let output = self.output.seen.split_off(before);
        Ended { status, output, log: std::mem::take(&mut self.log.seen) }
    }

    /// Kills it, as a person would with `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    pub(crate) fn child(&self) -> &Child {
        &self.child
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
        line.and_then(|number| number.trim().parse().ok()).expect("Linux gives the number")
    }

    /// Resident memory in bytes, as Linux sums it up over the mappings: exact.
    pub(crate) fn memory(&self) -> usize {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let text = fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).expect("proc(5)");
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// The processor time that it used, in hundredths of a second.
    pub(crate) fn processor_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The second field is a name in parentheses that may hold spaces (proc(5)): utime and
        // stime, fields 14 and 15, are the 12th and 13th after it.
        let (_, rest) = stat.rsplit_once(") ").expect("proc(5)");
        let fields: Vec<_> = rest.split(' ').collect();
        fields[11..13].iter().map(|field| field.parse::<u64>().expect("proc(5)")).sum()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It fails where the program has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines that a thread reads, so that they can be waited for with a limit.
struct Lines {
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines, seen: Vec::new() }
    }

    fn receive(&mut self, time: Duration) -> Result<String, RecvTimeoutError> {
        let line = self.lines.recv_timeout(time)?;
        self.seen.push(line.clone());
        Ok(line)
    }

    /// The next line, or none where the stream has ended.
    fn next(&mut self, time: Duration) -> Option<String> {
        match self.receive(time) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("silent for long; so far: {:#?}", self.seen),
        }
    }

    fn exhaust(&mut self) {
        while self.next(PATIENCE).is_some() {}
    }
}
