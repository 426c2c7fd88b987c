//! Bytes that mean nothing, or nearly something: no panic, no endless loop, no limit passed.

use super::*;

/// Small limits, so that noise reaches them.
fn noisy() -> Talk {
    let config = Config::default().head(300).target(60).body(100).requests_per_turn(3);
    Talk::with(config, Limits::default().input(250).high_water(2000).low_water(500), site)
}

/// Feeds `bytes` in pieces, lets time pass until the connection ends, and checks what came.
fn check(bytes: &[u8], seed: u64) {
    let mut dice = Dice(seed);
    let mut talk = noisy();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(1 + dice.below(rest.len()));
        rest = after;
        talk.say(piece);
    }
    if dice.below(2) == 0 {
        talk.hang_up();
    }
    // An owed reply, a message, an idle client and a close each take their time at most.
    talk.pass(Duration::from_secs(600));
    assert!(matches!(talk.end, End::Closed | End::Reset), "seed {seed}: it ends");
    // What is kept, what may wait, and one reply.
    assert!(talk.most_held <= 250 + 2000 + 3200, "seed {seed}: {} held", talk.most_held);
    assert_eq!(talk.desk.held(), 0, "seed {seed}");

    talk.check_replies(&format!("seed {seed}"));
}

#[test]
fn random_bytes_do_no_harm() {
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let bytes: Vec<u8> = (0..dice.below(600)).map(|_| dice.roll() as u8).collect();
        check(&bytes, seed);
        // Most of those fail at their first byte; these go further.
        let words = ["GET ", "/", " HTTP/1.1\r\n", "\r\n", "host: a\r\n", "content-length: ", "5"];
        let bytes: String = (0..dice.below(60)).map(|_| words[dice.below(words.len())]).collect();
        check(bytes.as_bytes(), seed);
    }
}

/// Requests of every kind, one after the other.
fn valid(dice: &mut Dice) -> Vec<u8> {
    let paths =
        ["/", "/file", "/later", "/chunks", "/counted", "/owed", "/dropped", "/shared", "/close"];
    let chunks = chunk("one") + "2;x\r\nab\r\n0\r\nt: u\r\n\r\n";
    let mut all = String::new();
    for _ in 0..1 + dice.below(6) {
        let path = paths[dice.below(paths.len())];
        all += &match dice.below(6) {
            0 => request("POST", "/echo", &[], "some body"),
            1 => chunked("/echo", &chunks),
            2 => request("HEAD", path, &[], ""),
            3 => request("PUT", "/echo", &["expect: 100-continue"], "body"),
            4 => format!("GET {path} HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"),
            _ => get(path),
        };
    }
    all.into_bytes()
}

/// Changes, doubles, swaps or removes a few bytes.
fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let odd = [0, b'\r', b'\n', b' ', b'\t', b':', b';', b',', b'0', b'f', 0x7f, 0x80, 0xff];
    for _ in 0..dice.below(5) {
        let at = dice.below(bytes.len());
        match dice.below(5) {
            0 => bytes[at] = dice.roll() as u8,
            1 => bytes[at] = odd[dice.below(odd.len())],
            2 => bytes.insert(at, odd[dice.below(odd.len())]),
            3 => drop(bytes.drain(at..(at + 1 + dice.below(20)).min(bytes.len()))),
            _ => {
                let end = (at + 1 + dice.below(80)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = dice.below(bytes.len());
                bytes.splice(to..to, copy);
            }
        }
        if bytes.is_empty() {
            return;
        }
    }
}

#[test]
fn requests_with_a_few_bytes_changed_do_no_harm() {
    for seed in 0..3000 {
        let mut dice = Dice(seed);
        let mut bytes = valid(&mut dice);
        mutate(&mut bytes, &mut dice);
        check(&bytes, seed);
    }
}
