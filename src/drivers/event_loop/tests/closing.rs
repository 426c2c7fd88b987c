//! Peers that go away, and connections that end.

use std::io::ErrorKind;
use std::time::Duration;

use super::network::Client;
use super::world::Fate;
use super::*;
use crate::sansio::Closing;

/// A protocol that answers everything with `bytes` bytes and finishes.
fn answering(bytes: usize) -> impl Protocol<Seen> {
    probe(move |call, on, _| match call {
        Call::Received(received) => {
            on.write(&vec![7; bytes]);
            on.finish();
            received.len()
        }
        Call::Finished => {
            on.finish();
            0
        }
        _ => 0,
    })
}

fn asked(rig: &mut Rig, room: usize) -> Client {
    let client = rig.client();
    client.pipe().room = room;
    client.send("ask");
    rig.settle();
    client
}

#[test]
fn p07_a_reset_in_the_middle_of_a_write_ends_that_connection_alone() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| match call {
            Call::Received(bytes) => {
                on.write(&[7; 50_000]);
                bytes.len()
            }
            _ => 0,
        })
    });
    let client = asked(&mut rig, 1000);
    let other = asked(&mut rig, 100_000);
    assert_eq!(client.take().len(), 1000);
    client.reset();
    rig.settle();
    assert_eq!(rig.seen.reasons, [CloseReason::Io(ErrorKind::ConnectionReset)]);
    assert!(client.is_closed() && !other.is_closed());
    assert_eq!(other.take().len(), 50_000);
    other.send("ask");
    rig.settle();
    assert_eq!(other.take().len(), 50_000);
}

#[test]
fn p10_a_close_with_unsent_data_and_a_peer_that_never_reads_is_bounded_and_does_not_spin() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| answering(500_000));
    let client = asked(&mut rig, 1000);
    let turns = rig.pass(Limits::default().write_stall + SECOND);
    assert!(turns < 20, "{turns} turns");
    assert_eq!(rig.seen.reasons, [CloseReason::TimedOut(Timeout::WriteStall)]);
    assert_eq!(client.fate(), Some(Fate::ByReset), "the system's buffer is freed as well");
    assert_eq!(rig.engine.stats().held, 0);
}

#[test]
fn p10_a_peer_that_reads_a_byte_now_and_then_does_not_outlive_the_closing_time() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| answering(40_000));
    let client = asked(&mut rig, 1000);
    let began = rig.net.clock.now();
    while rig.open() > 0 {
        client.take();
        client.pipe().room = 10;
        rig.pass(SECOND);
        assert!(rig.net.clock.now() - began < Duration::from_secs(30), "it lives on");
    }
    assert_eq!(rig.seen.reasons, [CloseReason::TimedOut(Timeout::Closing)]);
}

#[test]
fn p10_a_peer_that_keeps_sending_after_our_end_is_cut_by_bytes_and_by_time() {
    for is_flood in [false, true] {
        let mut rig = Rig::new();
        rig.listen(Limits::default(), |_| answering(10));
        let client = asked(&mut rig, 1000);
        let piece = if is_flood { 60_000 } else { 1 };
        let mut seconds = 0;
        while rig.open() > 0 {
            client.send(vec![0; piece]);
            rig.pass(SECOND / 2);
            seconds += 1;
            assert!(seconds < 100, "flood {is_flood}: it lives on");
        }
        let read = rig.net.world().tally.bytes_in;
        assert!(read <= Limits::default().linger + 70_000, "{read} bytes");
    }
}

#[test]
fn p11_an_early_answer_arrives_whole_although_the_rest_of_the_question_is_unread() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| answering(5000));
    let client = rig.client();
    client.send(vec![0; 200_000]);
    rig.settle();
    assert_eq!(client.take().len(), 5000);
    assert!(client.pipe().is_shut && !client.is_closed(), "our end is said, theirs awaited");
    assert!(client.pipe().inbound.is_empty(), "what they sent is thrown away");
    client.finish();
    rig.settle();
    assert_eq!(client.fate(), Some(Fate::InOrder), "and no reset overtakes the answer");
    assert_eq!(rig.seen.reasons, [CloseReason::Finished]);
}

