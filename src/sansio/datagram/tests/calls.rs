//! What a protocol is told, and what it may ask.

use std::panic::{self, AssertUnwindSafe};

use bytes::Bytes;

use super::*;
use crate::sansio::{Limits, ListenerId, PostError, Protocol, Request, Transport, WhenFull};

#[test]
fn a_datagram_is_told_whole_with_its_sender_and_answered_to_it() {
    let mut table = Table::new(DatagramLimits::default(), |transport, call| {
        if let Call::Received(_, bytes) = call {
            assert_eq!(transport.reply(bytes), SendOutcome::Queued);
        }
    });
    table.receive(&peer(1), b"one");
    table.receive(&peer(2), b"");
    let received = |number, bytes: &[u8]| Call::Received(peer(number), bytes.to_vec());
    assert_eq!(table.diary, [Call::Opened, received(1, b"one"), received(2, b"")]);
    assert_eq!(table.flush(), [(peer(1), b"one".to_vec()), (peer(2), Vec::new())]);
    let counts = table.socket.counts();
    assert_eq!((counts.received, counts.sent), (2, 2));
}

#[test]
fn nothing_is_told_before_it_is_open() {
    let mut table = Table::unopened(DatagramLimits::default(), |_, _| {});
    table.receive(&peer(1), b"early");
    table.socket.handle_notified(&mut table.desk, &mut table.diary, Box::new("early"));
    table.deadlines();
    assert!(table.diary.is_empty() && !table.socket.wants_datagrams());
    assert!(table.socket.is_opening());
}

#[test]
fn a_datagram_above_the_limit_is_counted_and_not_even_told_in_part() {
    let mut table = Table::silent(DatagramLimits::default().datagram(10));
    table.receive(&peer(1), &[7; 10]);
    table.receive(&peer(1), &[7; 11]);
    table.socket.handle_truncated();
    let counts = table.socket.counts();
    assert_eq!((counts.received, counts.truncated), (1, 2));
    assert_eq!(table.diary.len(), 2);
}

#[test]
fn errors_of_receiving_and_sending_end_nothing() {
    let mut table = Table::silent(DatagramLimits::default());
    table.socket.handle_receive_error(std::io::ErrorKind::ConnectionRefused);
    table.send(&peer(1), b"a");
    table.send(&peer(1), b"b");
    table.dispatch(Dispatched::Failed(std::io::ErrorKind::ConnectionRefused));
    table.dispatch(Dispatched::TooLarge);
    let counts = table.socket.counts();
    assert_eq!((counts.receive_errors, counts.failed, counts.too_large), (1, 1, 1));
    assert!(table.socket.wants_datagrams());
    assert_eq!(table.desk.held(), 0);
}

#[test]
fn an_own_deadline_is_told_once_and_may_be_set_again() {
    let mut table = Table::new(DatagramLimits::default(), |transport, call| match call {
        Call::Opened => transport.set_timeout(SECOND),
        Call::Expired => {
            assert_eq!(transport.deadline(), None);
            transport.set_deadline(transport.now() + 2 * SECOND);
        }
        _ => {}
    });
    let began = table.desk.now();
    for after in [1, 3, 5] {
        assert_eq!(table.socket.poll_deadline(), Some(began + after * SECOND));
        table.deadlines();
        table.pass(began + after * SECOND - table.desk.now());
        table.deadlines();
    }
    assert_eq!(table.diary.iter().filter(|call| **call == Call::Expired).count(), 3);
    table.ask(|transport| transport.clear_deadline());
    assert_eq!(table.socket.poll_deadline(), None, "a socket may be silent for years");
}

#[test]
fn a_reply_without_a_datagram_or_to_somebody_without_a_name_has_no_receiver() {
    let mut table = Table::silent(DatagramLimits::default());
    let outcome = table.ask(|transport| transport.reply(b"to whom?"));
    assert_eq!(outcome, SendOutcome::NoReceiver);
    let local = "unixgram:@me".parse().unwrap();
    let mut table = Table::at(local, DatagramLimits::default(), |transport, call| {
        if let Call::Received(..) = call {
            assert_eq!(transport.reply(b"who are you?"), SendOutcome::NoReceiver);
        }
    });
    table.receive(&"unixgram:".parse().unwrap(), b"hello");
    assert_eq!((table.diary.len(), table.socket.counts().failed), (2, 1));
}

#[test]
fn what_cannot_be_reached_is_refused_at_once_and_said() {
    let mut table = Table::silent(DatagramLimits::default());
    for out_of_reach in ["tcp://192.0.2.1:1", "unixgram:@a", "unix:@a", "udp://[::1]:9"] {
        let to: Address = out_of_reach.parse().unwrap();
        assert_eq!(table.send(&to, b"x"), SendOutcome::OutOfReach, "{out_of_reach}");
    }
    assert_eq!(table.socket.poll_output(), None);
    assert_eq!(table.socket.counts().failed, 4);
}

