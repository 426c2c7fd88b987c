//! A handler with one page of each kind, by the first byte of the path after its slash, and what
//! each page's reply must say.

use switchboard::Bytes;
use switchboard::http::{BodyWriter, Deferred, Flow, Reply, Request, Source, StatusCode, Version};

use crate::reader::{Framing, Response};

/// The most bytes that one reply puts in the output at once, its head included.
pub(super) const LARGEST: usize = 4096;

/// A request, as the handler saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(super) method: String,
    pub(super) target: String,
    /// The digit after the dot.
    pub(super) minor: u8,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// What handlers are given.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) calls: Vec<Call>,
    /// Replies to be given when nothing else can happen.
    owed: Vec<Deferred>,
    /// Replies that are never given.
    forgotten: Vec<Deferred>,
}

impl World {
    /// Gives a reply that is owed, if one is.
    pub(super) fn pay_a_debt(&mut self) -> bool {
        self.owed.pop().is_some_and(|deferred| deferred.text(LATE).is_ok())
    }
}

const LATE: &str = "late";
const SHARED: &[u8] = &[b's'; 3000];
const PIECES: [&str; 3] = ["one", "", "three"];

/// Notes the request and answers it.
pub(super) fn answer(request: &Request<'_>, reply: Reply<'_, World>, world: &mut World) {
    world.calls.push(Call {
        method: request.method().to_string(),
        target: request.target().to_owned(),
        minor: u8::from(request.version() == Version::HTTP_11),
        headers: request.headers().map(|(name, value)| (name.to_owned(), value.into())).collect(),
        body: request.body().to_vec(),
    });
    match page(request.target()) {
        b'b' => reply.shared(Bytes::from_static(SHARED)),
        b'c' => reply.stream(None, Pieces(0)),
        b'n' => reply.stream(Some(8), Pieces(0)),
        b'd' => reply.defer().text(LATE).expect("the post takes it"),
        b'l' => world.owed.push(reply.defer()),
        b'o' => world.forgotten.push(reply.defer()),
        b'x' => drop(reply.defer()),
        b'k' => reply.header("connection", "close").text("bye"),
        b'e' => reply.status(StatusCode::NO_CONTENT).empty(),
        b'u' => reply.status(StatusCode::NOT_MODIFIED).header("etag", "\"1\"").empty(),
        b'q' => {}
        b't' => reply.html("<p>page</p>"),
        _ => reply.bytes(request.body()),
    }
}

fn page(target: &str) -> u8 {
    target.as_bytes().get(1).copied().unwrap_or_default()
}

/// Checks that `reply` is the one that the page of `call` gives.
pub(super) fn check_reply(call: &Call, reply: &Response) {
    let is_head = call.method == "HEAD";
    let (status, body): (u16, &[u8]) = match page(&call.target) {
        b'b' => (200, SHARED),
        b'c' | b'n' => (200, b"onethree"),
        b'd' | b'l' => (200, LATE.as_bytes()),
        b'o' => return assert_eq!(reply.status, 503, "nobody answered in time"),
        b'x' | b'q' => return assert_eq!(reply.status, 500, "nobody answered"),
        b'k' => (200, b"bye"),
        b'e' => (204, b""),
        b'u' => (304, b""),
        b't' => (200, b"<p>page</p>"),
        _ => (200, &call.body),
    };
    assert_eq!(reply.status, status);
    assert_eq!(reply.body, if is_head { b"" } else { body });
    assert!(page(&call.target) != b'k' || reply.closes());
    let is_until_close = reply.framing == Framing::UntilClose;
    assert!(!is_until_close || call.minor == 0, "only an old client is told so");
}

/// A source that writes one piece each time it is asked.
struct Pieces(usize);

impl Source<World> for Pieces {
    fn produce(&mut self, body: &mut BodyWriter<'_>, _: &mut World) -> Flow {
        let Some(piece) = PIECES.get(self.0) else { return Flow::End };
        body.write(piece.as_bytes());
        self.0 += 1;
        Flow::More
    }
}
