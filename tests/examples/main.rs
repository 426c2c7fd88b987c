//! Every example does what its first lines promise, as a program of its own.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod guests;
#[path = "../programs/mod.rs"]
mod programs;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use programs::{Client, Program};

#[test]
fn every_example_is_short_says_how_to_run_it_is_in_the_table_and_is_tested() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let table = fs::read_to_string(folder.join("README.md")).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_folder = path.is_dir();
        if !is_folder && path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let file = if is_folder { path.join("main.rs") } else { path.clone() };
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.lines().count() <= 50, "{name} has more than 50 lines");
        let opening: Vec<_> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let hows = ["", "--release "].map(|how| format!("`cargo run {how}--example {name}`"));
        let is_told = hows.iter().any(|how| opening.join("\n").contains(how));
        assert!(is_told, "{name} does not open with {}", hows[0]);
        let tests = [include_str!("main.rs"), include_str!("guests.rs")];
        let has_test = tests.iter().any(|tests| tests.contains(&format!("\nfn {name}_")));
        assert!(has_test, "{name} has no test here, whose name begins with it");
        let link = if is_folder { format!("]({name}/main.rs)") } else { format!("]({name}.rs)") };
        assert!(table.contains(&link), "{name} has no row in README.md");
    }
}

#[test]
fn connection_by_hand_answers_the_whole_line_once_and_ends_after_five_silent_minutes() {
    let ended = Program::start(&mut example("connection_by_hand")).ended();
    assert!(ended.status.success(), "{ended:?}");
    let expected = [
        r#"in: "hello, wor""#,
        r#"in: "ld\nand good-bye\n""#,
        r#"out: "HELLO, WORLD\nAND GOOD-BYE\n""#,
        "after 300s: ShutdownWrite",
        "then: Close, Some(TimedOut(Idle))",
    ];
    assert_eq!(ended.output, expected);
}

