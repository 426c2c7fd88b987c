//! Clocks that run out, and those that must not.

use std::time::{Duration, SystemTime};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn p13_a_silent_peer_a_slow_message_an_idle_one_and_a_slow_reader_end_by_four_clocks() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| match call {
            Call::Received(b"big") => {
                on.write(&[7; 5000]);
                3
            }
            // A message ends with a full stop.
            Call::Received(bytes) => bytes.iter().rposition(|b| *b == b'.').map_or(0, |at| at + 1),
            _ => 0,
        })
    });
    let clients = rig.clients(4);
    clients[1].send("a message begun");
    clients[2].send("done.");
    clients[3].pipe().room = 10;
    clients[3].send("big");
    rig.settle();
    let mut ends = Vec::new();
    let began = rig.net.clock.now();
    while rig.open() > 0 {
        // A byte a second does not stop the clock of a message.
        clients[1].send("y");
        rig.pass(SECOND);
        while ends.len() < rig.seen.reasons.len() {
            let seconds = (rig.net.clock.now() - began).as_secs();
            ends.push((rig.seen.reasons[ends.len()], seconds));
        }
        clients.iter().filter(|client| client.pipe().is_shut).for_each(Client::finish);
        assert!(rig.net.clock.now() - began < 10 * MINUTE);
    }
    let timed_out = |(timeout, second)| (CloseReason::TimedOut(timeout), second);
    let expected = [
        (Timeout::Message, 31),
        (Timeout::WriteStall, 31),
        (Timeout::FirstByte, 61),
        (Timeout::Idle, 301),
    ];
    let is_near = |(found, expected): (&(CloseReason, u64), &(CloseReason, u64))| {
        found.0 == expected.0 && found.1.abs_diff(expected.1) <= 1
    };
    let mut expected = expected.map(timed_out);
    ends.sort_by_key(|(reason, _)| reason.to_string());
    expected.sort_by_key(|(reason, _)| reason.to_string());
    assert!(ends.iter().zip(&expected).all(is_near), "{ends:?}");
}

#[test]
fn p14_a_deadline_moved_a_million_times_takes_no_memory_and_fires_once() {
    struct Mover;
    impl Protocol<Seen> for Mover {
        fn received(&mut self, on: &mut Transport<'_, Seen>, _: &mut Seen, b: &[u8]) -> usize {
            on.set_deadline(on.now() + 10 * SECOND);
            b.len()
        }

        fn expired(&mut self, on: &mut Transport<'_, Seen>, seen: &mut Seen, _: Timeout) {
            seen.calls.push((on.id(), "expired"));
        }
    }
    let mut rig = Rig::with(Config::default().read_size(1));
    rig.listen(Limits::default(), |_| Mover);
    let client = rig.client();
    client.send("x");
    rig.settle();
    let before = (rig.engine.wheel.len(), rig.engine.wheel.capacity());
    client.send(vec![7; 1_000_000]);
    while rig.engine.next_deadline() == Deadline::Now || rig.net.world().tally.bytes_in < 1_000_001
    {
        rig.turn();
        rig.net.clock.advance(Duration::from_micros(37));
    }
    assert_eq!((rig.engine.wheel.len(), rig.engine.wheel.capacity()), before);
    assert_eq!(rig.count("expired"), 0);
    rig.pass(11 * SECOND);
    assert_eq!(rig.count("expired"), 1);
}

#[test]
fn p15_rule_6_a_deadline_that_sets_itself_again_at_once_starves_nobody() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| match call {
            Call::Connected | Call::Expired(_) => {
                on.set_deadline(on.now());
                0
            }
            Call::Received(bytes) => {
                on.write(bytes);
                bytes.len()
            }
            _ => 0,
        })
    });
    let client = rig.net.dial();
    rig.turn();
    for round in 0..100 {
        client.send("x");
        let turn = rig.turn();
        assert!(turn.callbacks <= 2, "round {round}: one deadline, one message");
        assert_eq!(client.take(), b"x", "round {round}");
        assert!(turn.more, "it is honest about it");
    }
    assert!((90..=101).contains(&rig.count("expired")), "{}", rig.count("expired"));
}

