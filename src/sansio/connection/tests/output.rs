//! What is written: its order, its marks, its cap, and files.

use bytes::Bytes;

use super::script::{Call, listener, received, script};
use super::table::{SECOND, Table, file};
use crate::sansio::{CloseReason, FileRange, Limits, Output, Timeout, WhenFull, Wire};

fn marks(high: usize, low: usize) -> Limits {
    Limits::default().high_water(high).low_water(low)
}

fn text(length: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(length).collect()
}

#[test]
fn back_pressure_starts_strictly_above_the_high_mark_and_ends_at_the_low_one() {
    let mut table = Table::with(marks(10, 4), listener());
    table.ends[0].room = 0;
    table.ask(0, |transport| {
        transport.write(&[0; 10]);
        assert!(!transport.is_backpressured(), "at the mark is not above it");
        assert!(!transport.writer().is_backpressured());
        transport.write(&[0; 1]);
        assert!(transport.is_backpressured(), "it can be asked within the call");
        assert!(transport.writer().is_backpressured());
    });
    table.take(0, 6);
    assert!(table.connection(0).is_backpressured(), "below the high mark is not enough");
    assert_eq!(table.connection(0).wants_bytes(), 0, "the peer is not read from");
    table.take(0, 1);
    assert!(!table.connection(0).is_backpressured());
    assert!(table.connection(0).wants_bytes() > 0);
    assert_eq!(table.calls(0), [Call::Connected, Call::Writable]);
    table.take(0, 4);
    assert_eq!(table.calls(0), [], "it is called once");
}

#[test]
fn below_the_high_mark_nothing_is_called_writable() {
    let mut table = Table::with(marks(10, 4), listener());
    table.ask(0, |transport| transport.write(&[0; 10]));
    table.run();
    assert_eq!(table.calls(0), [Call::Connected]);
}

#[test]
fn writable_may_fill_the_output_again() {
    let mut left = 3;
    let filler = script(move |transport, call| {
        if matches!(call, Call::Connected | Call::Writable) && left > 0 {
            left -= 1;
            while !transport.is_backpressured() {
                transport.write(b"12345");
            }
        }
        usize::MAX
    });
    let mut table = Table::with(marks(10, 0), filler);
    table.run();
    assert_eq!(table.got(0), "12345".repeat(9));
    assert_eq!(table.calls(0), [Call::Connected, Call::Writable, Call::Writable, Call::Writable]);
}

#[test]
fn writable_also_comes_after_the_peers_end_but_not_while_finishing() {
    let mut table = Table::with(marks(10, 0), listener());
    table.end_of_input(0);
    table.ask(0, |transport| transport.write(&[0; 11]));
    table.run();
    assert_eq!(table.calls(0).last(), Some(&Call::Writable));
    table.ask(0, |transport| {
        transport.write(&[0; 11]);
        transport.finish();
    });
    table.run();
    assert_eq!(table.calls(0), [Call::Closed(CloseReason::Finished, 0)]);
}

#[test]
fn memory_above_the_cap_ends_the_connection() {
    let mut table = Table::with(marks(10, 0).output(20), listener());
    table.ask(0, |transport| transport.write(&[0; 20]));
    assert_eq!(table.connection(0).close_reason(), None);
    table.ask(0, |transport| {
        for _ in 0..1000 {
            transport.write(&[0; 10]);
        }
        assert_eq!(transport.unsent(), 30, "what comes after is not queued");
    });
    assert_eq!(table.calls(0), [Call::Connected, Call::Closed(CloseReason::OutputFull, 30)]);
    table.flush(0);
    assert_eq!(table.ends[0].wire, [Wire::Reset]);
}

#[test]
fn a_file_counts_whole_against_the_mark_but_takes_no_memory() {
    let mut table = Table::with(marks(10, 4).output(10), listener());
    let range = FileRange::new(file(&text(100)), 50, 50);
    table.ask(0, move |transport| transport.write_file(range));
    assert_eq!(table.connection(0).unsent(), 50);
    assert_eq!(table.desk.held(), 0);
    assert!(table.connection(0).is_backpressured());
    table.take(0, 45);
    assert!(table.connection(0).is_backpressured());
    table.take(0, 1);
    assert!(!table.connection(0).is_backpressured());
    table.take(0, 4);
    assert_eq!(table.got(0).as_bytes(), &text(100)[50..]);
}

