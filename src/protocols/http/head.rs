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
//! A head that is whole at first sight and breaks no rule, as nearly all are, is read once, here
//! (`scan`). Any other goes through `head_lines.rs`, which knows which rule was broken, and how
//! far it looked. Both go by the same classes of bytes, and a test compares them on every byte
//! at every place. Headers are not stored: the lines are sound, so reading them again is cheap,
//! and most are never asked for. (httparse was measured to cost more, and knows neither where the
//! first fault is nor the rules that matter for security. Tests check that it reads alike what is
//! taken here.)

use std::str;

use http::Method;
use memchr::memchr;

use super::head_fault::HeadFault;
use super::head_lines::{Judged, judge, run_of_names, run_of_tokens, suits_method};
use super::head_meaning::{Meaning, trim};
use super::words;

/// How many header lines a head may have: twice what browsers behind a proxy send.
pub(super) const MAX_HEADERS: usize = 64;

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
    method: &'b [u8],
    /// The target as it was sent: ASCII, without a fragment, in a form that suits the method.
    target: &'b [u8],
    /// The version.
    pub(super) version: Version,
    /// The header lines, each with its CRLF.
    lines: &'b [u8],
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
    /// The method as it was sent: a token, and case matters.
    pub(super) fn method(self) -> &'b str {
        str::from_utf8(self.method).expect("a method was read as a token, which is ASCII")
    }

    /// Whether the method is HEAD.
    pub(super) fn is_head(self) -> bool {
        self.method == b"HEAD"
    }

    /// Whether the method is CONNECT.
    pub(super) fn is_connect(self) -> bool {
        self.method == b"CONNECT"
    }

    /// The target as it was sent: ASCII, without a fragment, in a form that suits the method.
    pub(super) fn target(self) -> &'b str {
        str::from_utf8(self.target).expect("a target was read as ASCII")
    }

    /// The headers in their order, values without the white space around them.
    pub(super) fn headers(self) -> Headers<'b> {
        Headers { lines: self.lines }
    }

    /// The method in the `http` crate's words; methods of up to 15 bytes are not allocated.
    pub(super) fn to_method(self) -> Method {
        Method::from_bytes(self.method).expect("the method was judged to be a token")
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
        let target = self.target();
        if target.starts_with(['/', '*']) {
            return target;
        }
        let Some((_, rest)) = target.split_once("://") else {
            return target;
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

/// Walks the header lines of a head that was read before.
#[derive(Clone, Debug)]
pub(super) struct Headers<'b> {
    lines: &'b [u8],
}

impl<'b> Iterator for Headers<'b> {
    type Item = (&'b str, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr(b'\r', self.lines)?;
        let line = &self.lines[..end];
        self.lines = &self.lines[end + 2..];
        let (name, value) = line.split_at(memchr(b':', line)?);
        let name = str::from_utf8(name).expect("a name was read as a token, which is ASCII");
        Some((name, trim(&value[1..])))
    }
}

/// Reads the head that `bytes` begins with.
///
/// `bytes` is all the input since the head's first byte. `scanned` is the caller's to keep and
/// this function's to change: zero for a new head, and zero again after any answer but
/// [`Parsed::NeedMore`].
#[inline(always)]
pub(super) fn parse_head<'b>(
    bytes: &'b [u8],
    scanned: &mut usize,
    limits: &HeadLimits,
) -> Parsed<'b> {
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
    match scan(window, limits) {
        Some(parsed) => parsed,
        None => not_at_once(window, scanned, limits),
    }
}

/// Answers for a head that is not all there, or has a line that is not well formed.
#[cold]
fn not_at_once<'b>(window: &[u8], scanned: &mut usize, limits: &HeadLimits) -> Parsed<'b> {
    let fault = match judge(window, scanned, limits) {
        Judged::More => return Parsed::NeedMore,
        Judged::Fault(fault) => fault,
        Judged::End => {
            debug_assert!(false, "both readings take the same heads");
            HeadFault::RequestLine
        }
    };
    *scanned = 0;
    Parsed::Fault(fault)
}

