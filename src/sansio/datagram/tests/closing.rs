//! How a socket ends.

use super::*;

fn reason(table: &Table) -> Call {
    table.diary.last().unwrap().clone()
}

#[test]
fn finish_sends_what_is_queued_and_takes_nothing_more() {
    let mut table = Table::silent(DatagramLimits::default());
    table.send(&peer(1), b"a");
    let after = table.ask(|transport| {
        transport.send_to(&peer(1), b"b");
        transport.finish();
        transport.send_to(&peer(1), b"too late")
    });
    assert_eq!(after, SendOutcome::Closing);
    assert!(!table.socket.wants_datagrams() && !table.socket.is_closed());
    table.receive(&peer(1), b"too late");
    assert_eq!(table.texts(), ["a", "b"]);
    assert_eq!(table.diary, [Call::Opened, Call::Closed(CloseReason::Finished, 0)]);
}

#[test]
fn finish_with_nothing_queued_ends_at_once() {
    let mut table = Table::silent(DatagramLimits::default());
    table.ask(|transport| transport.finish());
    assert_eq!(reason(&table), Call::Closed(CloseReason::Finished, 0));
}

#[test]
fn a_finish_that_cannot_send_ends_by_the_time_of_the_queue_and_says_what_it_did_not() {
    let mut table = Table::silent(DatagramLimits::default().queue_time(5 * SECOND));
    table.send(&peer(1), b"abc");
    table.pass(2 * SECOND);
    table.send(&peer(2), b"de");
    table.close(Closing::Finish);
    let began = table.desk.now();
    assert_eq!(table.socket.poll_deadline(), Some(began + 3 * SECOND));
    table.pass(3 * SECOND);
    table.deadlines();
    assert!(!table.socket.is_closed(), "the second has waited less");
    table.pass(2 * SECOND);
    table.deadlines();
    assert_eq!(reason(&table), Call::Closed(CloseReason::TimedOut(Timeout::Closing), 5));
    assert_eq!(table.socket.counts().expired, 2);
}

#[test]
fn what_the_system_refuses_after_finish_is_said_and_is_no_lateness() {
    let mut table = Table::silent(DatagramLimits::default());
    table.send(&peer(1), b"abc");
    table.close(Closing::Finish);
    table.dispatch(Dispatched::Failed(std::io::ErrorKind::NotFound));
    assert_eq!(reason(&table), Call::Closed(CloseReason::Finished, 3));
}

#[test]
fn abort_drops_what_is_queued_counts_it_and_wins_over_finish() {
    let mut table = Table::silent(DatagramLimits::default());
    table.send(&peer(1), b"abc");
    table.ask(|transport| {
        transport.abort();
        transport.finish();
    });
    assert_eq!(reason(&table), Call::Closed(CloseReason::Aborted, 3));
    assert_eq!(table.socket.counts().dropped, 1);
    assert_eq!((table.socket.poll_output(), table.socket.poll_deadline()), (None, None));
}

#[test]
fn abort_ends_a_finish_that_is_under_way() {
    let mut table = Table::silent(DatagramLimits::default());
    table.send(&peer(1), b"abc");
    table.close(Closing::Finish);
    table.close(Closing::Abort);
    assert_eq!(reason(&table), Call::Closed(CloseReason::Aborted, 3));
}

#[test]
fn stopping_finishes_unless_the_protocol_has_its_own_idea() {
    struct Plain;
    impl DatagramProtocol<Diary> for Plain {
        fn received(
            &mut self,
            _: &mut DatagramTransport<'_, Diary>,
            _: &mut Diary,
            _: &Address,
            _: &[u8],
        ) {
        }
    }
    let mut table = Table::silent(DatagramLimits::default());
    table.socket.handle_stopping(&mut table.desk, &mut table.diary);
    assert!(table.socket.wants_datagrams(), "this one goes on");
    let (id, limits) = (ConnectionId::new(1, 1), DatagramLimits::default());
    let mut plain = DatagramSocket::new(id, Box::new(Plain), peer(0), limits);
    plain.handle_opened(&mut table.desk, &mut table.diary);
    plain.handle_stopping(&mut table.desk, &mut table.diary);
    assert_eq!(plain.close_reason(), Some(CloseReason::Finished));
}

#[test]
fn a_socket_that_was_never_told_it_is_open_is_told_that_it_ended() {
    type End = fn(&mut Table);
    let ends: [(End, CloseReason); 4] = [
        (|t| t.socket.handle_stopping(&mut t.desk, &mut t.diary), CloseReason::Stopped),
        (|t| t.close(Closing::Finish), CloseReason::Finished),
        (|t| t.close(Closing::Abort), CloseReason::Aborted),
        (
            |t| t.socket.handle_failure(&mut t.desk, &mut t.diary, CloseReason::Overloaded),
            CloseReason::Overloaded,
        ),
    ];
    for (end, reason) in ends {
        let mut table = Table::unopened(DatagramLimits::default(), |_, _| {});
        end(&mut table);
        assert_eq!(table.diary, [Call::Closed(reason, 0)]);
        table.socket.handle_opened(&mut table.desk, &mut table.diary);
    }
}

#[test]
fn what_is_asked_while_being_closed_is_ignored() {
    let mut table = Table::new(DatagramLimits::default(), |transport, call| {
        if let Call::Closed(..) = call {
            assert_eq!(transport.send_to(&peer(1), b"x"), SendOutcome::Closing);
            transport.finish();
            transport.set_timeout(SECOND);
        }
    });
    table.close(Closing::Abort);
    assert_eq!((table.socket.poll_output(), table.socket.poll_deadline()), (None, None));
}
