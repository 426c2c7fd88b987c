//! Every peer answers rightly what it is measured by.

mod support;

use std::fs;
use std::path::Path;

use support::{Client, Server, run, run_without_io_uring};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
const GET_AND_CLOSE: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
const HTTP_PEERS: [&str; 4] = ["hyper", "actix-web", "may_minihttp", "monoio"];
const ECHO_PEERS: [&str; 3] = ["tokio", "monoio", "net-io"];
const MANY: usize = 1000;

fn assert_hello(client: &mut Client, peer: &str) {
    let (head, body) = client.reply();
    assert!(head.starts_with("http/1.1 200 "), "{peer}: {head}");
    assert!(head.contains("\r\ndate: "), "{peer}: {head}");
    assert!(head.contains("\r\ncontent-type: text/plain; charset=utf-8\r\n"), "{peer}: {head}");
    assert_eq!(body, b"Hello, World!", "{peer}");
}

#[test]
fn every_http_peer_says_hello_over_a_connection_that_is_kept() {
    for (peer, server) in servers(&HTTP_PEERS, "http") {
        assert!(server.ready.starts_with("listening on http://127.0.0.1:"), "{peer}");
        let mut client = server.connect();
        for _ in 0..3 {
            client.send(GET);
            assert_hello(&mut client, peer);
        }
    }
}

#[test]
fn every_http_peer_answers_each_of_sixteen_pipelined_requests() {
    let peers = [&HTTP_PEERS[..], &["hyper-pipeline_flush"]].concat();
    for (peer, server) in servers(&peers, "http") {
        let mut client = server.connect();
        for _ in 0..2 {
            client.send(&GET.repeat(16));
            (0..16).for_each(|_| assert_hello(&mut client, peer));
        }
    }
}

#[test]
fn every_http_peer_takes_a_head_that_is_cut_in_two() {
    for (peer, server) in servers(&HTTP_PEERS, "http") {
        let mut client = server.connect();
        client.send(GET);
        assert_hello(&mut client, peer);
        // The reply to a whole request proves that the half before it was read on its own.
        let (first, second) = GET.split_at(20);
        client.send(&[GET, first].concat());
        assert_hello(&mut client, peer);
        client.send(second);
        assert_hello(&mut client, peer);
    }
}

#[test]
fn every_http_peer_but_may_minihttp_closes_when_it_is_asked_to() {
    for (peer, server) in servers(&HTTP_PEERS, "http") {
        let mut client = server.connect();
        client.send(GET_AND_CLOSE);
        assert_hello(&mut client, peer);
        if peer == "may_minihttp" {
            client.send(GET);
            assert_hello(&mut client, peer);
        } else {
            assert!(client.is_at_end(), "{peer}");
        }
    }
}

#[test]
fn every_http_peer_serves_a_thousand_clients() {
    for (peer, server) in servers(&HTTP_PEERS, "http") {
        let mut clients: Vec<_> = (0..MANY).map(|_| server.connect()).collect();
        clients.iter_mut().for_each(|client| client.send(GET));
        clients.iter_mut().for_each(|client| assert_hello(client, peer));
    }
}

#[test]
fn every_echo_peer_sends_back_to_a_thousand_clients_what_came() {
    for peer in ECHO_PEERS {
        let more: &[&str] = if peer == "net-io" { &["1000"] } else { &[] };
        let Some(server) = Server::start(peer, "echo", more) else { continue };
        assert!(server.ready.starts_with("listening on tcp://127.0.0.1:"), "{peer}");
        let mut clients: Vec<_> = (0..MANY).map(|_| server.connect()).collect();
        for round in 0..2 {
            let text = |number: usize| format!("round {round}, client {number}\n");
            for (number, client) in clients.iter_mut().enumerate() {
                client.send(text(number).as_bytes());
            }
            for (number, client) in clients.iter_mut().enumerate() {
                let expected = text(number);
                assert_eq!(client.receive(expected.len()), expected.as_bytes(), "{peer}");
            }
        }
    }
}

