//! No byte misplaced: however a conversation is cut, what comes back is the same.

use super::*;

/// A conversation: what the client sends, in steps, since after some it waits for a reply.
struct Conversation {
    name: &'static str,
    config: Config,
    limits: Limits,
    steps: Vec<String>,
}

/// Everything that a client, and the handler, could tell apart.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    wire: String,
    end: End,
    calls: Vec<String>,
}

impl Conversation {
    fn new(name: &'static str, steps: Vec<String>) -> Self {
        Self { name, config: Config::default(), limits: Limits::default(), steps }
    }

    fn with(mut self, config: Config, limits: Limits) -> Self {
        self.config = config;
        self.limits = limits;
        self
    }

    fn talk(&self) -> Talk {
        Talk::with(self.config.clone(), self.limits.clone(), site)
    }

    fn whole(&self) -> Outcome {
        let mut talk = self.talk();
        for step in &self.steps {
            talk.say(step);
        }
        outcome(talk)
    }
}

fn outcome(mut talk: Talk) -> Outcome {
    talk.hang_up();
    Outcome { wire: talk.heard(), end: talk.end, calls: talk.world.calls }
}

/// One conversation of each kind.
fn conversations() -> Vec<Conversation> {
    [plain(), with_bodies(), later(), at_limits(), refused()].into_iter().flatten().collect()
}

fn plain() -> Vec<Conversation> {
    let one = |name, bytes: String| Conversation::new(name, vec![bytes]);
    let old = "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n".to_owned();
    let last = request("GET", "/page", &["connection: close"], "");
    let heads = ["/", "/file", "/chunks", "/later", "/nothing"];
    let heads: String = heads.iter().map(|path| request("HEAD", path, &[], "")).collect();
    vec![
        one("pipelined", get("/") + &get("/page") + &get("/missing") + &get("/file")),
        one("version 1.0", old.clone() + &old + "GET / HTTP/1.0\r\n\r\n" + &get("/smuggled")),
        one("the last of three", get("/") + &get("/shared") + &last + &get("/smuggled")),
        one("HEAD", heads + &get("/")),
        one(
            "forms of targets",
            request("OPTIONS", "*", &[], "") + &get("http://a/page?x") + &get("/?q=%20"),
        ),
        one("blank lines", "\r\n".to_owned() + &get("/") + "\r\n" + &get("/page")),
        one("no bodies", get("/nothing") + &get("/unchanged") + &get("/silent") + &get("/close")),
    ]
}

fn with_bodies() -> Vec<Conversation> {
    let methods = ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "X-ODD"];
    let counted: String =
        methods.iter().map(|method| request(method, "/echo", &[], "some body")).collect();
    let chunks = chunk("one") + "3;x=\"y\"\r\ntwo\r\n" + "0\r\na: b\r\nc: d\r\n\r\n";
    let expecting = |framing| request("PUT", "/echo", &[framing, "expect: 100-continue"], "");
    vec![
        Conversation::new("counted bodies", vec![counted]),
        Conversation::new(
            "chunked bodies",
            vec![chunked("/echo", &chunks) + &chunked("/echo", LAST_CHUNK) + &get("/")],
        ),
        Conversation::new(
            "waiting to go on",
            vec![
                get("/") + &expecting("content-length: 4"),
                "body".to_owned() + &expecting("transfer-encoding: chunked"),
                chunk("body") + LAST_CHUNK + &get("/page"),
            ],
        ),
        Conversation::new(
            "cut off in a body",
            vec![get("/") + &request("PUT", "/echo", &["content-length: 9"], "some")],
        ),
    ]
}

fn later() -> Vec<Conversation> {
    let one = |name, bytes: String| Conversation::new(name, vec![bytes]);
    vec![
        one("deferred", get("/later") + &get("/dropped") + &get("/") + &get("/later")),
        one("streamed", get("/chunks") + &get("/counted") + &get("/later") + &get("/chunks")),
        one(
            "streamed until the close",
            get("/counted") + "GET /chunks HTTP/1.0\r\n\r\n" + &get("/smuggled"),
        ),
    ]
}