#[test]
fn echo_sends_back_every_line() {
    let (_program, address) = listening("echo", "listening on tcp://", "");
    let mut client = Client::connect(address);
    for line in ["hello", "", "another line"] {
        client.send(&format!("{line}\n"));
        assert_eq!(client.line(), line);
    }
    client.finish_writing();
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn http_hello_says_hello_in_plain_text_whatever_is_asked() {
    let (_program, address) = listening("http_hello", "listening on http://", "/");
    let mut client = Client::connect(address);
    for target in ["/", "/something/else?entirely"] {
        let response = client.get(target);
        assert_eq!((response.status, response.text()), (200, "Hello, World!"));
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}

#[test]
fn http_slow_work_answers_others_while_it_counts() {
    let (_program, address) = listening("http_slow_work", "listening on http://", "/");
    let mut client = Client::connect(address);
    assert_eq!(client.get("/primes/100").text(), "25 primes below 100\n");
    assert_eq!(client.get("/primes/many").status, 400);

    // Seconds of work each, one after the other.
    let mut waiting = [(); 4].map(|()| Client::connect(address));
    for slow in &mut waiting {
        slow.ask("GET", "/primes/10000000");
    }
    assert_eq!(client.get("/").text(), "try /primes/10000000\n");
    assert!(waiting[3].is_silent(), "the last of them should still wait");
}

#[test]
fn http_events_counts_up_for_as_long_as_somebody_listens() {
    let (_program, address) = listening("http_events", "listening on http://", "/");
    let page = Client::connect(address).get("/");
    assert!(page.text().contains("new EventSource('/events')"), "{}", page.text());

    let mut client = Client::connect(address);
    client.ask("GET", "/events");
    let head = client.head();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    for count in 1..=2 {
        let event = format!("data: {count}\n\n");
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        assert_eq!(client.bytes(chunk.len()), chunk.as_bytes());
    }
}

#[test]
fn simulated_passes_on_every_network_and_says_what_they_were_like() {
    let ended = Program::start(example("simulated").env("SWITCHBOARD_SEEDS", "20")).ended();
    assert!(ended.status.success(), "{ended:?}");
    let (runs, faults) = ended.output.split_first().unwrap();
    assert!(runs.starts_with("83 runs, "), "3 calm ones, and 4 for each seed: {runs}");
    assert!(faults.iter().any(|line| line.ends_with(" cut read") && !line.contains(" 0 ")));
}

#[test]
fn chat_sends_each_line_to_everybody_else() {
    let (_program, address) = listening("chat", "listening on tcp://", "");
    let [mut first, mut second, mut third] = [(); 3].map(|()| Client::connect(address));
    // Peers are taken in the order in which they came, so now all three are there.
    third.send("I am the third\n");
    assert_eq!(first.line(), "I am the third");
    assert_eq!(second.line(), "I am the third");

    first.send("half a ");
    first.send("line, and\nanother\n");
    for other in [&mut second, &mut third] {
        assert_eq!(other.line(), "half a line, and");
        assert_eq!(other.line(), "another");
    }

    drop(third);
    second.send("to those who are left\n");
    // What came first would have been an echo of their own.
    assert_eq!(first.line(), "to those who are left");
    assert!(second.is_silent());
}

#[test]
fn relay_is_as_if_one_had_called_the_server() {
    let (_server, server) = listening("http_hello", "listening on http://", "/");
    let mut command = example("relay");
    let server = format!("localhost:{}", server.port());
    let mut relay = Program::start(command.args([&*server, "127.0.0.1:0"]));
    let address = relay.ready("listening on tcp://", "");
    let mut client = Client::connect(address);
    client.ask("GET", "/through/the/relay");
    client.finish_writing();
    assert_eq!(client.response().text(), "Hello, World!");
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn yes_server_answers_a_message_and_closes() {
    let (mut program, address) = listening("yes_server", "listening on tcp://", "");
    let mut client = Client::connect(address);
    client.send("can you hear me?");
    assert_eq!(client.rest().unwrap(), b"Yes");
    let line = program.line();
    assert!(line.starts_with("request from tcp://127.0.0.1:"), "{line}");
    assert!(line.ends_with("\"can you hear me?\""), "{line}");
}

#[test]
fn yes_client_prints_the_reply_of_yes_server() {
    let (_program, address) = listening("yes_server", "listening on tcp://", "");
    let ended = Program::start(example("yes_client").arg(address.to_string())).ended();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.output, ["reply is: Yes"]);
    let nobody = Program::start(example("yes_client").arg("127.0.0.1:1")).ended();
    assert!(!nobody.status.success(), "{nobody:?}");
}

#[test]
fn greeting_speaks_first_and_closes() {
    let (mut program, address) = listening("greeting", "listening on tcp://", "");
    let mut silent = Client::connect(address);
    assert_eq!(silent.rest().unwrap(), b"Thank you for connecting");
    let mut talkative = Client::connect(address);
    talkative.send("let me tell you something");
    assert_eq!(talkative.rest().unwrap(), b"Thank you for connecting");
    for _ in 0..2 {
        assert!(program.line().starts_with("got connection from tcp://127.0.0.1:"));
    }
}

#[test]
fn hello_every_second_says_it_again_and_hears_the_answer() {
    let (mut server, address) = listening("echo", "listening on tcp://", "");
    let mut client = Program::start(example("hello_every_second").arg(address.to_string()));
    for _ in 0..2 {
        assert_eq!((client.line(), client.line()), ("hello".to_owned(), String::new()));
    }
    server.kill();
    assert!(client.line().starts_with("the server is gone: "));
    assert!(client.ended().status.success());
}

#[test]
fn select_server_prints_who_comes_what_they_say_and_who_goes() {
    let (mut program, address) = listening("select_server", "listening on tcp://", "");
    let mut first = Client::connect(address);
    let mut lines = |count: usize| (0..count).map(|_| program.line()).collect::<Vec<_>>();
    assert!(lines(1)[0].ends_with(", number 1 now"));
    let mut second = Client::connect(address);
    assert!(lines(1)[0].ends_with(", number 2 now"));
    second.send("hello\n");
    assert_eq!(lines(1), ["hello\\n"]);
    first.send("\x1b[2J");
    assert_eq!(lines(1), ["\\x1b[2J"]);
    drop(second);
    assert!(lines(1)[0].ends_with(" disconnected (finished), 1 left"));
    first.finish_writing();
    assert!(lines(1)[0].ends_with(" disconnected (finished), 0 left"));
}

#[test]
fn time_server_says_the_time_in_words_and_in_four_bytes() {
    let (mut program, words) = listening("time_server", "listening on tcp://", "");
    let bytes = program.ready("listening on tcp://", "");
    let line = Client::connect(words).line();
    assert!(line.ends_with(" GMT") && line.len() == 29, "{line}");
    let count = Client::connect(bytes).rest().unwrap();
    let count = u32::from_be_bytes(count.try_into().expect("four bytes"));
    #[expect(clippy::disallowed_methods, reason = "it is compared with the clock on the wall")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 2_208_988_800;
    assert!((now as u32).wrapping_sub(count) < 3600, "{count}, and it is {now}");
}

#[test]
fn udp_echo_gives_each_datagram_back_to_who_sent_it() {
    use std::net::UdpSocket;

    let mut program = Program::start(example("udp_echo").arg("udp://127.0.0.1:0"));
    let address = program.ready("listening on udp://", "");
    let clients = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    for (client, text) in clients.iter().zip(["first", "second"]) {
        client.set_read_timeout(Some(programs::PATIENCE)).unwrap();
        client.send_to(text.as_bytes(), address).unwrap();
    }
    for (client, text) in clients.iter().zip(["first", "second"]) {
        let mut buffer = [0; 100];
        let count = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], text.as_bytes());
        let sender = client.local_addr().unwrap();
        assert_eq!(program.line(), format!("{count} bytes from udp://{sender}"));
    }
}

