//! Running the command: shared by its tests.

#![allow(dead_code, unused_imports, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

#[path = "../../../tests/programs/mod.rs"]
mod programs;

use std::io::Write;
use std::net::SocketAddr;
use std::process::Command;

pub(crate) use programs::{Client, Program};
use rustix::process::{Pid, Signal, kill_process};

pub(crate) const SWITCHBOARD: &str = env!("CARGO_BIN_EXE_switchboard");

/// `switchboard http` with `options` on a free port, listening.
pub(crate) fn http(options: &[&str]) -> (Program, SocketAddr) {
    started(Command::new(SWITCHBOARD).args(["http", "--listen", "127.0.0.1:0"]).args(options))
}

/// `command`, which runs `switchboard http`, once it listens.
pub(crate) fn started(command: &mut Command) -> (Program, SocketAddr) {
    let mut program = Program::start(command);
    let address = program.ready("listening on http://", "/");
    (program, address)
}

pub(crate) fn send_signal(program: &Program, signal: Signal) {
    kill_process(Pid::from_child(program.child()), signal).unwrap();
}

/// Says that a test is skipped for want of something, loudly; where it must not be, fails.
pub(crate) fn skip(test: &str, want: &str) {
    assert!(std::env::var_os("SWITCHBOARD_CI").is_none(), "{test} may not be skipped: {want}");
    // Not with `eprintln!`: the test harness hides what a test that passes prints so.
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "\n*** SKIPPED: {test}: {want} ***\n").unwrap();
}

/// Whether the tests that take long were asked for.
pub(crate) fn is_long_run() -> bool {
    std::env::var_os("SWITCHBOARD_LONG").is_some()
}
