//! The head of an HTTP/1.1 request: from bytes to a method, a target, headers and a framing.
//!
//! [`parse_head`] is called with all the unused input each time more of it is there, and answers
//! complete, need-more or fault. It copies nothing, and it is strict where laxness is a hole:
//! RFC 9112, 2.2 (lines), 3 (request line), 5 (headers), 6 (framing) and 9.3 (keep-alive).
//!
//! **The verdict depends on the bytes, never on how they were cut or on what follows the head.**
//! Only the first `limits.head` bytes are looked at, and of several faults the first in this
//! order is told:
//! 1. The first byte, when no method can start with it.
//! 2. Lines, in their order, each when its line feed is there; within a line the leftmost byte.
//!    A line feed without CR is the last byte of its line. That a target's form does not suit
//!    the method is judged at the request line's end.
//! 3. `limits.head` bytes hold no end: the target is too long when the request line itself has
//!    not ended and its target is over `limits.target`, otherwise the head is.
//! 4. At the blank line: the number of headers; then the headers that mean something to us, in
//!    their order; then a `Host` that never came.
//!
//! A head that is whole at first sight, as nearly all are, is read once, by httparse, and checked
//! for what httparse lets pass (`is_clean`). Any other goes through `head_lines.rs`.

use std::mem::MaybeUninit;

use http::Method;
use httparse::{Header, Status};

use super::head_fault::HeadFault;
use super::head_lines::{Judged, is_authority, judge, suits_method};

/// How many header lines a head may have: twice what browsers behind a proxy send.
pub(super) const MAX_HEADERS: usize = 64;

/// Room for the headers of one head: two KiB of stack that cost nothing to make.
pub(super) type HeaderStorage<'b> = [MaybeUninit<Header<'b>>; MAX_HEADERS];

/// An empty [`HeaderStorage`].
pub(super) const fn header_storage<'b>() -> HeaderStorage<'b> {
    [const { MaybeUninit::uninit() }; MAX_HEADERS]
}

/// How long a head and its parts may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeadLimits {
    /// The whole head, the blank line at its end and the one before it included.
    pub(super) head: usize,
    /// The request target.
    pub(super) target: usize,
}

impl Default for HeadLimits {
    /// 16 KiB, so that large cookies pass, and half of that for the target (RFC 9112, 3, wants
    /// at least 8000 bytes for the request line).
    fn default() -> Self {
        Self { head: 16 * 1024, target: 8 * 1024 }
    }
}

/// The protocol version of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// How the request's body is delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is no body.
    #[default]
    None,
    /// The body has this many bytes, possibly none.
    Counted(u64),
    /// The body comes in chunks.
    Chunked,
}

/// A request head, borrowed from the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head<'b> {
    /// The method as it was sent: a token, and case matters.
    pub(super) method: &'b str,
    /// The target as it was sent: ASCII, without a fragment, in a form that suits the method.
    pub(super) target: &'b str,
    /// The version.
    pub(super) version: Version,
    /// The headers in their order, values without the white space around them.
    pub(super) headers: &'b [Header<'b>],
    /// How many bytes the head has, the blank line included; what follows is the body.
    pub(super) length: usize,
    /// How the body is delimited.
    pub(super) framing: Framing,
    /// Whether the peer wants the connection to outlive the reply (RFC 9112, 9.3).
    pub(super) keep_alive: bool,
    /// Whether the peer waits for `100 Continue` before it sends the body that `framing`
    /// announces (RFC 9110, 10.1.1).
    pub(super) expects_continue: bool,
}

impl<'b> Head<'b> {
    /// The method in the `http` crate's words; methods of up to 15 bytes are not allocated.
    pub(super) fn to_method(self) -> Method {
        Method::from_bytes(self.method.as_bytes()).expect("the method was judged to be a token")
    }

