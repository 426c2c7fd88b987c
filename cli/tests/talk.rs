//! `switchboard talk` against each server, and what its exit status tells.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod support;

use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;

use support::{SWITCHBOARD, server, talk};

fn assert_heard(output: &Output, expected: &[u8]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let heard = String::from_utf8_lossy(&output.stdout);
    assert!(output.stdout == expected, "{} bytes: {:.100}", output.stdout.len(), heard);
    assert_eq!(said, "");
}

fn assert_failed(output: &Output, status: i32, part: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert_eq!(said.matches('\n').count(), 1, "one line: {said}");
    assert!(said.starts_with("switchboard: ") && said.contains(part), "{said}");
}

#[test]
fn it_talks_to_every_server() {
    let (_echo, echo) = server(&["echo"]);
    for (name, expected) in [
        ("echo", &b"one\ntwo"[..]),
        ("discard", b""),
        ("greet", b"Thank you for connecting"),
        ("reply", b"Yes"),
        ("print", b""),
        ("chat", b""),
        ("proxy", b"one\ntwo"),
    ] {
        let to: &[&str] = if name == "proxy" { &["proxy", "--to", &echo[0]] } else { &[name] };
        let (_program, places) = server(to);
        assert_heard(&talk(&[&places[0]], b"one\ntwo"), expected);
    }
    for (name, length) in [("daytime", 31), ("time", 4)] {
        let (_program, places) = server(&[name]);
        assert_eq!(talk(&[&places[0]], b"").stdout.len(), length, "{name}");
    }
    let (_chargen, places) = server(&["chargen"]);
    let heard = talk(&[&places[0]], b"").stdout;
    assert!(heard.starts_with(b" !\"#$%&'()*+,-./0123456789"), "{} bytes", heard.len());
    let (_http, places) = server(&["http", "--listen", "127.0.0.1:0"]);
    let place = places[0].trim_start_matches("http://").trim_end_matches('/');
    let heard = talk(&[place], b"GET /no HTTP/1.0\r\n\r\n").stdout;
    assert!(heard.starts_with(b"HTTP/1.1 404 "), "{}", String::from_utf8_lossy(&heard));
}

#[test]
fn it_reaches_unix_sockets_by_path_and_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("unix://{}/socket", folder.path().display());
    let name = format!("unix:@{}", folder.path().display());
    let (_program, places) = server(&["echo", "--listen", &path, "--listen", &name]);
    for place in places {
        assert_heard(&talk(&[&place], b"hello"), b"hello");
    }
}

#[test]
fn it_finds_servers_by_name() {
    let (_program, places) = server(&["echo", "--listen", "127.0.0.1:0"]);
    let port = places[0].rsplit(':').next().unwrap();
    assert_heard(&talk(&[&format!("localhost:{port}")], b"hello"), b"hello");
    let (_proxy, proxy) = server(&["proxy", "--to", &format!("localhost:{port}")]);
    assert_heard(&talk(&[&proxy[0]], b"hello"), b"hello");
}

#[test]
fn a_datagram_is_a_line_and_silence_is_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("unixgram:@{}", folder.path().display());
    let path = format!("unixgram://{}/socket", folder.path().display());
    let listen = ["udp://127.0.0.1:0", "udp://[::1]:0", &*name, &*path];
    let listen: Vec<_> = listen.iter().flat_map(|place| ["--listen", place]).collect();
    let (_echo, places) = server(&[&["echo"], &listen[..]].concat());
    let (_reply, reply) = server(&["reply", "--listen", "udp://127.0.0.1:0"]);
    // Each waits for its silence, so they do it at the same time.
    thread::scope(|scope| {
        for place in &places {
            scope.spawn(move || {
                let heard = talk(&[place, "--wait", "3s"], b"one\ntwo\n\nthree");
                assert_heard(&heard, b"one\ntwo\n\nthree");
            });
        }
        scope.spawn(|| {
            let three = ["--send", "tick", "--every", "10ms", "--count", "3", "--wait", "3s"];
            let heard = talk(&[&[&*places[0]], &three[..]].concat(), b"");
            assert_heard(&heard, b"tick\ntick\ntick\n");
        });
        scope.spawn(|| {
            assert_heard(&talk(&[&reply[0], "--wait", "3s"], b"one\ntwo\n"), b"YesYes");
        });
    });
    let nobody = format!("{path}-nobody");
    assert_failed(&talk(&[&nobody, "--send", "x"], b""), 1, "1 of the datagrams to unixgram:");
}

