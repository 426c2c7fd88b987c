//! Clients that others wrote: nc, socat, rdate, and Python's `socket` module.
//!
//! A test whose client is not here says so and is skipped; with SWITCHBOARD_CI set it fails.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod support;

use std::net::SocketAddr;

use support::{find, run, server, tcp_server};

/// Every service, what `hello` is answered, where that is always the same.
const ANSWERS: [(&str, &str); 5] = [
    ("echo", "hello"),
    ("discard", ""),
    ("greet", "Thank you for connecting"),
    ("reply", "Yes"),
    ("print", ""),
];

/// What a client printed, which must have ended well.
fn heard(program: &str, arguments: &[&str], input: &[u8]) -> String {
    let output = run(program, arguments, input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn nc_hears_every_service_and_ends_with_it() {
    let Some(nc) = find("nc", "nc_hears_every_service_and_ends_with_it") else { return };
    for (name, answer) in ANSWERS {
        let (_program, address) = tcp_server(&[name]);
        let port = address.port().to_string();
        assert_eq!(heard(&nc, &["-N", "127.0.0.1", &port], b"hello"), answer, "{name}");
    }
    let (_daytime, address) = tcp_server(&["daytime"]);
    let port = address.port().to_string();
    assert!(heard(&nc, &["-N", "127.0.0.1", &port], b"").ends_with(" GMT\r\n"));
    let (_chargen, address) = tcp_server(&["chargen"]);
    let port = address.port().to_string();
    let heard = heard(&nc, &["-N", "127.0.0.1", &port], b"");
    assert!(heard.starts_with(" !\"#$%&'()*+,-./0123456789"), "{} bytes", heard.len());
}

#[test]
fn nc_is_proxied_with_both_directions_closed_in_turn() {
    let Some(nc) = find("nc", "nc_is_proxied_with_both_directions_closed_in_turn") else { return };
    let (_echo, echo) = server(&["echo"]);
    let (_proxy, address) = tcp_server(&["proxy", "--to", &echo[0]]);
    let port = address.port().to_string();
    let big = "line\n".repeat(100_000);
    assert!(heard(&nc, &["-N", "127.0.0.1", &port], big.as_bytes()) == big);
}

#[test]
fn socat_speaks_to_both_kinds_of_stream() {
    let Some(socat) = find("socat", "socat_speaks_to_both_kinds_of_stream") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket").display().to_string();
    let unix = format!("unix://{path}");
    for (name, answer) in ANSWERS {
        let listen = [name, "--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--listen", &unix];
        let (_program, places) = server(&listen);
        let to_socket = |place: &String| format!("TCP:{}", &place["tcp://".len()..]);
        for target in [to_socket(&places[0]), to_socket(&places[1]), format!("UNIX-CONNECT:{path}")]
        {
            assert_eq!(heard(&socat, &["-t60", "-", &target], b"hello"), answer, "{name} {target}");
        }
        let (_program, places) = server(&[name, "--listen", &format!("unix:@{path}")]);
        let target = format!("ABSTRACT-CONNECT:{}", &places[0]["unix:@".len()..]);
        assert_eq!(heard(&socat, &["-t60", "-", &target], b"hello"), answer, "{name} {target}");
    }
}

#[test]
fn rdate_reads_the_time() {
    let Some(rdate) = find("rdate", "rdate_reads_the_time") else { return };
    let (_time, address) = tcp_server(&["time"]);
    let port = address.port().to_string();
    let text = run(&rdate, &["-p", "-o", &port, "127.0.0.1"], b"");
    let text = String::from_utf8(text.stdout).unwrap();
    let year = text.trim().rsplit(' ').next().and_then(|year| year.parse::<u32>().ok());
    assert!(year.is_some_and(|year| year >= 2026), "{text:?}");
}

/// The client of a socket chapter.
const ASK: &str = "
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s:
    s.sendall(b'hello')
    s.shutdown(socket.SHUT_WR)
    while data := s.recv(1024):
        sys.stdout.write(data.decode())
";

/// The client that goes on for ever, for three times.
const HELLO: &str = "
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s:
    for _ in range(3):
        s.send(b'hello\\n')
        print(s.recv(1024).decode(), end='')
";

fn python(python3: &str, script: &str, address: SocketAddr) -> String {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    heard(python3, &["-c", script, &ip, &port], b"")
}

#[test]
fn the_clients_of_the_chapter_work_in_python() {
    let Some(python3) = find("python3", "the_clients_of_the_chapter_work_in_python") else {
        return;
    };
    for (name, answer) in ANSWERS {
        let (_program, address) = tcp_server(&[name]);
        assert_eq!(python(&python3, ASK, address), answer, "{name}");
    }
    let (_echo, address) = tcp_server(&["echo"]);
    assert_eq!(python(&python3, HELLO, address), "hello\nhello\nhello\n");
}

#[test]
fn many_clients_talk_to_one_thread() {
    let Some(python3) = find("python3", "many_clients_talk_to_one_thread") else { return };
    let (mut program, address) = tcp_server(&["print"]);
    let connect = "
import socket, sys
lines = [socket.create_connection((sys.argv[1], int(sys.argv[2]))) for _ in range(100)]
for number, s in enumerate(lines):
    s.sendall(b'I am number %d' % number)
for s in lines:
    s.close()
";
    assert_eq!(python(&python3, connect, address), "");
    for number in 0..100 {
        program.logged(&format!("says \"I am number {number}\""));
    }
    assert_eq!(program.threads(), 1);
}
