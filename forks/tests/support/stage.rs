//! A running `served`, with what it said so far.

use std::fs;
use std::process::{Command, ExitStatus};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use switchboard::Address;

use super::Caller;
use super::programs::Program;

/// See the module.
pub(crate) struct Stage {
    program: Program,
    address: Address,
    /// Lines of the server's output that were read.
    told: Vec<String>,
    is_draining: bool,
}

/// What a server said and how it ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    output: Vec<String>,
    pub(crate) log: String,
}

impl Stage {
    /// `served` with these arguments, once it listens.
    pub(crate) fn set(driver: &str, address: &str, service: &str, limits: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_served"));
        let mut program = Program::start(command.args([driver, address, service]).args(limits));
        let ready = program.line();
        let address = ready.strip_prefix("listening on ").unwrap_or_else(|| panic!("{ready}"));
        let address = address.parse().unwrap();
        Self { program, address, told: Vec::new(), is_draining: false }
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::to(&self.address)
    }

    /// Tells the server to drain, once.
    pub(crate) fn drains(&mut self) {
        if !std::mem::replace(&mut self.is_draining, true) {
            self.is_sent(Signal::TERM);
        }
    }

    pub(crate) fn is_sent(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until the server has said this.
    pub(crate) fn tells(&mut self, expected: &str) {
        while self.told.last().is_none_or(|line| line != expected) {
            self.told.push(self.program.line());
        }
    }

    /// Waits until the server has logged a line with this in it.
    pub(crate) fn logs(&mut self, part: &str) {
        self.program.logged(part);
    }

    /// Drains it, and waits until it has ended.
    pub(crate) fn ends(mut self) -> Ended {
        self.drains();
        let ended = self.program.ended();
        let output = [self.told, ended.output].concat();
        Ended { status: ended.status, output, log: ended.log.join("\n") }
    }

    pub(crate) fn threads(&self) -> usize {
        self.program.threads()
    }

    pub(crate) fn memory(&self) -> usize {
        self.program.memory()
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.program.child().id())).unwrap().count()
    }

    /// Its children: those, too, that have ended and were not reaped.
    pub(crate) fn children(&self) -> Vec<Pid> {
        let is_child = |id: &i32| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            // After the name in parentheses come the state and the parent (proc(5)).
            let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
            parent.and_then(|id| id.parse().ok()) == Some(self.program.child().id())
        };
        let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        ids.filter(is_child).filter_map(Pid::from_raw).collect()
    }

    /// Lets it open nothing more, or as much as is usual.
    pub(crate) fn limit_descriptors(&self, is_limited: bool) {
        let usual = getrlimit(Resource::Nofile);
        let is_open = |number: &u64| {
            let path = format!("/proc/{}/fd/{number}", self.program.child().id());
            fs::symlink_metadata(path).is_ok()
        };
        // The limit is one past the highest number that may be given out.
        let current =
            if is_limited { (0..).find(|number| !is_open(number)) } else { usual.current };
        prlimit(Some(self.pid()), Resource::Nofile, Rlimit { current, ..usual }).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.program.child())
    }
}

impl Ended {
    /// What follows `prefix` in the lines that have it.
    pub(crate) fn lines(&self, prefix: &str) -> Vec<&str> {
        self.output.iter().filter_map(|line| line.strip_prefix(prefix)).collect()
    }
}
