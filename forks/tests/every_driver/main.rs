//! One table of conversations, under every driver and over every kind of stream: the client
//! gets the same bytes, and the connections end for the same reasons.
//!
//! Each row is a server of its own (`served`), because a process with threads, as this one is,
//! cannot fork. A new protocol joins by a line in `served/services.rs` and a scenario here.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod caller;
#[path = "../../../tests/programs/mod.rs"]
mod programs;
mod scenarios;

use std::collections::BTreeMap;
use std::process::Command;

use caller::Caller;
use programs::Program;
use rustix::process::{Pid, Signal, kill_process};
use switchboard::Address;

const DRIVERS: [&str; 3] = ["event-loop", "threads", "forks"];

/// A conversation, and how it must end.
struct Scenario {
    service: &'static str,
    /// Limits, as `served` takes them.
    limits: &'static [&'static str],
    /// What the clients do. The server drains after it, if it was not told to before.
    play: fn(&mut Stage),
    /// How many connections end for which reason.
    closed: &'static [(u64, &'static str)],
    /// Where it plays a drain: how the connections ended that were open by then.
    drained: &'static str,
}

/// A running server, for the clients of a scenario.
struct Stage {
    program: Program,
    address: Address,
    /// Lines of the server's output that were read.
    told: Vec<String>,
    is_draining: bool,
}

impl Stage {
    fn caller(&self) -> Caller {
        Caller::to(&self.address)
    }

    /// Tells the server to drain, once.
    fn drains(&mut self) {
        if !std::mem::replace(&mut self.is_draining, true) {
            kill_process(Pid::from_child(self.program.child()), Signal::TERM).unwrap();
        }
    }

    /// Waits until the server has said this.
    fn tells(&mut self, expected: &str) {
        while self.told.last().is_none_or(|line| line != expected) {
            self.told.push(self.program.line());
        }
    }
}

/// Plays a scenario under one driver over one kind of stream.
fn play(scenario: &Scenario, driver: &str, address: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_served"));
    command.args([driver, address, scenario.service]).args(scenario.limits);
    let mut program = Program::start(&mut command);
    let ready = program.line();
    let address = ready.strip_prefix("listening on ").unwrap_or_else(|| panic!("{ready}"));
    let address = address.parse().unwrap();
    let mut stage = Stage { program, address, told: Vec::new(), is_draining: false };
    (scenario.play)(&mut stage);
    stage.drains();
    let ended = stage.program.ended();
    let log = ended.log.join("\n");
    assert!(ended.status.success(), "{:?}: {log}", ended.status);

    let output = [stage.told, ended.output].concat();
    let lines = |prefix: &str| -> Vec<&str> {
        output.iter().filter_map(|line| line.strip_prefix(prefix)).collect()
    };
    let mut counted = lines("closed: ");
    counted.sort_unstable();
    let mut expected: Vec<_> =
        scenario.closed.iter().map(|(count, reason)| format!("{count} {reason}")).collect();
    expected.sort_unstable();
    assert_eq!(counted, expected, "{log}");
    if !scenario.drained.is_empty() {
        assert_eq!(lines("drained: "), [scenario.drained], "{log}");
    }
    // What protocols were told is what was counted; but who panicked is told nothing.
    let mut told = BTreeMap::new();
    for reason in lines("told: ") {
        *told.entry(reason).or_insert(0) += 1;
    }
    let expected = scenario.closed.iter().filter(|(_, reason)| *reason != "protocol panicked");
    let expected: BTreeMap<_, _> = expected.map(|(count, reason)| (*reason, *count)).collect();
    assert_eq!(told, expected, "{log}");
}

/// Plays a scenario in every row of the table.
fn everywhere(scenario: &Scenario) {
    let folder = tempfile::tempdir().unwrap();
    for driver in DRIVERS {
        let path = format!("unix://{}/{driver}", folder.path().display());
        for address in ["tcp://127.0.0.1:0", "tcp://[::1]:0", &path] {
            println!("row: {driver}, {address}"); // Shown where the test fails.
            play(scenario, driver, address);
        }
    }
}
