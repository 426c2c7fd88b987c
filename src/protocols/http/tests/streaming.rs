//! Bodies that are made piece by piece.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A handler that streams what `make` makes, of the given length.
fn streaming<B: Source<World>>(
    length: Option<u64>,
    make: impl Fn() -> B + Send + Sync + 'static,
) -> Talk {
    Talk::new(move |request, reply, _| match request.path() {
        "/stream" => reply.stream(length, make()),
        _ => reply.text("other"),
    })
}

/// A source that answers each turn's question with the next of `flows`, and writes its number.
fn asked(flows: Vec<Flow>) -> impl Source<World> {
    let mut flows = VecDeque::from(flows);
    By(move |body: &mut BodyWriter<'_>, world: &mut World| {
        world.notes.push("asked".to_owned());
        body.write(world.notes.len().to_string().as_bytes());
        flows.pop_front().unwrap_or(Flow::End)
    })
}

#[test]
fn a_stream_is_counted_chunked_or_lasts_until_the_close() {
    let mut talk = Talk::new(site);
    let reply = talk.ask(get("/chunks"));
    assert_eq!((reply.framing, reply.text()), (Framing::Chunked, "onethree"));
    let reply = talk.ask(get("/counted"));
    assert_eq!((reply.framing, reply.text()), (Framing::Counted, "onethree"));
    talk.say("GET /counted HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    let reply = talk.reply();
    assert_eq!((reply.framing, reply.header("connection")), (Framing::Counted, Some("keep-alive")));
    talk.say("GET /chunks HTTP/1.0\r\nconnection: keep-alive\r\n\r\n".to_owned() + &get("/"));
    let reply = talk.reply();
    assert_eq!((reply.framing, reply.text()), (Framing::UntilClose, "onethree"));
    assert_eq!((talk.end, talk.handled()), (End::Fin, 4));
}

#[test]
fn an_empty_stream_is_an_empty_body() {
    let mut talk = streaming(None, || pieces([]));
    assert_eq!(talk.ask(get("/stream")).text(), "");
    let mut talk = streaming(Some(0), || pieces([]));
    assert_eq!(talk.ask(get("/stream")).text(), "");
}

#[test]
fn streams_and_replies_keep_their_order() {
    let mut talk = Talk::new(site);
    talk.say(get("/chunks") + &get("/") + &get("/counted") + &get("/later") + &get("/chunks"));
    let texts: Vec<_> = talk.replies().iter().map(|reply| reply.text().to_owned()).collect();
    assert_eq!(texts, ["onethree", "hello", "onethree", "later", "onethree"]);
}

#[test]
fn a_stream_is_bounded_however_slow_its_reader() {
    const PIECE: u64 = 1000;
    for shared in [false, true] {
        let made = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&made);
        let mut talk = streaming(None, move || {
            let made = Arc::clone(&count);
            By(move |body: &mut BodyWriter<'_>, _: &mut World| {
                if shared {
                    body.write_shared(vec![b'x'; PIECE as usize]);
                } else {
                    body.write(&[b'x'; PIECE as usize]);
                }
                made.fetch_add(1, Ordering::Relaxed);
                if made.load(Ordering::Relaxed) == 1000 { Flow::End } else { Flow::More }
            })
        });
        let high = Limits::default().high_water as u64;
        talk.take(0).say(get("/stream"));
        let made_unread = made.load(Ordering::Relaxed) as u64;
        assert!(made_unread * PIECE >= high - PIECE && made_unread * PIECE <= high + 2 * PIECE);
        talk.gulp = 700;
        while made.load(Ordering::Relaxed) < 1000 {
            let before = talk.wire.len();
            talk.take(5000);
            assert_eq!(talk.wire.len(), before + 5000);
        }
        talk.take(usize::MAX);
        assert_eq!(talk.reply().body.len(), 1_000_000);
        // A piece, its size, and two line ends.
        assert!(talk.most_unsent <= high + PIECE + 7, "{}", talk.most_unsent);
        assert_eq!(talk.ask(get("/")).text(), "other");
    }
}

