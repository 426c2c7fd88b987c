//! The same lines in whatever pieces they come.

use super::super::{Line, Session};
use super::{Rig, Teller, Told};
use crate::protocols::tests::carry;
use crate::sansio::{CloseReason, Limits, Protocol, Stage, Transport};

/// What is told and answered when a peer sends `pieces` and ends.
fn conversation<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Told, Vec<u8>) {
    let mut rig = Rig::teller();
    for piece in pieces {
        rig.receive(piece);
    }
    rig.end_of_input();
    rig.run();
    (rig.told(), std::mem::take(&mut rig.out))
}

#[test]
fn every_split_of_a_conversation_gives_the_same_lines() {
    let whole = b"one\r\ntwo\n\n\r\nthree\rfour\nrest\r";
    let expected = conversation([&whole[..]]);
    assert_eq!(expected.1, b"3\n3\n0\n0\n10\n5\n");
    for cut in 0..=whole.len() {
        for other in cut..=whole.len() {
            let pieces = [&whole[..cut], &whole[cut..other], &whole[other..]];
            assert_eq!(conversation(pieces), expected, "cut at bytes {cut} and {other}");
        }
    }
    assert_eq!(conversation(whole.chunks(1)), expected, "byte by byte");
}

#[test]
fn what_was_searched_is_not_searched_again() {
    /// Notes after each call how far its inside has looked.
    struct Probe(Line<Teller>);
    impl Protocol<Told> for Probe {
        fn received(
            &mut self,
            transport: &mut Transport<'_, Told>,
            told: &mut Told,
            bytes: &[u8],
        ) -> usize {
            let before = self.0.scanned;
            let used = self.0.received(transport, told, bytes);
            told.push(format!("{before} to {}", self.0.scanned));
            used
        }
    }
    let mut rig = Rig::new(Limits::default(), Probe(Line::new(Teller)));
    for piece in ["a", "b", "cd", "e\nf", "g"] {
        rig.receive(piece);
    }
    assert_eq!(rig.told(), ["0 to 1", "1 to 2", "2 to 4", r#"line "abcde""#, "4 to 1", "1 to 2"]);
}

/// Says numbers, and hears them back.
struct Asker {
    next: usize,
    last: usize,
}

impl Session<Told> for Asker {
    fn connected(&mut self, transport: &mut Transport<'_, Told>, _: &mut Told) {
        transport.write(b"0\r\n");
    }

    fn line(&mut self, transport: &mut Transport<'_, Told>, told: &mut Told, line: &[u8]) {
        told.push(String::from_utf8_lossy(line).into_owned());
        self.next += 1;
        if self.next < self.last {
            transport.write(format!("{}\r\n", "0".repeat(self.next + 1)).as_bytes());
        } else {
            transport.finish();
        }
    }
}

#[test]
fn two_of_them_wired_in_memory_understand_each_other_whatever_a_read_gives() {
    for step in [1, 2, 3, 5, 8, 13, 1000] {
        let mut client = Rig::new(Limits::default(), Line::new(Asker { next: 0, last: 20 }));
        let mut server = Rig::teller();
        let mut rounds = 0;
        while client.connection.stage() != Stage::Closed {
            carry(&mut client, &mut server, step);
            carry(&mut server, &mut client, step);
            rounds += 1;
            assert!(rounds < 100_000, "the conversation does not end");
        }
        let heard: Vec<String> = (1..=20).map(|length| length.to_string()).collect();
        assert_eq!(client.told(), heard, "in steps of {step}");
        assert_eq!(server.connection.close_reason(), Some(CloseReason::Finished));
    }
}

#[test]
fn random_bytes_in_random_pieces_give_the_lines_that_are_in_them() {
    let mut dice = 0x11e5_u64;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 33) % sides
    };
    for _ in 0..300 {
        let alphabet = [b'\n', b'\r', b'a', 0, 255];
        let whole: Vec<u8> = (0..roll(3000)).map(|_| alphabet[roll(5) as usize]).collect();
        let mut rig = Rig::new(Limits::default().high_water(50).low_water(20), Line::new(Teller));
        let mut rest = &whole[..];
        while !rest.is_empty() {
            let room = rig.connection.wants_bytes().min(rest.len()) as u64;
            if room > 0 {
                let (piece, later) = rest.split_at(1 + roll(room) as usize);
                rig.receive(piece);
                rest = later;
            }
            if roll(3) == 0 {
                rig.flush();
            }
            rig.turn();
        }
        rig.end_of_input();
        rig.run();
        let lines = rig.told().into_iter().filter(|told| told.starts_with("line ")).count();
        let ends = whole.iter().filter(|byte| **byte == b'\n').count();
        let is_open = whole.last().is_some_and(|last| *last != b'\n');
        assert_eq!(lines, ends + usize::from(is_open));
        assert_eq!(rig.connection.close_reason(), Some(CloseReason::Finished));
        assert_eq!(rig.out, expected_answer(&whole));
    }
}

/// The length of each line in `bytes`, found the simple way.
fn expected_answer(bytes: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().filter(|last| !last.is_empty());
    let whole = lines.iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line).len());
    whole
        .chain(last.map(<[u8]>::len))
        .flat_map(|length| format!("{length}\n").into_bytes())
        .collect()
}
