//! The ways to close, half-close, and what is left unsent.

use std::io::ErrorKind;

use super::script::{ALL, Call, Script, finished, listener, received, script};
use super::table::{NANOSECOND, SECOND, Table, file};
use crate::sansio::{Blame, CloseReason, Closing, FileRange, Limits, Stage, Timeout, Wire};

const FINISHED: Call = Call::Closed(CloseReason::Finished, 0);

/// Writes `bytes` when connected.
fn greets(bytes: &'static [u8]) -> Script {
    script(move |transport, call| {
        if let Call::Connected = call {
            transport.write(bytes);
        }
        usize::MAX
    })
}

#[test]
fn finish_sends_what_is_queued_then_fin_and_then_waits_for_the_peers() {
    let mut table = Table::with(Limits::default(), greets(b"goodbye"));
    table.ends[0].room = 3;
    table.ask(0, |transport| transport.finish());
    table.flush(0);
    assert_eq!(table.ends[0].wire, [], "FIN comes after the last byte");
    table.take(0, 4);
    assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite]);
    assert_eq!(table.connection(0).stage(), Stage::Closing);
    assert_eq!(table.calls(0), [Call::Connected]);
    table.end_of_input(0);
    table.flush(0);
    assert_eq!(table.calls(0), [FINISHED]);
    assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite, Wire::Close]);
    assert_eq!(table.got(0), "goodbye");
}

#[test]
fn fin_is_asked_for_once() {
    let mut table = Table::with(Limits::default(), listener());
    table.ask(0, |transport| transport.finish());
    let end = &mut table.ends[0];
    assert_eq!(end.connection.poll_wire(&table.desk), Wire::ShutdownWrite);
    assert_eq!(end.connection.poll_wire(&table.desk), Wire::Keep);
}

#[test]
fn finish_does_not_linger_where_the_peer_has_finished_before() {
    let mut table = Table::with(Limits::default(), greets(b"goodbye"));
    table.end_of_input(0);
    table.ask(0, |transport| transport.finish());
    assert_eq!(table.calls(0), [Call::Connected, finished("")]);
    table.run();
    assert_eq!(table.calls(0), [FINISHED]);
    assert_eq!((table.got(0), &table.ends[0].wire[..]), ("goodbye", &[Wire::Close][..]));
}

#[test]
fn nothing_written_after_finish_or_finish_writing_is_sent() {
    for is_half in [false, true] {
        let mut table = Table::with(Limits::default(), listener());
        table.ask(0, move |transport| {
            transport.write(b"before");
            if is_half {
                transport.finish_writing();
            } else {
                transport.finish();
            }
            transport.write(b" after");
            transport.write_shared(bytes::Bytes::from_static(b" after"));
            transport.write_file(FileRange::new(file(b" after"), 0, 6));
            assert_eq!(transport.unsent(), 6);
        });
        table.ask(0, |transport| transport.write(b" and later"));
        table.run();
        assert_eq!(table.got(0), "before");
    }
}

#[test]
fn input_that_comes_after_finish_is_thrown_away() {
    let mut table = Table::with(Limits::default(), script(|_, _| 0));
    table.receive(0, "kept");
    table.ask(0, |transport| transport.finish());
    assert_eq!(table.desk.held(), 0, "what was kept is given back");
    table.receive(0, "between");
    table.flush(0);
    assert!(table.connection(0).wants_bytes() > 0);
    table.receive(0, "lingering");
    assert_eq!(table.desk.held(), 0);
    assert_eq!(table.calls(0), [Call::Connected, received("kept")]);
}

#[test]
fn memory_claimed_by_one_who_is_closed_is_not_counted() {
    let claimant = script(|transport, _| {
        transport.claim_memory(1000);
        ALL
    });
    let mut table = Table::with(Limits::default(), claimant);
    assert_eq!(table.desk.held(), 1000);
    table.close(0, Closing::Abort);
    assert_eq!(table.desk.held(), 0, "nobody would ever count it out");
}

#[test]
fn lingering_throws_away_so_many_bytes_and_no_more() {
    let mut table = Table::with(Limits::default().linger(100), listener());
    table.ask(0, |transport| transport.finish());
    table.flush(0);
    table.receive(0, [0; 60]);
    table.receive(0, [0; 40]);
    assert_eq!(table.connection(0).stage(), Stage::Closing);
    table.receive(0, [0; 1]);
    assert_eq!(table.calls(0), [Call::Connected, FINISHED]);
}

#[test]
fn lingering_ends_by_its_deadline() {
    let mut table = Table::with(Limits::default().closing(7 * SECOND), listener());
    table.ask(0, |transport| transport.finish());
    table.flush(0);
    table.wait(4 * SECOND);
    table.receive(0, "still talking");
    table.wait(3 * SECOND - NANOSECOND);
    assert_eq!(table.connection(0).stage(), Stage::Closing);
    table.wait(NANOSECOND);
    assert_eq!(
        table.calls(0),
        [Call::Connected, Call::Closed(CloseReason::TimedOut(Timeout::Closing), 0)]
    );
    table.flush(0);
    assert_eq!(table.ends[0].wire.last(), Some(&Wire::Reset));
}