#[test]
fn a_source_that_goes_on_gives_way_to_others() {
    let mut talk = streaming(None, || asked(vec![Flow::More; 99]));
    talk.put(get("/stream").as_bytes());
    let first = talk.world.notes.len();
    assert!((1..99).contains(&first), "{first} pieces in the first turn");
    assert!(talk.connection.poll_deadline() <= Some(talk.desk.now()), "and it is asked again");
    talk.run();
    assert_eq!(talk.world.notes.len(), 100);
    assert_eq!(talk.reply().framing, Framing::Chunked);
}

#[test]
fn a_source_is_asked_at_the_time_it_gave() {
    let second = Duration::from_secs(1);
    let mut talk = streaming(None, move || {
        let mut left = 3;
        By(move |body: &mut BodyWriter<'_>, _: &mut World| {
            body.write(b"tick");
            left -= 1;
            if left == 0 { Flow::End } else { Flow::At(body.now() + second) }
        })
    });
    talk.say(get("/stream"));
    assert_eq!(talk.heard().matches("tick").count(), 1);
    talk.pass(second / 2);
    assert_eq!(talk.heard(), "");
    talk.pass(second / 2);
    assert_eq!(talk.heard(), "4\r\ntick\r\n");
    talk.pass(second);
    assert_eq!(talk.heard(), "4\r\ntick\r\n0\r\n\r\n");
    talk.pass(Duration::from_secs(60));
    assert_eq!((talk.heard().as_str(), talk.end), ("", End::Open));
}

#[test]
fn a_source_that_gave_a_time_is_not_asked_when_the_client_has_room() {
    let hour = Duration::from_secs(3600);
    for at in [true, false] {
        let mut talk = streaming(None, move || {
            By(move |body: &mut BodyWriter<'_>, world: &mut World| {
                world.notes.push("asked".to_owned());
                body.write(&[b'x'; 100_000]);
                if at { Flow::At(body.now() + hour) } else { Flow::Wait }
            })
        });
        talk.take(0).say(get("/stream"));
        assert!(talk.connection.is_backpressured());
        talk.take(usize::MAX);
        assert!(!talk.connection.is_backpressured());
        assert_eq!(talk.world.notes.len(), 1, "at: {at}");
        talk.pass(Duration::from_secs(100));
        assert_eq!(talk.world.notes.len(), 1, "at: {at}");
        if at {
            talk.pass(hour);
            assert_eq!(talk.world.notes.len(), 2);
        }
    }
}

#[test]
fn a_source_whose_time_comes_under_back_pressure_is_asked_when_that_ends() {
    let second = Duration::from_secs(1);
    let mut talk = streaming(None, move || {
        By(move |body: &mut BodyWriter<'_>, world: &mut World| {
            world.notes.push("asked".to_owned());
            body.write(&[b'x'; 100_000]);
            Flow::At(body.now() + second)
        })
    });
    talk.take(0).say(get("/stream")).pass(5 * second);
    assert_eq!(talk.world.notes.len(), 1);
    talk.take(usize::MAX);
    assert_eq!(talk.world.notes.len(), 2);
}

/// A talk whose streams are woken by alarms, and each ends after it was asked twice.
fn alarming() -> Talk {
    Talk::new(|_, reply, world| {
        reply.header("x", "y").stream_with(None, |alarm| {
            world.alarms.push(alarm);
            asked(vec![Flow::Wait])
        });
    })
}

#[test]
fn an_alarm_wakes_a_source_that_waits() {
    let mut talk = alarming();
    talk.say(get("/"));
    assert!(talk.heard().ends_with("1\r\n1\r\n"));
    let alarm = talk.world.alarms[0].clone();
    assert!(std::thread::spawn(move || alarm.ring()).join().unwrap());
    assert_eq!(talk.run().heard(), "1\r\n2\r\n0\r\n\r\n");
}

#[test]
fn an_alarm_wakes_no_source_but_its_own() {
    let mut talk = alarming();
    talk.say(get("/1"));
    talk.world.alarms[0].ring();
    talk.say(get("/2")).heard();
    assert_eq!(talk.world.notes.len(), 3);
    talk.world.alarms[0].ring();
    assert_eq!(talk.run().heard(), "");
    talk.world.alarms[1].ring();
    assert!(talk.run().heard().ends_with("0\r\n\r\n"));
    talk.world.alarms[1].ring();
    assert_eq!((talk.run().heard().as_str(), talk.end), ("", End::Open));
    *talk.mailbox.refusals.lock().unwrap() = 1;
    assert!(!talk.world.alarms[1].ring());
}

