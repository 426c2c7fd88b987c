//! The requests that another reader finds in the same bytes: httparse for heads and chunk sizes,
//! and the plainest code for the rest.
//!
//! It is laxer than the server in some things. That is no fault: what the server refuses is not
//! compared. What it takes must be read the same here.

use super::site::Call;

/// More headers than the server takes.
const MOST_HEADERS: usize = 1024;

/// Checks that `calls` are the requests that `input` begins with.
pub(crate) fn check(calls: &[Call], input: &[u8]) {
    let mut rest = input;
    for (number, call) in calls.iter().enumerate() {
        let (expected, length) =
            read(rest).unwrap_or_else(|| panic!("no request is there for call {number}: {call:?}"));
        assert_eq!(*call, expected, "request {number}");
        rest = &rest[length..];
    }
}

/// The request that `bytes` begin with, and its length.
fn read(bytes: &[u8]) -> Option<(Call, usize)> {
    let mut storage = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut storage);
    let Ok(httparse::Status::Complete(head)) = request.parse(bytes) else { return None };
    let headers: Vec<_> =
        request.headers.iter().map(|it| (it.name.to_owned(), it.value.to_vec())).collect();
    let all = |name: &str| -> Vec<&[u8]> {
        let named = headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &value[..]).collect()
    };
    let after = &bytes[head..];
    let (body, length) = match (&all("transfer-encoding")[..], &all("content-length")[..]) {
        ([], []) => (Vec::new(), 0),
        ([], [digits]) => {
            let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
            (after.get(..length)?.to_vec(), length)
        }
        ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") => read_chunks(after)?,
        // Whoever takes any of these can be told a length that another does not see.
        _ => return None,
    };
    let call = Call {
        method: request.method?.to_owned(),
        target: request.path?.to_owned(),
        minor: request.version?,
        headers,
        body,
    };
    Some((call, head + length))
}

/// The payload of the chunked body that `bytes` begin with, and its length with all its framing.
fn read_chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    let mut used = 0;
    loop {
        let rest = &bytes[used..];
        let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(rest) else {
            return None;
        };
        used += line;
        if size == 0 {
            return Some((body, used + read_trailers(&bytes[used..])?));
        }
        let size = usize::try_from(size).ok()?;
        let chunk = bytes[used..].get(..size.checked_add(2)?)?;
        body.extend_from_slice(chunk[..size].into());
        if &chunk[size..] != b"\r\n" {
            return None;
        }
        used += size + 2;
    }
}

/// The length of the trailers, the blank line included.
fn read_trailers(bytes: &[u8]) -> Option<usize> {
    let mut storage = [httparse::EMPTY_HEADER; MOST_HEADERS];
    match httparse::parse_headers(bytes, &mut storage) {
        Ok(httparse::Status::Complete((length, _))) => Some(length),
        _ => None,
    }
}
