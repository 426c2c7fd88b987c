//! Requests that cannot be served: one reply, the right status, and the end.

use super::*;

/// Feeds `fault` behind a sound request and before another, whole and byte by byte.
fn check(config: &Config, limits: &Limits, fault: &str, status: u16) {
    for drips in [false, true] {
        let mut talk = Talk::with(config.clone(), limits.clone(), site);
        let all = get("/page") + fault + &get("/smuggled");
        if drips {
            talk.drip(&all);
        } else {
            talk.say(&all);
        }
        let replies = talk.replies();
        let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!(statuses, [200, status], "dripped: {drips}: {fault:?}");
        let last = &replies[1];
        assert!(last.closes() && last.framing == Framing::Counted, "{fault:?}");
        assert_eq!(talk.end, End::Fin, "{fault:?}");
        talk.say(get("/smuggled"));
        assert_eq!(talk.heard(), "", "{fault:?}");
        assert_eq!(talk.world.calls, ["GET /page"], "{fault:?}");
        talk.pass(Limits::default().closing);
        assert!(matches!(talk.end, End::Closed | End::Reset), "{fault:?}");
    }
}

fn check_default(fault: &str, status: u16) {
    check(&Config::default(), &Limits::default(), fault, status);
}

#[test]
fn a_head_that_two_parties_could_read_in_two_ways_is_400() {
    for headers in [
        &["content-length: 3", "content-length: 3"][..],
        &["content-length: 3", "content-length: 4"],
        &["content-length: 3", "transfer-encoding: chunked"],
        &["transfer-encoding: chunked", "content-length: 3"],
        &["transfer-encoding: chunked, chunked"],
        &["transfer-encoding: chunked", "transfer-encoding: chunked"],
        &["transfer-encoding:"],
        &["content-length: +3"],
        &["content-length: -3"],
        &["content-length: 3, 3"],
        &["content-length: 0x3"],
        &["content-length: 3 3"],
        &["content-length:"],
        &["content-length: 18446744073709551616"],
        &["content-length : 3"],
        &["x : y"],
        &["x: y\r\n folded: z"],
        &[" indented: z"],
        &["x: \0"],
        &["x: a\rb"],
        &["x: a\nb: c"],
        &["no colon"],
        &[": no name"],
        &["na\u{e4}me: x"],
        &["host: b"],
    ] {
        check_default(&request("POST", "/echo", headers, "abc"), 400);
    }
}

#[test]
fn a_host_that_is_missing_or_no_host_is_400() {
    check_default("GET / HTTP/1.1\r\n\r\n", 400);
    check_default("GET / HTTP/1.1\r\nhost: a b\r\n\r\n", 400);
    check_default("GET / HTTP/1.1\r\nhost: a, b\r\n\r\n", 400);
    check_default("GET / HTTP/1.1\r\nhost: user@a\r\n\r\n", 400);
    check_default("GET / HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n", 400);
}

#[test]
fn a_request_line_that_is_none_is_400() {
    for line in [
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /",
        "GET",
        "GET /a b HTTP/1.1",
        "GET / HTTP/1",
        "GET / http/1.1",
        "GET a HTTP/1.1",
        "GET * HTTP/1.1",
        "GET /#x HTTP/1.1",
        "G@T / HTTP/1.1",
        " GET / HTTP/1.1",
        "\u{16}\u{3}\u{1}",
    ] {
        check_default(&format!("{line}\r\nhost: a\r\n\r\n"), 400);
    }
    check_default("\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", 400);
    check_default("GET / HTTP/1.1\nhost: a\n\n", 400);
    check_default("GET / HTTP/1.1\r\nhost: a\r\n\n", 400);
}

