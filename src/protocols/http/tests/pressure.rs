//! Clients that ask for more than they read, and for more than their share.

use super::*;

#[test]
fn requests_of_a_client_that_does_not_read_are_not_handled() {
    let limits = Limits::default().high_water(10_000).low_water(2000);
    let mut talk = Talk::with(Config::default(), limits, |_, reply, _| reply.bytes(&[b'x'; 1000]));
    talk.take(0).say(get("/").repeat(50));
    // Each reply is a little above 1000 bytes: the tenth crosses the mark.
    assert_eq!(talk.handled(), 10);
    assert_eq!(talk.connection.wants_bytes(), 0);
    talk.take(8000);
    assert_eq!(talk.handled(), 10, "the low mark is not reached");
    talk.take(2000);
    assert!((11..25).contains(&talk.handled()), "{}", talk.handled());
    for _ in 0..10 {
        talk.take(9000);
    }
    assert_eq!((talk.replies().len(), talk.handled()), (50, 50));
    assert!(talk.most_unsent < 12_000, "{}", talk.most_unsent);
}

#[test]
fn replies_in_files_count_too() {
    let limits = Limits::default().high_water(10_000).low_water(2000);
    let content = vec![b'x'; 8000];
    let range = file_of(&content, 0, 8000);
    let mut talk = Talk::with(Config::default(), limits, move |_, reply, _| {
        reply.file(range.clone());
    });
    talk.take(0).say(get("/").repeat(6));
    assert_eq!(talk.handled(), 2);
    talk.gulp = 333;
    talk.take(usize::MAX);
    let replies = talk.replies();
    assert_eq!(replies.len(), 6);
    assert!(replies.iter().all(|reply| reply.body == content));
    assert!(talk.most_held < 10_000, "the file is not in memory: {}", talk.most_held);
}

#[test]
fn a_thousand_requests_in_one_slice_are_served_in_turns() {
    let config = Config::default().requests_per_turn(10);
    let mut talk = Talk::with(config, Limits::default(), |_, reply, _| reply.empty());
    talk.put(get("/").repeat(95).as_bytes());
    for turn in 1..10 {
        assert_eq!(talk.handled(), 10 * turn);
        assert!(talk.connection.wants_turn(), "with no new byte");
        assert_eq!(talk.connection.wants_bytes(), 0, "what is here comes first");
        talk.connection.handle_turn(&mut talk.desk, &mut talk.world);
    }
    assert_eq!(talk.handled(), 95);
    assert!(!talk.connection.wants_turn());
    assert_eq!(talk.run().replies().len(), 95);
}

#[test]
fn requests_with_bodies_and_streams_have_no_more_turns() {
    let config = Config::default().requests_per_turn(10);
    let mut talk = Talk::with(config, Limits::default(), site);
    let some = request("POST", "/echo", &[], "x") + &chunked("/echo", LAST_CHUNK) + &get("/chunks");
    talk.put(some.repeat(30).as_bytes());
    assert!((1..=10).contains(&talk.handled()), "{}", talk.handled());
    assert_eq!(talk.run().replies().len(), 90);
}

#[test]
fn a_turn_of_zero_requests_is_one_of_one() {
    let config = Config::default().requests_per_turn(0);
    let mut talk = Talk::with(config, Limits::default(), site);
    talk.say(get("/").repeat(5));
    assert_eq!(talk.replies().len(), 5);
}

#[test]
fn a_body_stops_being_read_while_earlier_replies_wait() {
    let limits = Limits::default().high_water(1000).low_water(100);
    let mut talk = Talk::with(Config::default(), limits, site);
    talk.take(0).say(get("/shared") + &request("POST", "/echo", &[], "body"));
    assert_eq!((talk.handled(), talk.connection.wants_bytes()), (1, 0));
    talk.take(usize::MAX);
    assert_eq!(talk.replies()[1].text(), "body");
}

#[test]
fn a_client_that_takes_nothing_is_reset() {
    let mut talk = Talk::new(site);
    talk.take(0).say(get("/shared").repeat(60)).pass(Limits::default().write_stall);
    assert_eq!((talk.end, talk.heard().as_str()), (End::Reset, ""));
    assert_eq!(talk.desk.held(), 0);
}
