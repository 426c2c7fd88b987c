//! Peers that do not read, and sources that must wait for them.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;

use super::world::Fate;
use super::*;
use crate::sansio::{FileRange, WhenFull};

/// Produces without end, as long as it is not asked to stop.
fn endless(piece: usize) -> impl Protocol<Seen> {
    probe(move |call, on, _| {
        let length = if let Call::Received(bytes) = &call { bytes.len() } else { 0 };
        if let Call::Received(_) | Call::Writable = call {
            while !on.is_backpressured() {
                on.write(&vec![7; piece]);
            }
        }
        length
    })
}

#[test]
fn p08_a_peer_that_stops_reading_costs_its_mark_and_the_source_waits() {
    let mut rig = Rig::new();
    let limits = Limits::default();
    rig.listen(limits.clone(), |_| endless(1000));
    let client = rig.client();
    client.pipe().room = 10_000;
    client.send("go");
    let mut taken = 0;
    while taken < 4 << 20 {
        rig.settle();
        let held = rig.engine.stats().held;
        assert!(held <= limits.high_water + 1000, "{held} bytes held");
        let calls = rig.seen.calls.len();
        assert!(rig.settle() < 2 && rig.seen.calls.len() == calls, "nothing moves meanwhile");
        taken += client.take().len();
    }
    assert!(rig.count("writable") > 40, "it resumes at the low mark each time");
}

#[test]
fn p08_a_gibibyte_offered_by_a_peer_is_left_with_its_own_system() {
    let mut rig = Rig::echo();
    let client = rig.client();
    client.pipe().room = 1000;
    for _ in 0..64 {
        client.send(vec![7; 16 << 10]);
        rig.settle();
    }
    let held = rig.engine.stats().held;
    assert!(held <= (64 << 10) + (16 << 10), "{held} bytes held");
    let unread = client.pipe().inbound.len();
    assert!(unread > 900_000, "{unread} bytes wait where they are");
    let mut back = 0;
    while back < 1 << 20 {
        client.pipe().room = 100_000;
        back += client.take().len();
        rig.settle();
    }
    assert_eq!(back, 1 << 20, "and none is lost");
}

#[test]
fn p08_a_source_is_paused_for_a_full_target_and_resumes_at_its_low_mark() {
    let mut rig = Rig::new();
    // The first that connects listens; whatever the others say goes to it.
    rig.listen(Limits::default(), |_| {
        probe(|call, on, seen| match call {
            Call::Received(bytes) => {
                let to = seen.calls[0].0;
                on.send(to, Bytes::copy_from_slice(bytes), WhenFull::PauseSource);
                bytes.len()
            }
            _ => 0,
        })
    });
    let (target, source) = (rig.client(), rig.client());
    target.pipe().room = 1000;
    for _ in 0..100 {
        source.send(vec![7; 10_000]);
        rig.settle();
    }
    let held = rig.engine.stats().held;
    assert!(held <= (64 << 10) + (64 << 10), "{held} bytes held");
    assert!(source.pipe().inbound.len() > 800_000, "the source is not read from");
    target.pipe().room = 10_000;
    let mut arrived = 0;
    while arrived < 1_000_000 {
        arrived += target.take().len();
        rig.settle();
    }
    assert_eq!(arrived, 1_000_000);
}

#[test]
fn p08_a_source_goes_on_when_the_target_that_held_it_is_gone() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, seen| match call {
            Call::Received(bytes) => {
                let to = seen.calls[0].0;
                on.send(to, Bytes::copy_from_slice(bytes), WhenFull::PauseSource);
                bytes.len()
            }
            _ => 0,
        })
    });
    let (target, source) = (rig.client(), rig.client());
    target.pipe().room = 10;
    source.send(vec![7; 500_000]);
    rig.settle();
    assert!(!source.pipe().inbound.is_empty());
    target.reset();
    rig.settle();
    assert!(source.pipe().inbound.is_empty(), "its bytes go nowhere now, but they go");
}

#[test]
fn a_write_that_came_short_is_not_followed_by_a_vain_one() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| endless(1000));
    let client = rig.client();
    client.pipe().room = 10_000;
    client.send("go");
    rig.settle();
    assert_eq!(rig.net.world().tally.writes, 1);
}

#[test]
fn a_file_is_sent_in_steps_that_take_no_memory() {
    for can_send_file in [true, false] {
        let mut rig = Rig::new();
        rig.net.world().can_send_file = can_send_file;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; 3 << 20]).unwrap();
        let file = Arc::new(file);
        rig.listen(Limits::default(), move |_| {
            let file = Arc::clone(&file);
            probe(move |call, on, _| {
                if let Call::Connected = call {
                    on.write(b"head");
                    on.write_file(FileRange::new(Arc::clone(&file), 0, 3 << 20));
                    on.finish();
                }
                0
            })
        });
        let client = rig.net.dial();
        client.pipe().room = 100_000;
        let mut arrived = 0;
        while arrived < (3 << 20) + 4 {
            let turn = rig.turn();
            assert!(turn.bytes_out <= (256 << 10) + 4, "a bounded step: {}", turn.bytes_out);
            let held = rig.engine.stats().held;
            assert!(held <= 64 << 10, "{held} bytes held");
            arrived += client.take().len();
        }
        assert_eq!(rig.net.world().tally.file_sends > 0, can_send_file);
    }
}

#[test]
fn a_file_that_became_shorter_ends_its_connection_by_a_reset() {
    for can_send_file in [true, false] {
        let mut rig = Rig::new();
        rig.net.world().can_send_file = can_send_file;
        rig.listen(Limits::default(), move |_| {
            probe(move |call, on, _| {
                if let Call::Connected = call {
                    let mut file = tempfile::tempfile().unwrap();
                    file.write_all(b"short").unwrap();
                    on.write_file(FileRange::new(file, 0, 100));
                }
                0
            })
        });
        let client = rig.client();
        assert_eq!(rig.seen.reasons, [CloseReason::File]);
        assert_eq!(client.fate(), Some(Fate::ByReset));
        assert_eq!(rig.engine.stats().held, 0);
    }
}

#[test]
fn a_message_of_no_bytes_is_no_output_and_no_stall() {
    let mut rig = Rig::new();
    let listener = rig.listen(Limits::default(), |_| {
        probe(|call, on, _| match call {
            Call::Received(bytes) => {
                on.write(b"");
                on.write_shared(Bytes::new());
                on.writer().write_with(|_| {});
                bytes.len()
            }
            _ => 0,
        })
    });
    let clients = rig.clients(2);
    let handle = rig.engine.handle();
    handle.broadcast(listener, Bytes::new(), WhenFull::Drop).unwrap();
    clients[0].send("x");
    assert!(rig.settle() < 10, "or it spins");
    rig.pass(Limits::default().write_stall + SECOND);
    assert_eq!(rig.open(), 2, "nobody stalls who is sent nothing");
}