#[test]
fn flushing_and_lingering_share_one_deadline() {
    let limits = Limits::default().closing(10 * SECOND).slowest_reader(1);
    let mut table = Table::with(limits, greets(b"ten bytes."));
    table.ask(0, |transport| transport.finish());
    // 20 seconds in all: ten, and one for each byte.
    table.wait(15 * SECOND);
    table.flush(0);
    assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite]);
    table.wait(5 * SECOND - NANOSECOND);
    assert_eq!(table.connection(0).stage(), Stage::Closing);
    table.wait(NANOSECOND);
    assert_eq!(table.connection(0).stage(), Stage::Closed);
}

#[test]
fn lingering_takes_no_part_of_the_time_that_was_meant_for_the_bytes() {
    let limits = Limits::default().closing(10 * SECOND).slowest_reader(1);
    let mut table = Table::with(limits, greets(b"ten bytes."));
    table.ask(0, |transport| transport.finish());
    table.flush(0);
    table.wait(10 * SECOND);
    assert_eq!(table.connection(0).stage(), Stage::Closed);
}

#[test]
fn what_could_not_be_flushed_in_time_is_reported_and_the_wire_reset() {
    let limits = Limits::default().closing(5 * SECOND).slowest_reader(100);
    let mut table = Table::with(limits, greets(&[b'x'; 1000]));
    table.take(0, 1);
    table.ask(0, |transport| transport.finish());
    // 5 + 999/100 seconds, whole ones.
    table.wait(14 * SECOND - NANOSECOND);
    assert_eq!(table.connection(0).stage(), Stage::Closing);
    table.wait(NANOSECOND);
    assert_eq!(table.calls(0)[1..], [Call::Closed(CloseReason::TimedOut(Timeout::Closing), 999)]);
    table.flush(0);
    assert_eq!(table.ends[0].wire, [Wire::Reset]);
}

#[test]
fn abort_drops_what_is_queued_reports_it_and_resets() {
    let mut table = Table::with(Limits::default(), greets(b"0123456789"));
    table.take(0, 4);
    table.ask(0, |transport| {
        transport.write_file(FileRange::new(file(b""), 0, 1 << 40));
        transport.abort();
    });
    assert_eq!(table.calls(0)[1..], [Call::Closed(CloseReason::Aborted, (1 << 40) + 6)]);
    table.flush(0);
    assert_eq!((table.got(0), &table.ends[0].wire[..]), ("0123", &[Wire::Reset][..]));
}

#[test]
fn a_half_closed_peer_is_still_written_to() {
    let mut table = Table::with(Limits::default(), listener());
    table.receive(0, "question");
    table.end_of_input(0);
    assert_eq!(table.calls(0)[1..], [received("question"), finished("")]);
    table.wait(SECOND);
    table.ask(0, |transport| transport.write(b"late answer"));
    table.run();
    assert_eq!(table.got(0), "late answer");
    assert_eq!(table.ends[0].wire, []);
    table.ask(0, |transport| transport.finish());
    assert_eq!(table.calls(0), [FINISHED]);
}

#[test]
fn finish_writing_says_fin_and_goes_on_reading() {
    let mut table = Table::with(Limits::default(), greets(b"all I have to say"));
    table.ends[0].room = 0;
    table.ask(0, |transport| transport.finish_writing());
    table.flush(0);
    table.receive(0, "while flushing");
    assert_eq!(table.ends[0].wire, []);
    table.ends[0].room = usize::MAX;
    table.flush(0);
    assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite]);
    assert!(table.connection(0).wants_bytes() > 0);
    table.receive(0, "after FIN");
    table.end_of_input(0);
    table.run();
    assert_eq!(
        table.calls(0)[1..],
        [received("while flushing"), received("after FIN"), finished(""), FINISHED]
    );
    assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite, Wire::Close]);
}

#[test]
fn the_peers_end_during_finish_writing_waits_for_the_last_byte() {
    let mut table = Table::with(Limits::default(), greets(b"last words"));
    table.ends[0].room = 4;
    table.ask(0, |transport| transport.finish_writing());
    table.flush(0);
    table.end_of_input(0);
    assert_eq!(table.calls(0), [Call::Connected, finished("")]);
    table.ends[0].room = usize::MAX;
    table.run();
    assert_eq!(table.calls(0), [FINISHED]);
    assert_eq!(table.got(0), "last words");
}

