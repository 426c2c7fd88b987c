//! `switchboard http` as a person and a script meet it.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};

use rustix::process::{Signal, geteuid};
use support::{Client, SWITCHBOARD, http, send_signal, skip};

const PICTURE: &[u8] = include_bytes!("../assets/test.jpg");
const PAGE: &str = include_str!("../assets/index.html");

#[test]
fn the_ready_line_names_the_real_port_and_is_the_only_output() {
    let (program, address) = http(&[]);
    assert_ne!(address.port(), 0);
    assert_eq!(Client::connect(address).get("/").status, 200);
    send_signal(&program, Signal::TERM);
    let ended = program.ended();
    assert_eq!(ended.output, [""; 0]);
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn the_built_in_page_and_its_picture_are_served() {
    let (_program, address) = http(&[]);
    let mut client = Client::connect(address);
    for target in ["/", "/index.html", "/?query"] {
        let page = client.get(target);
        assert_eq!((page.status, page.text()), (200, PAGE), "{target}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    }
    let picture = client.get("/test.jpg");
    assert_eq!(picture.header("content-type"), Some("image/jpeg"));
    assert!(picture.body == PICTURE, "{} bytes came", picture.body.len());
}

#[test]
fn head_has_the_length_and_no_body() {
    let (_program, address) = http(&[]);
    let mut client = Client::connect(address);
    client.ask("HEAD", "/test.jpg");
    let head = client.head();
    assert_eq!(head.header("content-length"), Some(&*PICTURE.len().to_string()));
    // A body would stand where this reply begins.
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn what_the_page_has_not_is_404_and_what_it_cannot_is_405() {
    let (_program, address) = http(&[]);
    let mut client = Client::connect(address);
    assert_eq!(client.get("/nothing").status, 404);
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        client.ask(method, "/");
        let response = client.response();
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.header("allow"), Some("GET, HEAD"));
    }
}

#[test]
fn a_folder_is_served_and_nothing_outside_of_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "not for you").unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("index.html"), "<p>home").unwrap();
    fs::write(root.join("notes.txt"), "notes").unwrap();
    let (_program, address) = http(&[root.to_str().unwrap()]);
    let mut client = Client::connect(address);
    assert_eq!(client.get("/").text(), "<p>home");
    let notes = client.get("/notes.txt");
    assert_eq!(notes.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(notes.text(), "notes");
    // The picture belongs to the built-in page.
    for target in ["/nothing", "/../secret", "/%2e%2e/secret", "/..%2fsecret", "/test.jpg"] {
        assert_eq!(client.get(target).status, 404, "{target}");
    }
}

#[test]
fn curl_agrees() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("page.html"), "<p>page").unwrap();
    let (_page, page) = http(&[]);
    let (_files, files) = http(&[folder.path().to_str().unwrap()]);
    let asked = [
        (&[][..], page, "/", format!("200 text/html; charset=utf-8 {}", PAGE.len())),
        (&[], page, "/test.jpg", format!("200 image/jpeg {}", PICTURE.len())),
        (&["--head"], page, "/test.jpg", "200 image/jpeg 0".to_owned()),
        (&[], page, "/no", "404 text/plain; charset=utf-8 13".to_owned()),
        (&["--data", "x"], page, "/", "405 text/plain; charset=utf-8 27".to_owned()),
        (&[], files, "/page.html", "200 text/html; charset=utf-8 7".to_owned()),
        (&["--head"], files, "/page.html", "200 text/html; charset=utf-8 0".to_owned()),
    ];
    for (options, address, target, expected) in asked {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "--max-time", "60", "--output", "/dev/null"])
            .args(["--write-out", "%{http_code} %{content_type} %{size_download}"])
            .args(options)
            .arg(format!("http://{address}{target}"));
        let Ok(output) = curl.output() else {
            return skip("curl_agrees", "there is no curl here");
        };
        let found = String::from_utf8(output.stdout).unwrap();
        assert_eq!(found, expected, "{options:?} {target}");
    }
}

