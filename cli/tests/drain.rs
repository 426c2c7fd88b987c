//! What SIGINT and SIGTERM do to `switchboard http`.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod support;

use std::fs;
use std::net::TcpStream;

use rustix::process::Signal;
use support::{Client, Program, http, send_signal};

#[test]
fn a_signal_lets_a_begun_reply_finish_and_closes_idle_connections() {
    for signal in [Signal::TERM, Signal::INT] {
        let (program, mut idle, mut slow) = with_a_slow_reader("1h");
        send_signal(&program, signal);
        assert_eq!(idle.rest().unwrap(), b"", "closed in order");
        drop(idle);
        assert!(slow.rest().unwrap() == big_file(), "the whole reply, and then the end");
        drop(slow);
        let ended = program.ended();
        assert_eq!(ended.status.code(), Some(0), "{:#?}", ended.log);
        let last = ended.log.last().expect("how they ended");
        assert!(last.ends_with("drained: 2 finished, 0 aborted, 0 ended otherwise"), "{last}");
    }
}

#[test]
fn while_it_drains_nobody_new_is_served() {
    let (program, mut idle, _slow) = with_a_slow_reader("1h");
    let address = idle.server();
    send_signal(&program, Signal::TERM);
    assert_eq!(idle.rest().unwrap(), b"");
    TcpStream::connect(address).expect_err("the listener is closed");
}

#[test]
fn a_reply_that_outlasts_the_drain_is_aborted_and_counted() {
    let (program, mut idle, mut slow) = with_a_slow_reader("500ms");
    send_signal(&program, Signal::TERM);
    assert_eq!(idle.rest().unwrap(), b"");
    drop(idle);
    let ended = program.ended();
    assert_eq!(ended.status.code(), Some(0), "{:#?}", ended.log);
    let last = ended.log.last().expect("how they ended");
    assert!(last.ends_with("drained: 1 finished, 1 aborted, 0 ended otherwise"), "{last}");
    slow.rest().expect_err("what is cut off ends in an error");
}

#[test]
fn a_second_signal_stops_at_once_and_exits_1() {
    let (program, mut idle, _slow) = with_a_slow_reader("1h");
    send_signal(&program, Signal::TERM);
    assert_eq!(idle.rest().unwrap(), b"");
    send_signal(&program, Signal::TERM);
    let ended = program.ended();
    assert_eq!(ended.status.code(), Some(1), "{:#?}", ended.log);
    let last = ended.log.last().expect("what was done");
    assert!(last.contains("stopped before the drain was done"), "{last}");
}

/// A server with a client that is idle after a reply, and one that has read no more than the
/// head of a big one.
fn with_a_slow_reader(drain_timeout: &str) -> (Program, Client, Client) {
    // The file stays open while it is sent, so its folder may go when this returns.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("big"), big_file()).unwrap();
    let (program, address) =
        http(&[folder.path().to_str().unwrap(), "--drain-timeout", drain_timeout]);
    let mut slow = Client::connect(address);
    slow.ask("GET", "/big");
    assert_eq!(slow.head().status, 200);
    let mut idle = Client::connect(address);
    assert_eq!(idle.get("/no/such/file").status, 404);
    (program, idle, slow)
}

/// More than the system's buffers on both sides take together: 32 MiB, no piece like another.
fn big_file() -> Vec<u8> {
    (0..512_u32).map(|piece| piece.to_le_bytes().repeat(16 << 10)).collect::<Vec<_>>().concat()
}
