//! The slow and exact reading of a request head: line by line, as the lines arrive.
//!
//! `head.rs` reads a head that is complete and clean in one go; whatever is not, comes here. This reading remembers only how far it looked and judges each line once, when
//! its line feed is there, so a head that drips in is read in linear time, and what it says
//! depends on the bytes alone, never on how they were cut. It must accept exactly the lines
//! that `head.rs` accepts (a test compares the two, and both with httparse).
//!
//! Grammar: RFC 9112, 2.2 (lines), 3 (request line) and 5 (header lines); RFC 9110, 5.5 and
//! 5.6.2 (values and tokens). Laxness that those sections merely permit is refused.

use memchr::{memchr, memrchr};

use super::head::HeadLimits;
use super::head_fault::HeadFault;

/// What the lines so far amount to.
pub(super) enum Judged {
    /// The blank line is there, and every line before it is well formed.
    End,
    /// Neither an end nor a fault yet.
    More,
    /// The first rule that a line broke.
    Fault(HeadFault),
}

/// Judges the lines of `window` that were not yet complete when `scanned` bytes had been seen.
///
/// `window` is the input from the head's first byte, cut at `limits.head`; the first `scanned`
/// bytes of it hold no fault and no end, which is what an earlier call left there.
pub(super) fn judge(window: &[u8], scanned: &mut usize, limits: &HeadLimits) -> Judged {
    if *scanned == 0 {
        // A peer that speaks something else (a TLS greeting, say) may never send a line feed:
        // it is told at once, by the same rule that its first line would break.
        match window.first() {
            Some(&first) if first != b'\r' && !is_token(first) => {
                return Judged::Fault(stray(first, HeadFault::Method { found: first }));
            }
            Some(_) | None => {}
        }
    }
    *scanned = (*scanned).min(window.len());
    while let Some(distance) = memchr(b'\n', &window[*scanned..]) {
        let line_feed = *scanned + distance;
        // Every line feed is found once, so looking back for the line's start is linear too.
        let start = memrchr(b'\n', &window[..line_feed]).map_or(0, |before| before + 1);
        let is_first = start == 0 || (start == 2 && window[0] == b'\r');
        match judge_line(&window[start..line_feed], start, is_first, limits) {
            Ok(Line::Content) => *scanned = line_feed + 1,
            Ok(Line::Blank) => return Judged::End,
            Err(fault) => return Judged::Fault(fault),
        }
    }
    *scanned = window.len();
    if window.len() < limits.head {
        return Judged::More;
    }
    Judged::Fault(over_limit(window, limits))
}

/// What one well-formed line is.
enum Line {
    /// The request line, a header, or the blank line that may come before both.
    Content,
    /// The blank line that ends the head.
    Blank,
}

/// Judges one line, given without its line feed; `start` is where in the head it begins.
fn judge_line(
    line: &[u8],
    start: usize,
    is_first: bool,
    limits: &HeadLimits,
) -> Result<Line, HeadFault> {
    let (content, terminated) = match line {
        [content @ .., b'\r'] => (content, true),
        content => (content, false),
    };
    let kind = match (is_first, content) {
        // RFC 9112, 2.2: a server should ignore at least one empty line before the request.
        (true, []) if !terminated || start == 0 => Line::Content,
        (true, []) => return Err(HeadFault::BlankLines),
        (true, content) => {
            judge_request_line(content, limits)?;
            Line::Content
        }
        (false, []) => Line::Blank,
        (false, content) => {
            judge_header_line(content)?;
            Line::Content
        }
    };
    // The line feed is the line's last byte, so whatever the line itself broke came before.
    if terminated { Ok(kind) } else { Err(HeadFault::LineFeedAlone) }
}

/// Which limit the peer has hit when `limits.head` bytes hold no end.
fn over_limit(window: &[u8], limits: &HeadLimits) -> HeadFault {
    let head = HeadFault::HeadTooLong { limit: limits.head };
    let line = window.strip_prefix(b"\r\n").unwrap_or(window);
    if memchr(b'\n', line).is_some() {
        return head;
    }
    // The request line itself does not end: the more telling answer is that the target is why.
    match judge_request_line(line, limits) {
        Err(fault @ HeadFault::TargetTooLong { .. }) => fault,
        Ok(()) | Err(_) => head,
    }
}

/// Judges `method SP target SP version` (RFC 9112, 3) from left to right.
fn judge_request_line(line: &[u8], limits: &HeadLimits) -> Result<(), HeadFault> {
    let end = line.iter().position(|&byte| !is_token(byte)).ok_or(HeadFault::RequestLine)?;
    if end == 0 || line[end] != b' ' {
        return Err(stray(line[end], HeadFault::Method { found: line[end] }));
    }
    let (method, rest) = (&line[..end], &line[end + 1..]);

    let end = rest.iter().position(|&byte| !is_target(byte)).unwrap_or(rest.len());
    if end > limits.target {
        return Err(HeadFault::TargetTooLong { limit: limits.target });
    }
    match rest.get(end) {
        None => return Err(HeadFault::RequestLine),
        Some(b' ') if end > 0 => {}
        Some(&found) => return Err(stray(found, HeadFault::Target { found })),
    }
    let (target, version) = (&rest[..end], &rest[end + 1..]);

    match version {
        b"HTTP/1.0" | b"HTTP/1.1" => {}
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            return Err(HeadFault::VersionUnsupported { major: major - b'0', minor: minor - b'0' });
        }
        _ if memchr(b'\r', version).is_some() => return Err(HeadFault::CarriageReturnAlone),
        _ => return Err(HeadFault::Version),
    }
    // Last, because the forms are those of the versions that we speak.
    if suits_method(method, target) { Ok(()) } else { Err(HeadFault::TargetForm) }
}

