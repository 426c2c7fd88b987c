//! The queue: its limits, what gives way, who rests, and how long.

use super::*;

/// Three datagrams, or ten bytes.
fn tight(policy: DropPolicy) -> DatagramLimits {
    DatagramLimits::default().datagram(10).queue_bytes(10).queue_datagrams(3).queue_full(policy)
}

#[test]
fn a_full_queue_drops_the_newest_by_count_or_by_bytes() {
    let mut table = Table::silent(tight(DropPolicy::Newest));
    for text in ["a", "b", "c"] {
        assert_eq!(table.send(&peer(1), text.as_bytes()), SendOutcome::Queued);
    }
    assert_eq!(table.send(&peer(1), b""), SendOutcome::Dropped);
    assert_eq!(table.texts(), ["a", "b", "c"]);
    assert_eq!(table.send(&peer(1), b"123456"), SendOutcome::Queued);
    assert_eq!(table.send(&peer(2), b"12345"), SendOutcome::Dropped);
    assert_eq!(table.send(&peer(2), b"1234"), SendOutcome::Queued);
    assert_eq!(table.texts(), ["123456", "1234"]);
    assert_eq!(table.socket.counts().dropped, 2);
}

#[test]
fn a_full_queue_drops_as_many_of_the_oldest_as_it_takes() {
    let mut table = Table::silent(tight(DropPolicy::Oldest));
    for text in ["a", "b", "c"] {
        assert_eq!(table.send(&peer(1), text.as_bytes()), SendOutcome::Queued);
    }
    assert_eq!(table.send(&peer(1), b"d"), SendOutcome::QueuedForOlder);
    assert_eq!(table.send(&peer(1), b"123456789"), SendOutcome::QueuedForOlder);
    assert_eq!(table.texts(), ["d", "123456789"]);
    assert_eq!(table.socket.counts().dropped, 3);
}

#[test]
fn what_could_never_be_queued_is_too_large_under_either_policy() {
    for policy in [DropPolicy::Newest, DropPolicy::Oldest] {
        let mut table = Table::silent(tight(policy));
        table.send(&peer(1), b"precious");
        assert_eq!(table.send(&peer(1), &[7; 11]), SendOutcome::TooLarge { limit: 10 });
        assert_eq!(table.texts(), ["precious"], "nothing was dropped for it");
    }
}

#[test]
fn backpressure_begins_above_half_ends_at_an_eighth_and_is_told_once() {
    let limits = DatagramLimits::default().datagram(1).queue_bytes(1000).queue_datagrams(16);
    let mut table = Table::silent(limits);
    for _ in 0..8 {
        table.send(&peer(1), b"x");
    }
    assert!(!table.ask(|transport| transport.is_backpressured()), "half is not above half");
    table.send(&peer(1), b"x");
    assert!(table.ask(|transport| transport.is_backpressured()));
    for _ in 0..6 {
        table.dispatch(Dispatched::Sent);
    }
    assert!(table.socket.is_backpressured(), "three are more than an eighth");
    table.dispatch(Dispatched::Sent);
    assert!(!table.socket.is_backpressured());
    table.flush();
    assert_eq!(table.diary, [Call::Opened, Call::Writable]);
}

#[test]
fn writable_lets_a_producer_send_without_end_and_without_a_drop() {
    let limits = DatagramLimits::default().datagram(8).queue_bytes(64).queue_datagrams(8);
    let mut next: u64 = 0;
    let mut table = Table::new(limits, move |transport, call| {
        if let Call::Opened | Call::Writable = call {
            while !transport.is_backpressured() {
                assert!(transport.send_to(&peer(1), &next.to_be_bytes()).is_queued());
                next += 1;
            }
        }
    });
    for expected in 0..10_000_u64 {
        let (_, bytes) = table.dispatch(Dispatched::Sent).unwrap();
        assert_eq!(bytes, expected.to_be_bytes());
    }
    assert_eq!(table.socket.counts().dropped, 0);
}

#[test]
fn a_datagram_waits_no_longer_than_it_may() {
    let mut table = Table::silent(DatagramLimits::default().queue_time(5 * SECOND));
    table.send(&peer(1), b"old");
    table.pass(SECOND);
    table.send(&peer(1), b"new");
    table.pass(4 * SECOND);
    table.deadlines();
    assert_eq!(table.socket.counts().expired, 1);
    assert_eq!(table.texts(), ["new"]);
}

