//! The lines of a reply's head, as they go on the wire.
//!
//! Nearly all replies are 200, counted, and leave the connection open; those are put together in
//! `reply.rs`, in a few copies whose sizes the compiler knows. RFC 9112, 4 and 6.

use std::io::Write as _;

use ::http::StatusCode;

use super::date::DateLine;
use super::head::Version;
use super::head_lines::{is_token, is_value};
use super::reply::Terms;

/// More than the head of a reply without headers of its own.
pub(super) const HEAD_ROOM: usize = 192;

/// How the line begins that says how long a body is.
pub(super) const CONTENT_LENGTH: &[u8] = b"content-length: ";

pub(super) fn write_status(out: &mut Vec<u8>, status: StatusCode, date: &DateLine) {
    if status == StatusCode::OK {
        return out.extend_from_slice(date.after_ok());
    }
    let reason = status.canonical_reason().unwrap_or("");
    for part in [b"HTTP/1.1 ", status.as_str().as_bytes(), b" ", reason.as_bytes(), b"\r\n"] {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(date.alone());
}

/// Writes how the body is framed and whether the connection goes on. Says whether a body may
/// follow. Without a `length` the body is chunked, or lasts until the connection closes.
pub(super) fn write_end_of_head(
    out: &mut Vec<u8>,
    status: StatusCode,
    terms: Terms,
    length: Option<u64>,
) -> bool {
    // These never have a body, and a length would announce one (RFC 9110, 8.6).
    let is_bodiless = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    // This one has none either, but says so (RFC 9110, 15.3.6).
    let is_empty = status == StatusCode::RESET_CONTENT;
    match if is_empty { Some(0) } else { length } {
        _ if is_bodiless => {}
        Some(length) => {
            out.extend_from_slice(CONTENT_LENGTH);
            write!(out, "{length}\r\n").expect("writing to a Vec does not fail");
        }
        None if terms.version == Version::Http11 => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
        None => {}
    }
    match (terms.keeps_alive, terms.version) {
        (true, Version::Http11) => {}
        (true, Version::Http10) => out.extend_from_slice(b"connection: keep-alive\r\n"),
        (false, _) => out.extend_from_slice(b"connection: close\r\n"),
    }
    out.extend_from_slice(b"\r\n");
    !is_bodiless && !is_empty && !terms.is_head
}

/// Writes a body's length, and the end of the head behind it.
#[inline]
pub(super) fn write_length(out: &mut Vec<u8>, length: u64) {
    let digit = |number: u64| b'0' + (number % 10) as u8;
    match length {
        0..10 => out.extend_from_slice(&[digit(length), b'\r', b'\n', b'\r', b'\n']),
        10..100 => {
            out.extend_from_slice(&[digit(length / 10), digit(length), b'\r', b'\n', b'\r', b'\n'])
        }
        100.. => write!(out, "{length}\r\n\r\n").expect("writing to a Vec does not fail"),
    }
}

/// Why a header may not be sent.
pub(super) fn refusal(name: &str, value: &[u8]) -> Option<&'static str> {
    if name.is_empty() || !name.bytes().all(is_token) {
        Some("its name is not a token")
    } else if !value.iter().copied().all(is_value) {
        Some("its value has a control in it")
    } else if ["content-length", "transfer-encoding", "date"]
        .iter()
        .any(|owned| name.eq_ignore_ascii_case(owned))
    {
        Some("the server writes that one itself")
    } else {
        None
    }
}