#[test]
fn finish_writing_after_the_peers_end_is_finish() {
    let mut table = Table::with(Limits::default(), greets(b"last words"));
    table.end_of_input(0);
    table.ask(0, |transport| transport.finish_writing());
    table.run();
    assert_eq!(table.calls(0)[2..], [FINISHED]);
    assert_eq!(table.got(0), "last words");
}

#[test]
fn finish_after_finish_writing_lingers() {
    let mut table = Table::with(Limits::default(), listener());
    table.ask(0, |transport| transport.finish_writing());
    table.flush(0);
    table.ask(0, |transport| transport.finish());
    table.flush(0);
    table.receive(0, "thrown away");
    assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite], "FIN was said before");
    table.end_of_input(0);
    assert_eq!(table.calls(0), [Call::Connected, FINISHED]);
}

#[test]
fn finish_while_the_peers_end_is_withheld_closes_at_once() {
    let mut table = Table::with(Limits::default(), listener());
    table.ask(0, |transport| {
        transport.finish_writing();
        transport.pause_reading();
    });
    table.flush(0);
    table.end_of_input(0);
    assert_eq!(table.calls(0), [Call::Connected]);
    table.ask(0, |transport| transport.finish());
    table.run();
    assert_eq!(table.calls(0), [FINISHED]);
}

#[test]
fn the_strongest_of_several_closes_wins() {
    let mut table = Table::with(Limits::default(), greets(b"x"));
    table.ask(0, |transport| {
        transport.abort();
        transport.finish();
    });
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Aborted));

    let mut table = Table::with(Limits::default(), greets(b"x"));
    table.ask(0, |transport| {
        transport.finish();
        transport.finish_writing();
    });
    assert_eq!(table.connection(0).stage(), Stage::Closing);
    table.close(0, Closing::Abort);
    assert_eq!(table.connection(0).close_reason(), Some(CloseReason::Aborted));
}

#[test]
fn a_close_asked_for_by_somebody_else_is_the_same() {
    let mut table = Table::with(Limits::default(), greets(b"goodbye"));
    table.close(0, Closing::Finish);
    table.run();
    table.end_of_input(0);
    assert_eq!(table.calls(0), [Call::Connected, FINISHED]);
    assert_eq!(table.got(0), "goodbye");
}

#[test]
fn nothing_is_posted_to_a_connection_that_is_finishing() {
    let mut table = Table::with(Limits::default(), greets(b"goodbye"));
    table.ends[0].room = 0;
    table.ask(0, |transport| transport.finish());
    table.notify(0, "late");
    table.stop(0);
    assert!(!table.turn(0));
    assert_eq!(table.calls(0), [Call::Connected]);
}

#[test]
fn a_failure_of_the_wire_ends_every_phase_and_reports_what_was_unsent() {
    let gone = CloseReason::Io(ErrorKind::ConnectionReset);
    type Prepare = fn(&mut Table);
    let phases: [(Prepare, u64); 6] = [
        (|_| (), 7),
        (|table| table.end_of_input(0), 7),
        (|table| table.ask(0, |transport| transport.finish_writing()), 7),
        (|table| table.ask(0, |transport| transport.finish()), 7),
        (|table| table.take(0, 3), 4),
        (
            |table| {
                table.ask(0, |transport| transport.finish());
                table.take(0, 7);
            },
            0,
        ),
    ];
    for (prepare, unsent) in phases {
        let mut table = Table::with(Limits::default(), greets(b"goodbye"));
        prepare(&mut table);
        table.fail(0, gone);
        assert_eq!(table.calls(0).last(), Some(&Call::Closed(gone, unsent)));
        assert_eq!(gone.blame(), Blame::Peer);
    }
}

#[test]
fn an_end_in_order_is_never_a_reset_that_could_overtake_the_last_words() {
    type Prepare = fn(&mut Table);
    let ends: [(Prepare, CloseReason); 4] = [
        (|table| table.wait(60 * SECOND), CloseReason::TimedOut(Timeout::FirstByte)),
        (
            |table| {
                table.receive(0, "partial");
                table.wait(30 * SECOND);
            },
            CloseReason::TimedOut(Timeout::Message),
        ),
        (|table| table.receive(0, [0; 64 << 10]), CloseReason::InputFull),
        (|table| table.ask(0, |transport| transport.finish()), CloseReason::Finished),
    ];
    for (prepare, reason) in ends {
        let protocol = script(|transport, call| {
            if matches!(call, Call::Expired(_)) || transport.is_input_full() {
                transport.write(b"sorry");
            }
            0
        });
        let mut table = Table::with(Limits::default(), protocol);
        prepare(&mut table);
        table.run();
        table.end_of_input(0);
        table.run();
        assert_eq!(table.connection(0).close_reason(), Some(reason));
        assert_eq!(table.ends[0].wire, [Wire::ShutdownWrite, Wire::Close], "{reason}");
    }
}