#[test]
fn everything_leaves_in_the_order_it_was_written_whatever_the_wire_takes() {
    let long = text(300);
    let expected = [&b"copied "[..], &long, b" more ", &long[20..40], b"few", &long].concat();
    for step in (1..50).chain([1000]) {
        let mut table = Table::with(Limits::default(), listener());
        let long = long.clone();
        table.ask(0, move |transport| {
            transport.write(b"copied ");
            transport.write_shared(Bytes::from(long.clone()));
            transport.write(b" mo");
            transport.write(b"re ");
            transport.write_file(FileRange::new(file(&long), 20, 20));
            transport.write_shared(Bytes::from_static(b"few"));
            transport.write_shared(Bytes::from(long));
        });
        while table.connection(0).has_output() {
            table.ends[0].room = step;
            table.flush(0);
        }
        assert_eq!(table.got(0).as_bytes(), expected, "in steps of {step}");
        assert_eq!(table.desk.held(), 0);
    }
}

#[test]
fn a_file_can_be_read_by_the_driver_a_piece_at_a_time() {
    let mut table = Table::with(Limits::default(), listener());
    table.ask(0, |transport| {
        transport.write_file(FileRange::new(file(b"0123456789"), 2, 6));
        transport.write(b" and more");
    });
    let load = |table: &mut Table, bytes: &[u8]| {
        table.input(0, |connection, desk, _| connection.handle_file_bytes(desk, bytes));
    };
    load(&mut table, b"234");
    assert_eq!((table.desk.held(), table.connection(0).unsent()), (3 + 9, 6 + 9));
    load(&mut table, b"a second piece waits until the first is sent");
    load(&mut table, b"");
    assert_eq!(table.desk.held(), 3 + 9);
    table.take(0, 2);
    table.take(0, 1);
    load(&mut table, b"");
    load(&mut table, b"567 and what is behind the range");
    table.ends[0].room = usize::MAX;
    table.run();
    assert_eq!(table.got(0), "234567 and more");
}

#[test]
fn the_bytes_of_a_file_that_a_driver_reads_move_in_bounded_steps() {
    let mut table = Table::with(Limits::default().output(64 << 10), listener());
    let length = 10 << 20;
    table.ask(0, move |transport| {
        transport.write_file(FileRange::new(file(b""), 0, length));
        transport.write(&[0; 60 << 10]);
    });
    table.input(0, |connection, desk, _| {
        connection.handle_file_bytes(desk, &vec![0; length as usize]);
    });
    assert!(table.desk.held() <= (60 + 64) << 10, "{}", table.desk.held());
    assert_eq!(table.connection(0).unsent(), length + (60 << 10));
}

#[test]
fn nothing_written_is_nothing_queued() {
    let mut table = Table::with(Limits::default(), listener());
    table.ask(0, |transport| {
        transport.write(b"");
        transport.write_shared(Bytes::new());
        transport.write_file(FileRange::new(file(b""), 0, 0));
        transport.writer().write_with(|_| ());
    });
    table.deliver(0, b"", WhenFull::Drop, None);
    assert!(!table.connection(0).has_output());
    table.receive(0, "heard");
    table.wait(60 * SECOND);
    assert_eq!(table.calls(0), [Call::Connected, received("heard")], "nothing has stalled");
}

#[test]
fn a_writer_appends_like_the_transport_and_is_an_io_write() {
    use std::io::Write;
    let mut table = Table::with(Limits::default(), listener());
    table.ask(0, |transport| {
        let mut writer = transport.writer();
        writer.write(b"one ");
        write!(writer.reborrow(), "{} ", 2).unwrap();
        writer.write_with(|buffer| buffer.extend_from_slice(b"three "));
        writer.write_with(|_| ());
        writer.write_shared(Bytes::from_static(b"four"));
        assert_eq!(writer.unsent(), 16);
    });
    table.run();
    assert_eq!(table.got(0), "one 2 three four");
}

#[test]
fn buffers_are_owned_only_while_something_is_unsent() {
    let mut table = Table::with(Limits::default(), listener());
    table.ask(0, |transport| transport.write(b"some"));
    assert!(table.connection(0).line.out.is_some());
    table.take(0, 4);
    assert!(table.connection(0).line.out.is_none());
    assert!(!table.connection(0).has_output());
    let nothing = table.ends[0].connection.poll_output(&mut table.desk);
    assert!(matches!(nothing, Output::Nothing));
}

#[test]
fn bytes_wait_as_long_as_the_wire_takes_some() {
    let mut table = Table::with(Limits::default().write_stall(30 * SECOND), listener());
    table.ask(0, |transport| transport.write(&[b'x'; 5]));
    for _ in 0..5 {
        assert_eq!(table.connection(0).close_reason(), None);
        table.wait(29 * SECOND);
        table.take(0, 1);
    }
    assert_eq!(table.got(0), "xxxxx");
    table.ask(0, |transport| transport.write(b"x"));
    table.wait(30 * SECOND);
    let stalled = CloseReason::TimedOut(Timeout::WriteStall);
    assert_eq!(table.calls(0)[1..], [Call::Closed(stalled, 1)]);
    table.flush(0);
    assert_eq!(table.ends[0].wire, [Wire::Reset]);
}