/// Judges `name ":" OWS value OWS` (RFC 9112, 5) from left to right.
fn judge_header_line(line: &[u8]) -> Result<(), HeadFault> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(HeadFault::Folded);
    }
    let end = line.iter().position(|&byte| !is_token(byte)).ok_or(HeadFault::NoColon)?;
    match line[end] {
        b':' if end > 0 => {}
        b' ' | b'\t' if line[end..].trim_ascii_start().starts_with(b":") => {
            return Err(HeadFault::SpaceBeforeColon);
        }
        found => return Err(stray(found, HeadFault::HeaderName { found })),
    }
    match line[end + 1..].iter().find(|&&byte| !is_value(byte)) {
        Some(&found) => Err(stray(found, HeadFault::HeaderValue { found })),
        None => Ok(()),
    }
}

/// The fault of a byte out of place: a line end is named as such wherever it stands.
fn stray(found: u8, otherwise: HeadFault) -> HeadFault {
    match found {
        b'\r' => HeadFault::CarriageReturnAlone,
        b'\n' => HeadFault::LineFeedAlone,
        _ => otherwise,
    }
}

/// Whether `target` has a form that `method` may use (RFC 9112, 3.2.1 to 3.2.4).
pub(super) fn suits_method(method: &[u8], target: &[u8]) -> bool {
    let connects = method == b"CONNECT";
    match target {
        [b'/', ..] => !connects,
        b"*" => method == b"OPTIONS",
        // The port is neither optional nor empty here.
        _ if connects => port_of(target).is_some_and(|port| port.len() > 1),
        _ => is_absolute(target),
    }
}

/// Whether `target` is `scheme "://" authority` and whatever follows (RFC 9112, 3.2.2).
fn is_absolute(target: &[u8]) -> bool {
    let Some(colon) = memchr(b':', target) else {
        return false;
    };
    let Some(rest) = target[colon..].strip_prefix(b"://") else {
        return false;
    };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    // RFC 3986, 3.1.
    target[0].is_ascii_alphabetic()
        && target[..colon].iter().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
        && is_authority(&rest[..end])
}

/// Whether `value` is a host and an optional port (RFC 9110, 4.2 and 7.2), not empty.
///
/// User information is refused (RFC 9110, 4.2.4), and so is the comma that RFC 3986 would allow
/// in a name: it is what two hosts look like after an intermediary has joined their lines.
#[inline]
pub(super) fn is_authority(value: &[u8]) -> bool {
    // A name alone is the common case, and one look.
    (!value.is_empty() && run_of_names(value) == value.len()) || port_of(value).is_some()
}

/// The colon and port that end an authority, empty when it has none; `None` when it is invalid.
fn port_of(authority: &[u8]) -> Option<&[u8]> {
    let (host, after) = match authority {
        [b'[', rest @ ..] => {
            let end = rest.iter().position(|&byte| !is_literal(byte))?;
            (&rest[..end], rest[end..].strip_prefix(b"]")?)
        }
        name => name.split_at(run_of_names(name)),
    };
    let is_port = match after {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    (is_port && !host.is_empty()).then_some(after)
}

const TOKEN: u8 = 1;
const TARGET: u8 = 2;
const VALUE: u8 = 4;
const NAME: u8 = 8;

/// Which bytes may stand where, as flags: one look-up for a question asked of every byte.
static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        let word = byte.is_ascii_alphanumeric();
        if word || contains(b"!#$%&'*+-.^_`|~", byte) {
            table[byte as usize] |= TOKEN;
        }
        // Laxer than RFC 3986, which wants some of these percent-encoded: browsers do not.
        if byte.is_ascii_graphic() && byte != b'#' {
            table[byte as usize] |= TARGET;
        }
        if byte == b'\t' || byte == b' ' || byte.is_ascii_graphic() || !byte.is_ascii() {
            table[byte as usize] |= VALUE;
        }
        if word || contains(b"-._~%!$&'()*+;=", byte) {
            table[byte as usize] |= NAME;
        }
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

const fn contains(set: &[u8], byte: u8) -> bool {
    let mut index = 0;
    while index < set.len() {
        if set[index] == byte {
            return true;
        }
        index += 1;
    }
    false
}

/// How many bytes at the front of `bytes` are of a class.
#[inline]
fn run(bytes: &[u8], class: u8) -> usize {
    let mut at = 0;
    // Four look-ups and one question.
    while let Some([a, b, c, d]) = bytes[at..].first_chunk() {
        let [a, b, c, d] = [a, b, c, d].map(|&byte| CLASSES[usize::from(byte)]);
        if a & b & c & d & class == 0 {
            break;
        }
        at += 4;
    }
    let rest = &bytes[at..];
    let is_stray = |&byte: &u8| CLASSES[usize::from(byte)] & class == 0;
    at + rest.iter().position(is_stray).unwrap_or(rest.len())
}

/// How many bytes at the front of `bytes` may stand in a token.
#[inline]
pub(super) fn run_of_tokens(bytes: &[u8]) -> usize {
    run(bytes, TOKEN)
}

/// How many bytes at the front of `bytes` may stand in a host's name.
#[inline]
pub(super) fn run_of_names(bytes: &[u8]) -> usize {
    run(bytes, NAME)
}

/// A byte of a token: a method or a header name (RFC 9110, 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & TOKEN != 0
}

/// A byte of a request target.
pub(super) fn is_target(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & TARGET != 0
}

/// A byte of a header value (RFC 9110, 5.5).
pub(super) fn is_value(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & VALUE != 0
}

/// A byte of a host name or a numeric address (RFC 3986, 3.2.2) without the comma.
fn is_name(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & NAME != 0
}

/// A byte of an address in brackets.
fn is_literal(byte: u8) -> bool {
    byte == b':' || is_name(byte)
}