#[test]
fn a_chunk_that_is_none_is_400() {
    for body in [
        "g\r\n",
        "-1\r\n",
        "0x1\r\na\r\n",
        " 1\r\na\r\n",
        "1 \r\na\r\n",
        "\r\n",
        "1\na\r\n",
        "1\r\nab\r\n",
        "1\r\na\n",
        "00000000000000001\r\na\r\n",
        "0\r\nbad trailer\r\n\r\n",
        "0\r\n\n",
        "0\r\nx: y\n\r\n",
    ] {
        check_default(&chunked("/echo", body), 400);
    }
}

#[test]
fn other_refusals_have_the_status_that_names_them() {
    check_default(&request("POST", "/echo", &["transfer-encoding: gzip"], ""), 501);
    check_default(&request("POST", "/echo", &["transfer-encoding: gzip, chunked"], ""), 501);
    check_default(&request("POST", "/echo", &["transfer-encoding: chunked, identity"], ""), 501);
    check_default(&request("POST", "/echo", &["expect: 200-ok"], ""), 417);
    check_default("GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505);
    check_default("GET / HTTP/1.2\r\nhost: a\r\n\r\n", 505);
    check_default("GET / HTTP/0.9\r\nhost: a\r\n\r\n", 505);
    check_default("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    check_default("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}

#[test]
fn heads_and_targets_that_are_too_long_are_431_and_414() {
    let config = Config::default().head(300).target(100);
    let limits = Limits::default();
    let check_status = |fault: &str, status| check(&config, &limits, fault, status);
    let long = format!("x: {}", "y".repeat(300));
    check_status(&request("GET", "/", &[&long], ""), 431);
    check_status(&request("GET", "/", &["x: y"; 70], ""), 431);
    check_status(&get(&format!("/{}", "p".repeat(100))), 414);
    check_status(&get(&format!("/{}", "p".repeat(5000))), 414);
    check_default(&request("GET", "/", &["x: y"; 65], ""), 431);
    let trailer = format!("0\r\nx: {}\r\n\r\n", "y".repeat(10_000));
    check_default(&chunked("/echo", &trailer), 431);
}

#[test]
fn a_head_and_a_target_at_their_limits_pass() {
    let path = format!("/{}", "p".repeat(99));
    let head = request("GET", &path, &[], "");
    let config = Config::default().head(head.len()).target(100);
    let mut talk = Talk::with(config.clone(), Limits::default(), site);
    assert_eq!(talk.ask(&head).status, 404);
    assert_eq!(talk.drip(&head).reply().status, 404);
    let config = config.head(head.len() - 1);
    let mut talk = Talk::with(config, Limits::default(), site);
    assert_eq!(talk.ask(&head).status, 431);
}

#[test]
fn a_head_that_the_listener_does_not_keep_is_431() {
    let limits = Limits::default().input(80);
    let long = format!("x: {}", "y".repeat(100));
    check(&Config::default(), &limits, &request("GET", "/", &[&long], ""), 431);
    // Bodies are not kept there, nor are requests that fit.
    let mut talk = Talk::with(Config::default(), limits, site);
    let body = "b".repeat(1000);
    assert_eq!(talk.ask(request("PUT", "/echo", &[], &body)).text(), body);
    talk.say(get("/").repeat(20));
    assert_eq!(talk.replies().len(), 20);
}

#[test]
fn a_head_that_takes_too_long_is_408() {
    let message = Limits::default().message;
    for begun in ["G", "GET / HTTP/1.1\r\nhost: a\r\nx"] {
        let mut talk = Talk::new(site);
        talk.ask(get("/"));
        talk.pass(Duration::from_secs(100));
        talk.say(begun);
        // A byte now and then moves nothing.
        talk.pass(message / 2).say("x").pass(message / 2 - Duration::from_secs(1));
        assert_eq!((talk.heard().as_str(), talk.end), ("", End::Open));
        talk.pass(Duration::from_secs(1));
        let reply = talk.reply();
        assert_eq!((reply.status, reply.closes(), talk.end), (408, true, End::Fin));
        talk.say("\r\n\r\n");
        assert_eq!((talk.heard().as_str(), talk.handled()), ("", 1));
    }
}