    /// The target's path: what a handler goes by, whichever form the target has.
    ///
    /// Always starts with `/`, except in `*` and in the authority that `CONNECT` is sent.
    pub(super) fn path(self) -> &'b str {
        let target = self.path_and_query();
        target.split_once('?').map_or(target, |(path, _)| if path.is_empty() { "/" } else { path })
    }

    /// What follows the target's first `?`.
    pub(super) fn query(self) -> Option<&'b str> {
        self.path_and_query().split_once('?').map(|(_, query)| query)
    }

    /// The target without the scheme and authority of the absolute form.
    fn path_and_query(self) -> &'b str {
        if self.target.starts_with(['/', '*']) {
            return self.target;
        }
        let Some((_, rest)) = self.target.split_once("://") else {
            return self.target;
        };
        // An absolute form may have no path; it is `/` then (RFC 9110, 4.2.3).
        rest.find(['/', '?']).map_or("/", |start| &rest[start..])
    }
}

/// What [`parse_head`] made of the input so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed<'b> {
    /// The head is there.
    Complete(Head<'b>),
    /// The head's end is not there yet.
    NeedMore,
    /// The peer broke a rule; nothing after it can be understood.
    Fault(HeadFault),
}

/// Reads the head that `bytes` begins with.
///
/// `bytes` is all the input since the head's first byte. `scanned` is the caller's to keep and
/// this function's to change: zero for a new head, and zero again after any answer but
/// [`Parsed::NeedMore`].
#[inline]
pub(super) fn parse_head<'h, 'b: 'h>(
    bytes: &'b [u8],
    scanned: &mut usize,
    limits: &HeadLimits,
    storage: &'h mut HeaderStorage<'b>,
) -> Parsed<'h> {
    let window = &bytes[..bytes.len().min(limits.head)];
    if *scanned > 0 {
        match judge(window, scanned, limits) {
            Judged::End => *scanned = 0,
            Judged::More => return Parsed::NeedMore,
            Judged::Fault(fault) => {
                *scanned = 0;
                return Parsed::Fault(fault);
            }
        }
    }
    let lead = if window.starts_with(b"\r\n") { 2 } else { 0 };
    let mut request = httparse::Request::new(&mut []);
    if let Ok(Status::Complete(length)) =
        request.parse_with_uninit_headers(&window[lead..], storage)
    {
        let head = &window[lead..lead + length];
        if let Some(line) = request_line(&request) {
            if is_clean(head, &line, limits) {
                return match settle(line, request.headers, lead + length) {
                    Ok(head) => Parsed::Complete(head),
                    Err(fault) => Parsed::Fault(fault),
                };
            }
        }
    }
    not_at_once(window, scanned, limits)
}

/// Answers for a head that httparse alone did not settle: it is not all there, or not clean.
#[cold]
fn not_at_once<'h>(window: &[u8], scanned: &mut usize, limits: &HeadLimits) -> Parsed<'h> {
    let fault = match judge(window, scanned, limits) {
        Judged::More => return Parsed::NeedMore,
        Judged::Fault(fault) => fault,
        // Every line is well formed, so the one thing httparse can have missed is room.
        Judged::End => HeadFault::TooManyHeaders { limit: MAX_HEADERS },
    };
    *scanned = 0;
    Parsed::Fault(fault)
}

/// A request line as httparse read it.
struct RequestLine<'b> {
    method: &'b str,
    target: &'b str,
    version: Version,
}

fn request_line<'b>(request: &httparse::Request<'_, 'b>) -> Option<RequestLine<'b>> {
    let version = match request.version? {
        0 => Version::Http10,
        _ => Version::Http11,
    };
    Some(RequestLine { method: request.method?, target: request.path?, version })
}

/// Whether `head`, which httparse took, breaks none of the rules that httparse does not know.
fn is_clean(head: &[u8], line: &RequestLine<'_>, limits: &HeadLimits) -> bool {
    // httparse skips any number of blank lines and takes LF for CRLF. Written without branches,
    // since most heads have a line end every few dozen bytes: the compiler makes vectors of it.
    let bare = head
        .iter()
        .zip(&head[1..])
        .fold(false, |bare, (&before, &byte)| bare | ((byte == b'\n') & (before != b'\r')));
    let target = line.target.as_bytes();
    !bare
        && !matches!(head[0], b'\r' | b'\n')
        && target.len() <= limits.target
        && !target.iter().fold(false, |bad, &byte| bad | !byte.is_ascii() | (byte == b'#'))
        && suits_method(line.method.as_bytes(), target)
}

