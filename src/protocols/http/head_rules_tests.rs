//! The rules of a request head, one by one: what each takes, and what it refuses and how.

use super::*;

/// The head that `bytes` are, or a panic.
fn taken<T>(bytes: &[u8], read: impl FnOnce(Head<'_>) -> T) -> T {
    let limits = HeadLimits::default();
    let parsed = parse_head(bytes, &mut 0, &limits);
    let Parsed::Complete(head) = parsed else {
        panic!("{:?} gave {parsed:?}", String::from_utf8_lossy(bytes))
    };
    read(head)
}

/// A 1.1 request with one header line, or several, beside its host.
fn with(lines: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n").into_bytes()
}

/// A request whose first line is `line`.
fn first(line: &str) -> Vec<u8> {
    format!("{line}\r\nHost: a\r\n\r\n").into_bytes()
}

#[test]
fn a_small_request_is_read_whole() {
    taken(b"GET /a?b=c HTTP/1.1\r\nHost: x:80\r\nAccept: */*\r\n\r\nrest", |head| {
        assert_eq!((head.method(), head.target()), ("GET", "/a?b=c"));
        assert_eq!((head.path(), head.query()), ("/a", Some("b=c")));
        assert_eq!(head.to_method(), Method::GET);
        assert_eq!((head.version, head.length), (Version::Http11, 48));
        assert_eq!(head.headers().nth(1), Some(("Accept", &b"*/*"[..])));
        assert_eq!(head.framing, Framing::None);
        assert!(head.keep_alive && !head.expects_continue);
    });
}

#[test]
fn one_blank_line_before_the_request_counts_into_its_length() {
    assert_eq!(taken(b"\r\nGET / HTTP/1.0\r\n\r\n", |head| head.length), 20);
    assert_eq!(fault(b"\r\n\r\nGET / HTTP/1.0\r\n\r\n"), HeadFault::BlankLines);
}

#[test]
fn a_request_line_is_method_target_and_version() {
    assert_eq!(fault(&first("GET  / HTTP/1.1")), HeadFault::Target { found: b' ' });
    assert_eq!(fault(&first(" GET / HTTP/1.1")), HeadFault::Method { found: b' ' });
    assert_eq!(fault(&first("G(T / HTTP/1.1")), HeadFault::Method { found: b'(' });
    assert_eq!(fault(&first("GET / HTTP/1.1 ")), HeadFault::Version);
    assert_eq!(fault(&first("GET / b HTTP/1.1")), HeadFault::Version);
    assert_eq!(fault(&first("GET / http/1.1")), HeadFault::Version);
    assert_eq!(fault(&first("GET / HTTP/1.10")), HeadFault::Version);
    assert_eq!(fault(&first("GET /")), HeadFault::RequestLine);
    assert_eq!(fault(&first("GET")), HeadFault::RequestLine);
    for (major, minor) in [(0, 9), (1, 2), (2, 0), (9, 9)] {
        let found = fault(&first(&format!("GET / HTTP/{major}.{minor}")));
        assert_eq!(found, HeadFault::VersionUnsupported { major, minor });
        assert_eq!(found.status().as_u16(), 505);
    }
}

#[test]
fn a_target_has_a_form_that_suits_its_method() {
    for line in ["OPTIONS *", "OPTIONS /", "GET http://a", "GET HTTP://a/b", "GET a+b://c?d"] {
        taken(&first(&format!("{line} HTTP/1.1")), |_| ());
    }
    taken(&first("CONNECT [::1]:1 HTTP/1.1"), |_| ());
    for line in [
        "GET *",
        "GET a",
        "GET a:80",
        "GET a/b",
        "GET http:/a",
        "GET http://",
        "GET ://a",
        "GET http://u@a/",
        "GET 1a://b",
        "GET http://a:b/",
        "CONNECT /",
        "CONNECT a",
        "CONNECT a:",
        "CONNECT [::1]",
        "CONNECT http://a:1",
        "CONNECT :80",
        "OPTIONS **",
    ] {
        assert_eq!(fault(&first(&format!("{line} HTTP/1.1"))), HeadFault::TargetForm, "{line}");
    }
}

#[test]
fn a_target_is_ascii_without_fragment_or_control() {
    for (line, found) in [("/a#b", b'#'), ("/\u{e9}", 0xc3), ("/\0", 0), ("/\u{7f}", 0x7f)] {
        let expected = HeadFault::Target { found };
        assert_eq!(fault(&first(&format!("GET {line} HTTP/1.1"))), expected, "{line:?}");
    }
}

#[test]
fn the_path_is_found_in_every_form() {
    for (line, path, query) in [
        ("GET /", "/", None),
        ("GET /?", "/", Some("")),
        ("GET /a?b?c", "/a", Some("b?c")),
        ("GET /?u=http://x/y", "/", Some("u=http://x/y")),
        ("GET http://a", "/", None),
        ("GET http://a?b", "/", Some("b")),
        ("GET http://a/b/c?d", "/b/c", Some("d")),
        ("OPTIONS *", "*", None),
        ("CONNECT a:1", "a:1", None),
    ] {
        let bytes = first(&format!("{line} HTTP/1.1"));
        assert_eq!(
            taken(&bytes, |head| (head.path() == path, head.query() == query)),
            (true, true)
        );
    }
}

#[test]
fn one_host_is_wanted_in_1_1_and_a_sound_one_always() {
    assert_eq!(fault(b"GET / HTTP/1.1\r\nX: a\r\n\r\n"), HeadFault::HostMissing);
    assert_eq!(fault(&with("host: a")), HeadFault::HostRepeated);
    for host in ["a b", "a/", "u@a", "a,b", "a:b", "a:8:0", ":80", "[::1", "[]", "[::1]a", "\u{e9}"]
    {
        for version in ["1.0", "1.1"] {
            let bytes = format!("GET / HTTP/{version}\r\nHost: {host}\r\n\r\n").into_bytes();
            assert_eq!(fault(&bytes), HeadFault::HostInvalid, "{host}");
        }
    }
    for host in ["a", "a:", "a:80", "a-b.c_d", "%41", "127.0.0.1:8000", "[::1]", "[fe80::1]:80"] {
        taken(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes(), |_| ());
    }
}

#[test]
fn a_length_is_digits_once() {
    let length = |value: &str| with(&format!("Content-Length: {value}"));
    for (value, expected) in [("0", 0), ("007", 7), ("18446744073709551615", u64::MAX)] {
        assert_eq!(taken(&length(value), |head| head.framing), Framing::Counted(expected));
    }
    for value in ["", "+5", "-5", "5, 5", "5,5", "0x5", "5 5", "5.0", "18446744073709551616"] {
        assert_eq!(fault(&length(value)), HeadFault::LengthInvalid, "{value}");
    }
    assert_eq!(fault(&length("5\r\ncontent-length: 5")), HeadFault::LengthRepeated);
    assert_eq!(fault(&length("5\r\nTransfer-Encoding: chunked")), HeadFault::LengthWithCoding);
    let other_order = with("Transfer-Encoding: chunked\r\nContent-Length: 5");
    assert_eq!(fault(&other_order), HeadFault::LengthWithCoding);
}

#[test]
fn the_one_transfer_coding_is_chunked_once() {
    for (value, expected) in [
        ("gzip, chunked", HeadFault::CodingUnknown),
        ("identity", HeadFault::CodingUnknown),
        ("xchunked", HeadFault::CodingUnknown),
        ("chunked;a=b", HeadFault::CodingUnknown),
        ("chunked, chunked", HeadFault::CodingRepeated),
        ("chunked\r\nTransfer-Encoding: chunked", HeadFault::CodingRepeated),
        ("", HeadFault::CodingEmpty),
        ("chunked,", HeadFault::CodingEmpty),
    ] {
        let found = fault(&with(&format!("Transfer-Encoding: {value}")));
        assert_eq!(found, expected, "{value}");
        let status = if expected == HeadFault::CodingUnknown { 501 } else { 400 };
        assert_eq!(found.status().as_u16(), status);
    }
    let old = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(fault(old), HeadFault::CodingInOldVersion);
    assert_eq!(taken(&with("TRANSFER-encoding: CHUNKED"), |head| head.framing), Framing::Chunked);
}

#[test]
fn keeping_alive_follows_the_version_and_the_connection_header() {
    for (version, lines, expected) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "connection: a,\tCLOSE , b\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let bytes = format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}\r\n");
        assert_eq!(taken(bytes.as_bytes(), |head| head.keep_alive), expected, "{version} {lines}");
    }
}