#[test]
fn a_source_that_an_alarm_woke_early_is_not_bound_to_its_old_time() {
    let second = Duration::from_secs(1);
    let mut talk = Talk::new(move |_, reply, world| {
        reply.header("x", "y").stream_with(None, |alarm| {
            world.alarms.push(alarm);
            By(move |body: &mut BodyWriter<'_>, world: &mut World| {
                world.notes.push("asked".to_owned());
                if world.notes.len() == 1 { Flow::At(body.now() + second * 2) } else { Flow::Wait }
            })
        });
    });
    talk.say(get("/")).pass(second);
    talk.world.alarms[0].ring();
    talk.run();
    assert_eq!(talk.world.notes.len(), 2);
    talk.pass(second * 10);
    assert_eq!(talk.world.notes.len(), 2);
}

#[test]
fn an_alarm_under_back_pressure_is_remembered() {
    let mut talk = Talk::new(|_, reply, world| {
        reply.header("x", "y").stream_with(None, |alarm| {
            world.alarms.push(alarm);
            By(|body: &mut BodyWriter<'_>, world: &mut World| {
                world.notes.push("asked".to_owned());
                body.write(&[b'x'; 100_000]);
                Flow::Wait
            })
        });
    });
    talk.take(0).say(get("/"));
    for _ in 0..3 {
        talk.world.alarms[0].ring();
        talk.run();
    }
    assert_eq!(talk.world.notes.len(), 1);
    talk.take(usize::MAX);
    assert_eq!(talk.world.notes.len(), 2);
}

#[test]
fn a_source_that_waits_too_long_is_idle() {
    let idle = Limits::default().idle;
    let mut talk = alarming();
    talk.say(get("/")).pass(idle);
    assert!(!talk.heard().ends_with("0\r\n\r\n"), "the client sees that the end is missing");
    assert_eq!(talk.end, End::Fin);
    let mut talk = alarming();
    talk.say("GET / HTTP/1.0\r\n\r\n").pass(idle);
    assert_eq!(talk.end, End::Reset, "here an orderly close would pass for the body's end");
}

#[test]
fn too_much_or_too_little_aborts() {
    for (length, text) in [(3, "four"), (5, "four"), (1, ""), (0, "x")] {
        let mut talk = streaming(Some(length), move || pieces([text]));
        talk.take(0).say(get("/stream") + &get("/smuggled"));
        assert_eq!((talk.end, talk.handled()), (End::Reset, 1), "{length} {text}");
    }
    // At once, whatever the source says.
    let mut talk = streaming(Some(3), || {
        By(|body: &mut BodyWriter<'_>, _: &mut World| {
            body.write(b"four");
            Flow::Wait
        })
    });
    assert_eq!(talk.say(get("/stream")).end, End::Reset);
    // What exceeds is not sent, nor is anything after it.
    let mut talk = streaming(Some(5), || pieces(["abc", "def"]));
    talk.say(get("/stream"));
    assert_eq!(talk.end, End::Reset);
    assert!(!talk.heard().contains("def"));
}

#[test]
fn a_client_that_does_not_read_a_stream_is_reset() {
    let mut talk = streaming(None, || asked(vec![Flow::More; 1_000_000]));
    talk.take(0).say(get("/stream")).pass(Limits::default().write_stall);
    assert_eq!(talk.end, End::Reset);
}

#[test]
fn the_end_of_a_stream_serves_what_came_meanwhile() {
    let mut talk = alarming();
    talk.say(get("/1") + &get("/2"));
    talk.say(get("/3"));
    assert_eq!(talk.handled(), 1);
    for n in 0..3 {
        talk.world.alarms[n].ring();
        talk.run();
    }
    let texts: Vec<_> = talk.replies().iter().map(|reply| reply.text().to_owned()).collect();
    assert_eq!(texts, ["12", "34", "56"]);
}