#[test]
fn every_echo_peer_sends_back_more_than_its_buffer_holds() {
    let bytes: Vec<u8> = (0..=250).cycle().take(100_000).collect();
    for (peer, server) in servers(&ECHO_PEERS, "echo") {
        let mut client = server.connect();
        client.send(&bytes);
        assert_eq!(client.receive(bytes.len()), bytes, "{peer}");
    }
}

#[test]
fn every_echo_peer_closes_when_its_client_does_and_serves_the_next() {
    for (peer, server) in servers(&ECHO_PEERS, "echo") {
        for _ in 0..300 {
            let mut client = server.connect();
            client.send(b"once");
            assert_eq!(client.receive(4), b"once", "{peer}");
        }
    }
}

#[test]
fn a_line_of_the_chat_reaches_everybody_and_its_sender() {
    let server = Server::start("tokio", "broadcast", &[]).expect("it needs no io_uring");
    let mut clients: Vec<Client> = Vec::new();
    for number in 0..200 {
        // Whoever has joined before hears it; whoever joins later does not.
        let line = format!("client {number:03}\n");
        clients.push(server.connect());
        clients[number].send(line.as_bytes());
        for client in &mut clients {
            assert_eq!(client.receive(line.len()), line.as_bytes());
        }
    }
    clients[7].send(b"two\r\nlines\n");
    for client in &mut clients {
        assert_eq!(client.receive(11), b"two\r\nlines\n");
    }
}

#[test]
fn a_file_arrives_whole_with_its_length() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("a_file_arrives_whole");
    let bytes: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    fs::write(&path, &bytes).expect("a file can be written");
    let path = path.to_str().expect("the path is text");
    for peer in ["hyper", "actix-web"] {
        let server = Server::start(peer, "file", &[path]).expect("it needs no io_uring");
        let mut client = server.connect();
        for _ in 0..2 {
            client.send(GET);
            let (head, body) = client.reply();
            assert!(head.starts_with("http/1.1 200 "), "{peer}: {head}");
            assert!(body == bytes, "{peer}: another file of {} bytes", body.len());
        }
    }
}

#[test]
fn what_a_peer_does_not_serve_is_said_in_one_line() {
    let requests: [(&[&str], &str); 7] = [
        (&[], "usage: "),
        (&["hyper-pipeline_flush", "file", "127.0.0.1:0", "/"], "does not serve file here"),
        (&["tokio", "http", "127.0.0.1:0"], "tokio does not serve http here"),
        (&["monoio", "broadcast", "127.0.0.1:0"], "monoio does not serve broadcast here"),
        (&["tokio", "echo", "127.0.0.1:0", "7"], "tokio needs no number of connections"),
        (&["net-io", "echo", "127.0.0.1:0", "4097"], "4097 connections need as many threads"),
        (&["hyper", "file", "127.0.0.1:0", "/nowhere"], "No such file"),
    ];
    for (arguments, reason) in requests {
        let output = run(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(complaint.contains(reason), "{arguments:?}: {complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn monoio_serves_nothing_where_there_is_no_io_uring() {
    for kind in ["echo", "http"] {
        let output = run_without_io_uring(&["monoio", kind, "127.0.0.1:0"]);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.contains("io_uring is not available"), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_peer_says_its_version_in_one_line() {
    for peer in HTTP_PEERS.into_iter().chain(ECHO_PEERS) {
        let output = run(&[peer, "--version"]);
        let line = String::from_utf8(output.stdout).expect("a version is text");
        let number = line.strip_prefix(peer).and_then(|rest| rest.strip_prefix(' '));
        assert!(
            number.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())),
            "{line}"
        );
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}

fn servers<'a>(
    peers: &'a [&'a str],
    kind: &'a str,
) -> impl Iterator<Item = (&'a str, Server)> + 'a {
    peers.iter().filter_map(move |&peer| Some((peer, Server::start(peer, kind, &[])?)))
}