/// Reads what the headers mean for the connection and the body.
fn settle<'h>(
    line: RequestLine<'h>,
    headers: &'h [Header<'h>],
    length: usize,
) -> Result<Head<'h>, HeadFault> {
    let mut meaning = Meaning::default();
    for header in headers {
        meaning.note(header, line.version)?;
    }
    if !meaning.host && line.version == Version::Http11 {
        return Err(HeadFault::HostMissing);
    }
    Ok(Head {
        method: line.method,
        target: line.target,
        version: line.version,
        headers,
        length,
        framing: meaning.framing,
        keep_alive: !meaning.close && (meaning.keep || line.version == Version::Http11),
        // A 1.0 peer cannot know of it, whatever it sends; and nobody waits to send no body.
        expects_continue: meaning.expects_continue
            && line.version == Version::Http11
            && !matches!(meaning.framing, Framing::None | Framing::Counted(0)),
    })
}

/// What the headers read so far say.
#[derive(Default)]
struct Meaning {
    /// A `Host` was there.
    host: bool,
    framing: Framing,
    /// `Connection` named `close`, which wins over `keep-alive`.
    close: bool,
    /// `Connection` named `keep-alive`.
    keep: bool,
    expects_continue: bool,
}

impl Meaning {
    /// Takes one header into account.
    #[inline]
    fn note(&mut self, header: &Header<'_>, version: Version) -> Result<(), HeadFault> {
        // Lengths first: they tell nearly all names apart without reading them.
        let name = header.name;
        match name.len() {
            // Every request has this one, mostly so spelled: then it is one comparison.
            4 if name == "Host" || name.eq_ignore_ascii_case("host") => {
                self.note_host(header.value)
            }
            6 if name.eq_ignore_ascii_case("expect") => {
                if !header.value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(HeadFault::ExpectationUnknown);
                }
                self.expects_continue = true;
                Ok(())
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                self.note_connection(header.value);
                Ok(())
            }
            14 if name.eq_ignore_ascii_case("content-length") => self.note_length(header.value),
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                self.note_codings(header.value, version)
            }
            _ => Ok(()),
        }
    }

    fn note_host(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        if self.host {
            return Err(HeadFault::HostRepeated);
        }
        self.host = true;
        // Empty is what a client sends when its target has no authority (RFC 9112, 3.2).
        if value.is_empty() || is_authority(value) { Ok(()) } else { Err(HeadFault::HostInvalid) }
    }

    fn note_connection(&mut self, value: &[u8]) {
        for option in value.split(|&byte| byte == b',').map(trim) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        match self.framing {
            Framing::None => {}
            Framing::Counted(_) => return Err(HeadFault::LengthRepeated),
            Framing::Chunked => return Err(HeadFault::LengthWithCoding),
        }
        self.framing = Framing::Counted(parse_length(value).ok_or(HeadFault::LengthInvalid)?);
        Ok(())
    }

    fn note_codings(&mut self, value: &[u8], version: Version) -> Result<(), HeadFault> {
        if version == Version::Http10 {
            return Err(HeadFault::CodingInOldVersion);
        }
        if let Framing::Counted(_) = self.framing {
            return Err(HeadFault::LengthWithCoding);
        }
        for coding in value.split(|&byte| byte == b',').map(trim) {
            if coding.is_empty() {
                return Err(HeadFault::CodingEmpty);
            }
            if !coding.eq_ignore_ascii_case(b"chunked") {
                return Err(HeadFault::CodingUnknown);
            }
            if self.framing == Framing::Chunked {
                return Err(HeadFault::CodingRepeated);
            }
            self.framing = Framing::Chunked;
        }
        Ok(())
    }
}

/// Reads `1*DIGIT` (RFC 9110, 8.6) that fits in 64 bits.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |length, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })
}

/// Cuts the optional white space (RFC 9110, 5.6.3) off both ends.
fn trim(value: &[u8]) -> &[u8] {
    // Values hold no other white space that this could cut.
    value.trim_ascii()
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
