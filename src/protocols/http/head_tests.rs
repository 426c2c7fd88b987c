//! Request heads as a stream: neither cuts nor limits nor what follows nor luck change a verdict.
//! The rules themselves are in `head_rules_tests.rs`.

use super::*;

#[path = "head_rules_tests.rs"]
mod rules;

/// A verdict that owns what it says, so that verdicts on different slices can be compared.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Head {
        line: (String, String, Version),
        headers: Vec<(String, Vec<u8>)>,
        length: usize,
        framing: Framing,
        keep_alive: bool,
        expects_continue: bool,
    },
    More,
    Fault(HeadFault),
}

fn look(bytes: &[u8], scanned: &mut usize, limits: &HeadLimits) -> Verdict {
    match parse_head(bytes, scanned, limits) {
        Parsed::NeedMore => {
            assert!(*scanned > 0 || bytes.is_empty(), "what was scanned is remembered");
            assert!(*scanned <= limits.head);
            Verdict::More
        }
        Parsed::Fault(fault) => {
            assert_eq!(*scanned, 0, "a verdict leaves nothing behind");
            Verdict::Fault(fault)
        }
        Parsed::Complete(head) => {
            assert_eq!(*scanned, 0, "a verdict leaves nothing behind");
            assert!(head.length <= limits.head.min(bytes.len()));
            assert!(head.target().len() <= limits.target);
            assert!(
                head.path().starts_with('/') || head.target() == "*" || head.method() == "CONNECT"
            );
            assert_eq!(head.to_method().as_str(), head.method());
            Verdict::Head {
                line: (head.method().to_owned(), head.target().to_owned(), head.version),
                headers: head
                    .headers()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                length: head.length,
                framing: head.framing,
                keep_alive: head.keep_alive,
                expects_continue: head.expects_continue,
            }
        }
    }
}

fn at_once(bytes: &[u8], limits: &HeadLimits) -> Verdict {
    look(bytes, &mut 0, limits)
}

/// Offers growing prefixes, as a connection does, until one of them gets a verdict.
fn in_pieces(bytes: &[u8], ends: impl IntoIterator<Item = usize>, limits: &HeadLimits) -> Verdict {
    let mut scanned = 0;
    for end in ends {
        let verdict = look(&bytes[..end], &mut scanned, limits);
        if verdict != Verdict::More {
            return verdict;
        }
    }
    look(bytes, &mut scanned, limits)
}

/// Asserts that no cut changes the verdict on `bytes`, and answers it.
fn under_every_cut(bytes: &[u8], limits: &HeadLimits) -> Verdict {
    let expected = at_once(bytes, limits);
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(in_pieces(bytes, 0..bytes.len(), limits), expected, "byte by byte: {shown:?}");
    for cut in 0..bytes.len() {
        assert_eq!(in_pieces(bytes, [cut], limits), expected, "cut at {cut}: {shown:?}");
    }
    expected
}

/// The fault of `bytes`, or a panic.
fn fault(bytes: &[u8]) -> HeadFault {
    let verdict = at_once(bytes, &HeadLimits::default());
    let Verdict::Fault(fault) = verdict else {
        panic!("{:?} gave {verdict:?}", String::from_utf8_lossy(bytes))
    };
    fault
}

const TAKEN: [&[u8]; 18] = [
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"\r\nGET / HTTP/1.0\r\n\r\n",
    b"\r\nGET /a?b HTTP/1.1\r\nhOST: [::1]:8000\r\n\r\n",
    b"HEAD /%20 HTTP/1.1\r\nHost:a\r\nX-Empty:\r\nX-Blank: \t \r\nX-Latin: \xe9\r\n\r\n",
    b"BREW /pot HTTP/1.1\r\nHost: a.example:80\r\nX: \t a b \t\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
    b"GET http://a.example:80/b?c HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n0\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\n\n\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\0\0\0\0",
    b"GET / HTTP/1.0\r\n\r\n\r\n\r\n",
];

