//! The same crowd on real sockets: each client gets the same bytes.
//!
//! Only acts that need neither virtual time nor a rude client are played here; a client is a
//! thread that follows its script on a blocking socket. The wall clock is real, so dates are
//! masked on both sides.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use switchboard::simulation::{Dice, Script, Step};
use switchboard::{Config, EventLoop, Limits, OnPanic};

use crate::acts::{self, Act, Door};
use crate::doors::{self, Files, Hall};
use crate::play::{check_chat, reference};

#[test]
fn the_same_crowd_on_real_sockets_gets_the_same_bytes() {
    super::silence_intended_panics();
    let mut dice = Dice::new(11);
    let mut acts: Vec<Act> = Vec::new();
    while acts.len() < 40 {
        acts.extend(acts::crowd(&mut dice, 8).into_iter().filter(|act| act.is_real));
    }
    let (guests, lines) = (5, 6);
    let chat = acts::chat(guests, lines, &mut dice, false);
    let mut hall = Hall { expected_guests: guests, lines_left: guests * lines, ..Hall::default() };

    let mut event_loop =
        EventLoop::with_config(Config::default().on_panic(OnPanic::Close)).unwrap();
    // All come from one address here, and nobody should wait for another.
    let open = |limits: Limits| limits.connections(100).connections_per_address(100);
    let web = doors::web(&Files::new());
    let doors = [
        event_loop.listen_with("127.0.0.1:0", open(doors::http_limits()), web).unwrap(),
        event_loop.listen_with("127.0.0.1:0", open(doors::chat_limits()), doors::chat).unwrap(),
        event_loop.listen_with("127.0.0.1:0", open(doors::tool_limits()), doors::tool).unwrap(),
    ];
    let addresses = doors.map(|door| event_loop.local_address(door).unwrap().socket().unwrap());

    let handle = event_loop.handle();
    let played = thread::spawn(move || {
        let clients: Vec<_> = acts
            .into_iter()
            .chain(chat)
            .map(|act| {
                let address = addresses[act.door as usize];
                let script = act.script.clone();
                (act, thread::spawn(move || follow(&script, address)))
            })
            .collect();
        let played: Vec<_> =
            clients.into_iter().map(|(act, client)| (act, client.join().unwrap())).collect();
        handle.drain(Duration::from_secs(10)).unwrap();
        played
    });
    event_loop.run(&mut hall).unwrap();
    for (act, got) in played.join().unwrap() {
        check(&act, &got);
    }
}

fn check(act: &Act, got: &[u8]) {
    if act.door == Door::Chat {
        let text = String::from_utf8_lossy(got);
        check_chat(0, got);
        assert!(text.ends_with("bye\n") && text.lines().count() == 2 + 4 * 6, "{text}");
    }
    if act.is_alone {
        let (got, expected) = (mask(got), mask(&reference(act)));
        assert!(got == expected, "{}: {}", act.name, got.escape_ascii());
    }
}

/// Everything that a client gets that follows `script` at `address`.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other steps are in acts that are real")]
fn follow(script: &Script, address: SocketAddr) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    // A client that would wait for ever fails instead.
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (mut received, mut checked) = (Vec::new(), 0);
    for step in script.steps() {
        match step {
            // One that was turned away meanwhile finds out when it reads.
            Step::Send(bytes) => drop(stream.write_all(bytes)),
            Step::Expect(bytes) => {
                while received.len() < checked + bytes.len() && read(&mut stream, &mut received) {}
                assert!(received[checked..].starts_with(bytes), "{}", received.escape_ascii());
                checked += bytes.len();
            }
            Step::Until(bytes) => loop {
                let found = received[checked..].windows(bytes.len()).position(|part| part == bytes);
                if let Some(at) = found {
                    checked += at + bytes.len();
                    break;
                }
                assert!(read(&mut stream, &mut received), "{}", received.escape_ascii());
            },
            Step::Take(count) => {
                while received.len() < checked + count && read(&mut stream, &mut received) {}
                checked += count;
            }
            Step::ExpectEnd | Step::ExpectClosed => while read(&mut stream, &mut received) {},
            Step::FinishWriting => stream.shutdown(Shutdown::Write).unwrap(),
            other => panic!("{other:?} is for simulations"),
        }
    }
    received
}

/// Reads some. Says whether there may be more.
fn read(stream: &mut TcpStream, received: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(count) => {
            received.extend(&buffer[..count]);
            count > 0
        }
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        Err(error) => panic!("{error}"),
    }
}

/// The bytes with every date blotted out.
fn mask(bytes: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"\r\ndate: ";
    const LENGTH: usize = "Fri, 13 Feb 2009 23:31:30 GMT".len();
    let mut masked = bytes.to_vec();
    for at in 0..masked.len().saturating_sub(NAME.len() + LENGTH) {
        if masked[at..].starts_with(NAME) {
            masked[at + NAME.len()..][..LENGTH].fill(b'-');
        }
    }
    masked
}