/// Reads a whole head in which every line is well formed. `None` where that is not what there
/// is; a fault is one of the headers' meaning or number.
#[inline(always)]
fn scan<'b>(window: &'b [u8], limits: &HeadLimits) -> Option<Parsed<'b>> {
    let lead = if window.starts_with(b"\r\n") { 2 } else { 0 };
    let line = &window[lead..];
    let method = match line.first_chunk()? {
        b"GET " => &line[..3],
        _ => &line[..run_of_tokens(line)],
    };
    let rest = line[method.len()..].strip_prefix(b" ")?;
    let target = &rest[..words::run_of_target(rest)];
    let rest = &rest[target.len()..];
    let version = match rest.strip_prefix(b" HTTP/1.")?.first_chunk()? {
        b"1\r\n" => Version::Http11,
        b"0\r\n" => Version::Http10,
        _ => return None,
    };
    let is_sound = !method.is_empty()
        && !target.is_empty()
        && target.len() <= limits.target
        && ((target[0] == b'/' && method.len() < 7) || suits_method(method, target));
    if !is_sound {
        return None;
    }
    let lines = &rest[11..];
    let mut meaning = Meaning::default();
    let (length, fault) = scan_lines(lines, version, &mut meaning)?;
    if let Some(fault) = fault {
        return Some(Parsed::Fault(fault));
    }
    let before = window.len() - lines.len();
    Some(Parsed::Complete(Head {
        method,
        target,
        version,
        lines: &lines[..length],
        length: before + length + 2,
        framing: meaning.framing,
        keep_alive: !meaning.close && (meaning.keep || version == Version::Http11),
        // A 1.0 peer cannot know of it, whatever it sends; and nobody waits to send no body.
        expects_continue: meaning.expects_continue
            && version == Version::Http11
            && !matches!(meaning.framing, Framing::None | Framing::Counted(0)),
    }))
}

/// Reads header lines up to the blank one, and notes what they mean. Gives their length without
/// it, and the first fault. (A meaning that is given back is moved, and read back whole right
/// after its parts were written: the processor waits for that.)
#[inline(always)]
fn scan_lines(
    lines: &[u8],
    version: Version,
    meaning: &mut Meaning,
) -> Option<(usize, Option<HeadFault>)> {
    // A line that is not well formed further on would be told first.
    let mut fault = None;
    let mut count = 0;
    let mut rest = lines;
    while !rest.starts_with(b"\r\n") {
        if !meaning.host
            && let Some(after) = after_usual_host(rest)
        {
            meaning.host = true;
            count += 1;
            rest = after;
            continue;
        }
        let name = &rest[..run_of_tokens(rest)];
        let after = rest[name.len()..].strip_prefix(b":")?;
        let value = &after[..words::run_of_value(after)];
        rest = after[value.len()..].strip_prefix(b"\r\n")?;
        if name.is_empty() {
            return None;
        }
        count += 1;
        if fault.is_none() {
            fault = meaning.note(name, value, version).err();
        }
    }
    let host_is_missing = !meaning.host && version == Version::Http11;
    let fault = match fault {
        _ if count > MAX_HEADERS => Some(HeadFault::TooManyHeaders { limit: MAX_HEADERS }),
        None if host_is_missing => Some(HeadFault::HostMissing),
        fault => fault,
    };
    Some((lines.len() - rest.len(), fault))
}

/// Whether the request that `bytes` begin with has the method that `method` begins with.
#[inline]
pub(super) fn asks(bytes: &[u8], method: &[u8]) -> bool {
    // One blank line is forgiven in front of a request.
    bytes.strip_prefix(b"\r\n").unwrap_or(bytes).starts_with(method)
}

/// What follows a `Host` line of the form that every request has, so spelled and with a plain name
/// in it: taken here in one look, where the long way takes five.
#[inline(always)]
fn after_usual_host(rest: &[u8]) -> Option<&[u8]> {
    let value = rest.strip_prefix(b"Host: ")?;
    let name = run_of_names(value);
    let after = value[name..].strip_prefix(b"\r\n")?;
    (name > 0).then_some(after)
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