#[cfg(unix)]
#[test]
fn unix_echo_serves_a_path_and_replaces_the_file_of_a_killed_server() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let address = format!("unix://{}", path.display());
    for _ in 0..2 {
        let mut program = Program::start(example("unix_echo").arg(&address));
        assert_eq!(program.ready_at("listening on ", ""), address);
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(b"hello").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello");
    }
}

#[cfg(unix)]
#[test]
fn unix_datagram_numbers_what_it_is_told_and_answers_those_who_have_a_name() {
    use std::os::unix::net::UnixDatagram;

    let folder = tempfile::tempdir().unwrap();
    let (server, me) = (folder.path().join("journal"), folder.path().join("me"));
    let address = format!("unixgram://{}", server.display());
    for _ in 0..2 {
        // The first one is killed, and leaves its file.
        let mut program = Program::start(example("unix_datagram").arg(&address));
        assert_eq!(program.line(), format!("listening on {address}"));
        let nameless = UnixDatagram::unbound().unwrap();
        nameless.send_to(b"hello\n", &server).unwrap();
        assert_eq!(program.line(), "1: hello");
        let named = UnixDatagram::bind(&me).unwrap();
        named.set_read_timeout(Some(programs::PATIENCE)).unwrap();
        named.send_to(b"\x1b[2J", &server).unwrap();
        let mut buffer = [0; 100];
        let count = named.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"2\n");
        assert_eq!(program.line(), "2: \\x1b[2J");
        assert_eq!(program.line(), format!("2: told unixgram://{}", me.display()));
        fs::remove_file(&me).unwrap();
    }
}

#[test]
fn threading_server_answers_others_while_it_counts() {
    let (_program, address) = listening("threading_server", "listening on tcp://", "");
    let [mut slow, mut quick] = [(); 2].map(|()| Client::connect(address));
    slow.send("10000000\n");
    quick.send("100\n");
    assert_eq!(quick.line(), "25 primes: answer 1, by connection 1#1");
    quick.send("1000\n");
    assert_eq!(quick.line(), "168 primes: answer 2, by connection 1#1");
    assert!(slow.is_silent(), "it should still count");
}

/// Starts the example `name` on a free port and waits until it listens.
fn listening(name: &str, before: &str, after: &str) -> (Program, SocketAddr) {
    let mut program = Program::start(example(name).args(["127.0.0.1:0", "127.0.0.1:0"]));
    let address = program.ready(before, after);
    assert_ne!(address.port(), 0);
    (program, address)
}

/// The example `name`, which `cargo test` has built beside this test.
fn example(name: &str) -> Command {
    let deps = std::env::current_exe().unwrap();
    let build = deps.parent().and_then(Path::parent).expect("tests are in target/profile/deps");
    let path: PathBuf = build.join("examples").join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --examples` first", path.display());
    Command::new(path)
}
