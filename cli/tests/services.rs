//! The small servers, as clients that are as simple meet them.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use support::{Client, PATIENCE, SWITCHBOARD, send_signal, server, tcp_server};

/// What `client` hears when it says `text` and nothing more.
fn answer(client: &mut Client, text: &str) -> Vec<u8> {
    client.send(text);
    client.finish_writing();
    client.rest().unwrap()
}

/// The same over a Unix socket.
fn answer_of_unix(path: &Path, text: &str) -> Vec<u8> {
    let mut client = UnixStream::connect(path).unwrap();
    client.write_all(text.as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    heard
}

#[test]
fn each_service_answers_as_it_should() {
    for (name, expected) in [
        ("echo", &b"can you hear me?"[..]),
        ("discard", b""),
        ("greet", b"Thank you for connecting"),
        ("reply", b"Yes"),
        ("print", b""),
    ] {
        let (_program, address) = tcp_server(&[name]);
        let mut client = Client::connect(address);
        assert_eq!(answer(&mut client, "can you hear me?"), expected, "{name}");
    }
    let (_daytime, address) = tcp_server(&["daytime"]);
    let line = Client::connect(address).line();
    assert!(line.len() == 29 && line.ends_with(" GMT"), "{line}");
    let (_time, address) = tcp_server(&["time"]);
    assert_eq!(Client::connect(address).rest().unwrap().len(), 4);
    let (_chargen, address) = tcp_server(&["chargen"]);
    let mut client = Client::connect(address);
    let lines: Vec<_> = (0..96).map(|_| client.line()).collect();
    assert!(lines[1].starts_with("!\"#$%&'()*+,-./0123456789") && lines[1].len() == 72);
    assert_eq!(lines[0], lines[95]);
}

#[test]
fn one_loop_listens_on_sockets_of_several_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let unix = format!("unix://{}", path.display());
    let (program, places) = server(&[
        "echo",
        "--listen",
        "127.0.0.1:0",
        "--listen",
        "tcp://[::1]:0",
        "--listen",
        &unix,
    ]);
    assert!(places[0].starts_with("tcp://127.0.0.1:"), "{places:?}");
    assert!(places[1].starts_with("tcp://[::1]:"), "{places:?}");
    assert_eq!(places[2], unix);
    for place in &places[..2] {
        let mut client = Client::connect(place["tcp://".len()..].parse().unwrap());
        assert_eq!(answer(&mut client, "hello"), b"hello");
    }
    assert_eq!(answer_of_unix(&path, "hello"), b"hello");
    assert_eq!(program.threads(), 1);

    send_signal(&program, Signal::TERM);
    assert_eq!(program.ended().status.code(), Some(0));
    assert!(!path.exists(), "the socket's file goes with its server");
}

#[test]
fn every_driver_runs_the_same_services() {
    let folder = tempfile::tempdir().unwrap();
    for driver in ["event-loop", "threads", "forks"] {
        let path = folder.path().join(driver);
        let unix = format!("unix://{}", path.display());
        for (name, expected) in [
            ("echo", &b"can you hear me?"[..]),
            ("discard", b""),
            ("greet", b"Thank you for connecting"),
            ("reply", b"Yes"),
            ("print", b""),
        ] {
            let listen = ["--listen", "127.0.0.1:0", "--listen", &unix];
            let (program, places) = server(&[&[name, "--driver", driver], &listen[..]].concat());
            let mut client = Client::connect(places[0]["tcp://".len()..].parse().unwrap());
            assert_eq!(answer(&mut client, "can you hear me?"), expected, "{name}, {driver}");
            assert_eq!(answer_of_unix(&path, "can you hear me?"), expected, "{name}, {driver}");
            send_signal(&program, Signal::TERM);
            assert_eq!(program.ended().status.code(), Some(0), "{name}, {driver}");
        }
        let (_chargen, address) = tcp_server(&["chargen", "--driver", driver]);
        let mut client = Client::connect(address);
        assert_eq!(client.bytes(1_000_000).len(), 1_000_000, "{driver}");
        client.finish_writing();
        client.rest().expect("what was begun, and then the end");
        let (_http, places) = server(&["http", "--driver", driver, "--listen", "127.0.0.1:0"]);
        let address = places[0].trim_start_matches("http://").trim_end_matches('/');
        assert_eq!(Client::connect(address.parse().unwrap()).get("/").status, 200, "{driver}");
    }
}

