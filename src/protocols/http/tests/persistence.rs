//! Keep-alive, pipelining, methods and HEAD.

use super::*;

/// A request line and its headers, with whatever version.
fn raw(line: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("{line}\r\n{headers}\r\n")
}

#[test]
fn a_connection_outlives_its_reply_as_its_version_and_headers_say() {
    for (version, headers, outlives) in [
        ("1.1", &["host: a"][..], true),
        ("1.1", &["host: a", "connection: keep-alive"], true),
        ("1.1", &["host: a", "connection: close"], false),
        ("1.1", &["host: a", "connection: Close"], false),
        ("1.1", &["host: a", "connection: keep-alive, close"], false),
        ("1.1", &["host: a", "connection: keep-alive", "connection: x,close"], false),
        ("1.1", &["host: a", "connection: closed"], true),
        ("1.0", &[], false),
        ("1.0", &["host: a"], false),
        ("1.0", &["connection: keep-alive"], true),
        ("1.0", &["connection: Keep-Alive"], true),
        ("1.0", &["connection: keep-alive, close"], false),
        ("1.0", &["connection: close"], false),
        ("1.0", &["keep-alive: timeout=5"], false),
    ] {
        let mut talk = Talk::new(site);
        let reply = talk.ask(raw(&format!("GET / HTTP/{version}"), headers));
        assert_eq!((reply.status, reply.text()), (200, "hello"), "{version} {headers:?}");
        let expected = match (outlives, version) {
            (false, _) => Some("close"),
            (true, "1.0") => Some("keep-alive"),
            (true, _) => None,
        };
        assert_eq!(reply.header("connection"), expected, "{version} {headers:?}");
        assert_eq!(talk.end, if outlives { End::Open } else { End::Fin }, "{version} {headers:?}");
        talk.say(get("/page"));
        assert_eq!(talk.replies().len(), usize::from(outlives), "{version} {headers:?}");
    }
}

#[test]
fn nothing_after_the_last_request_is_read() {
    let mut talk = Talk::new(site);
    let last = request("GET", "/", &["connection: close"], "");
    talk.say(get("/page") + &last + &get("/smuggled"));
    let replies = talk.replies();
    assert_eq!(replies.len(), 2);
    assert!(!replies[0].closes() && replies[1].closes());
    talk.say(get("/late"));
    assert_eq!((talk.heard().as_str(), talk.handled()), ("", 2));
    talk.hang_up();
    assert_eq!(talk.end, End::Closed);
}

#[test]
fn pipelined_requests_are_answered_in_order_and_with_one_write() {
    let mut talk = Talk::new(|request, reply, _| reply.text(request.path()));
    let paths: Vec<String> = (0..40).map(|n| format!("/{n}")).collect();
    talk.say(paths.iter().map(|path| get(path)).collect::<String>());
    assert_eq!(talk.writes, 1);
    let replies = talk.replies();
    assert_eq!(replies.iter().map(Response::text).collect::<Vec<_>>(), paths);
}

#[test]
fn a_request_that_drips_in_is_answered_when_its_last_byte_is_there() {
    let mut talk = Talk::new(site);
    let whole = get("/");
    talk.drip(&whole[..whole.len() - 1]);
    assert_eq!((talk.heard().as_str(), talk.handled()), ("", 0));
    assert_eq!(talk.ask(&whole[whole.len() - 1..]).text(), "hello");
    assert_eq!(talk.drip(&whole).reply().text(), "hello");
}

#[test]
fn every_method_reaches_the_handler_alike() {
    let mut talk = Talk::new(|request, reply, _| {
        reply.text(format!("{} {}", request.method(), request.body().len()));
    });
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "M-SEARCH!"]
    {
        let reply = talk.ask(request(method, "/x", &[], ""));
        assert_eq!(reply.text(), format!("{method} 0"));
        let reply = talk.ask(request(method, "/x", &[], "body"));
        assert_eq!(reply.text(), format!("{method} 4"));
        let reply = talk.ask(request(method, "/x", &["content-length: 0"], ""));
        assert_eq!(reply.text(), format!("{method} 0"));
    }
    assert_eq!(talk.ask(request("OPTIONS", "*", &[], "")).text(), "OPTIONS 0");
    assert_eq!(talk.ask(request("GET", "http://a/x?y", &[], "")).text(), "GET 0");
}