#[test]
fn a_request_is_logged_when_asked_for() {
    let (mut program, address) = http(&["-v"]);
    assert_eq!(Client::connect(address).get("/some/target?query").status, 404);
    let line = program.logged("/some/target");
    assert!(line.contains("GET /some/target?query from tcp://127.0.0.1:"), "{line}");
}

#[test]
fn a_limit_on_connections_makes_further_clients_wait() {
    let (mut program, address) = http(&["--max-connections", "1"]);
    let mut first = Client::connect(address);
    assert_eq!(first.get("/").status, 200);
    let mut second = Client::connect(address);
    second.ask("GET", "/");
    program.logged("limit of 1 connections");
    assert!(second.is_silent());
    assert_eq!(first.get("/").status, 200);
    drop(first);
    assert_eq!(second.response().status, 200);
}

#[test]
fn each_deadline_of_a_client_that_says_too_little_can_be_set() {
    for (option, sent, received) in [
        ("--first-byte-timeout", "", ""),
        ("--idle-timeout", "GET /no HTTP/1.1\r\nhost: test\r\n\r\n", "HTTP/1.1 404 "),
        ("--head-timeout", "GET / HTTP/1.1\r\nho", "HTTP/1.1 408 "),
        (
            "--body-timeout",
            "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\nhalf",
            "HTTP/1.1 408 ",
        ),
    ] {
        let (_program, address) = http(&[option, "50ms"]);
        let mut client = Client::connect(address);
        client.send(sent);
        // All their defaults are longer than a client here waits.
        let rest = String::from_utf8(client.rest().unwrap()).unwrap();
        assert!(rest.starts_with(received) && rest.is_empty() == received.is_empty(), "{option}");
    }
}

#[test]
fn what_cannot_start_says_so_in_one_line_and_exits_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, what, what_to_do) in [
        (&["http", "--listen", &*taken][..], "in use", "another address with --listen"),
        (&["http", "/no/such/folder"], "No such file", "name a folder"),
        (&["http", "/dev/null"], "not a folder", "name a folder"),
        (&["http", "--listen", "192.0.2.1:0"], "Cannot assign", "an address of this machine"),
        (&["http", "--listen", "localhost:80"], "not an IP address", "127.0.0.1:8000"),
        (&["http", "--listen", "127.0.0.1"], "port is missing", "127.0.0.1:8000"),
        (&["http", "--idle-timeout", "75"], "the unit is missing", "as in 500ms"),
        (&["http", "--max-connections", "0"], "0 is not in 1..", "--help"),
        (&["http", "--lissten", "x"], "unexpected argument", "'--listen'"),
        (&["htttp"], "unrecognized subcommand", "'http'"),
    ] {
        let output = Command::new(SWITCHBOARD).args(arguments).output().unwrap();
        assert_failed_to_start(&output, what, what_to_do);
    }
}

#[test]
fn a_privileged_port_says_so_in_one_line_and_exits_2() {
    let lowest = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    if lowest.trim().parse::<u16>().unwrap() <= 1 {
        return skip("a privileged port", "no port is privileged here");
    }
    let mut command = Command::new(SWITCHBOARD);
    if geteuid().is_root() {
        command = Command::new("setpriv"); // Of util-linux, which every distribution has.
        command.args(["--bounding-set=-net_bind_service", SWITCHBOARD]);
    }
    let output = command.args(["http", "--listen", "127.0.0.1:1"]).output().unwrap();
    assert_failed_to_start(&output, "Permission denied", "higher one with --listen");
}

fn assert_failed_to_start(output: &Output, what: &str, what_to_do: &str) {
    let said = std::str::from_utf8(&output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.matches('\n').count(), 1, "one line: {said}");
    assert!(said.starts_with("switchboard: "), "{said}");
    assert!(said.contains(what) && said.contains(what_to_do), "{what}, {what_to_do}: {said}");
    assert_eq!(output.stdout, b"");
}