#[test]
fn an_expectation_is_100_continue_for_a_body_in_1_1() {
    let expects = |bytes: &[u8]| taken(bytes, |head| head.expects_continue);
    assert!(expects(&with("Expect: 100-Continue\r\nContent-Length: 1")));
    assert!(expects(&with("Transfer-Encoding: chunked\r\nExpect: 100-continue")));
    assert!(!expects(&with("Expect: 100-continue")));
    assert!(!expects(&with("Expect: 100-continue\r\nContent-Length: 0")));
    assert!(!expects(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"));
    let found = fault(&with("Expect: 200-ok"));
    assert_eq!((found, found.status().as_u16()), (HeadFault::ExpectationUnknown, 417));
}

#[test]
fn the_first_of_several_faults_is_told() {
    // The later line is broken, but the earlier one is so too.
    assert_eq!(fault(b"GET / HTTP/1.1\nHost : a\r\n\r\n"), HeadFault::LineFeedAlone);
    assert_eq!(fault(b"GET / HTTP/1.2\nHost: a\r\n\r\n").status().as_u16(), 505);
    // Lines come before what headers mean, and headers go in their order.
    assert_eq!(fault(&with("Content-Length: +1\r\nX\0: a")), HeadFault::HeaderName { found: 0 });
    assert_eq!(fault(&with("Content-Length: +1\r\nHost: a")), HeadFault::LengthInvalid);
    assert_eq!(fault(&with("Host: a\r\nContent-Length: +1")), HeadFault::HostRepeated);
    let missing = b"GET / HTTP/1.1\r\nContent-Length: a\r\n\r\n";
    assert_eq!(fault(missing), HeadFault::LengthInvalid);
    // Lines come before the count of headers, and the count before their meaning.
    let many = "A: b\r\n".repeat(MAX_HEADERS);
    assert_eq!(fault(&with(&format!("{many}B\0: c"))), HeadFault::HeaderName { found: 0 });
    let found = fault(&with(&format!("{many}Host: a")));
    assert_eq!(found, HeadFault::TooManyHeaders { limit: MAX_HEADERS });
    assert_eq!(found.status().as_u16(), 431);
}

#[test]
fn a_head_may_have_exactly_so_many_headers() {
    let room = "A: b\r\n".repeat(MAX_HEADERS - 2);
    assert_eq!(taken(&with(&format!("{room}C: d")), |head| head.headers().count()), MAX_HEADERS);
    let found = fault(&with(&format!("{room}C: d\r\nE: f")));
    assert_eq!(found, HeadFault::TooManyHeaders { limit: MAX_HEADERS });
}

#[test]
fn a_peer_that_speaks_tls_is_refused_at_its_first_byte() {
    assert_eq!(fault(b"\x16"), HeadFault::Method { found: 0x16 });
}
