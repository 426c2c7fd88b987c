//! Chunked bodies: what is taken, what is refused, what is bounded, and that no cut matters.

use super::*;

const LIMIT: usize = 64 * 1024;

/// Payload, bytes used and whether the body ended; or why it was refused.
type Outcome = (Vec<u8>, Result<(usize, bool), ChunkFault>);

/// Decodes pieces that end at `ends` and at the input's end, until the body is over.
fn decode(bytes: &[u8], ends: impl IntoIterator<Item = usize>, limit: usize) -> Outcome {
    let mut decoder = Chunked::new();
    let mut output = Vec::new();
    let mut used = 0;
    for end in ends.into_iter().chain([bytes.len()]) {
        match decoder.decode(&bytes[used..end], &mut output, limit) {
            Err(fault) => return (output, Err(fault)),
            Ok(decoded) => {
                used += decoded.used;
                if decoded.complete {
                    return (output, Ok((used, true)));
                }
                assert_eq!(used, end, "an unfinished body uses all that it is offered");
            }
        }
    }
    (output, Ok((used, false)))
}

/// Asserts that no cut changes the outcome for `bytes`, and answers it.
fn under_every_cut(bytes: &[u8], limit: usize) -> Outcome {
    let expected = decode(bytes, [], limit);
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(decode(bytes, 0..bytes.len(), limit), expected, "byte by byte: {shown:?}");
    for cut in 0..bytes.len() {
        assert_eq!(decode(bytes, [cut], limit), expected, "cut at {cut}: {shown:?}");
    }
    expected
}

fn fault(bytes: &[u8]) -> ChunkFault {
    under_every_cut(bytes, LIMIT).1.expect_err("refused")
}

const TAKEN: [(&[u8], &[u8]); 9] = [
    (b"0\r\n\r\n", b""),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world"),
    (b"a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", b"01234567890123456789a"),
    (b"0000000000000002\r\n\r\n\r\n000\r\n\r\n", b"\r\n"),
    (b"2;a=b;c=\"d e\"\r\nhi\r\n0;e\r\n\r\n", b"hi"),
    (b"2;\r\nhi\r\n0\r\n\r\n", b"hi"),
    (b"0\r\nA: b\r\nContent-Length:\r\n\r\n", b""),
    (b"1\r\n\0\r\n0\r\nX-Latin: \xe9\t\r\n\r\n", b"\0"),
];

const REFUSED: [(&[u8], ChunkFault); 24] = [
    (b"\r\n", ChunkFault::Size { found: b'\r' }),
    (b";a\r\n", ChunkFault::Size { found: b';' }),
    (b" 5\r\n", ChunkFault::Size { found: b' ' }),
    (b"5 \r\n", ChunkFault::Size { found: b' ' }),
    (b"5 ;a\r\n", ChunkFault::Size { found: b' ' }),
    (b"5\t;a\r\n", ChunkFault::Size { found: b'\t' }),
    (b"+5\r\n", ChunkFault::Size { found: b'+' }),
    (b"-5\r\n", ChunkFault::Size { found: b'-' }),
    (b"0x5\r\n", ChunkFault::Size { found: b'x' }),
    (b"5_0\r\n", ChunkFault::Size { found: b'_' }),
    (b"g\r\n", ChunkFault::Size { found: b'g' }),
    (b"00000000000000005\r\n", ChunkFault::SizeTooLong { limit: 16 }),
    (b"ffffffffffffffff\r\n", ChunkFault::BodyTooLong { limit: LIMIT }),
    (b"5\nhello\r\n0\r\n\r\n", ChunkFault::LineFeedAlone),
    (b"5;a\nhello\r\n0\r\n\r\n", ChunkFault::LineFeedAlone),
    (b"5\rhello", ChunkFault::CarriageReturnAlone),
    (b"5;\0\r\n", ChunkFault::Extension { found: 0 }),
    (b"5\r\nhello!\r\n", ChunkFault::PayloadEnd { found: b'!' }),
    (b"5\r\nhello\n0\r\n\r\n", ChunkFault::LineFeedAlone),
    (b"5\r\nhello\r0\r\n\r\n", ChunkFault::CarriageReturnAlone),
    (b"0\r\n\n", ChunkFault::LineFeedAlone),
    (b"0\r\n\r\r", ChunkFault::CarriageReturnAlone),
    (b"0\r\nA : b\r\n\r\n", ChunkFault::Trailer { found: b' ' }),
    (b"0\r\nA: b\r\n c\r\n\r\n", ChunkFault::Trailer { found: b' ' }),
];

#[test]
fn every_sound_body_yields_its_payload_under_every_cut() {
    for (bytes, payload) in TAKEN {
        assert_eq!(under_every_cut(bytes, LIMIT), (payload.to_vec(), Ok((bytes.len(), true))));
    }
}

#[test]
fn what_follows_a_body_is_left_alone() {
    for (bytes, payload) in TAKEN {
        let followed = [bytes, b"GET / HTTP/1.1\r\n"].concat();
        let outcome = under_every_cut(&followed, LIMIT);
        assert_eq!(outcome, (payload.to_vec(), Ok((bytes.len(), true))));
    }
    let mut decoder = Chunked::new();
    let mut output = Vec::new();
    let last = Decoded { used: 5, complete: true };
    assert_eq!(decoder.decode(b"0\r\n\r\n", &mut output, LIMIT), Ok(last));
    let nothing = Decoded { used: 0, complete: true };
    assert_eq!(decoder.decode(b"0\r\n\r\n", &mut output, LIMIT), Ok(nothing));
}