const REFUSED: [(&[u8], u16); 22] = [
    (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\rb: c\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\rHost: a\r\n\r\n", 400),
    (b"GET /\rb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\0\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 400),
    (b"\x80GET / HTTP/1.1\r\n\r\n", 400),
];

#[test]
fn every_sound_conversation_is_taken_under_every_cut() {
    for bytes in TAKEN {
        let verdict = under_every_cut(bytes, &HeadLimits::default());
        assert!(matches!(verdict, Verdict::Head { .. }), "{verdict:?}");
    }
}

#[test]
fn every_unsound_conversation_gets_its_status_under_every_cut() {
    for (bytes, status) in REFUSED {
        let verdict = under_every_cut(bytes, &HeadLimits::default());
        assert_eq!(verdict, Verdict::Fault(fault(bytes)));
        assert_eq!(fault(bytes).status().as_u16(), status, "{}", fault(bytes));
    }
}

#[test]
fn every_limit_gives_one_verdict_under_every_cut() {
    for bytes in TAKEN.into_iter().chain(REFUSED.map(|(bytes, _)| bytes)) {
        for head in 1..bytes.len() + 2 {
            for target in [0, 1, 4, 100] {
                under_every_cut(bytes, &HeadLimits { head, target });
            }
        }
    }
}

#[test]
fn a_head_without_its_last_byte_is_not_complete() {
    for bytes in TAKEN {
        let limits = HeadLimits::default();
        let Verdict::Head { length, .. } = at_once(bytes, &limits) else { panic!("taken") };
        assert_eq!(at_once(&bytes[..length - 1], &limits), Verdict::More);
        assert_eq!(at_once(b"", &limits), Verdict::More);
    }
}

#[test]
fn a_head_may_have_exactly_so_many_bytes() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n";
    let limits = |head| HeadLimits { head, target: 100 };
    let exact = at_once(bytes, &limits(bytes.len()));
    assert!(matches!(exact, Verdict::Head { .. }));
    let limit = bytes.len() - 1;
    let short = under_every_cut(bytes, &limits(limit));
    assert_eq!(short, Verdict::Fault(HeadFault::HeadTooLong { limit }));
    // The limit is judged when it is reached, not when it is exceeded.
    assert_eq!(at_once(&bytes[..limit], &limits(limit)), short);
    assert_eq!(at_once(&bytes[..limit - 1], &limits(limit)), Verdict::More);
    assert_eq!(HeadFault::HeadTooLong { limit }.status().as_u16(), 431);
}

#[test]
fn a_target_may_have_exactly_so_many_bytes() {
    let bytes = b"GET /2345678 HTTP/1.0\r\n\r\n";
    let exact = under_every_cut(bytes, &HeadLimits { head: 100, target: 8 });
    assert!(matches!(exact, Verdict::Head { .. }));
    let short = under_every_cut(bytes, &HeadLimits { head: 100, target: 7 });
    assert_eq!(short, Verdict::Fault(HeadFault::TargetTooLong { limit: 7 }));
    // A request line that does not even end within the head's limit blames its target.
    let endless = under_every_cut(bytes, &HeadLimits { head: 15, target: 7 });
    assert_eq!(endless, Verdict::Fault(HeadFault::TargetTooLong { limit: 7 }));
    let endless = under_every_cut(bytes, &HeadLimits { head: 15, target: 8 });
    assert_eq!(endless, Verdict::Fault(HeadFault::HeadTooLong { limit: 15 }));
    let after_blank = [b"\r\n", &bytes[..]].concat();
    let endless = under_every_cut(&after_blank, &HeadLimits { head: 17, target: 7 });
    assert_eq!(endless, Verdict::Fault(HeadFault::TargetTooLong { limit: 7 }));
    assert_eq!(HeadFault::TargetTooLong { limit: 7 }.status().as_u16(), 414);
}

#[test]
fn messages_are_lower_case_without_a_full_stop() {
    for (bytes, _) in REFUSED {
        let message = fault(bytes).to_string();
        assert!(!message.ends_with('.') && message.starts_with(|c: char| c.is_lowercase()));
    }
}

/// A linear congruential generator: repeatable, and good enough to pick bytes.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits fit") % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

#[test]
fn damaged_heads_get_one_verdict_however_they_are_cut() {
    let mut dice = Dice(1);
    for round in 0..20_000 {
        let mut bytes = dice.pick(&TAKEN).to_vec();
        for _ in 0..dice.roll(4) {
            let at = dice.roll(bytes.len());
            let byte = dice.pick(b"\r\n \t:/*?#@,;[]A1\0\x7f\x80\xff");
            match dice.roll(3) {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        let limits = match dice.roll(3) {
            0 => HeadLimits { head: 1 + dice.roll(bytes.len() + 1), target: dice.roll(12) },
            _ => HeadLimits::default(),
        };
        let expected = at_once(&bytes, &limits);
        let shown = String::from_utf8_lossy(&bytes);
        assert_eq!(in_pieces(&bytes, 0..bytes.len(), &limits), expected, "{round}: {shown:?}");
        let cuts = [dice.roll(bytes.len()), dice.roll(bytes.len())];
        let cuts = [cuts[0].min(cuts[1]), cuts[0].max(cuts[1])];
        assert_eq!(in_pieces(&bytes, cuts, &limits), expected, "{round}: {cuts:?} {shown:?}");
    }
}

#[test]
fn both_readings_take_the_same_bytes_everywhere() {
    // Every byte at every place of a head: at once it is `scan` that reads, in pieces it is not.
    let limits = HeadLimits::default();
    let base = b"\r\nGET /a HTTP/1.1\r\nHost: a\r\nX-Y: b c\r\n\r\n";
    for at in 0..base.len() {
        for byte in 0..=u8::MAX {
            let mut bytes = base.to_vec();
            bytes[at] = byte;
            let expected = at_once(&bytes, &limits);
            assert_eq!(in_pieces(&bytes, [1], &limits), expected, "{byte:#04x} at {at}");
        }
    }
}

#[test]
fn random_bytes_get_one_verdict_within_the_limit() {
    let mut dice = Dice(2);
    for _ in 0..20_000 {
        let length = dice.roll(200);
        let alphabet: &[u8] = dice.pick(&[b"\r\n" as &[u8], b"GET /HTP1.:\r\n\r\n", &[0; 0]]);
        let bytes: Vec<u8> = (0..length)
            .map(|_| match alphabet {
                [] => u8::try_from(dice.roll(256)).expect("a byte"),
                alphabet => dice.pick(alphabet),
            })
            .collect();
        let limits = HeadLimits { head: 100, target: 20 };
        let expected = at_once(&bytes, &limits);
        assert_eq!(in_pieces(&bytes, 0..bytes.len(), &limits), expected, "{bytes:?}");
        assert!(bytes.len() < limits.head || expected != Verdict::More);
    }
}

/// A method, a target, headers, and the length of them all.
type Reading = (String, String, Vec<(String, Vec<u8>)>, usize);

/// What httparse, which everybody uses, reads in a head.
fn as_httparse_reads(bytes: &[u8]) -> Option<Reading> {
    let mut storage = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut storage);
    let Ok(httparse::Status::Complete(length)) = request.parse(bytes) else { return None };
    let headers = request.headers.iter().map(|it| (it.name.to_owned(), it.value.to_owned()));
    let headers = headers.collect();
    Some((request.method?.to_owned(), request.path?.to_owned(), headers, length))
}

#[test]
fn httparse_reads_alike_whatever_is_taken_here() {
    let limits = HeadLimits::default();
    let mut taken = 0;
    let mut check = |bytes: &[u8]| {
        let Verdict::Head { line, headers, length, .. } = at_once(bytes, &limits) else { return };
        taken += 1;
        let expected = Some((line.0, line.1, headers, length));
        assert_eq!(as_httparse_reads(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
    };
    for head in TAKEN {
        check(head);
        for place in 0..head.len() {
            for byte in 0..=u8::MAX {
                let mut changed = head.to_vec();
                changed[place] = byte;
                check(&changed);
            }
        }
    }
    assert!(taken > 10_000, "only {taken} heads were taken");
}
