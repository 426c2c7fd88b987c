//! Chunked bodies: those of requests, as they are written and as they are not, and those of
//! replies.
//!
//! The first byte chooses what is tried, the next two how the client behaves and where its bytes
//! are cut.

use switchboard::Limits;
use switchboard::http::{BodyWriter, Config, Flow, Reply, Request, Source};

use crate::choices::Choices;
use crate::http::{Setting, check_calls};
use crate::reader::{self, To};
use crate::talk::{Farewell, Manner, talk};

/// Tries one of three things with `bytes`.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let kind = choices.below(3);
    let manner = Manner::of(choices.word());
    match kind {
        0 => check_raw(choices.rest(), manner),
        1 => check_round_trip(&mut choices, manner),
        _ => check_reply(&mut choices, manner),
    }
}

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
const NEXT: &[u8] = b"GET /t HTTP/1.1\r\nhost: a\r\n\r\n";

/// The longest body that is taken.
const LONGEST: usize = 2000;

fn setting() -> Setting {
    Setting { config: Config::default().body(LONGEST), limits: Limits::default() }
}

/// Any bytes as a body: whatever is taken, another reader finds there, too.
fn check_raw(body: &[u8], manner: Manner) {
    let input = [HEAD, body].concat();
    let expected = setting().tell(&input, Manner::Plain, Farewell::HangUp);
    check_calls(&expected.calls, &input);
    assert_eq!(setting().tell(&input, manner, Farewell::HangUp), expected);
}

/// A payload in chunks of any size, spelled in any way: it arrives, and what follows it does.
fn check_round_trip(choices: &mut Choices, manner: Manner) {
    let (mut body, mut payload) = (Vec::new(), Vec::new());
    // So few that all extensions together are below their limit, and as many bytes as fit.
    for _ in 0..100 {
        let size = choices.below(80).min(LONGEST - payload.len());
        let spelling = choices.byte();
        if size == 0 {
            break;
        }
        let chunk: Vec<u8> = (0..size).map(|_| choices.byte()).collect();
        body.extend(size_line(size, spelling).into_bytes());
        body.extend_from_slice(&chunk);
        body.extend_from_slice(b"\r\n");
        payload.extend(chunk);
    }
    body.extend(size_line(0, choices.byte()).into_bytes());
    for _ in 0..choices.below(4) {
        body.extend(format!("x-{}: {0}\r\n", choices.byte()).into_bytes());
    }
    body.extend_from_slice(b"\r\n");

    let input = [HEAD, &body, NEXT].concat();
    let outcome = setting().tell(&input, manner, Farewell::HangUp);
    let bodies: Vec<&[u8]> = outcome.calls.iter().map(|call| &call.body[..]).collect();
    assert_eq!(bodies, [&payload[..], b""], "the body, and the request behind it");
    check_calls(&outcome.calls, &input);
}

/// A size, with zeros in front, in large digits, with an extension.
fn size_line(size: usize, spelling: u8) -> String {
    let zeros = "0".repeat(usize::from(spelling % 13));
    let digits = if spelling & 16 == 0 { format!("{size:x}") } else { format!("{size:X}") };
    let extension = [";a", "", ";a=\"b\"", ""][usize::from(spelling >> 6)];
    format!("{zeros}{digits}{extension}\r\n")
}

/// A stream of pieces of any size: a client reads what its source wrote.
fn check_reply(choices: &mut Choices, manner: Manner) {
    let mut sizes = Vec::new();
    while !choices.is_spent() && sizes.len() < 20 {
        sizes.push(choices.word() % 1200);
    }
    let pieces: Vec<Vec<u8>> = sizes.iter().map(|size| vec![*size as u8; *size]).collect();
    let expected = pieces.concat();
    let server = move |_: &Request<'_>, reply: Reply<'_, ()>, (): &mut ()| {
        reply.stream(None, Pieces(pieces.clone().into_iter()));
    };
    let limits = Limits::default().high_water(1000).low_water(300);
    let how = (manner, Farewell::HangUp);
    let over = talk(Config::default().server(server)(()), limits, (), NEXT, how, |()| false);
    let (replies, rest) = reader::read(&over.wire, |_| To::Other, true);
    assert!(replies.len() == 1 && rest.is_empty(), "one reply, and nothing else");
    assert_eq!(replies[0].body, expected);
    // What waits, one piece above the mark, and the head of the request and of the reply.
    assert!(over.most_held <= 1000 + 1200 + 1000, "{} held", over.most_held);
}

/// A source that writes one piece each time it is asked.
struct Pieces(std::vec::IntoIter<Vec<u8>>);

impl Source<()> for Pieces {
    fn produce(&mut self, body: &mut BodyWriter<'_>, (): &mut ()) -> Flow {
        let Some(piece) = self.0.next() else { return Flow::End };
        body.write(&piece);
        Flow::More
    }
}
