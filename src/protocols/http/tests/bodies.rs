//! Bodies of requests: counted, chunked, limited, late, and waited for.

use super::*;

fn small() -> Talk {
    Talk::with(Config::default().body(10), Limits::default(), site)
}

#[test]
fn a_body_reaches_the_handler_whole_however_it_is_framed_and_cut() {
    let counted = request("POST", "/echo", &[], "0123456789");
    let body = chunk("01234") + "3;name=\"v\"\r\n567\r\n" + &chunk("89") + LAST_CHUNK;
    let trailers = chunk("0123456789") + "0\r\ntrailer: x\r\n\r\n";
    for whole in [counted, chunked("/echo", &body), chunked("/echo", &trailers)] {
        let mut talk = small();
        assert_eq!(talk.ask(&whole).text(), "0123456789");
        assert_eq!(talk.drip(&whole).reply().text(), "0123456789");
        talk.say(whole.repeat(3) + &get("/"));
        let texts: Vec<_> = talk.replies().iter().map(|reply| reply.text().to_owned()).collect();
        assert_eq!(texts, ["0123456789", "0123456789", "0123456789", "hello"]);
    }
    assert_eq!(small().ask(chunked("/echo", LAST_CHUNK)).text(), "");
}

#[test]
fn a_body_above_the_limit_is_refused_before_it_comes() {
    for announced in [
        request("POST", "/echo", &["content-length: 11"], ""),
        request("POST", "/echo", &["content-length: 18446744073709551615"], ""),
        request("POST", "/echo", &["content-length: 11", "expect: 100-continue"], ""),
        chunked("/echo", "b\r\n"),
        chunked("/echo", &(chunk("0123456789") + "1\r\n")),
        chunked("/echo", "ffffffffffffffff\r\n"),
    ] {
        let mut talk = small();
        let reply = talk.ask(&announced);
        assert_eq!((reply.status, reply.closes()), (413, true), "{announced}");
        assert_eq!(talk.end, End::Fin);
        // What comes after all is thrown away.
        talk.say("01234567890".to_owned() + &get("/smuggled"));
        assert_eq!((talk.heard().as_str(), talk.handled()), ("", 0));
    }
}

#[test]
fn a_body_that_is_collected_counts_against_the_budget_of_the_loop() {
    let mut talk = Talk::new(site);
    talk.say(request("POST", "/echo", &["content-length: 100000"], ""));
    talk.say([b'x'; 50_000]);
    assert!(talk.desk.held() >= 50_000, "{} bytes are counted", talk.desk.held());
    talk.say([b'x'; 50_000]);
    assert_eq!(talk.reply().body.len(), 100_000);
    assert_eq!(talk.desk.held(), 0);
    talk.say(request("POST", "/echo", &["content-length: 100000"], "begun"));
    talk.pass(Config::default().body_timeout);
    assert_eq!((talk.reply().status, talk.desk.held()), (408, 0));
}

#[test]
fn a_limit_of_zero_refuses_every_body_but_the_empty_one() {
    let none = || Talk::with(Config::default().body(0), Limits::default(), site);
    assert_eq!(none().ask(request("POST", "/echo", &["content-length: 0"], "")).status, 200);
    assert_eq!(none().ask(chunked("/echo", LAST_CHUNK)).status, 200);
    assert_eq!(none().ask(request("POST", "/echo", &["content-length: 1"], "")).status, 413);
    assert_eq!(none().ask(chunked("/echo", "1\r\n")).status, 413);
}

#[test]
fn a_refusal_reaches_a_client_that_goes_on_sending() {
    let mut talk = small();
    talk.put(request("POST", "/echo", &["content-length: 500000"], "").as_bytes());
    for _ in 0..500 {
        talk.say([b'x'; 1000]);
    }
    assert_eq!((talk.reply().status, talk.end), (413, End::Fin));
    // All of it and more than we care to read: then the connection ends.
    talk.say(vec![b'x'; Limits::default().linger]);
    assert_eq!(talk.end, End::Closed);
}

const EXPECTS: [&str; 2] = ["content-length: 3", "expect: 100-continue"];

