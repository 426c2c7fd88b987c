//! What is asked and what must come back: the kinds of requests, their
//! batches, and the check of the replies.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use clap::ValueEnum;
use switchboard::Bytes;

use crate::failure::{Attempt, Failure, Outcome};

const HTTP_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
const HTTP_REPLY_START: &[u8] = b"HTTP/1.1 200";
/// Bytes of an echoed message, unless it is said how many.
pub(crate) const ECHO_BYTES: u32 = 64;
const LINE_BYTES: usize = 64;
/// So much of a longer message is sent to learn whether it comes back: a server may not read on
/// before its reply is read.
const PROBE_BYTES: usize = 4 * 1024;
/// So much of the beginning of each reply is compared.
const START_BYTES: usize = 64;
/// A reply that has not come by then will not come.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
const PROBE_REPLY_MAX_BYTES: usize = 64 * 1024;

/// What the server is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Messages that come back as they are
    Echo,
    /// `GET /` over connections that are kept
    Http,
    /// The same, of a file whose content is not looked at
    File,
    /// Lines of 64 bytes that come back to all who are connected
    Broadcast,
}

impl Kind {
    /// The word for it on a command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Http => "http",
            Self::File => "file",
            Self::Broadcast => "broadcast",
        }
    }

    fn request(self, bytes: u32) -> Vec<u8> {
        match self {
            Self::Echo => (b'0'..=b'z').cycle().take(bytes as usize).collect(),
            Self::Http | Self::File => HTTP_REQUEST.to_vec(),
            Self::Broadcast => (b'0'..).take(LINE_BYTES - 1).chain([b'\n']).collect(),
        }
    }
}

/// One batch of requests and what its replies look like.
#[derive(Debug)]
pub(crate) struct Traffic {
    /// The requests of one batch, to be sent in one write.
    pub(crate) batch: Bytes,
    /// Requests in a batch.
    pub(crate) pipeline: usize,
    /// Bytes of one reply.
    pub(crate) reply_bytes: usize,
    /// How every reply begins.
    start: Vec<u8>,
    /// The last byte of every reply, where it is known.
    end: Option<u8>,
}

impl Traffic {
    /// Asks the server once, checks its reply, and learns the reply's length. An echoed message
    /// has so many bytes.
    pub(crate) fn learn(
        address: SocketAddr,
        kind: Kind,
        pipeline: usize,
        bytes: u32,
    ) -> Outcome<Self> {
        let request = kind.request(bytes);
        let mut stream = TcpStream::connect_timeout(&address, PROBE_TIMEOUT)
            .attempt(format!("cannot connect to {address}"))?;
        let probe = &request[..request.len().min(PROBE_BYTES)];
        let Reply { beginning, length } = ask_once(&mut stream, probe, kind)
            .map_err(|cause| Failure::because(format!("first reply of {address}"), cause))?;
        let (start, reply_bytes, end) = match kind {
            Kind::Echo | Kind::Broadcast => {
                let start = &request[..request.len().min(START_BYTES)];
                (start, request.len(), request.last())
            }
            Kind::Http | Kind::File => {
                let end = beginning.last().filter(|_| beginning.len() == length);
                (HTTP_REPLY_START, length, end)
            }
        };
        if !beginning.starts_with(start) {
            return Err(Failure::new(format!(
                "first reply of {address} is not what was asked for: {:?}",
                String::from_utf8_lossy(&beginning[..beginning.len().min(80)])
            )));
        }
        let (start, end) = (start.to_vec(), end.copied());
        Ok(Self { batch: request.repeat(pipeline).into(), pipeline, reply_bytes, start, end })
    }

    /// One request.
    pub(crate) fn request(&self) -> &[u8] {
        &self.batch[..self.batch.len() / self.pipeline]
    }

    /// Bytes of the replies to one batch.
    pub(crate) fn batch_reply_bytes(&self) -> usize {
        self.reply_bytes * self.pipeline
    }

    /// Whether a piece of the replies to a batch, of which `awaited` bytes had
    /// not come before it, can be right: begin, length and last byte are looked
    /// at, which finds a reply that is wrong or out of step.
    pub(crate) fn accepts(&self, piece: &[u8], awaited: usize) -> bool {
        if piece.len() > awaited {
            return false;
        }
        let begins = awaited == self.batch_reply_bytes();
        let ends = awaited == piece.len();
        let compared = piece.len().min(self.start.len());
        (!begins || piece[..compared] == self.start[..compared])
            && (!ends || self.end.is_none() || piece.last().copied() == self.end)
    }
}

/// A reply, or its beginning if it is one that is not read to its end.
struct Reply {
    beginning: Vec<u8>,
    length: usize,
}

fn ask_once(stream: &mut TcpStream, request: &[u8], kind: Kind) -> Outcome<Reply> {
    let limit = Some(PROBE_TIMEOUT);
    stream.set_read_timeout(limit).attempt("cannot set a timeout")?;
    stream.set_write_timeout(limit).attempt("cannot set a timeout")?;
    stream.write_all(request).attempt("cannot send")?;
    let mut reply = Vec::new();
    let mut buffer = [0; 4096];
    while reply.len() < PROBE_REPLY_MAX_BYTES {
        let count = stream.read(&mut buffer).attempt("cannot receive")?;
        if count == 0 {
            return Err(Failure::new("the server closed the connection"));
        }
        reply.extend_from_slice(&buffer[..count]);
        let expected = match kind {
            Kind::Echo | Kind::Broadcast => Some(request.len()),
            Kind::Http | Kind::File => http_reply_bytes(&reply)?,
        };
        let Some(length) = expected else { continue };
        if length < reply.len() {
            return Err(Failure::new("it is longer than it says"));
        }
        if length == reply.len() || kind == Kind::File {
            return Ok(Reply { beginning: reply, length });
        }
    }
    Err(Failure::new(format!("it exceeds {PROBE_REPLY_MAX_BYTES} bytes")))
}

/// The whole length of a reply of which the beginning is given; none until its
/// head is complete.
fn http_reply_bytes(reply: &[u8]) -> Outcome<Option<usize>> {
    let Some(head) = reply.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&reply[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let Some(length) = length else {
        return Err(Failure::new("it has no content-length"));
    };
    let body: usize = length.trim().parse().attempt("its content-length")?;
    Ok(Some(head + 4 + body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_reply_is_known_once_its_head_is_complete() {
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello";
        assert_eq!(http_reply_bytes(&reply[..20]).expect("no fault yet"), None);
        let whole = http_reply_bytes(reply).expect("a good reply");
        assert_eq!(whole, Some(reply.len()));
    }

    #[test]
    fn a_reply_out_of_step_is_refused() {
        let traffic = Traffic {
            batch: Bytes::from_static(b"abab"),
            pipeline: 2,
            reply_bytes: 2,
            start: b"ab".to_vec(),
            end: Some(b'b'),
        };
        assert!(traffic.accepts(b"abab", 4));
        assert!(traffic.accepts(b"aba", 4));
        assert!(traffic.accepts(b"b", 1));
        assert!(!traffic.accepts(b"baba", 4), "wrong begin");
        assert!(!traffic.accepts(b"a", 1), "wrong end");
        assert!(!traffic.accepts(b"ababa", 4), "too long");
    }
}
