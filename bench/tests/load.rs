//! The process that a load is, told what to do as another program would tell it.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use serde_json::Value;

/// Sends back to each client what it gets, as long as this test runs.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

struct Load {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Load {
    fn start(server: SocketAddr, words: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_switchboard-bench"))
            .args(["load", "--core=0", "--kind=echo", &format!("--address={server}")])
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { orders: child.stdin.take(), child, answers }
    }

    fn tell(&mut self, order: &str) -> Value {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line:?}"))
    }

    /// Ends its input. It must end by itself then.
    fn finish(mut self) {
        drop(self.orders.take());
        let mut rest = String::new();
        self.answers.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn each_order_gets_its_answer_in_a_line() {
    let mut load = Load::start(echo(), &["--connections=2"]);
    assert!(load.answer()["ready"]["connected_ns"].is_u64());
    let tally = load.tell("requests 10");
    assert!(tally["requests"].as_u64() >= Some(10) && tally["latency"].is_null(), "{tally}");
    assert!(tally["cpu_ns"].as_u64() > Some(0), "{tally}");
    let tally = load.tell("rate 1000 5");
    assert_eq!((&tally["requests"], &tally["latency"]["count"]), (&5.into(), &5.into()));
    load.finish();
}

#[test]
fn an_order_that_there_is_not_ends_the_load_with_its_reason() {
    let mut load = Load::start(echo(), &["--connections=1"]);
    load.answer();
    let answer = load.tell("dance 5");
    assert_eq!(answer["error"], "there is no such order: `dance 5`");
    load.finish();
}

#[test]
fn a_load_without_a_server_says_why() {
    // Nobody listens on port 0.
    let nobody = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut load = Load::start(nobody, &[]);
    let why = load.answer()["error"].to_string();
    assert!(why.contains("cannot connect"), "{why}");
    load.finish();
}
