//! A drain meets a connection: each in its stage closes its own right way (P18).

use super::*;

#[test]
fn an_idle_connection_closes_at_once() {
    let mut talk = Talk::new(site);
    talk.ask(get("/"));
    talk.stop();
    assert_eq!((talk.heard().as_str(), talk.end), ("", End::Fin));
    talk.say(get("/late"));
    assert_eq!(talk.handled(), 1);
    let mut talk = Talk::new(site);
    talk.drip(get("/")).stop();
    assert_eq!((talk.replies().len(), talk.end), (1, End::Fin));
    let mut fresh = Talk::new(site);
    fresh.stop();
    assert_eq!(fresh.end, End::Fin);
}

#[test]
fn a_request_that_was_begun_is_answered_and_is_the_last() {
    let post = request("POST", "/echo", &[], "body");
    let chunks = chunked("/echo", &(chunk("body") + LAST_CHUNK));
    for whole in [post, chunks] {
        for cut in 1..whole.len() {
            let mut talk = Talk::new(site);
            let (first, second) = whole.split_at(cut);
            talk.say(first).stop();
            assert_eq!((talk.heard().as_str(), talk.end), ("", End::Open), "cut at byte {cut}");
            let reply = talk.ask(second.to_owned() + &get("/late"));
            assert_eq!((reply.text(), reply.closes()), ("body", true), "cut at byte {cut}");
            assert_eq!((talk.end, talk.handled()), (End::Fin, 1), "cut at byte {cut}");
        }
    }
}

#[test]
fn a_request_that_was_begun_and_never_ends_is_408() {
    let mut talk = Talk::new(site);
    talk.say("GET / HT").stop().pass(Limits::default().message);
    assert_eq!((talk.reply().status, talk.end), (408, End::Fin));
}

#[test]
fn requests_that_wait_for_their_turn_get_one_more_reply() {
    let config = Config::default().requests_per_turn(3);
    let mut talk = Talk::with(config, Limits::default(), site);
    talk.put(get("/").repeat(9).as_bytes());
    talk.stop();
    let replies = talk.replies();
    assert_eq!(replies.len(), 4);
    assert!(replies[3].closes());
    assert_eq!(talk.end, End::Fin);
}

#[test]
fn requests_behind_back_pressure_get_one_more_reply() {
    let limits = Limits::default().high_water(5000).low_water(100);
    let mut talk = Talk::with(Config::default(), limits, site);
    talk.take(0).say(get("/shared").repeat(9));
    assert_eq!(talk.handled(), 2);
    talk.stop().take(usize::MAX);
    let replies = talk.replies();
    assert_eq!(replies.len(), 3);
    assert!(replies[2].closes());
}

#[test]
fn a_deferred_reply_is_waited_for_and_is_the_last() {
    let mut talk = Talk::new(site);
    talk.say(get("/owed") + &get("/behind")).stop();
    assert_eq!((talk.heard().as_str(), talk.end), ("", End::Open));
    talk.world.owed.remove(0).text("paid").unwrap();
    let reply = talk.run().reply();
    assert_eq!((reply.text(), reply.closes(), talk.end), ("paid", true, End::Fin));
    assert_eq!(talk.handled(), 1);
}

/// A source that ends when it is told to.
struct Endless {
    is_stopping: bool,
    flow: fn(&BodyWriter<'_>) -> Flow,
    piece: usize,
}

impl Source<World> for Endless {
    fn produce(&mut self, body: &mut BodyWriter<'_>, world: &mut World) -> Flow {
        if self.is_stopping {
            body.write(b"bye");
            return Flow::End;
        }
        world.notes.push("asked".to_owned());
        body.write(&vec![b'x'; self.piece]);
        (self.flow)(body)
    }

    fn stopping(&mut self) {
        self.is_stopping = true;
    }
}

fn endless(flow: fn(&BodyWriter<'_>) -> Flow, piece: usize) -> Talk {
    Talk::new(move |_, reply, _| {
        reply.stream(None, Endless { is_stopping: false, flow, piece });
    })
}

#[test]
fn a_stream_is_told_and_ends_in_order() {
    let flows: [fn(&BodyWriter<'_>) -> Flow; 2] =
        [|_| Flow::Wait, |body| Flow::At(body.now() + Duration::from_secs(1000))];
    for flow in flows {
        let mut talk = endless(flow, 1);
        talk.say(get("/") + &get("/behind")).stop();
        assert_eq!((talk.reply().text(), talk.end), ("xbye", End::Fin));
        assert_eq!(talk.handled(), 1);
    }
}

#[test]
fn a_stream_under_back_pressure_is_told_and_ends_when_there_is_room() {
    let mut talk = endless(|_| Flow::More, 1000);
    talk.take(0).say(get("/")).stop();
    assert_eq!(talk.end, End::Open);
    talk.take(usize::MAX);
    assert!(talk.reply().text().ends_with("xbye"));
    assert_eq!(talk.end, End::Fin);
}

#[test]
fn a_source_that_does_not_listen_goes_on_until_the_drain_ends_it() {
    let mut talk = Talk::new(|_, reply, _| {
        reply.stream(
            None,
            By(|body: &mut BodyWriter<'_>, _: &mut World| {
                body.write(b"x");
                Flow::At(body.now() + Duration::from_secs(1))
            }),
        );
    });
    talk.say(get("/")).stop().pass(Duration::from_secs(5));
    assert_eq!(talk.end, End::Open);
    assert!(talk.heard().matches("x\r\n").count() >= 6);
}

#[test]
fn a_last_reply_is_flushed_whole() {
    let mut talk = Talk::new(site);
    talk.take(0).say(request("GET", "/shared", &["connection: close"], "")).stop();
    assert_eq!(talk.end, End::Open);
    talk.take(usize::MAX);
    assert_eq!((talk.reply().body.len(), talk.end), (3000, End::Fin));
}
