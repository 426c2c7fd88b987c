//! What clients do in the mixed scenario. Each act has a name: acts of one name get the same
//! bytes, however the network cuts them.

use std::time::Duration;

use switchboard::simulation::{Dice, Script, script};

use crate::doors::{BIG, SECOND, pattern};

/// Where an act takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Web,
    Chat,
    Tool,
    Relay,
}

/// One client.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) name: String,
    pub(crate) door: Door,
    pub(crate) script: Script,
    /// What it gets does not depend on others, nor on when.
    pub(crate) is_alone: bool,
    /// It needs neither virtual time nor a rude client, and can be played on real sockets.
    pub(crate) is_real: bool,
}

impl Act {
    fn new(name: impl Into<String>, door: Door, script: Script) -> Self {
        Self { name: name.into(), door, script, is_alone: true, is_real: true }
    }

    /// Takes virtual time, or a rude client.
    fn unreal(mut self) -> Self {
        self.is_real = false;
        self
    }

    /// What it gets depends on others.
    fn among_others(mut self) -> Self {
        self.is_alone = false;
        self
    }
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")
}

fn post(body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Acts over HTTP that end well.
fn good_web(dice: &mut Dice) -> Act {
    let web = |name: &str, script: Script| {
        Act::new(name, Door::Web, script.finish_writing().expect_closed())
    };
    match dice.below(9) {
        0 => {
            web("keep-alive", script().send(get("/")).until("hello").send(get("/no")).until("page"))
        }
        1 => web("pipeline", script().send((0..40).map(|_| get("/")).collect::<String>())),
        2 => web(
            "mixed pipeline",
            script().send(get("/file") + &post("abc") + &get("/ticks") + &get("/")),
        ),
        3 => web("post", script().send(post(&"x".repeat(5000)))),
        4 => {
            let chunks = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
                          3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\n\r\n";
            web("chunked", script().send(chunks))
        }
        5 => web(
            "ticks",
            script().send(get("/ticks")).until("tick 1\n").send(get("/later")).until("later"),
        ),
        6 => web(
            "dropped",
            script().send(get("/dropped")).until("500").send(get("/")).until("hello"),
        ),
        7 => web("big", script().send(get("/big")).send(get("/"))),
        _ => Act::new(
            "bad request",
            Door::Web,
            script().send("GET\r\n\r\n").until("400").expect_closed(),
        ),
    }
}

/// Acts over HTTP that end otherwise, or late.
fn odd_web(dice: &mut Dice) -> Act {
    let web = |name: &str, script: Script| Act::new(name, Door::Web, script).unreal();
    match dice.below(10) {
        0 => web("first byte timeout", script().expect_end()),
        1 => web("idle timeout", script().send(get("/")).until("hello").expect_end()),
        2 => web("message timeout", script().send("GET / HT").until("408").expect_closed()),
        3 => web("stall", script().stop_reading().send(get("/big").repeat(4)).wait(SECOND * 200))
            .among_others(),
        4 => web("closing timeout", script().send("GET\r\n\r\n").until("400").wait(SECOND * 30)),
        5 => web("torn file", script().send(get("/torn")).expect_closed()).among_others(),
        6 => web("vanish", script().send("GET /bi").vanish()).among_others(),
        7 => web(
            "reset",
            script().send(get("/big")).wait(Duration::from_millis(dice.below(9))).reset(),
        )
        .among_others(),
        8 => web("slow reader", {
            let every = Duration::from_millis(20);
            script().read_slowly(3000, every).send(get("/big")).finish_writing().expect_closed()
        }),
        _ => web(
            "close with input unread",
            script().stop_reading().send(get("/big")).wait(SECOND).close(),
        )
        .among_others(),
    }
}

fn tool(dice: &mut Dice) -> Act {
    let tool = |name: &str, script: Script| Act::new(name, Door::Tool, script);
    let polite = |script: Script| script.finish_writing().expect_closed();
    match dice.below(17) {
        0 => tool("lines", polite(script().send("a\nbc\r\n\nd").until("bc!\n"))),
        1 => tool("abort", script().send("abort\n").expect_closed()),
        2 => tool("finish", script().send("a\nfinish\nb\n").expect("a!\n").expect_end()),
        3 => tool("half", polite(script().send("half\na\n"))),
        4 => tool("panic", script().send("panic\n").expect_closed()),
        5 => tool("yield", polite(script().send("a\nyield\nb\nyield\nc\n"))),
        6 => tool("pause", polite(script().send("a\npause\nb\n").until("resumed\nb!\n"))).unreal(),
        7 => tool("flood", script().send("flood\n").expect_closed()).among_others(),
        8 => tool("much", polite(script().send("much\na\n").take(BIG).expect("a!\n"))),
        9 => {
            tool("dial", polite(script().send("dial\n").until("dialed\n"))).among_others().unreal()
        }
        10 => tool("misdial", polite(script().send("misdial\n").until("dialed\n"))).unreal(),
        11 => tool(
            "upgrade",
            polite(script().send("upgrade\nx\ny").until("x\ny").send("z").until("z")),
        ),
        12 => tool("self", polite(script().send("self\na\ndead\n").until("self\n"))).among_others(),
        13 => tool("first", polite(script().send("first\na\n").until("a!\n"))).among_others(),
        14 => tool("linger", script().send("finish\n").send(pattern(20_000)).expect_closed())
            .among_others()
            .unreal(),
        15 => tool("overlong", script().send(vec![b'x'; 70_000]).expect_closed()).among_others(),
        _ => tool("reset", script().send("much\n").take(1).reset()).among_others().unreal(),
    }
}

/// Somebody who reaches a far server through the relay.
fn relayed() -> Act {
    let script = script().send("ping\n").take(BIG).finish_writing().expect_closed();
    Act::new("relayed", Door::Relay, script).unreal()
}

/// Guests of the chat, of whom each says `lines` lines. Some do not read.
pub(crate) fn chat(guests: usize, lines: usize, dice: &mut Dice, may_be_rude: bool) -> Vec<Act> {
    let say = |guest: usize| {
        (0..lines)
            .map(|line| format!("{guest} says {line} {}\n", "x".repeat(guest * 30)))
            .collect::<String>()
    };
    let guest = |guest: usize| {
        let script = script().until("begin\n");
        let is_rude = may_be_rude && (guest == 0 || dice.one_in(4));
        let script = if is_rude { script.stop_reading() } else { script };
        let script = script.send(say(guest));
        let script =
            if is_rude { script.wait(SECOND * 100) } else { script.until("bye\n").expect_end() };
        let act = Act::new(format!("guest {guest}"), Door::Chat, script).among_others();
        if is_rude { act.unreal() } else { act }
    };
    (0..guests).map(guest).collect()
}

/// A crowd of clients: what `dice` makes of it.
pub(crate) fn crowd(dice: &mut Dice, clients: usize) -> Vec<Act> {
    let draw = |_| match dice.below(11) {
        0..4 => good_web(dice),
        4 | 5 => odd_web(dice),
        6 => relayed(),
        _ => tool(dice),
    };
    let mut acts: Vec<_> = (0..clients).map(draw).collect();
    if dice.one_in(3) {
        // Four from one address, of which three are let in at a time.
        for _ in 0..4 {
            let script = script()
                .from_ip("10.8.0.1")
                .send(get("/"))
                .until("hello")
                .wait(SECOND)
                .expect_closed();
            acts.push(Act::new("same address", Door::Web, script).among_others().unreal());
        }
    }
    acts
}