fn at_limits() -> Vec<Conversation> {
    let one = |name, bytes: String| Conversation::new(name, vec![bytes]);
    let body = Config::default().body(10);
    let full = request("PUT", "/echo", &[], "0123456789");
    let over = request("PUT", "/echo", &[], "0123456789a");
    let chunks = chunk("01234") + &chunk("56789");
    let head = Config::default().head(200).target(50);
    let marks = Limits::default().high_water(4000).low_water(1000);
    vec![
        one("a body too long", full + &over + &get("/smuggled"))
            .with(body.clone(), Limits::default()),
        one(
            "chunks too long",
            chunked("/echo", &(chunks.clone() + LAST_CHUNK))
                + &chunked("/echo", &(chunks + &chunk("a")))
                + &get("/smuggled"),
        )
        .with(body, Limits::default()),
        one("a head too long", get("/") + &request("GET", "/", &[&"x".repeat(250)], ""))
            .with(head.clone(), Limits::default()),
        one("a target too long", get("/") + &get(&"/x".repeat(30)) + &get("/smuggled"))
            .with(head, Limits::default()),
        one("input too small", get("/") + &request("GET", "/", &[&"x: y; ".repeat(20)], ""))
            .with(Config::default(), Limits::default().input(70)),
        one("many in little turns", get("/").repeat(6) + &get("/chunks").repeat(3))
            .with(Config::default().requests_per_turn(2), marks.clone()),
        one("more than the mark", get("/shared").repeat(5) + &get("/file"))
            .with(Config::default(), marks),
    ]
}

fn refused() -> Vec<Conversation> {
    let faults = [
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        request("PUT", "/", &["content-length: 1", "content-length: 1"], "a"),
        request("PUT", "/", &["content-length: 1", "transfer-encoding: chunked"], "0\r\n\r\n"),
        request("GET", "/", &["x : y"], ""),
        request("GET", "/", &["x: y\r\n z"], ""),
        request("GET", "/", &["x: \0"], ""),
        request("HEAD", "/", &["expect: x"], ""),
        request("PUT", "/", &["transfer-encoding: br, chunked"], ""),
        request("CONNECT", "a:1", &[], ""),
        chunked("/echo", "2\r\nabc"),
        chunked("/echo", "x\r\n"),
        "GET / HTTP/3.0\r\nhost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\nhost: a\n\n".to_owned(),
    ];
    faults
        .into_iter()
        .map(|fault| Conversation::new("refused", vec![get("/") + &fault + &get("/smuggled")]))
        .collect()
}

#[test]
fn a_conversation_cut_at_any_byte_is_answered_the_same() {
    let conversations = conversations();
    assert!(conversations.len() >= 30);
    for conversation in &conversations {
        let expected = conversation.whole();
        assert!(!expected.wire.is_empty() && !expected.calls.contains(&"GET /smuggled".to_owned()));
        for (index, step) in conversation.steps.iter().enumerate() {
            for cut in 1..step.len() {
                let mut talk = conversation.talk();
                for (other, step) in conversation.steps.iter().enumerate() {
                    if other == index {
                        talk.say(&step[..cut]).say(&step[cut..]);
                    } else {
                        talk.say(step);
                    }
                }
                let name = conversation.name;
                assert_eq!(outcome(talk), expected, "{name}, step {index}, cut at byte {cut}");
            }
        }
    }
}

#[test]
fn a_drain_at_any_byte_loses_no_reply_and_ends() {
    for conversation in conversations() {
        let all = conversation.steps.concat();
        for cut in 0..all.len() {
            for takes in [0, usize::MAX] {
                let at = format!("{}, drained at byte {cut}", conversation.name);
                let mut talk = conversation.talk();
                talk.take(takes).say(&all[..cut]);
                let begun = talk.handled();
                talk.stop().take(usize::MAX).say(&all[cut..]);
                assert!(talk.handled() <= begun + 1, "{at}: no more than what was begun");
                talk.hang_up();
                assert_eq!(talk.end, End::Closed, "{at}");
                talk.check_replies(&at);
            }
        }
    }
}

#[test]
fn a_conversation_byte_by_byte_is_answered_the_same() {
    for conversation in conversations() {
        let mut talk = conversation.talk();
        for step in &conversation.steps {
            talk.drip(step);
        }
        assert_eq!(outcome(talk), conversation.whole(), "{}", conversation.name);
    }
}

#[test]
fn a_conversation_in_random_pieces_with_a_slow_reader_is_answered_the_same() {
    for conversation in conversations() {
        let expected = conversation.whole();
        for seed in 0..40 {
            let mut dice = Dice(seed);
            let mut talk = conversation.talk();
            talk.gulp = 1 + dice.below(2000);
            for step in &conversation.steps {
                let mut rest = step.as_bytes();
                while !rest.is_empty() {
                    let (piece, after) = rest.split_at(1 + dice.below(rest.len().min(60)));
                    rest = after;
                    match dice.below(3) {
                        // Several reads before anything is written, or a client that stalls.
                        0 => talk.put(piece),
                        1 => {
                            talk.take(dice.below(3000)).say(piece);
                        }
                        _ => {
                            talk.take(usize::MAX).say(piece);
                        }
                    }
                }
                talk.take(usize::MAX);
            }
            assert_eq!(outcome(talk), expected, "{}, seed {seed}", conversation.name);
        }
    }
}