#[test]
fn the_largest_datagram_is_that_of_the_kind_or_of_the_limit() {
    let most = |local: &str, to: &str, limits: DatagramLimits| {
        let mut table = Table::at(local.parse().unwrap(), limits, |_, _| {});
        let to = to.parse().unwrap();
        let SendOutcome::TooLarge { limit } = table.send(&to, &[0; 1 << 20]) else { panic!() };
        assert_eq!(table.send(&to, &vec![0; limit]), SendOutcome::Queued);
        assert_eq!(table.send(&to, &vec![0; limit + 1]), SendOutcome::TooLarge { limit });
        assert_eq!(table.socket.counts().too_large, 2);
        limit
    };
    let usual = DatagramLimits::default;
    assert_eq!(most("udp://127.0.0.1:1", "udp://127.0.0.1:2", usual()), 65_507);
    assert_eq!(most("udp://[::]:1", "udp://127.0.0.1:2", usual()), 65_507);
    assert_eq!(most("udp://[::]:1", "udp://[::ffff:127.0.0.1]:2", usual()), 65_507);
    assert_eq!(most("udp://[::]:1", "udp://[::1]:2", usual()), 65_527);
    assert_eq!(most("unixgram:@a", "unixgram:@b", usual()), 65_535);
    assert_eq!(most("udp://127.0.0.1:1", "udp://127.0.0.1:2", usual().datagram(99)), 99);
}

#[test]
fn what_is_asked_of_others_is_a_request_like_any_other() {
    struct Nobody;
    impl Protocol<Diary> for Nobody {
        fn received(&mut self, _: &mut Transport<'_, Diary>, _: &mut Diary, _: &[u8]) -> usize {
            0
        }
    }
    let mut table = Table::silent(DatagramLimits::default());
    let other = ConnectionId::new(1, 1);
    table.ask(move |transport| {
        transport.send(other, Bytes::from_static(b"x"), WhenFull::PauseSource);
        transport.broadcast(ListenerId::new(0), Bytes::from_static(b"x"), WhenFull::Drop);
        transport.notify(other, Box::new(()));
        transport.close(other, Closing::Finish);
        transport.connect("192.0.2.1:1".parse::<Address>().unwrap(), Nobody, Limits::default());
    });
    let asked: Vec<_> = std::iter::from_fn(|| table.desk.poll_request()).collect();
    // It has no peer to be paused for another's sake.
    assert!(matches!(asked[0], Request::Send { from: None, .. }), "{asked:?}");
    assert!(matches!(asked[1], Request::Broadcast { from: None, .. }), "{asked:?}");
    assert!(matches!(asked[2], Request::Notify { .. }), "{asked:?}");
    assert!(matches!(asked[3], Request::Close { .. }), "{asked:?}");
    assert!(matches!(asked[4], Request::Connect { .. }), "{asked:?}");
}

#[test]
fn the_transport_says_who_and_when_it_is() {
    let mut table = Table::silent(DatagramLimits::default().datagram(77));
    let now = table.desk.now();
    table.ask(move |transport| {
        assert_eq!((transport.id(), transport.local()), (ConnectionId::new(7, 7), &peer(0)));
        assert_eq!((transport.now(), transport.wall_time()), (now, SystemTime::UNIX_EPOCH));
        assert_eq!(transport.limits().datagram, 77);
        assert_eq!(transport.remote().connection(), transport.id());
        let lost = transport.remote().notify(Box::new(())).unwrap_err();
        assert!(matches!(lost, PostError::LoopGone(_)), "this desk has no post");
    });
}

#[test]
fn a_panic_in_any_call_ends_the_socket_without_a_further_one() {
    for at in ["Opened", "Received", "Writable", "Expired", "Notified", "Stopping", "Closed"] {
        let limits = DatagramLimits::default().datagram(1).queue_bytes(4).queue_datagrams(4);
        let mut table = Table::unopened(limits, move |transport, call| {
            assert!(!format!("{call:?}").starts_with(at), "a panic on purpose");
            if let Call::Received(..) = call {
                for _ in 0..4 {
                    transport.reply(b"x");
                }
                transport.set_timeout(SECOND);
            }
        });
        let mut step = |input: &mut dyn FnMut(&mut Table)| {
            panic::catch_unwind(AssertUnwindSafe(|| input(&mut table))).is_err()
        };
        let mut panics = 0;
        panics += usize::from(step(&mut |t| t.socket.handle_opened(&mut t.desk, &mut t.diary)));
        panics += usize::from(step(&mut |t| t.receive(&peer(1), b"?")));
        panics += usize::from(step(&mut |t| drop(t.flush())));
        panics += usize::from(step(&mut |t| t.pass(SECOND)));
        panics += usize::from(step(&mut Table::deadlines));
        panics += usize::from(step(&mut |t| {
            t.socket.handle_notified(&mut t.desk, &mut t.diary, Box::new("news"));
        }));
        panics += usize::from(step(&mut |t| {
            t.socket.handle_stopping(&mut t.desk, &mut t.diary);
        }));
        panics += usize::from(step(&mut |t| t.close(Closing::Finish)));
        assert_eq!(panics, 1, "{at}");
        table.socket.handle_panic(&mut table.desk);
        assert!(table.socket.is_closed(), "{at}");
        let last = table.diary.last().unwrap().clone();
        assert!(format!("{last:?}").starts_with(at), "{at}: {last:?} came after the panic");
        assert_eq!((table.desk.held(), table.socket.poll_deadline()), (0, None), "{at}");
        table.diary.retain(|call| !matches!(call, Call::Closed(..)));
        table.diary.extend((at == "Closed").then_some(Call::Closed(CloseReason::Finished, 0)));
    }
}
