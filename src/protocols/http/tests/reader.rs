//! A reader of replies that shares no code with the server, and takes no liberty.
//!
//! It panics on whatever a client could misread: that is what the tests are for.

/// One reply, or an interim one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) framing: Framing,
    pub(super) body: Vec<u8>,
}

/// How a reply's body was delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// The status or the method allows none.
    None,
    Counted,
    Chunked,
    UntilClose,
}

/// What a reply is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Head,
    Other,
    /// A request that the reader cannot know: a reply without its body passes, too.
    Unknown,
}

impl Response {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    pub(super) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }

    pub(super) fn is_interim(&self) -> bool {
        self.status < 200
    }
}

/// Reads replies until `bytes` end. `to` says what the n-th final one answers, `has_ended`
/// whether the server has closed. Gives what is left when the last reply is not all there.
pub(super) fn read(
    mut bytes: &[u8],
    to: impl Fn(usize) -> To,
    has_ended: bool,
) -> (Vec<Response>, &[u8]) {
    let mut responses: Vec<Response> = Vec::new();
    let mut finals = 0;
    while !bytes.is_empty() {
        assert!(
            !responses.last().is_some_and(|last| !last.is_interim() && last.closes()),
            "after a reply that closes: {}",
            bytes.escape_ascii()
        );
        let Some((response, used)) = read_one(bytes, to(finals), has_ended) else {
            return (responses, bytes);
        };
        finals += usize::from(!response.is_interim());
        bytes = &bytes[used..];
        responses.push(response);
    }
    (responses, bytes)
}

/// Reads the reply that `bytes` begin with, if it is all there.
fn read_one(bytes: &[u8], to: To, has_ended: bool) -> Option<(Response, usize)> {
    let head_length = find(bytes, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_length - 4]).expect("these tests send ASCII");
    let mut lines = head.split("\r\n");
    let status = read_status(lines.next().expect("split gives one at least"));
    let headers: Vec<_> = lines.map(read_header).collect();
    check_headers(status, &headers);
    let mut response = Response { status, headers, framing: Framing::None, body: Vec::new() };
    let rest = &bytes[head_length..];
    let is_bodiless = response.is_interim() || matches!(status, 204 | 304);
    if is_bodiless || to == To::Head || (to == To::Unknown && rest.is_empty() && has_ended) {
        return Some((response, head_length));
    }
    let used = read_body(&mut response, rest, has_ended)?;
    Some((response, head_length + used))
}

fn read_body(response: &mut Response, rest: &[u8], has_ended: bool) -> Option<usize> {
    if response.header("transfer-encoding").is_some() {
        response.framing = Framing::Chunked;
        return read_chunks(rest, &mut response.body);
    }
    let Some(length) = response.header("content-length") else {
        assert!(response.closes(), "neither counted nor chunked, and the connection goes on");
        response.framing = Framing::UntilClose;
        response.body = rest.to_vec();
        return has_ended.then_some(rest.len());
    };
    let length: usize = length.parse().expect("a length is a number");
    response.framing = Framing::Counted;
    response.body = rest.get(..length)?.to_vec();
    Some(length)
}

fn read_chunks(bytes: &[u8], body: &mut Vec<u8>) -> Option<usize> {
    let mut used = 0;
    loop {
        let rest = &bytes[used..];
        let line = find(rest, b"\r\n")?;
        let digits = std::str::from_utf8(&rest[..line]).expect("a size is ASCII");
        let size = usize::from_str_radix(digits, 16).expect("a size is hexadecimal");
        assert_eq!(format!("{size:x}"), digits, "a size has neither sign nor zeros in front");
        let chunk = rest.get(line + 2..line + 2 + size)?;
        body.extend_from_slice(chunk);
        let end = rest.get(line + 2 + size..line + 4 + size)?;
        assert_eq!(end, b"\r\n", "a chunk ends where its size says");
        used += line + 4 + size;
        if size == 0 {
            return Some(used);
        }
    }
}

fn read_status(line: &str) -> u16 {
    let rest = line.strip_prefix("HTTP/1.1 ").unwrap_or_else(|| panic!("status line {line:?}"));
    let (status, reason) = rest.split_once(' ').expect("a space follows the status");
    assert!(status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()), "{line:?}");
    assert!(reason.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{line:?}");
    status.parse().expect("three digits are a number")
}

fn read_header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("header line {line:?}"));
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    assert!(!name.is_empty() && name.bytes().all(is_token), "header line {line:?}");
    assert!(value.bytes().all(|b| b == b' ' || b == b'\t' || b.is_ascii_graphic()), "{line:?}");
    (name.to_ascii_lowercase(), value.to_owned())
}

/// What must hold between the headers of one reply.
fn check_headers(status: u16, headers: &[(String, String)]) {
    let all = |name: &str| -> Vec<&str> {
        headers.iter().filter(|(other, _)| other == name).map(|(_, value)| &**value).collect()
    };
    let (lengths, codings) = (all("content-length"), all("transfer-encoding"));
    if status < 200 {
        assert_eq!((status, headers.len()), (100, 0), "the one interim reply that we send");
        return;
    }
    let [date] = all("date")[..] else { panic!("one date in {headers:?}") };
    assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
    assert!(lengths.len() + codings.len() <= 1, "two framings in {headers:?}");
    assert!(codings.iter().all(|coding| *coding == "chunked"), "{headers:?}");
    for length in lengths {
        let number: u64 = length.parse().expect("a length is a number");
        assert_eq!(number.to_string(), length, "a length has neither sign nor zeros in front");
        assert!(status != 205 || number == 0, "205 never has a body");
    }
    if matches!(status, 204 | 304) {
        assert!(all("content-length").is_empty() && codings.is_empty(), "{headers:?}");
    }
    let connection = all("connection");
    assert!(matches!(connection[..], [] | ["close"] | ["keep-alive"]), "{connection:?}");
    assert!(all("content-type").len() <= 1, "{headers:?}");
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLIES: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 2\r\n\r\nok\
        HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ntransfer-encoding: chunked\r\n\r\n\
        2\r\nok\r\n0\r\n\r\n";

    #[test]
    fn the_reader_reads_what_a_server_should_send_and_knows_what_is_missing() {
        let (responses, rest) = read(REPLIES, |_| To::Other, false);
        assert_eq!((responses.len(), rest), (3, &b""[..]));
        assert_eq!((responses[1].text(), responses[2].text()), ("ok", "ok"));
        for length in 0..REPLIES.len() {
            let (responses, rest) = read(&REPLIES[..length], |_| To::Other, false);
            assert!(responses.len() < 3, "{} left", rest.len());
        }
    }

    #[test]
    #[should_panic(expected = "two framings")]
    fn the_reader_refuses_two_framings() {
        let both = b"HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
            transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\nok";
        read(both, |_| To::Other, false);
    }
}