#[test]
fn more_than_all_buffers_take_comes_back_whole() {
    let (_program, places) = server(&["echo"]);
    let big: Vec<u8> = (0..2_000_000_u32).flat_map(u32::to_le_bytes).collect();
    assert_heard(&talk(&[&places[0]], &big), &big);
}

#[test]
fn a_text_is_said_as_often_and_as_slowly_as_asked() {
    let (_program, places) = server(&["echo"]);
    let to = &*places[0];
    assert_heard(&talk(&[to, "--send", "hello"], b"not read"), b"hello\n");
    assert_heard(&talk(&[to, "--send", "a", "--count", "100000"], b""), &b"a\n".repeat(100_000));
    let every = ["--every", "10ms", "--count", "3"];
    assert_heard(
        &talk(&[&[to, "--send", "tick"], &every[..]].concat(), b""),
        b"tick\ntick\ntick\n",
    );
}

#[test]
fn what_comes_is_printed_before_the_input_ends() {
    let (_program, places) = server(&["echo"]);
    let mut child = Command::new(SWITCHBOARD)
        .args(["talk", &places[0]])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for word in ["one\n", "two\n"] {
        input.write_all(word.as_bytes()).unwrap();
        let mut heard = String::new();
        output.read_line(&mut heard).unwrap();
        assert_eq!(heard, word);
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn it_ends_with_the_server_though_its_input_goes_on() {
    let (_program, places) = server(&["greet"]);
    let mut child = Command::new(SWITCHBOARD)
        .args(["talk", &places[0]])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let _input = child.stdin.take().unwrap();
    let mut heard = String::new();
    child.stdout.take().unwrap().read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "Thank you for connecting");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_file_is_said_to_its_end_to_a_server_that_was_done_first() {
    let mut file = tempfile::tempfile().unwrap();
    let said: Vec<u8> = (0..500_000_u32).flat_map(u32::to_le_bytes).collect();
    file.write_all(&said).unwrap();
    file.rewind().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let child = Command::new(SWITCHBOARD)
        .args(["talk", &listener.local_addr().unwrap().to_string()])
        .stdin(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"that is all").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    assert!(heard == said, "{} of {} bytes", heard.len(), said.len());
    drop(stream);
    assert_heard(&child.wait_with_output().unwrap(), b"that is all");
}

#[test]
fn who_has_heard_enough_may_go() {
    let (_program, places) = server(&["chargen"]);
    let mut child = Command::new(SWITCHBOARD)
        .args(["talk", &places[0]])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.len(), 74);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}

#[test]
fn a_conversation_that_cannot_begin_or_is_cut_off_exits_1() {
    assert_failed(&talk(&["127.0.0.1:1"], b""), 1, "connection refused; see whether the server");
    let missing = talk(&["unix:///no/such/socket"], b"");
    assert_failed(&missing, 1, "socket: No such file or directory (os error 2); see whether");
    let (_program, places) = server(&["discard"]);
    let mut child = Command::new(SWITCHBOARD)
        .args(["talk", &places[0], "--idle-timeout", "50ms"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _silent = child.stdin.take().unwrap();
    assert_failed(
        &child.wait_with_output().unwrap(),
        1,
        "was cut off: silence on both sides; wait longer",
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let resetting = thread::spawn(move || reset(listener.accept().unwrap().0));
    assert_failed(&talk(&[&place], b"hello\n"), 1, "was cut off: connection reset");
    resetting.join().unwrap();
}

/// Closes with input unread, which resets.
fn reset(stream: TcpStream) {
    stream.peek(&mut [0]).unwrap();
}