#[test]
fn a_body_without_its_last_byte_is_not_complete() {
    for (bytes, payload) in TAKEN {
        let short = &bytes[..bytes.len() - 1];
        assert_eq!(decode(short, [], LIMIT), (payload.to_vec(), Ok((short.len(), false))));
    }
}

#[test]
fn every_unsound_body_gets_its_fault_under_every_cut() {
    for (bytes, expected) in REFUSED {
        assert_eq!(fault(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        let status = if matches!(expected, ChunkFault::BodyTooLong { .. }) { 413 } else { 400 };
        assert_eq!(expected.status().as_u16(), status);
    }
    assert_eq!(fault(b"0\r\nA\r\n\r\n"), ChunkFault::Trailer { found: b'\r' });
    assert_eq!(fault(b"0\r\n:\r\n\r\n"), ChunkFault::Trailer { found: b':' });
    assert_eq!(fault(b"0\r\nA: \0\r\n\r\n"), ChunkFault::Trailer { found: 0 });
    assert_eq!(fault(b"0\r\nA: b\rc"), ChunkFault::CarriageReturnAlone);
    assert_eq!(fault(b"0\r\nA: b\n\r\n"), ChunkFault::LineFeedAlone);
}

#[test]
fn a_body_may_have_exactly_so_many_bytes() {
    let bytes = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    assert_eq!(under_every_cut(bytes, 11).0, b"hello world");
    let expected = Err(ChunkFault::BodyTooLong { limit: 10 });
    assert_eq!(under_every_cut(bytes, 10), (b"hello".to_vec(), expected));
    // All chunks count, not only the one before.
    let three = b"5\r\nhello\r\n1\r\n!\r\n5\r\n";
    assert_eq!(under_every_cut(three, 10).1, expected);
    assert_eq!(under_every_cut(bytes, 0).1, Err(ChunkFault::BodyTooLong { limit: 0 }));
    assert_eq!(under_every_cut(b"0\r\n\r\n", 0).1, Ok((5, true)));
}

#[test]
fn a_size_is_refused_before_any_of_its_payload_is_taken() {
    let mut output = Vec::new();
    let refused = Chunked::new().decode(b"7fffffff", &mut output, LIMIT);
    assert_eq!(refused, Err(ChunkFault::BodyTooLong { limit: LIMIT }));
    assert_eq!(output.capacity(), 0);
    let most = b"ffffffffffffffff\r\nx";
    assert_eq!(under_every_cut(most, usize::MAX), (b"x".to_vec(), Ok((most.len(), false))));
    let more = b"1\r\nx\r\nffffffffffffffff";
    assert!(matches!(under_every_cut(more, usize::MAX).1, Err(ChunkFault::BodyTooLong { .. })));
}

#[test]
fn extensions_are_limited_over_the_whole_body() {
    let drip = b"1;\r\nx\r\n".repeat(MAX_EXTENSION_BYTES + 1);
    let (payload, outcome) = decode(&drip, [], LIMIT);
    assert_eq!(outcome, Err(ChunkFault::ExtensionsTooLong { limit: MAX_EXTENSION_BYTES }));
    assert_eq!(payload.len(), MAX_EXTENSION_BYTES);
    let exact = format!("0;{}\r\n\r\n", "a".repeat(MAX_EXTENSION_BYTES - 1));
    assert_eq!(decode(exact.as_bytes(), [], LIMIT).1, Ok((exact.len(), true)));
}

#[test]
fn trailers_are_limited_in_bytes_and_number() {
    let long = format!("0\r\nA:{}", "b".repeat(MAX_TRAILER_BYTES));
    let found = fault(long.as_bytes());
    assert_eq!(found, ChunkFault::TrailersTooLong { limit: MAX_TRAILER_BYTES });
    assert_eq!(found.status().as_u16(), 431);
    let trailers = |count| format!("0\r\n{}\r\n", "A:\r\n".repeat(count));
    let exact = trailers(MAX_TRAILERS);
    assert_eq!(decode(exact.as_bytes(), [], LIMIT).1, Ok((exact.len(), true)));
    let found = fault(trailers(MAX_TRAILERS + 1).as_bytes());
    assert_eq!(found, ChunkFault::TooManyTrailers { limit: MAX_TRAILERS });
    assert_eq!(found.status().as_u16(), 431);
}

#[test]
fn messages_are_lower_case_without_a_full_stop() {
    for (_, fault) in REFUSED {
        let message = fault.to_string();
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
}

#[test]
fn random_and_damaged_bodies_have_one_outcome_within_the_limit() {
    let mut dice = Dice(3);
    for round in 0..20_000 {
        let mut bytes = if dice.roll(2) == 0 {
            TAKEN[dice.roll(TAKEN.len())].0.to_vec()
        } else {
            (0..dice.roll(60)).map(|_| b"0123af;:A \r\n\r\n\r\n\0"[dice.roll(17)]).collect()
        };
        for _ in 0..dice.roll(4) {
            let at = dice.roll(bytes.len() + 1);
            bytes.insert(at, u8::try_from(dice.roll(256)).expect("a byte"));
        }
        let limit = dice.roll(24);
        let expected = decode(&bytes, [], limit);
        assert!(expected.0.len() <= limit);
        assert_eq!(decode(&bytes, 0..bytes.len(), limit), expected, "{round}: {bytes:?}");
        let cut = dice.roll(bytes.len() + 1);
        assert_eq!(decode(&bytes, [cut], limit), expected, "{round}: {cut} {bytes:?}");
    }
}
