//! The services on a connection with no driver, in whatever pieces their input comes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Chargen, Daytime, Discard, Echo, Greet, Reply, Time};
use crate::protocols::tests::{Rig, carry};
use crate::sansio::{CloseReason, Limits, Protocol, Stage, Transport, Wire};

mod datagrams;
mod talking;

fn rig(protocol: impl Protocol) -> Rig<()> {
    Rig::new(Limits::default(), protocol)
}

/// What goes out when a peer sends `pieces` and ends, and how the connection ended.
fn answer<'a>(
    protocol: impl Protocol,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<u8>, Option<CloseReason>) {
    let mut rig = rig(protocol);
    for piece in pieces {
        rig.receive(piece);
        rig.run();
    }
    rig.end_of_input();
    rig.run();
    (std::mem::take(&mut rig.out), rig.connection.close_reason())
}

fn assert_same_for_every_split(protocol: impl Protocol + Copy, expected: &[u8]) {
    let whole = b"can you hear me?\r\n\0\xff";
    let expected = (expected.to_vec(), Some(CloseReason::Finished));
    for cut in 0..=whole.len() {
        for other in cut..=whole.len() {
            let pieces = [&whole[..cut], &whole[cut..other], &whole[other..]];
            let found = answer(protocol, pieces);
            assert_eq!(found, expected, "{cut} and {other}");
        }
    }
    assert_eq!(answer(protocol, whole.chunks(1)), expected, "byte by byte");
}

#[test]
fn every_split_of_a_message_gives_the_same_answer() {
    assert_same_for_every_split(Echo, b"can you hear me?\r\n\0\xff");
    assert_same_for_every_split(Discard, b"");
    assert_same_for_every_split(Daytime, b"Thu, 01 Jan 1970 00:00:00 GMT\r\n");
    assert_same_for_every_split(Time, &[0x83, 0xaa, 0x7e, 0x80]);
    assert_same_for_every_split(Greet, b"Thank you for connecting");
    assert_same_for_every_split(Reply, b"Yes");
}

#[test]
fn who_says_nothing_hears_only_those_that_speak_first() {
    for (found, expected) in [
        (answer(Echo, []), &b""[..]),
        (answer(Discard, []), b""),
        (answer(Reply, []), b""),
        (answer(Greet, []), b"Thank you for connecting"),
    ] {
        assert_eq!(found, (expected.to_vec(), Some(CloseReason::Finished)));
    }
}

#[test]
fn those_with_one_thing_to_say_close_first() {
    for mut rig in [rig(Daytime), rig(Time), rig(Greet)] {
        rig.run();
        assert_eq!(rig.wire, Wire::ShutdownWrite);
        rig.receive("too late, and heard out");
        assert_eq!(rig.connection.stage(), Stage::Closing);
        rig.end_of_input();
        assert_eq!(rig.connection.close_reason(), Some(CloseReason::Finished));
    }
}

#[test]
fn a_reply_comes_when_the_first_bytes_do() {
    let mut rig = rig(Reply);
    rig.run();
    assert_eq!((&rig.out[..], rig.wire), (&b""[..], Wire::Keep));
    rig.receive("c");
    rig.run();
    assert_eq!((&rig.out[..], rig.wire), (&b"Yes"[..], Wire::ShutdownWrite));
}

#[test]
fn a_clock_shows_the_time_of_the_turn() {
    let moment = UNIX_EPOCH + Duration::from_secs(784_111_777);
    let mut daytime = Rig::<()>::at(moment, Limits::default(), Daytime);
    daytime.run();
    assert_eq!(daytime.out, b"Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    let mut time = Rig::<()>::at(moment, Limits::default(), Time);
    time.run();
    assert_eq!(time.out, 2_993_100_577_u32.to_be_bytes());
}

#[test]
fn a_clock_that_is_far_off_shows_something_all_the_same() {
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    for (moment, expected) in [
        (far, &b"Fri, 31 Dec 9999 23:59:59 GMT\r\n"[..]),
        (early, b"Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
    ] {
        let mut rig = Rig::<()>::at(moment, Limits::default(), Daytime);
        rig.run();
        assert_eq!(rig.out, expected);
    }
}

#[test]
fn silence_and_a_drain_end_those_that_wait() {
    for mut rig in [rig(Echo), rig(Discard), rig(Reply)] {
        rig.wait(Limits::default().first_byte);
        rig.run();
        rig.end_of_input();
        let reason = rig.connection.close_reason().expect("it ended");
        assert_eq!(reason.to_string(), "first byte timeout");
    }
    for mut rig in [rig(Echo), rig(Discard), rig(Reply)] {
        rig.stop();
        rig.run();
        assert_eq!(rig.wire, Wire::ShutdownWrite);
    }
}

/// Says `Can you hear me?` and keeps the answer.
struct Asker;

impl Protocol<Vec<u8>> for Asker {
    fn connected(&mut self, transport: &mut Transport<'_, Vec<u8>>, _: &mut Vec<u8>) {
        transport.write(b"Can you hear me?");
        transport.finish_writing();
    }

    fn received(
        &mut self,
        _: &mut Transport<'_, Vec<u8>>,
        heard: &mut Vec<u8>,
        bytes: &[u8],
    ) -> usize {
        heard.extend_from_slice(bytes);
        bytes.len()
    }
}

#[test]
fn a_client_hears_all_of_the_answer_and_then_the_end() {
    for step in [1, 2, 3, 5, 100] {
        for (mut server, expected) in [
            (rig(Echo), &b"Can you hear me?"[..]),
            (rig(Discard), b""),
            (rig(Daytime), b"Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
            (rig(Time), &[0x83, 0xaa, 0x7e, 0x80]),
            (rig(Greet), b"Thank you for connecting"),
            (rig(Reply), b"Yes"),
        ] {
            let mut client = Rig::new(Limits::default(), Asker);
            for _ in 0..4 {
                carry(&mut client, &mut server, step);
                carry(&mut server, &mut client, step);
            }
            assert_eq!(client.state, expected, "in steps of {step}");
            for reason in [client.connection.close_reason(), server.connection.close_reason()] {
                assert_eq!(reason, Some(CloseReason::Finished));
            }
        }
    }
}
