//! Requests for files, through the whole protocol, in memory.

use std::fs::{self, File};
use std::io;
use std::io::{IoSlice, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use super::super::{Handler, serve};
use super::*;
use crate::sansio::{
    Address, Connection, ConnectionId, Desk, Limits, MAX_SLICES, Origin, Output, Wire,
};

#[cfg(unix)]
#[path = "files_links_tests.rs"]
mod links;
#[path = "files_paths_tests.rs"]
mod paths;

/// What came of one request.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    /// Names and values, in their order.
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The lengths of the parts of the body that were handed out as files.
    ranges: Vec<u64>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// Ranges above this are not read, only counted.
const MOST_READ: u64 = 1 << 20;

/// Feeds `input` to a new connection, takes all its output, and says how it left the wire.
fn converse(handler: impl Handler<()>, input: &[u8]) -> (Vec<u8>, Vec<u64>, Wire) {
    #[expect(clippy::disallowed_methods, reason = "a desk needs some reading to begin with")]
    let now = Instant::now();
    let wall_time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut desk = Desk::<()>::new(now, wall_time);
    let peer = Address::Tcp("127.0.0.1:1".parse().unwrap());
    let origin = Arc::new(Origin::new(Limits::default()));
    let protocol = Box::new(serve(handler)(()));
    let mut connection = Connection::new(ConnectionId::new(0, 0), protocol, origin, peer, &desk);
    connection.handle_connected(&mut desk, &mut ());
    connection.handle_received(&mut desk, &mut (), input);
    let (mut bytes, mut ranges) = (Vec::new(), Vec::new());
    loop {
        let sent = match connection.poll_output(&mut desk) {
            Output::Nothing => break,
            Output::Bytes(more) => {
                bytes.extend_from_slice(more);
                more.len() as u64
            }
            Output::Slices => {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let count = connection.gather(&mut slices);
                let before = bytes.len();
                slices[..count].iter().for_each(|slice| bytes.extend_from_slice(slice));
                (bytes.len() - before) as u64
            }
            Output::File { range, direct } => {
                assert!(direct, "nothing is between the file and the wire");
                ranges.push(range.length());
                if range.length() <= MOST_READ {
                    let mut file = range.file();
                    file.seek(SeekFrom::Start(range.offset())).unwrap();
                    let read = file.take(range.length()).read_to_end(&mut bytes).unwrap();
                    assert_eq!(read as u64, range.length());
                }
                range.length()
            }
        };
        connection.handle_sent(&mut desk, &mut (), sent);
        connection.check_invariants();
    }
    let wire = connection.poll_wire(&desk);
    (bytes, ranges, wire)
}

fn send(handler: impl Handler<()>, method: &str, target: &str) -> Answer {
    let input = format!("{method} {target} HTTP/1.1\r\nhost: a\r\n\r\n");
    let (bytes, ranges, _) = converse(handler, input.as_bytes());
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = std::str::from_utf8(&bytes[..end]).expect("heads are ASCII");
    let (status_line, lines) = head.split_once("\r\n").unwrap();
    let split = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.to_owned(), value.to_owned())
    };
    Answer {
        status: status_line["HTTP/1.1 ".len()..][..3].parse().unwrap(),
        headers: lines.split("\r\n").map(split).collect(),
        body: bytes[end + 4..].to_vec(),
        ranges,
    }
}

fn get(root: impl AsRef<Path>, target: &str) -> Answer {
    send(files(root).unwrap(), "GET", target)
}

fn status(root: impl AsRef<Path>, target: &str) -> u16 {
    get(root, target).status
}