#[test]
fn datagrams_are_answered_one_by_one_beside_streams() {
    let listen = ["--listen", "127.0.0.1:0", "--listen", "udp://127.0.0.1:0"];
    let (program, places) = server(&[&["echo"], &listen[..]].concat());
    let mut stream = Client::connect(places[0]["tcp://".len()..].parse().unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(&places[1]["udp://".len()..]).unwrap();
    let mut buffer = [0; 2000];
    for length in [0, 1, 512, 1400] {
        socket.send(&vec![b'x'; length]).unwrap();
        assert_eq!(socket.recv(&mut buffer).unwrap(), length);
    }
    assert_eq!(answer(&mut stream, "hello"), b"hello");
    assert_eq!(program.threads(), 1);

    let (_chargen, places) = server(&["chargen", "--listen", "udp://127.0.0.1:0"]);
    socket.connect(&places[0]["udp://".len()..]).unwrap();
    for (sent, heard) in [(1, 1), (600, 512)] {
        socket.send(&vec![b'?'; sent]).unwrap();
        assert_eq!(socket.recv(&mut buffer).unwrap(), heard, "no answer is amplified");
    }
}

#[test]
fn http_is_served_on_several_sockets_too() {
    let folder = tempfile::tempdir().unwrap();
    let unix = format!("unix://{}", folder.path().join("socket").display());
    let (_program, places) = server(&["http", "--listen", "127.0.0.1:0", "--listen", &unix]);
    let address = places[0].strip_prefix("http://").and_then(|place| place.strip_suffix('/'));
    let page = Client::connect(address.unwrap().parse().unwrap()).get("/");
    assert_eq!(page.status, 200);
    assert_eq!(places[1], unix);
    let mut client = UnixStream::connect(folder.path().join("socket")).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    assert!(heard.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[test]
fn print_says_who_comes_what_they_say_and_who_goes() {
    let (mut program, address) = tcp_server(&["print"]);
    let mut client = Client::connect(address);
    program.logged(" connected");
    client.send("hello\n");
    let line = program.logged(" says \"hello\\n\"");
    assert!(line.contains(" tcp://127.0.0.1:"), "{line}");
    client.send("\x1b]0;owned\x07\r\u{202e}你好");
    program.logged(" says \"\\u{1b}]0;owned\\u{7}\\r\\u{202e}你好\"");
    client.finish_writing();
    program.logged(" hung up");
}

#[test]
fn chat_passes_each_line_on_to_every_other_client_of_every_socket() {
    let (_program, places) =
        server(&["chat", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]);
    let connect = |place: &String| Client::connect(place["tcp://".len()..].parse().unwrap());
    let (mut first, mut second) = (connect(&places[0]), connect(&places[0]));
    let mut other = connect(&places[1]);
    // Who came last is heard by those who were there before.
    other.send("x\n");
    assert_eq!((first.line(), second.line()), ("x".to_owned(), "x".to_owned()));
    first.send("y\n");
    assert_eq!((second.line(), other.line()), ("y".to_owned(), "y".to_owned()));
    other.send("half a ");
    other.send("line\r\n");
    assert_eq!((first.line(), second.line()), ("half a line".to_owned(), "half a line".to_owned()));
    assert!(other.is_silent());
}

#[test]
fn proxy_closes_each_direction_on_its_own() {
    let (_echo, echo) = server(&["echo"]);
    let (_proxy, address) = tcp_server(&["proxy", "--to", &echo[0]]);
    let mut client = Client::connect(address);
    client.send("one\n");
    assert_eq!(client.line(), "one");
    assert_eq!(answer(&mut client, "two"), b"two");
    let (_proxy, address) = tcp_server(&["proxy", "--to", "127.0.0.1:1"]);
    let reset = Client::turned_away(address);
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset, "what cannot be reached is a reset");
}

#[test]
fn proxy_says_where_it_is_asked_why_a_client_was_cut_off() {
    let (program, address) = tcp_server(&["proxy", "--verbose", "--to", "127.0.0.1:1"]);
    let reset = Client::turned_away(address);
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
    send_signal(&program, Signal::INT);
    let log = program.ended().log;
    let why = "nothing is relayed to tcp://127.0.0.1:1: connection refused";
    assert!(log.iter().any(|line| line.ends_with(why)), "{log:?}");
}

#[test]
fn the_limits_are_those_of_http() {
    for (arguments, sent, heard) in [
        (&["echo", "--first-byte-timeout", "50ms"][..], "", ""),
        (&["echo", "--idle-timeout", "50ms"], "a", "a"),
        (&["chat", "--message-timeout", "50ms"], "no end", ""),
        (&["chat", "--first-byte-timeout", "50ms"], "", ""),
    ] {
        let (_program, address) = tcp_server(arguments);
        let mut client = Client::connect(address);
        client.send(sent);
        // All their defaults are longer than a client here waits.
        assert_eq!(client.rest().unwrap(), heard.as_bytes(), "{arguments:?}");
    }
}

#[test]
fn a_signal_lets_begun_conversations_finish() {
    let (program, address) = tcp_server(&["echo"]);
    let mut client = Client::connect(address);
    client.send("hello\n");
    assert_eq!(client.line(), "hello");
    send_signal(&program, Signal::INT);
    assert_eq!(client.rest().unwrap(), b"");
    drop(client);
    let ended = program.ended();
    assert_eq!(ended.status.code(), Some(0));
    let last = ended.log.last().expect("how they ended");
    assert!(last.ends_with("drained: 1 finished, 0 aborted, 0 ended otherwise"), "{last}");
}

#[test]
fn what_cannot_start_says_so_in_one_line_and_exits_2() {
    let no_folder = "unix:///no/such/folder/socket";
    let long = format!("unix:///{}", "x".repeat(200));
    for (arguments, what, what_to_do) in [
        (&["echo", "--listen", "unix:///"][..], "not a socket", "another path with --listen"),
        (&["echo", "--listen", &long], "unix:///x", "another path with --listen"),
        (&["echo", "--listen", no_folder], "No such file", "make the folder first"),
        (&["echo", "--listen", "sctp://x:1"], "kind of socket is not known", "127.0.0.1:8000"),
        (&["echo", "--listen", "unix://x"], "third slash", "unix:///tmp/server.sock"),
        (&["greet", "--listen", "udp://127.0.0.1:0"], "cannot serve datagrams", "tcp://"),
        (&["chat", "--listen", "unixgram:@x"], "cannot serve datagrams", "tcp://"),
        (
            &["echo", "--driver", "threads", "--listen", "udp://127.0.0.1:0"],
            "datagrams",
            "--driver",
        ),
        (&["proxy", "--to", "udp://127.0.0.1:1"], "a relay connects streams", "tcp://"),
        (&["proxy", "--to", "no.such.name.invalid:80"], "cannot relay to", "127.0.0.1:8000"),
        (&["proxy", "--to", "127.0.0.1:0"], "nobody listens on port 0", "--to"),
        (&["proxy", "--to", "localhost:0"], "nobody listens on port 0", "--to"),
        (&["proxy"], "--to <ADDRESS>", "--help"),
        (&["proxy", "--to", "127.0.0.1"], "port is missing", "127.0.0.1:8000"),
        (&["chat", "--driver", "threads"], "event loop alone", "leave out --driver"),
        (&["proxy", "--to", "127.0.0.1:1", "--driver", "forks"], "event loop alone", "--driver"),
        (&["echo", "--driver", "processes"], "invalid value 'processes'", "--help"),
        (&["talk"], "<ADDRESS>", "--help"),
        (&["talk", "no.such.name.invalid:80"], "name does not resolve", "127.0.0.1:8000"),
        (&["talk", "udp://localhost:80"], "names are not looked up", "udp://127.0.0.1:8000"),
        (&["talk", "127.0.0.1"], "port is missing", "127.0.0.1:8000"),
        (&["talk", "127.0.0.1:1", "--every", "1s"], "--send <TEXT>", "--help"),
        (&["talk", "127.0.0.1:1", "--send", "x", "--count", "0"], "0 is not in 1..", "--help"),
    ] {
        let output = Command::new(SWITCHBOARD).args(arguments).output().unwrap();
        let said = std::str::from_utf8(&output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!(said.matches('\n').count(), 1, "one line: {said}");
        assert!(said.starts_with("switchboard: "), "{said}");
        assert!(said.contains(what) && said.contains(what_to_do), "{arguments:?}: {said}");
        assert_eq!(output.stdout, b"");
    }
}