#[test]
fn a_deadline_of_its_own_that_fired_leaves_the_idle_clock_running() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| match call {
            Call::Received(bytes) => {
                if bytes == b"soon" {
                    on.set_deadline(on.now() + SECOND);
                }
                bytes.len()
            }
            _ => 0,
        })
    });
    let client = rig.client();
    for word in ["hello", "soon"] {
        client.send(word);
        rig.settle();
    }
    rig.pass(2 * SECOND);
    assert_eq!(rig.count("expired"), 1);
    assert_eq!(rig.engine.wheel.len(), 1, "its timer is armed for what comes next");
    rig.pass(6 * MINUTE);
    assert_eq!(rig.count("expired"), 2, "the idle clock ran");
}

#[test]
fn a_deadline_of_its_own_that_is_cleared_leaves_the_idle_clock_where_it_was() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| match call {
            Call::Received(bytes) => {
                on.set_deadline(on.now() + 290 * SECOND);
                bytes.len()
            }
            Call::Notified(message) => {
                match message.downcast::<u32>() {
                    Ok(seconds) => on.set_deadline(on.now() + *seconds * SECOND),
                    Err(_) => on.clear_deadline(),
                }
                0
            }
            _ => 0,
        })
    });
    let client = rig.client();
    client.send("x");
    rig.settle();
    let (id, handle) = (rig.ids()[0], rig.engine.handle());
    rig.pass(280 * SECOND);
    handle.notify(id, Box::new(299_u32)).unwrap();
    rig.pass(15 * SECOND);
    handle.notify(id, Box::new(299_u32)).unwrap();
    rig.pass(10 * SECOND);
    assert_eq!(rig.count("expired"), 0, "idle stands back for it, and it was moved");
    handle.notify(id, Box::new(())).unwrap();
    rig.pass(SECOND);
    assert_eq!(rig.count("expired"), 1, "305 s of silence are too many");
}

#[test]
fn a_deadline_of_its_own_fires_although_the_peer_never_pauses() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| match call {
            Call::Connected => {
                on.set_deadline(on.now() + SECOND);
                0
            }
            Call::Received(bytes) => bytes.len(),
            _ => 0,
        })
    });
    let client = rig.client();
    for _ in 0..1000 {
        client.send(vec![7; 70_000]);
        rig.advance(MILLISECOND * 2);
        rig.turn();
    }
    assert_eq!(rig.count("expired"), 1);
}

#[test]
fn p17_the_turn_names_the_longest_callback_and_whose_it_was() {
    let mut rig = Rig::new();
    let clock = rig.net.clock.clone();
    let mut number = 0;
    rig.listen(Limits::default(), move |_| {
        number += 1;
        silent_costing(&clock, if number == 2 { 80 } else { 3 })
    });
    let clients = rig.clients(3);
    let ids = rig.ids();
    clients.iter().for_each(|client| client.send("x"));
    let longest = rig.turn().longest.unwrap();
    assert_eq!((longest.connection, longest.callback), (ids[1], "received"));
    assert_eq!(longest.time, 80 * MILLISECOND);
    rig.advance(Duration::from_secs(3600));
    let longest = rig.turn().longest.unwrap();
    assert_eq!((longest.connection, longest.callback), (ids[1], "expired"));
    assert_eq!(rig.engine.stats().longest.unwrap().time, 80 * MILLISECOND);
}

fn silent_costing(clock: &ManualClock, milliseconds: u32) -> impl Protocol<Seen> + use<> {
    probe(|call, _, _| if let Call::Received(bytes) = call { bytes.len() } else { 0 })
        .costing(clock, MILLISECOND * milliseconds)
}

#[test]
fn p17_an_end_that_takes_long_is_named_as_such() {
    let mut rig = Rig::new();
    let clock = rig.net.clock.clone();
    rig.listen(Limits::default(), move |_| silent_costing(&clock, 80));
    let client = rig.client();
    client.reset();
    let longest = rig.turn().longest.unwrap();
    assert_eq!((longest.callback, longest.time), ("closed", 80 * MILLISECOND));
}