/// A folder `root` to serve, with things beside it that must not be served.
fn tree() -> TempDir {
    let outer = TempDir::new().unwrap();
    for (path, content) in [
        ("secret", "outside"),
        ("root-too/secret", "outside, in a folder whose name begins like the root's"),
        ("root/index.html", "<p>home"),
        ("root/page.html", "<p>page"),
        ("root/empty.txt", ""),
        ("root/a b.txt", "blank"),
        ("root/100%.txt", "percent"),
        ("root/grüße.txt", "utf-8"),
        ("root/folder/index.html", "<p>folder"),
        ("root/folder/deep/file.txt", "deep"),
        ("root/bare/file.txt", "bare"),
        ("root/odd/index.html/file.txt", "an index that is a folder"),
        ("root/.hidden", "hidden"),
        ("root/.git/config", "hidden"),
        ("root/.well-known/security.txt", "well known"),
        ("root/.well-known/.hidden", "hidden"),
    ] {
        let path = outer.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    outer
}

#[test]
fn a_file_is_answered_with_its_bytes_type_length_and_date() {
    let outer = tree();
    let file = File::options().write(true).open(outer.path().join("root/page.html")).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_900)).unwrap();
    let answer = get(outer.path().join("root"), "/page.html");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"<p>page"[..]));
    assert_eq!(answer.ranges, [7], "it goes out as a file");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("content-length"), Some("7"));
    assert_eq!(answer.header("last-modified"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn a_root_that_went_away_is_not_found() {
    let outer = tree();
    let served = files(outer.path().join("root")).unwrap();
    fs::rename(outer.path().join("root"), outer.path().join("elsewhere")).unwrap();
    assert_eq!(send(served, "GET", "/page.html").status, 404);
}

#[test]
fn a_folder_is_answered_with_its_index() {
    let outer = tree();
    let root = outer.path().join("root");
    assert_eq!(get(&root, "/").body, b"<p>home");
    assert_eq!(get(&root, "/?a=b").body, b"<p>home");
    let answer = get(&root, "/folder/");
    assert_eq!(answer.body, b"<p>folder");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(status(&root, "/bare/"), 404, "folders are not listed");
    assert_eq!(status(&root, "/odd/"), 404, "an index that is a folder is none");
}

#[test]
fn head_is_answered_like_get_without_a_body() {
    let outer = tree();
    let root = outer.path().join("root");
    for target in ["/page.html", "/", "/folder", "/nothing", "/empty.txt"] {
        let (head, get) = (send(files(&root).unwrap(), "HEAD", target), get(&root, target));
        assert_eq!((head.status, head.headers), (get.status, get.headers), "{target}");
        assert!(head.body.is_empty() && head.ranges.is_empty(), "{target}");
    }
}

#[test]
fn methods_other_than_get_and_head_are_not_allowed() {
    let outer = tree();
    let served = files(outer.path().join("root")).unwrap();
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "BREW"] {
        for target in ["/page.html", "/nothing", "/../secret", "/folder"] {
            let answer = send(served.clone(), method, target);
            assert_eq!(answer.status, 405, "{method} {target}");
            assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{method} {target}");
        }
    }
    for target in ["/page.html", "*"] {
        let answer = send(served.clone(), "OPTIONS", target);
        assert_eq!((answer.status, answer.header("allow")), (204, Some("GET, HEAD")), "{target}");
    }
}

#[test]
fn an_empty_file_is_an_empty_body() {
    let outer = tree();
    let answer = get(outer.path().join("root"), "/empty.txt");
    assert_eq!((answer.status, answer.header("content-length")), (200, Some("0")));
    assert!(answer.body.is_empty());
}

#[test]
fn a_big_file_is_handed_on_unread() {
    let outer = tree();
    let root = outer.path().join("root");
    File::create(root.join("big.bin")).unwrap().set_len(5 << 30).unwrap();
    let answer = get(&root, "/big.bin");
    assert_eq!(answer.header("content-length"), Some("5368709120"));
    assert_eq!(answer.ranges, [5 << 30]);
}

#[test]
fn replies_to_pipelined_requests_keep_their_order() {
    let outer = tree();
    let input = b"GET /page.html HTTP/1.1\r\nhost: a\r\n\r\n\
        HEAD /page.html HTTP/1.1\r\nhost: a\r\n\r\n\
        GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n\
        GET /a%20b.txt HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let (bytes, ranges, wire) = converse(files(outer.path().join("root")).unwrap(), input);
    let text = String::from_utf8(bytes).unwrap();
    let places =
        ["200 OK", "\r\n\r\n<p>page", "200 OK", "404 Not Found", "no such file", "200 OK", "blank"];
    let mut rest = text.as_str();
    for place in places {
        (_, rest) = rest.split_once(place).unwrap_or_else(|| panic!("{place} in {text}"));
    }
    assert_eq!((rest, ranges.as_slice(), wire), ("", &[7, 5][..], Wire::ShutdownWrite));
}

#[test]
fn media_types_go_by_the_extension() {
    for (name, expected) in [
        ("a.html", "text/html; charset=utf-8"),
        ("a.HTM", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.md", "text/markdown; charset=utf-8"),
        ("a.xml", "text/xml; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.Mjs", "text/javascript; charset=utf-8"),
        ("a.cjs", "text/javascript; charset=utf-8"),
        ("a.min.js", "text/javascript; charset=utf-8"),
        ("a.ts", "text/plain; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.xhtml", "application/xhtml+xml"),
        ("a.wasm", "application/wasm"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.jpg", "image/jpeg"),
        ("a.JPEG", "image/jpeg"),
        ("a.png", "image/png"),
        ("a.gif", "image/gif"),
        ("a.webp", "image/webp"),
        ("a.avif", "image/avif"),
        ("a.ico", "image/x-icon"),
        ("a.woff2", "font/woff2"),
        ("a.pdf", "application/pdf"),
        ("a.mp4", "video/mp4"),
        ("a.tar.gz", "application/gzip"),
        ("a.unheard-of", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("a.html.", "application/octet-stream"),
    ] {
        assert_eq!(media_type(Path::new(name)), expected, "{name}");
    }
}

#[test]
fn a_date_that_headers_cannot_have_is_left_out() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(http_date(before), None);
    assert_eq!(http_date(at(0)).as_deref(), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
    assert_eq!(http_date(at(253_402_300_799)).as_deref(), Some("Fri, 31 Dec 9999 23:59:59 GMT"));
    assert_eq!(http_date(at(253_402_300_800)), None);

    let outer = tree();
    let page = outer.path().join("root/page.html");
    File::options().write(true).open(&page).unwrap().set_modified(before).unwrap();
    let answer = get(outer.path().join("root"), "/page.html");
    assert_eq!((answer.status, answer.header("last-modified")), (200, None));
}

#[test]
fn a_root_that_cannot_be_served_is_an_error_that_names_it() {
    let outer = tree();
    let missing = files(outer.path().join("missing")).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    assert!(missing.to_string().contains("/missing: "), "{missing}");
    let file = files(outer.path().join("secret")).unwrap_err();
    assert_eq!(file.kind(), io::ErrorKind::NotADirectory);
    assert!(file.to_string().ends_with("/secret: it is not a folder"), "{file}");
}

#[test]
fn a_closure_may_hand_requests_on() {
    let outer = tree();
    let served = files(outer.path().join("root")).unwrap();
    let by_trait = served.clone();
    let closure =
        move |request: &Request<'_>, reply: Reply<'_, ()>, state: &mut ()| match request.path() {
            "/health" => reply.text("well"),
            "/" => by_trait.handle(request, reply, state),
            _ => served.answer(request, reply),
        };
    assert_eq!(send(closure.clone(), "GET", "/health").body, b"well");
    assert_eq!(send(closure.clone(), "GET", "/").body, b"<p>home");
    assert_eq!(send(closure, "GET", "/page.html").body, b"<p>page");
}
