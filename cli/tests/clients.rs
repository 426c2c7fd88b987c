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
fn socat_speaks_to_both_kinds_of_datagram_socket() {
    let name = "socat_speaks_to_both_kinds_of_datagram_socket";
    let Some(socat) = find("socat", name) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server").display().to_string();
    let own = folder.path().join("client").display().to_string();
    let unix = format!("unixgram://{path}");
    for (name, answer) in [("echo", "hello"), ("discard", ""), ("reply", "Yes"), ("print", "")] {
        let listen = [name, "--listen", "udp://127.0.0.1:0", "--listen", "udp://[::1]:0"];
        let (_program, places) = server(&[&listen[..], &["--listen", &unix]].concat());
        let to_socket = |place: &String| format!("UDP:{}", &place["udp://".len()..]);
        let to_path = format!("UNIX-SENDTO:{path},bind={own}");
        // Nothing ends a conversation in datagrams but that enough has come, or that nothing will.
        let (most, patience) =
            if answer.is_empty() { (1, "-t0.1") } else { (answer.len(), "-t60") };
        for target in [to_socket(&places[0]), to_socket(&places[1])] {
            let target = format!("{target},readbytes={most}");
            assert_eq!(heard(&socat, &[patience, "-", &target], b"hello"), answer, "{target}");
        }
        // It counts no bytes of these.
        assert_eq!(heard(&socat, &["-t2", "-", &to_path], b"hello"), answer, "{to_path}");
        let _ = std::fs::remove_file(&own);
    }
}

#[test]
fn nc_speaks_to_udp() {
    let Some(nc) = find("nc", "nc_speaks_to_udp") else { return };
    let (_echo, places) = server(&["echo", "--listen", "udp://127.0.0.1:0"]);
    let port = places[0].rsplit(':').next().unwrap();
    assert_eq!(heard(&nc, &["-u", "-w1", "127.0.0.1", port], b"hello"), "hello");
}

#[test]
fn rdate_reads_the_time() {
    let Some(rdate) = find("rdate", "rdate_reads_the_time") else { return };
    let (_time, places) =
        server(&["time", "--listen", "127.0.0.1:0", "--listen", "udp://127.0.0.1:0"]);
    for (kind, place) in [("-p", &places[0]), ("-pu", &places[1])] {
        let port = place.rsplit(':').next().unwrap();
        let text = heard(&rdate, &[kind, "-o", port, "127.0.0.1"], b"");
        let year = text.trim().rsplit(' ').next().and_then(|year| year.parse::<u32>().ok());
        assert!(year.is_some_and(|year| year >= 2026), "{kind}: {text:?}");
    }
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

/// The client of a chapter's datagrams.
const SEND_TO: &str = "
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(60)
    for _ in range(3):
        s.sendto(b'hello', (sys.argv[1], int(sys.argv[2])))
        data, sender = s.recvfrom(1024)
        assert sender == (sys.argv[1], int(sys.argv[2]))
        sys.stdout.write(data.decode())
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
    let (_echo, places) = server(&["echo", "--listen", "udp://127.0.0.1:0"]);
    let address = places[0]["udp://".len()..].parse().unwrap();
    assert_eq!(python(&python3, SEND_TO, address), "hellohellohello");
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