#[test]
fn p17_what_the_host_itself_spends_is_blamed_on_no_connection() {
    let mut rig = Rig::echo();
    let client = rig.client();
    let (handle, id) = (rig.engine.handle(), rig.ids()[0]);
    let clock = rig.net.clock.clone();
    handle.post(move |_, _| clock.advance(SECOND)).unwrap();
    handle.notify(id, Box::new(())).unwrap();
    let turn = rig.turn();
    assert_eq!(turn.longest.unwrap().time, Duration::ZERO);
    let clock = rig.net.clock.clone();
    rig.listen(Limits::default(), move |_| {
        clock.advance(SECOND);
        echo()
    });
    rig.net.dial_from("192.0.2.1", 1);
    assert_eq!(rig.turn().longest.unwrap().time, Duration::ZERO);
    drop(client);
}

#[test]
fn p21_the_wall_clock_may_jump_and_no_deadline_minds() {
    let mut rig = Rig::echo();
    rig.client();
    for jump in [SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40)] {
        rig.net.clock.set_wall_time(jump);
        let turn = rig.turn();
        assert_eq!((turn.callbacks, turn.late), (0, Duration::ZERO));
    }
    rig.pass(59 * SECOND);
    assert_eq!(rig.count("expired"), 0);
    rig.pass(2 * SECOND);
    assert_eq!(rig.count("expired"), 1);
}

#[test]
fn p21_after_hours_away_bytes_that_wait_come_before_the_clocks_that_ran_out() {
    let mut rig = Rig::echo();
    let clients = rig.clients(3);
    clients.iter().for_each(|client| client.send("x"));
    rig.settle();
    clients[0].send("in time");
    rig.advance(5 * 60 * MINUTE);
    let turn = rig.turn();
    assert_eq!(clients[0].take(), b"xin time");
    assert_eq!(rig.count("expired"), 2, "the two that were silent");
    assert!(turn.late > 4 * 60 * MINUTE, "and the host is told how late it is: {:?}", turn.late);
    assert_eq!(rig.engine.stats().lag, turn.late);
    rig.settle();
    assert!(!clients[0].pipe().is_shut, "it lives on");
}

#[test]
fn p21_bytes_that_wait_count_also_where_the_budget_did_not_reach_them() {
    let mut rig = Rig::echo();
    let clients = rig.clients(5);
    clients.iter().for_each(|client| client.send("x"));
    rig.settle();
    clients[..4].iter().for_each(|client| client.send("x"));
    rig.advance(5 * 60 * MINUTE);
    while rig.engine.next_deadline() == Deadline::Now || rig.count("expired") == 0 {
        rig.turn_within(Budget::default().connections(1));
    }
    assert_eq!(rig.count("expired"), 1);
    assert!(clients[..4].iter().all(|client| client.take() == b"xx"));
}

#[test]
fn p21_with_a_full_batch_of_events_the_clocks_wait_until_all_were_fetched() {
    let mut rig = Rig::echo();
    let clients = rig.clients(12);
    rig.net.world().batch = 4;
    rig.net.world().is_batch_fixed = true;
    clients[..11].iter().for_each(|client| client.send("x"));
    rig.advance(5 * 60 * MINUTE);
    assert_eq!(rig.turn().events, 4);
    assert_eq!(rig.count("expired"), 0, "who is next in the poll may have sent something");
    rig.settle();
    assert_eq!(rig.count("expired"), 1, "and had");
    assert!(clients[..11].iter().all(|client| client.take() == b"x"));
}

#[test]
fn clocks_run_out_although_every_batch_of_events_is_full() {
    let mut rig = Rig::echo();
    let clients = rig.clients(12);
    rig.net.world().batch = 4;
    rig.net.world().is_batch_fixed = true;
    let mut until_expired = None;
    for second in 0..100 {
        clients[..8].iter().for_each(|client| client.send("x"));
        rig.advance(SECOND);
        assert_eq!(rig.turn().events, 4);
        if rig.count("expired") == 4 {
            until_expired.get_or_insert(second);
        }
    }
    assert!(until_expired.is_some_and(|second| second <= 65), "{until_expired:?}");
}

#[test]
fn a_timer_that_fires_early_because_its_connection_was_busy_is_not_late() {
    let mut rig = Rig::echo();
    let client = rig.client();
    client.send("x");
    rig.settle();
    rig.advance(250 * SECOND);
    client.send("x");
    rig.settle();
    rig.advance(200 * SECOND);
    assert_eq!(rig.turn().late, Duration::ZERO, "its clock has 100 s to go");
    assert_eq!(rig.engine.stats().lag, Duration::ZERO);
}
