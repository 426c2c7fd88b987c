//! Running the command: shared by its tests.

#![allow(dead_code, unused_imports, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

#[path = "../../../tests/programs/mod.rs"]
mod programs;

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::thread;

#[allow(unused_imports, reason = "each test program uses a part of it")]
pub(crate) use programs::{Client, PATIENCE, Program};
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

/// `switchboard` with `arguments`, which begin with a server's name, once it listens: on a free
/// TCP port unless they say where. Gives where it listens, in the order of its ready lines.
pub(crate) fn server(arguments: &[&str]) -> (Program, Vec<String>) {
    let mut command = Command::new(SWITCHBOARD);
    command.args(arguments);
    let mut count = arguments.iter().filter(|argument| **argument == "--listen").count();
    if count == 0 {
        command.args(["--listen", "127.0.0.1:0"]);
        count = 1;
    }
    let mut program = Program::start(&mut command);
    let places = (0..count).map(|_| program.ready_at("listening on ", "")).collect();
    (program, places)
}

/// A server on one free TCP port.
pub(crate) fn tcp_server(arguments: &[&str]) -> (Program, SocketAddr) {
    let (program, places) = server(arguments);
    let address = places[0].strip_prefix("tcp://").and_then(|place| place.parse().ok());
    (program, address.expect("a TCP address"))
}

/// What `switchboard talk` says and how it ends, with `input` to read.
pub(crate) fn talk(arguments: &[&str], input: &[u8]) -> Output {
    run(SWITCHBOARD, &[&["talk"], arguments].concat(), input)
}

/// Runs a client to its end, or to the end of all patience.
pub(crate) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("timeout")
        .arg("60")
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It fails where the client has enough before the end.
    let writing = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output
}

/// Where a program is that `test` needs; if nowhere, says so.
pub(crate) fn find(program: &str, test: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where Debian keeps rdate, which is not in everybody's path.
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.find_map(|folder| {
        let file = folder.join(program);
        file.exists().then(|| file.display().to_string())
    });
    if found.is_none() {
        skip(test, &format!("there is no {program} here"));
    }
    found
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