#[test]
fn a_receiver_without_room_rests_and_nobody_else_waits_for_it() {
    let mut table = Table::silent(DatagramLimits::default());
    for (to, text) in [(1, "a"), (2, "b"), (1, "c"), (3, "d")] {
        table.send(&peer(to), text.as_bytes());
    }
    assert_eq!(table.dispatch(Dispatched::NoRoom).unwrap().1, b"a");
    table.send(&peer(1), b"e");
    assert_eq!(table.texts(), ["b", "d"]);
    let retry = table.socket.poll_deadline().unwrap();
    assert!(retry > table.desk.now(), "it is no spin");
    table.pass(retry - table.desk.now());
    table.deadlines();
    assert_eq!(table.texts(), ["a", "c", "e"], "in order for each receiver");
    assert_eq!(table.socket.poll_deadline(), None);
}

#[test]
fn a_receiver_that_never_has_room_is_tried_less_and_less_often_until_its_time_is_up() {
    let mut table = Table::silent(DatagramLimits::default().queue_time(5 * SECOND));
    table.send(&peer(1), b"x");
    let began = table.desk.now();
    let mut tries = 0;
    while table.socket.counts().expired == 0 {
        tries += usize::from(table.dispatch(Dispatched::NoRoom).is_some());
        let next = table.socket.poll_deadline().unwrap();
        assert!(next > table.desk.now(), "it is no spin");
        table.pass(next - table.desk.now());
        table.deadlines();
    }
    assert_eq!(table.desk.now(), began + 5 * SECOND);
    assert!((50..150).contains(&tries), "{tries} tries in five seconds");
    // The next one that has no room is tried again soon, as if nothing had been.
    table.send(&peer(2), b"y");
    table.flush();
    table.send(&peer(1), b"x");
    table.dispatch(Dispatched::NoRoom);
    let rest = table.socket.poll_deadline().unwrap() - table.desk.now();
    assert_eq!(rest, Duration::from_millis(1));
}

#[test]
fn a_thousand_receivers_without_room_each_rest_and_each_keep_their_order() {
    let limits = DatagramLimits::default().queue_datagrams(3000);
    let mut table = Table::silent(limits);
    table.ask(|transport| {
        for text in [b"a", b"b"] {
            (1..=1000).for_each(|to| assert!(transport.send_to(&peer(to), text).is_queued()));
        }
        transport.send_to(&peer(1001), b"c");
    });
    for to in 1..=1000 {
        assert_eq!(table.dispatch(Dispatched::NoRoom), Some((peer(to), b"a".to_vec())));
    }
    assert_eq!(table.texts(), ["c"]);
    table.pass(Duration::from_millis(1));
    table.deadlines();
    let texts = table.texts();
    assert!(texts[..1000].iter().all(|text| text == "a"));
    assert!(texts.len() == 2000 && texts[1000..].iter().all(|text| text == "b"));
}

#[test]
fn the_oldest_gives_way_also_where_it_rests() {
    let mut table = Table::silent(tight(DropPolicy::Oldest));
    table.send(&peer(1), b"a");
    table.dispatch(Dispatched::NoRoom);
    table.pass(Duration::from_micros(1));
    for text in ["b", "c", "d"] {
        table.send(&peer(2), text.as_bytes());
    }
    assert_eq!(table.texts(), ["b", "c", "d"]);
    assert_eq!(table.socket.poll_deadline(), None, "nobody rests any more");
}

#[test]
fn a_loop_without_memory_drops_the_queue_and_counts_it() {
    let mut table = Table::silent(DatagramLimits::default());
    table.send(&peer(1), &[7; 1000]);
    table.send(&peer(2), &[7; 1000]);
    table.dispatch(Dispatched::NoRoom);
    table.socket.handle_overload(&mut table.desk, &mut table.diary);
    assert_eq!((table.desk.held(), table.socket.counts().dropped), (0, 2));
    assert!(table.socket.wants_datagrams());
}

#[test]
fn a_shared_datagram_is_not_copied() {
    let mut table = Table::silent(DatagramLimits::default());
    let news = bytes::Bytes::from(vec![7; 1000]);
    let at = news.as_ptr() as usize;
    table.ask(move |transport| {
        for number in 1..4 {
            transport.send_shared_to(&peer(number), news.clone());
        }
        assert_eq!(transport.unsent(), 3000);
    });
    while let Some(next) = table.socket.poll_output() {
        assert_eq!(next.bytes.as_ptr() as usize, at);
        table.dispatch(Dispatched::Sent);
    }
    assert_eq!(table.socket.counts().sent, 3);
}