#[test]
fn a_client_that_waits_is_told_once_to_go_on() {
    for framing in ["content-length: 3", "transfer-encoding: chunked"] {
        let body = if framing.starts_with('c') { "abc" } else { "3\r\nabc\r\n0\r\n\r\n" };
        let mut talk = small();
        talk.drip(request("PUT", "/echo", &[framing, "Expect: 100-Continue"], ""));
        assert_eq!(talk.heard(), "HTTP/1.1 100 Continue\r\n\r\n");
        talk.drip(&body[..body.len() - 1]);
        assert_eq!(talk.heard(), "");
        assert_eq!(talk.ask(&body[body.len() - 1..]).text(), "abc");
        assert_eq!(talk.ask(get("/")).text(), "hello");
    }
}

#[test]
fn a_client_that_does_not_wait_is_not_told_to_go_on() {
    for expecting in [
        request("PUT", "/echo", &EXPECTS, "abc"),
        request("PUT", "/echo", &EXPECTS, "a"),
        request("GET", "/", &["content-length: 0", "expect: 100-continue"], ""),
        request("GET", "/", &["expect: 100-continue"], ""),
        "PUT /echo HTTP/1.0\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n".to_owned(),
    ] {
        let mut talk = small();
        talk.say(&expecting);
        assert!(!talk.heard().contains("100"), "{expecting}");
    }
}

#[test]
fn a_client_that_waits_is_told_after_the_replies_before_it() {
    let mut talk = small();
    let expecting = request("PUT", "/echo", &EXPECTS, "");
    talk.say(get("/later") + &get("/chunks") + &expecting);
    let replies = talk.replies();
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [200, 200, 100]);
    assert_eq!(talk.ask("abc").text(), "abc");
}

#[test]
fn a_body_that_takes_too_long_is_answered_408() {
    let config = Config::default().body_timeout(Duration::from_secs(20));
    for begun in [
        request("POST", "/echo", &["content-length: 100"], "a"),
        request("POST", "/echo", &EXPECTS, ""),
        chunked("/echo", "5\r\nab"),
    ] {
        let mut talk = Talk::with(config.clone(), Limits::default(), site);
        talk.say(begun);
        talk.heard();
        for _ in 0..19 {
            // Neither bytes nor patience of others move the deadline.
            talk.pass(Duration::from_secs(1));
        }
        assert_eq!((talk.heard().as_str(), talk.end), ("", End::Open));
        talk.pass(Duration::from_secs(1));
        let reply = talk.reply();
        assert_eq!((reply.status, reply.closes()), (408, true));
        talk.say(get("/smuggled"));
        assert_eq!((talk.heard().as_str(), talk.handled()), ("", 0));
    }
}

#[test]
fn a_head_whose_body_takes_too_long_is_answered_without_one() {
    let mut talk = small();
    talk.say(request("HEAD", "/echo", &["content-length: 2"], "a"));
    talk.pass(Config::default().body_timeout);
    assert_eq!(talk.replies_to(&["HEAD"])[0].status, 408);
}

#[test]
fn a_body_that_is_in_time_leaves_no_deadline_behind() {
    let idle = Limits::default().idle;
    let config = Config::default().body_timeout(idle * 3);
    let mut talk = Talk::with(config, Limits::default(), site);
    talk.say(request("POST", "/echo", &["content-length: 2"], "a"));
    talk.pass(idle + Duration::from_secs(1));
    assert_eq!(talk.ask("b").text(), "ab");
    talk.pass(idle - Duration::from_secs(1));
    assert_eq!(talk.end, End::Open);
    talk.pass(Duration::from_secs(1));
    assert_eq!((talk.heard().as_str(), talk.end), ("", End::Fin));
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_body_gets_no_reply() {
    let mut talk = small();
    talk.say(request("POST", "/echo", &["content-length: 10"], "abc")).hang_up();
    assert_eq!((talk.heard().as_str(), talk.end, talk.handled()), ("", End::Closed, 0));
}

#[test]
fn a_length_that_is_announced_takes_no_memory() {
    let config = Config::default().body(1 << 40);
    let mut talk = Talk::with(config, Limits::default(), site);
    talk.say(request("POST", "/echo", &["content-length: 1000000000000"], "abc"));
    assert_eq!((talk.heard().as_str(), talk.end), ("", End::Open));
}
