//! Replies that come later.

use super::super::deferred::Answer;
use super::*;

#[test]
fn another_thread_may_answer() {
    let mut talk = Talk::new(site);
    talk.say(get("/owed"));
    assert_eq!((talk.heard().as_str(), talk.end), ("", End::Open));
    let owed = talk.world.owed.remove(0);
    let worker = std::thread::spawn(move || owed.text("from a thread"));
    worker.join().unwrap().unwrap();
    assert_eq!(talk.run().reply().text(), "from a thread");
    assert_eq!(talk.ask(get("/")).text(), "hello");
}

#[test]
fn an_answer_may_have_a_status_and_headers() {
    let mut talk = Talk::new(site);
    talk.say(get("/owed"));
    let response = ::http::Response::builder()
        .status(StatusCode::CREATED)
        .header("location", "/7")
        .header("connection", "close")
        .body("made");
    talk.world.owed.remove(0).send(response.unwrap()).unwrap();
    let reply = talk.run().reply();
    assert_eq!((reply.status, reply.text()), (201, "made"));
    assert_eq!((reply.header("location"), reply.closes()), (Some("/7"), true));
    assert_eq!(talk.end, End::Fin);
}

#[test]
fn a_reply_that_is_dropped_is_500() {
    let mut talk = Talk::new(site);
    talk.say(get("/owed"));
    talk.world.owed.clear();
    let reply = talk.run().reply();
    assert_eq!((reply.status, reply.closes()), (500, false));
    talk.say(get("/dropped") + &get("/"));
    let replies = talk.replies();
    assert_eq!((replies[0].status, replies[1].text()), (500, "hello"));
}

#[test]
fn a_reply_that_does_not_come_is_503() {
    let config = Config::default().reply_timeout(Duration::from_secs(400));
    for method in ["GET", "HEAD"] {
        let mut talk = Talk::with(config.clone(), Limits::default(), site);
        talk.say(request(method, "/owed", &[], "") + &get("/behind"));
        // Waiting for us is no idleness of the client's.
        talk.pass(Duration::from_secs(399));
        assert_eq!((talk.heard().as_str(), talk.end), ("", End::Open));
        talk.pass(Duration::from_secs(1));
        let reply = talk.replies_to(&[method]).remove(0);
        assert_eq!((reply.status, reply.closes(), talk.end), (503, true, End::Fin));
        talk.world.owed.remove(0).text("too late").unwrap();
        talk.run();
        assert_eq!((talk.heard().as_str(), talk.handled()), ("", 1));
    }
}

#[test]
fn requests_behind_it_wait_and_are_answered_in_order_without_a_new_byte() {
    let mut talk = Talk::new(site);
    talk.say(get("/owed") + &get("/") + &get("/owed") + &get("/page"));
    talk.say(get("/echo"));
    assert_eq!((talk.heard().as_str(), talk.handled()), ("", 1));
    talk.world.owed.remove(0).text("first").unwrap();
    talk.run();
    let texts: Vec<_> = talk.replies().iter().map(|reply| reply.text().to_owned()).collect();
    assert_eq!(texts, ["first", "hello"]);
    talk.world.owed.remove(0).text("second").unwrap();
    talk.run();
    let texts: Vec<_> = talk.replies().iter().map(|reply| reply.text().to_owned()).collect();
    assert_eq!(texts, ["second", "<p>page</p>", ""]);
}

#[test]
fn nothing_is_read_while_a_reply_is_owed() {
    let mut talk = Talk::new(site);
    talk.say(get("/owed"));
    assert_eq!(talk.connection.wants_bytes(), 0);
    talk.world.owed.remove(0).text("paid").unwrap();
    talk.run();
    assert!(talk.connection.wants_bytes() > 0);
}

#[test]
fn an_answer_to_an_earlier_request_is_ignored() {
    let mut talk = Talk::new(site);
    talk.say(get("/later") + &get("/owed"));
    assert_eq!(talk.reply().text(), "later");
    let response = ::http::Response::new(Bytes::from("stale"));
    talk.notify(Box::new(Answer { number: 1, response: response.clone() }));
    assert_eq!(talk.heard(), "");
    talk.notify(Box::new("something else altogether"));
    assert_eq!(talk.heard(), "");
    talk.world.owed.remove(0).text("mine").unwrap();
    assert_eq!(talk.run().reply().text(), "mine");
    // Nobody is owed anything now.
    talk.notify(Box::new(Answer { number: 2, response }));
    assert_eq!((talk.heard().as_str(), talk.end), ("", End::Open));
}

