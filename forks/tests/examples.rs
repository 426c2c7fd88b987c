//! The example does what its first lines promise, as a program of its own.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

#[path = "../../tests/programs/mod.rs"]
mod programs;

use std::path::Path;
use std::process::Command;

use programs::{Client, Program};

#[test]
fn forking_server_gives_each_client_a_process_and_a_crash_costs_one() {
    let deps = std::env::current_exe().unwrap();
    let build = deps.parent().and_then(Path::parent).expect("tests are in target/profile/deps");
    let path = build.join("examples/forking_server");
    let mut program = Program::start(Command::new(path).arg("127.0.0.1:0"));
    let address = program.ready("listening on tcp://", "");

    let [mut one, mut two] = [(); 2].map(|()| Client::connect(address));
    let process = |client: &mut Client, text: &str, count: u32| {
        client.send(&format!("{text}\n"));
        let line = client.line();
        let process = line.strip_prefix(&format!("{text}: line {count}, by process "));
        process.unwrap_or_else(|| panic!("{line}")).parse::<u32>().unwrap()
    };
    let first = process(&mut one, "hello", 1);
    let second = process(&mut two, "hello, too", 1);
    assert_eq!(process(&mut one, "again", 2), first);
    assert_ne!(first, second);
    assert_ne!(first, program.child().id());

    one.send("crash\n");
    assert_eq!(one.rest().unwrap(), b"");
    assert_eq!(process(&mut two, "still here", 2), second);
}

#[test]
fn the_example_is_short_and_says_how_to_run_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/forking_server.rs");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.lines().count() <= 50);
    assert!(text.contains("`cargo run --package switchboard-forks --example forking_server`"));
}