#[test]
fn connect_is_refused_because_its_success_would_open_a_tunnel() {
    let mut talk = Talk::new(site);
    let reply = talk.ask(request("CONNECT", "a:443", &[], "") + &get("/through"));
    assert_eq!((reply.status, reply.closes()), (501, true));
    assert_eq!((talk.handled(), talk.end), (0, End::Fin));
}

#[test]
fn a_reply_to_head_has_the_headers_of_a_get_and_no_body() {
    for path in [
        "/",
        "/echo",
        "/page",
        "/shared",
        "/file",
        "/later",
        "/dropped",
        "/chunks",
        "/counted",
        "/nothing",
        "/unchanged",
        "/close",
        "/silent",
        "/missing",
    ] {
        let mut talk = Talk::new(site);
        let to_get = talk.ask(get(path));
        let mut talk = Talk::new(site);
        talk.say(request("HEAD", path, &[], "") + &request("HEAD", path, &[], ""));
        let replies = talk.replies_to(&["HEAD", "HEAD"]);
        assert_eq!(replies.len(), if path == "/close" { 1 } else { 2 }, "{path}");
        for to_head in replies {
            assert_eq!((to_head.status, &to_head.headers), (to_get.status, &to_get.headers));
            assert_eq!(to_head.body, b"", "{path}");
        }
    }
}

#[test]
fn a_head_of_version_1_0_for_a_stream_has_no_body_either() {
    let mut talk = Talk::new(site);
    talk.say("HEAD /chunks HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    let reply = talk.replies_to(&["HEAD"]).remove(0);
    assert_eq!((reply.status, reply.header("content-length")), (200, None));
    assert_eq!(reply.header("transfer-encoding"), None);
}

#[test]
fn a_refused_head_has_no_body() {
    for (head, status) in [
        (request("HEAD", "/", &["content-length: 9999999999"], ""), 413),
        (request("HEAD", "/", &["expect: something"], ""), 417),
        (request("HEAD", "/", &["transfer-encoding: gzip"], ""), 501),
        ("\r\n".to_owned() + &request("HEAD", "/", &["bad header"], ""), 400),
        (request("HEAD", "/", &["transfer-encoding: chunked"], "x"), 400),
    ] {
        let mut talk = Talk::new(site);
        talk.say(&head);
        let reply = talk.replies_to(&["HEAD"]).remove(0);
        assert_eq!((reply.status, reply.closes()), (status, true), "{head:?}");
    }
}

#[test]
fn one_blank_line_before_a_request_is_forgiven() {
    let mut talk = Talk::new(site);
    let post = request("POST", "/echo", &[], "abc");
    talk.say(post.clone() + "\r\n" + &post + "\r\n");
    assert_eq!(talk.replies().len(), 2);
    assert_eq!(talk.ask(get("/")).status, 200);
}

#[test]
fn a_client_that_half_closes_gets_every_reply() {
    let mut talk = Talk::new(site);
    talk.put((get("/") + &get("/later") + &get("/chunks") + &get("/page")).as_bytes());
    talk.hang_up();
    assert_eq!(talk.replies().len(), 4);
    assert_eq!(talk.end, End::Closed);
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let idle = Limits::default().idle;
    let mut talk = Talk::new(site);
    talk.ask(get("/"));
    talk.pass(idle - Duration::from_secs(1));
    assert_eq!(talk.end, End::Open);
    talk.pass(Duration::from_secs(1));
    assert_eq!((talk.heard().as_str(), talk.end), ("", End::Fin));
    let mut talk = Talk::new(site);
    talk.pass(Limits::default().first_byte);
    assert_eq!((talk.heard().as_str(), talk.end), ("", End::Fin));
}