#[test]
fn an_answer_in_time_leaves_no_deadline_behind() {
    let idle = Limits::default().idle;
    let config = Config::default().reply_timeout(idle * 3);
    let mut talk = Talk::with(config, Limits::default(), site);
    talk.say(get("/owed")).pass(idle + Duration::from_secs(1));
    talk.world.owed.remove(0).text("in time").unwrap();
    assert_eq!(talk.run().reply().text(), "in time");
    talk.pass(idle);
    assert_eq!((talk.heard().as_str(), talk.end), ("", End::Fin));
}

#[test]
fn an_answer_is_posted_once() {
    let mut talk = Talk::new(site);
    talk.say(get("/owed"));
    talk.holds_mail = true;
    talk.world.owed.remove(0).text("once").unwrap();
    assert_eq!(talk.mailbox.waiting(), 1);
    assert_eq!(talk.deliver().reply().text(), "once");
}

#[test]
fn an_answer_that_is_delivered_after_its_timeout_is_ignored() {
    let mut talk = Talk::new(site);
    talk.say(get("/owed"));
    talk.holds_mail = true;
    talk.world.owed.remove(0).text("posted in time").unwrap();
    talk.pass(Config::default().reply_timeout);
    assert_eq!(talk.reply().status, 503);
    assert_eq!(talk.deliver().heard(), "");
}

#[test]
fn an_answer_to_a_client_that_is_gone_reaches_nobody() {
    let mut talk = Talk::new(site);
    talk.say(get("/owed"));
    let reason = crate::sansio::CloseReason::Io(std::io::ErrorKind::ConnectionReset);
    talk.connection.handle_failure(&mut talk.desk, &mut talk.world, reason);
    talk.world.owed.remove(0).text("late").unwrap();
    talk.run();
    assert_eq!((talk.heard().as_str(), talk.end), ("", End::Reset));
}

#[test]
fn a_client_that_half_closed_is_answered_all_the_same() {
    let mut talk = Talk::new(site);
    talk.say(get("/owed") + &get("/page"));
    talk.connection.handle_end_of_input(&mut talk.desk, &mut talk.world);
    talk.run();
    assert_eq!(talk.end, End::Open);
    talk.world.owed.remove(0).text("after its end").unwrap();
    talk.run();
    let replies = talk.replies();
    assert_eq!((replies[0].text(), replies[1].text()), ("after its end", "<p>page</p>"));
    assert_eq!(talk.end, End::Closed);
}

#[test]
fn an_answer_that_the_loop_does_not_take_can_be_sent_again() {
    let mut talk = Talk::new(site);
    talk.say(get("/owed"));
    *talk.mailbox.refusals.lock().unwrap() = 1;
    let undelivered = talk.world.owed.remove(0).text("again").unwrap_err();
    assert!(!undelivered.is_final);
    undelivered.deferred.send(undelivered.response).unwrap();
    assert_eq!(talk.run().reply().text(), "again");
}

#[test]
fn an_answer_is_framed_for_the_client_that_asked() {
    let mut talk = Talk::new(site);
    talk.say("GET /later HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    assert_eq!(talk.reply().header("connection"), Some("keep-alive"));
    talk.say("GET /later HTTP/1.0\r\n\r\n");
    assert!(talk.reply().closes());
    let mut talk = Talk::new(site);
    talk.say(request("POST", "/later", &["content-length: 2"], "a")).say("b");
    assert_eq!(talk.reply().text(), "later");
}

#[test]
fn the_date_of_an_answer_is_that_of_its_sending() {
    let mut talk = Talk::new(site);
    talk.say(get("/owed")).pass(Duration::from_secs(5));
    talk.world.owed.remove(0).text("x").unwrap();
    assert_eq!(talk.run().reply().header("date"), Some("Sun, 06 Nov 1994 08:49:42 GMT"));
}