#[test]
fn p12_a_client_that_has_finished_sending_still_gets_its_answer() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| answering(300_000));
    let client = rig.client();
    client.pipe().room = 1000;
    client.send("ask");
    client.finish();
    rig.settle();
    let mut answer = Vec::new();
    while !client.is_closed() {
        answer.extend(client.take());
        rig.settle();
    }
    answer.extend(client.take());
    assert_eq!((answer.len(), client.fate()), (300_000, Some(Fate::InOrder)));
}

#[test]
fn p12_an_end_of_input_that_comes_under_back_pressure_is_told_once_it_is_over() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| {
        probe(|call, on, _| match call {
            Call::Received(bytes) => {
                on.write(&[7; 100_000]);
                bytes.len()
            }
            Call::Finished => {
                on.write(b"bye");
                on.finish();
                0
            }
            _ => 0,
        })
    });
    let client = rig.client();
    client.pipe().room = 10;
    client.send("ask");
    rig.settle();
    client.finish();
    assert!(rig.settle() < 4);
    assert_eq!(rig.count("finished"), 0, "nothing more is to be produced now");
    client.pipe().room = 1_000_000;
    client.take();
    rig.settle();
    assert_eq!(rig.count("finished"), 1);
    assert!(client.take().ends_with(b"bye"));
    assert_eq!(rig.open(), 0);
}

#[test]
fn no_live_connection_is_without_a_deadline_in_any_stage() {
    for wish in 0..4 {
        let mut rig = Rig::new();
        rig.listen(Limits::default(), move |_| {
            probe(move |call, on, _| match call {
                Call::Received(bytes) => {
                    match wish {
                        0 => on.finish_writing(),
                        1 => on.finish(),
                        2 => on.pause_reading(),
                        _ => {}
                    }
                    bytes.len()
                }
                Call::Stopping | Call::Finished => 0,
                _ => 0,
            })
        });
        for is_half_closed in [false, true] {
            let client = rig.client();
            client.send("x");
            if is_half_closed {
                client.finish();
            }
            rig.settle();
        }
        assert!(rig.engine.wheel.len() >= rig.open(), "wish {wish}: a timer for each");
        assert!(rig.pass(Duration::from_secs(3600)) < 30, "wish {wish}");
        assert_eq!(rig.open(), 0, "wish {wish}: silence ends all of them");
    }
}

#[test]
fn every_end_is_told_once_and_every_socket_closed_once() {
    let mut rig = Rig::echo();
    let clients = rig.clients(4);
    let ids = rig.ids();
    clients[0].finish();
    clients[1].reset();
    rig.engine.control().close(ids[2], Closing::Abort);
    rig.engine.control().close(ids[2], Closing::Finish);
    rig.engine.control().close(ids[3], Closing::Finish);
    rig.settle();
    clients[3].finish();
    rig.settle();
    assert_eq!((rig.count("closed"), rig.open(), rig.net.world().open()), (4, 0, 0));
    let mut closes = rig.net.world().tally.closes.clone();
    closes.sort_unstable();
    assert_eq!(closes, [(0, false), (1, true), (2, true), (3, false)]);
    assert_eq!(rig.engine.stats().closed_for(CloseReason::Finished), 2);
    assert_eq!(rig.engine.wheel.len(), 0, "no timer outlives its connection");
}

#[test]
fn dropping_the_engine_closes_every_socket() {
    let mut rig = Rig::echo();
    let clients = rig.clients(3);
    let Rig { engine, net, .. } = rig;
    drop(engine);
    assert!(clients.iter().all(Client::is_closed));
    assert_eq!(net.world().open(), 0);
}
