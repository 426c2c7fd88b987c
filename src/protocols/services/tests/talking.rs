//! Those that produce much, and a peer that does not keep up.

use super::super::chargen::PATTERN;
use super::*;

#[test]
fn the_pattern_is_that_of_the_rfc() {
    let text = str::from_utf8(&PATTERN).unwrap();
    let lines: Vec<_> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 95);
    assert!(lines.iter().all(|line| line.len() == 72));
    assert_eq!(
        lines[0],
        r##" !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefg"##
    );
    assert_eq!(
        lines[1],
        r##"!"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefgh"##
    );
    assert_eq!(
        lines[94],
        r##"~ !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdef"##
    );
}

#[test]
fn the_pattern_goes_on_without_a_seam_however_the_peer_reads() {
    for gulp in [1, 74, 1000, 7030, 100_000] {
        let mut rig = rig(Chargen);
        while rig.out.len() < 3 * PATTERN.len() {
            assert!(rig.take(gulp) > 0, "it never stops talking");
        }
        let expected = PATTERN.iter().cycle();
        assert!(rig.out.iter().zip(expected).all(|(found, expected)| found == expected));
    }
}

#[test]
fn nothing_is_produced_for_a_peer_that_does_not_read() {
    let limits = Limits::default();
    let mut rig = rig(Chargen);
    let unsent = rig.connection.unsent();
    assert!(unsent > limits.high_water as u64);
    assert!(unsent <= (limits.high_water + PATTERN.len()) as u64);
    let keep = limits.low_water as u64 + 1;
    rig.take((unsent - keep) as usize);
    while rig.connection.unsent() > keep {
        rig.take((rig.connection.unsent() - keep) as usize);
    }
    assert_eq!(rig.connection.unsent(), keep, "nothing new above the low mark");
    rig.take(1);
    assert!(rig.connection.unsent() > limits.high_water as u64, "and enough at it");
}

#[test]
fn a_peer_that_takes_nothing_is_reset() {
    let mut rig = rig(Chargen);
    rig.wait(Limits::default().write_stall);
    let reason = rig.connection.close_reason().expect("it ended");
    assert_eq!(reason.to_string(), "write stall timeout");
    assert_eq!(rig.connection.poll_wire(&rig.desk), Wire::Reset);
}

#[test]
fn a_peer_that_only_reads_is_talked_to_for_ever() {
    let mut rig = rig(Chargen);
    for _ in 0..100 {
        rig.wait(Limits::default().write_stall / 2);
        rig.take(1);
    }
    assert_eq!(rig.connection.stage(), Stage::Open);
}

#[test]
fn the_peers_end_and_a_drain_end_the_talk_after_what_was_begun() {
    for end in [Rig::end_of_input, Rig::stop] {
        let mut rig = rig(Chargen);
        rig.take(10);
        let begun = 10 + rig.connection.unsent() as usize;
        end(&mut rig);
        rig.run();
        assert_eq!(rig.out.len(), begun);
        rig.end_of_input();
        assert_eq!(rig.connection.close_reason(), Some(CloseReason::Finished));
    }
}

#[test]
fn a_peer_that_talks_into_the_talk_is_heard_out() {
    let mut rig = rig(Chargen);
    assert!(rig.connection.is_backpressured());
    assert!(rig.connection.wants_bytes() > 0);
    rig.receive("and now something else");
    assert_eq!(rig.connection.held(), rig.connection.unsent() as usize, "nothing is kept");
}

#[test]
fn small_water_marks_are_kept_too() {
    let limits = Limits::default().high_water(1).low_water(0);
    let mut rig = Rig::<()>::new(limits, Chargen);
    assert_eq!(rig.connection.unsent(), PATTERN.len() as u64);
    rig.take(PATTERN.len());
    assert_eq!(rig.connection.unsent(), PATTERN.len() as u64);
}

#[test]
fn a_peer_that_sends_without_reading_is_not_read_from() {
    let mut rig = rig(Echo);
    let mut sent = 0;
    while rig.connection.wants_bytes() > 0 {
        rig.receive([b'x'; 10_000]);
        sent += 10_000;
        assert!(sent <= 100_000, "the mark is at 65536");
    }
    rig.run();
    assert_eq!(rig.out.len(), sent);
    assert!(rig.connection.wants_bytes() > 0);
}
