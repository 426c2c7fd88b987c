//! Conversations in memory.

use super::*;
use crate::protocols::line;

#[test]
fn what_is_said_is_answered() {
    let mut talk = Talk::new(Echo, &mut ());
    assert_eq!(talk.say("abc", &mut ()), b"abc");
    assert!(!talk.has_finished_writing());
    assert_eq!(talk.finish(&mut ()), b"");
    assert_eq!(talk.close_reason(), Some(CloseReason::Finished));
}

#[test]
fn an_echo_of_much_more_than_the_marks_comes_whole_and_in_order() {
    let limits = Limits::default().input(100).high_water(50).low_water(10);
    let mut talk = Talk::with_limits(Echo, limits, &mut ());
    let text: Vec<u8> = (0..10_000_u32).map(|number| number as u8).collect();
    assert_eq!(talk.say(&text, &mut ()), text);
}

#[test]
fn time_passes_when_it_is_told_to() {
    let mut talk = Talk::new(Echo, &mut ());
    talk.say("x", &mut ());
    talk.wait(SECOND * 299, &mut ());
    assert!(!talk.has_finished_writing());
    talk.wait(SECOND * 2, &mut ());
    assert!(talk.has_finished_writing(), "five minutes are over");
    talk.finish(&mut ());
    assert_eq!(talk.close_reason(), Some(CloseReason::TimedOut(Timeout::Idle)));
}

#[test]
fn what_a_pausing_protocol_does_not_want_waits_with_the_end_behind_it() {
    struct Pausing;
    impl Protocol for Pausing {
        fn received(&mut self, on: &mut Transport<'_, ()>, (): &mut (), bytes: &[u8]) -> usize {
            on.write(bytes);
            on.pause_reading();
            on.set_timeout(SECOND);
            bytes.len()
        }

        fn expired(&mut self, on: &mut Transport<'_, ()>, (): &mut (), _: Timeout) {
            on.resume_reading();
        }
    }
    let mut talk = Talk::with_limits(Pausing, Limits::default().input(2), &mut ());
    assert_eq!(talk.say("abcdef", &mut ()), b"ab");
    assert_eq!(talk.finish(&mut ()), b"");
    assert_eq!(talk.wait(SECOND * 3, &mut ()), b"cdef");
    assert_eq!(talk.close_reason(), Some(CloseReason::Finished));
}

#[test]
fn two_protocols_converse_until_both_are_silent() {
    /// Asks line by line, and notes the answers.
    struct Asking(u32);
    impl line::Session<Vec<String>> for Asking {
        fn connected(&mut self, on: &mut Transport<'_, Vec<String>>, _: &mut Vec<String>) {
            on.write(b"1\n");
        }

        fn line(
            &mut self,
            on: &mut Transport<'_, Vec<String>>,
            answers: &mut Vec<String>,
            line: &[u8],
        ) {
            answers.push(String::from_utf8_lossy(line).into_owned());
            self.0 += 1;
            if self.0 == 3 { on.finish() } else { on.write(format!("{}\n", self.0 + 1).as_bytes()) }
        }
    }
    let mut answers = Vec::new();
    let mut server = line::server(|on, _: &mut Vec<String>, line| {
        on.write(&[b"answer ", line, b"\n"].concat());
    });
    let mut pair = Pair::new(line::Line::new(Asking(0)), server(()), &mut answers);
    pair.settle(&mut answers);
    assert_eq!(answers, ["answer 1", "answer 2", "answer 3"]);
    assert_eq!(pair.left().close_reason(), Some(CloseReason::Finished));
    assert_eq!(pair.right().close_reason(), Some(CloseReason::Finished));
}
