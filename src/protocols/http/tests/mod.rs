//! The server and a client in memory: [`Talk`] joins them, [`reader`] reads what comes back.
//!
//! Nothing here waits. Time is a number that a test moves, and whatever another thread would
//! post lies in a mailbox until the test has it delivered.

use std::collections::VecDeque;
use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::sansio::{FileRange, Limits};

mod bodies;
mod deferring;
mod faults;
mod noise;
mod persistence;
mod pressure;
mod reader;
mod replies;
mod splits;
mod stopping;
mod streaming;
mod talk;

use reader::{Framing, Response};
use talk::{End, Talk, World};

/// A GET of `path`.
fn get(path: &str) -> String {
    request("GET", path, &[], "")
}

/// An HTTP/1.1 request with a host. A body is counted unless `headers` frame it.
fn request(method: &str, path: &str, headers: &[&str], body: &str) -> String {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: a\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    let is_framed = headers.iter().any(|header| {
        header.starts_with("content-length:") || header.starts_with("transfer-encoding:")
    });
    if !body.is_empty() && !is_framed {
        request.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    request + "\r\n" + body
}

/// An HTTP/1.1 request whose body is the chunks of `body`, as they stand.
fn chunked(path: &str, body: &str) -> String {
    request("POST", path, &["transfer-encoding: chunked"], body)
}

/// One chunk.
fn chunk(payload: &str) -> String {
    format!("{:x}\r\n{payload}\r\n", payload.len())
}

const LAST_CHUNK: &str = "0\r\n\r\n";

/// A handler with one page of each kind.
fn site(request: &Request<'_>, reply: Reply<'_, World>, world: &mut World) {
    match request.path() {
        "/" => reply.text("hello"),
        "/echo" => reply.bytes(request.body()),
        "/method" => reply.text(request.method().as_str()),
        "/page" => reply.html("<p>page</p>"),
        "/shared" => reply.shared(Bytes::from(vec![b's'; 3000])),
        "/file" => reply.content_type("image/jpeg").file(file_of(b"0123456789", 2, 5)),
        // Posted before the handler returns, and delivered after it has.
        "/later" => reply.defer().text("later").expect("the mailbox takes it"),
        "/owed" => world.owed.push(reply.defer()),
        "/dropped" => drop(reply.defer()),
        "/chunks" => reply.stream(None, pieces(["one", "", "three"])),
        "/counted" => reply.stream(Some(8), pieces(["one", "", "three"])),
        "/nothing" => reply.status(StatusCode::NO_CONTENT).empty(),
        "/unchanged" => reply.status(StatusCode::NOT_MODIFIED).header("etag", "\"1\"").empty(),
        "/close" => reply.header("connection", "close").text("bye"),
        "/silent" => {}
        _ => reply.status(StatusCode::NOT_FOUND).text("no such page"),
    }
}

/// `length` bytes from `offset` on of a file that holds `content`.
fn file_of(content: &[u8], offset: u64, length: u64) -> FileRange {
    let mut file = tempfile::tempfile().expect("a temporary file can be made");
    file.write_all(content).expect("it can be written");
    FileRange::new(file, offset, length)
}

/// A source that writes one piece each time it is asked.
fn pieces<const N: usize>(pieces: [&'static str; N]) -> impl Source<World> {
    let mut left = VecDeque::from(pieces);
    By(move |body: &mut BodyWriter<'_>, _: &mut World| {
        if let Some(piece) = left.pop_front() {
            body.write(piece.as_bytes());
        }
        if left.is_empty() { Flow::End } else { Flow::More }
    })
}

/// A source that is a closure.
struct By<F>(F);

impl<F> Source<World> for By<F>
where
    F: FnMut(&mut BodyWriter<'_>, &mut World) -> Flow + Send + 'static,
{
    fn produce(&mut self, body: &mut BodyWriter<'_>, world: &mut World) -> Flow {
        (self.0)(body, world)
    }
}

/// A splitmix64: the same numbers for the same seed, for ever.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound.max(1) as u64) as usize
    }
}
