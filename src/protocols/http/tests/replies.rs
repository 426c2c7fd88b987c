//! What a reply looks like on the wire, whatever the handler asked for.

use super::*;

/// The reply that a handler gives to one GET.
fn reply_of(handler: impl Fn(Reply<'_, World>) + Send + Sync + 'static) -> Response {
    Talk::new(move |_, reply, _| handler(reply)).ask(get("/"))
}

#[test]
fn the_whole_of_the_commonest_reply_is_as_it_should_be() {
    let mut talk = Talk::new(site);
    let expected = "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
        content-type: text/plain; charset=utf-8\r\ncontent-length: 5\r\n\r\nhello";
    assert_eq!(talk.say(get("/")).heard(), expected);
}

#[test]
fn every_kind_of_body_arrives_as_it_was_given() {
    let body = |path: &str| {
        let reply = Talk::new(site).ask(get(path));
        (reply.framing, reply.header("content-type").map(str::to_owned), reply.body)
    };
    let plain = Some("text/plain; charset=utf-8".to_owned());
    assert_eq!(body("/"), (Framing::Counted, plain, b"hello".to_vec()));
    let page = Some("text/html; charset=utf-8".to_owned());
    assert_eq!(body("/page"), (Framing::Counted, page, b"<p>page</p>".to_vec()));
    assert_eq!(body("/shared"), (Framing::Counted, None, vec![b's'; 3000]));
    assert_eq!(body("/echo"), (Framing::Counted, None, Vec::new()));
    let picture = Some("image/jpeg".to_owned());
    assert_eq!(body("/file"), (Framing::Counted, picture, b"23456".to_vec()));
}

#[test]
fn a_header_makes_the_same_bodies() {
    for (path, text) in [("/t", "t"), ("/h", "h"), ("/b", "b"), ("/s", "s"), ("/e", "")] {
        let mut talk = Talk::new(|request, reply, _| {
            let reply = reply.status(StatusCode::ACCEPTED).header("x-a", "1").header("x-b", "2");
            match request.path() {
                "/t" => reply.text("t"),
                "/h" => reply.html("h"),
                "/b" => reply.bytes(b"b"),
                "/s" => reply.shared("s"),
                _ => reply.empty(),
            }
        });
        let reply = talk.ask(get(path));
        assert_eq!((reply.status, reply.text()), (202, text));
        assert_eq!((reply.header("x-a"), reply.header("x-b")), (Some("1"), Some("2")));
    }
}

#[test]
fn the_date_changes_once_a_second() {
    let mut talk = Talk::new(site);
    let mut date = |wait: u64| {
        talk.pass(Duration::from_millis(wait));
        talk.ask(get("/")).header("date").unwrap().to_owned()
    };
    assert_eq!(date(0), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(date(999), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(date(1), "Sun, 06 Nov 1994 08:49:38 GMT");
    assert_eq!(date(22_000), "Sun, 06 Nov 1994 08:50:00 GMT");
}

#[test]
fn statuses_without_a_body_have_none_and_no_length() {
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let mut talk = Talk::new(move |request, reply, _| match request.path() {
            "/text" => reply.status(status).text("never"),
            "/shared" => reply.status(status).header("x", "y").shared("never"),
            "/file" => reply.status(status).file(file_of(b"never", 0, 5)),
            "/stream" => reply.status(status).stream(None, pieces(["never"])),
            "/counted" => reply.status(status).stream(Some(5), pieces(["never"])),
            _ => reply.status(status).empty(),
        });
        for path in ["/text", "/shared", "/file", "/stream", "/counted", "/"] {
            for method in ["GET", "HEAD"] {
                talk.say(request(method, path, &[], ""));
                let reply = talk.replies_to(&[method]).remove(0);
                assert_eq!((reply.status, reply.framing), (status.as_u16(), Framing::None));
            }
        }
    }
}

#[test]
fn a_reset_of_content_has_a_length_of_zero() {
    let mut talk = Talk::new(|request, reply, _| {
        let reply = reply.status(StatusCode::RESET_CONTENT);
        match request.path() {
            "/text" => reply.text("never"),
            "/stream" => reply.stream(None, pieces(["never"])),
            _ => reply.empty(),
        }
    });
    for path in ["/text", "/stream", "/"] {
        let reply = talk.ask(get(path));
        assert_eq!((reply.status, reply.header("content-length")), (205, Some("0")));
    }
}

#[test]
fn an_interim_status_is_no_reply() {
    for status in [100, 101, 103, 199] {
        let status = StatusCode::from_u16(status).unwrap();
        let reply = reply_of(move |reply| reply.status(status).text("never"));
        assert_eq!((reply.status, reply.framing), (500, Framing::Counted));
        let reply = reply_of(move |reply| reply.status(status).header("x", "y").empty());
        assert_eq!(reply.status, 500);
        let reply = reply_of(move |reply| {
            let response = ::http::Response::builder().status(status).body(Bytes::new());
            reply.response(response.unwrap());
        });
        assert_eq!(reply.status, 500);
    }
}

#[test]
fn a_handler_that_does_not_answer_answers_500_and_the_next_request_is_served() {
    let mut talk = Talk::new(site);
    talk.say(get("/silent") + &get("/"));
    let replies = talk.replies();
    assert_eq!((replies[0].status, replies[1].text()), (500, "hello"));
}

#[test]
fn a_head_without_a_body_ends_by_itself() {
    let reply = reply_of(|reply| drop(reply.header("x", "y")));
    assert_eq!((reply.status, reply.header("content-length")), (200, Some("0")));
}

#[test]
fn no_header_splits_a_reply() {
    let reply = reply_of(|reply| {
        reply
            .header("x", "a\r\nset-cookie: b")
            .header("x", "a\nb")
            .header("x", "a\rb")
            .header("x", "a\0b")
            .header("x", "a\u{7f}b")
            .header("x", "a\u{1b}b")
            .header("x\r\ny", "a")
            .header("x: y", "a")
            .header("x ", "a")
            .header("", "a")
            .header("na\u{ef}ve", "a")
            .header("x", "kept\tas it is")
            .text("body");
    });
    assert_eq!(reply.headers.iter().filter(|(name, _)| name == "x").count(), 1);
    assert_eq!((reply.header("x"), reply.text()), (Some("kept\tas it is"), "body"));
    assert_eq!(reply.header("set-cookie"), None);
}

#[test]
fn a_type_that_was_given_stays_the_only_one() {
    for text in [true, false] {
        let reply = reply_of(move |reply| {
            let reply = reply.header("Content-Type", "application/json");
            if text { reply.text("{}") } else { reply.html("{}") }
        });
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
}

#[test]
fn a_media_type_splits_nothing() {
    let reply = reply_of(|reply| reply.content_type("text/x\r\n\r\n<script>").bytes(b"body"));
    assert_eq!((reply.header("content-type"), reply.text()), (None, "body"));
}

#[test]
fn framing_is_not_the_handlers_business() {
    let reply = reply_of(|reply| {
        reply
            .header("Content-Length", "99")
            .header("transfer-encoding", "chunked")
            .header("Date", "yesterday")
            .text("four");
    });
    assert_eq!((reply.framing, reply.text()), (Framing::Counted, "four"));
}

#[test]
fn a_handler_may_close_the_connection() {
    for value in ["close", "Close", "keep-alive, close", "close,upgrade"] {
        let mut talk = Talk::new(move |_, reply, _| reply.header("Connection", value).text("bye"));
        let reply = talk.ask(get("/") + &get("/smuggled"));
        assert_eq!((reply.text(), reply.closes(), talk.end), ("bye", true, End::Fin), "{value}");
        assert_eq!(talk.handled(), 1);
    }
    for value in ["keep-alive", "closed", "upgrade"] {
        let mut talk = Talk::new(move |_, reply, _| reply.header("connection", value).text("hi"));
        let reply = talk.ask(get("/"));
        assert_eq!((reply.header("connection"), talk.end), (None, End::Open), "{value}");
    }
}

#[test]
fn a_response_made_elsewhere_arrives_whole() {
    let reply = reply_of(|reply| {
        let response = ::http::Response::builder()
            .status(StatusCode::CREATED)
            .version(Version::HTTP_2)
            .header("location", "/7")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("content-length", "99")
            .header("transfer-encoding", "gzip")
            .body(Bytes::from("made"));
        reply.response(response.unwrap());
    });
    assert_eq!((reply.status, reply.text()), (201, "made"));
    assert_eq!(reply.header("location"), Some("/7"));
    assert_eq!(reply.headers.iter().filter(|(name, _)| name == "set-cookie").count(), 2);
}

#[test]
fn a_status_without_a_name_is_sent_without_one() {
    let mut talk = Talk::new(|_, reply, _| {
        reply.status(StatusCode::from_u16(299).unwrap()).empty();
    });
    assert!(talk.say(get("/")).heard().starts_with("HTTP/1.1 299 \r\n"));
}

#[test]
fn an_empty_file_range_is_an_empty_body() {
    let reply = reply_of(|reply| reply.file(file_of(b"x", 1, 0)));
    assert_eq!((reply.header("content-length"), reply.text()), (Some("0"), ""));
}
