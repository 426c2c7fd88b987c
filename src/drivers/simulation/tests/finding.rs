//! The simulation finds what is wrong: in a protocol, in a script, and in the engine.

use super::super::client::Client;
use super::super::ledger::{Carried, SharedLedger};
use super::super::network::Simulated;
use super::super::recorder::Recorder;
use super::super::world::World;
use super::*;
use crate::drivers::event_loop::token_of;
use crate::net::{Accept, Network, PolledNetwork, Write};
use crate::sansio::{Closed, ConnectionId};

/// Takes every piece that it is handed for a message.
struct Hasty;

impl Protocol for Hasty {
    fn received(&mut self, on: &mut Transport<'_, ()>, (): &mut (), bytes: &[u8]) -> usize {
        on.write(&[bytes, b"."].concat());
        bytes.len()
    }
}

fn finding<P: Protocol>(factory: fn() -> P, script: Script) -> Failure {
    Check::new(|| (), factory).run([script], 0..40).unwrap_err()
}

#[test]
fn a_protocol_that_depends_on_how_its_input_is_cut_is_found() {
    let failure = finding(|| Hasty, script().send("abcdef").finish_writing().expect_closed());
    assert!(failure.finding.contains("gets other bytes than without faults"), "{failure}");
    let text = failure.to_string();
    let repeat = format!("SWITCHBOARD_SEED={} cargo test", failure.seed);
    assert!(text.contains(&repeat) && text.lines().count() > 20, "{text}");
}

#[test]
fn a_failure_comes_again_with_its_seed() {
    let script = script().send("abcdef").finish_writing().expect_closed();
    let failure = finding(|| Hasty, script.clone());
    let seed = failure.seed;
    let again = Check::new(|| (), || Hasty).run([script], [seed]).unwrap_err();
    assert_eq!(again.to_string(), failure.to_string());
}

/// Forgets the last byte where its output meets would-block. No seed without that shows it.
struct Forgetful;

impl Protocol for Forgetful {
    fn received(&mut self, on: &mut Transport<'_, ()>, (): &mut (), bytes: &[u8]) -> usize {
        let is_pressed = on.unsent() > 0;
        on.write(&bytes[..bytes.len() - usize::from(is_pressed)]);
        bytes.len()
    }
}

#[test]
fn a_protocol_that_fails_under_pressure_alone_is_found() {
    let text = "0123456789".repeat(10);
    let script = script().send(&text).finish_writing().expect(&text).expect_end();
    let failure = finding(|| Forgetful, script);
    assert!(failure.finding.contains("client 0"), "{failure}");
}

#[test]
fn a_client_that_gets_other_bytes_than_it_expects_says_both() {
    let failure = finding(|| Echo, script().send("abc").expect("abd"));
    assert_eq!(failure.finding, r#"client 0, step 2: expects "abd" and got "abc""#);
}

#[test]
fn a_client_that_would_wait_for_ever_is_named() {
    let mut simulation = echo(0, Faults::none());
    simulation.client(HERE, script().stop_reading().send("x").expect("x")).unwrap();
    let failure = simulation.run(&mut ()).unwrap_err();
    assert!(failure.finding.contains("client 0 is at step 3 of 3"), "{failure}");
}

#[test]
fn a_run_longer_than_one_has_patience_for_is_a_failure() {
    let mut simulation = echo(0, Faults::none()).patience(SECOND);
    simulation.client(HERE, script().wait(SECOND * 2)).unwrap();
    let failure = simulation.run(&mut ()).unwrap_err();
    assert!(failure.finding.contains("comes to no end"), "{failure}");
}

/// A network with a client that has connected and sent something, and the engine's end of it.
fn bare(after: impl FnOnce(&mut Simulated, &mut <Simulated as Network>::Stream)) -> Option<String> {
    let mut net = Simulated::new(World::new(0, Faults::none()));
    let address = HERE.parse().unwrap();
    let (mut door, _) = net.listen(&address, &Limits::default().into(), 1).unwrap();
    {
        let mut world = net.world();
        let client = Client::new(script().send("x").stay(), address);
        world.clients.push(client);
        world.dial(0);
        world.pass(SECOND);
    }
    let Accept::Peer(mut stream, _) = net.accept(&mut door) else { panic!("somebody came") };
    net.register(&mut stream, 2).unwrap();
    after(&mut net, &mut stream);
    net.world().ledger.lock().finding.take()
}

#[test]
fn a_read_that_no_edge_has_announced_is_found() {
    let read = |net: &mut Simulated, stream: &mut _| {
        net.read(stream, &mut [0; 9]);
    };
    assert!(bare(read).unwrap().contains("no edge has announced"));
    let polled = bare(|net, stream| {
        net.poll(Some(SECOND), &mut Vec::new()).unwrap();
        read(net, stream);
    });
    assert_eq!(polled, None);
}

#[test]
fn a_write_after_our_fin_or_to_a_full_stream_is_found() {
    let fin = bare(|net, stream| {
        net.shutdown_write(stream).unwrap();
        net.write(stream, b"x", false);
    });
    assert!(fin.unwrap().contains("after our FIN"));
    let full = bare(|net, stream| {
        let outcome = net.write(stream, &vec![0; 1 << 20], false);
        assert!(matches!(outcome, Write::Took { is_blocked: true, .. }));
        net.write(stream, b"x", false);
    });
    assert!(full.unwrap().contains("no edge came after would-block"));
}

/// Makes wrong calls of the recorder that it holds, as an engine with a fault would.
struct Caller<F>(F, Recorder<()>);

impl<F> Protocol for Caller<F>
where
    F: FnMut(&mut Recorder<()>, &mut Transport<'_, ()>) + Send + 'static,
{
    fn connected(&mut self, on: &mut Transport<'_, ()>, (): &mut ()) {
        (self.0)(&mut self.1, on);
    }

    fn received(&mut self, _: &mut Transport<'_, ()>, (): &mut (), bytes: &[u8]) -> usize {
        bytes.len()
    }
}

/// What a recorder says of `calls`, after which its connection is dropped.
fn recorded(
    calls: impl FnMut(&mut Recorder<()>, &mut Transport<'_, ()>) + Send + 'static,
) -> Option<String> {
    let ledger = SharedLedger::new();
    let recorder = Recorder::new(Box::new(Echo), ledger.clone());
    let carried = Carried { is_closed: true, ..Carried::default() };
    ledger.lock().carried.insert(token_of(ConnectionId::new(0, 0)), carried);
    drop(Talk::new(Caller(calls, recorder), &mut ()));
    let mut ledger = ledger.lock();
    assert_eq!((ledger.begun, ledger.ended), (1, 1));
    ledger.finding.take()
}

const END: Closed = Closed::new(CloseReason::Aborted, 0);

#[test]
fn calls_that_come_in_the_right_order_are_no_finding() {
    let right = recorded(|recorder, on| {
        recorder.connected(on, &mut ());
        recorder.finished(on, &mut (), b"");
        recorder.closed(on, &mut (), END);
    });
    assert_eq!(right, None);
    assert_eq!(recorded(|_, _| {}), None, "nobody told it anything");
}

#[test]
fn calls_that_come_in_another_order_are_found() {
    let early = recorded(|recorder, on| recorder.writable(on, &mut ()));
    assert!(early.unwrap().contains("writable is called when it is Fresh"));
    let twice = recorded(|recorder, on| {
        recorder.connected(on, &mut ());
        recorder.closed(on, &mut (), END);
        recorder.closed(on, &mut (), END);
    });
    assert!(twice.unwrap().contains("closed is called twice"));
    let late = recorded(|recorder, on| {
        recorder.connected(on, &mut ());
        recorder.closed(on, &mut (), END);
        recorder.stopping(on, &mut ());
    });
    assert!(late.unwrap().contains("stopping is called when it is Over"));
    let never = recorded(|recorder, on| recorder.connected(on, &mut ()));
    assert!(never.unwrap().contains("was not told closed"));
}

#[test]
fn input_that_nobody_sent_and_output_that_is_lost_are_found() {
    let input = recorded(|recorder, on| {
        recorder.connected(on, &mut ());
        recorder.received(on, &mut (), b"abc");
    });
    assert!(input.unwrap().contains("3 others are offered"));
    let output = recorded(|recorder, on| {
        on.write(b"abc");
        recorder.connected(on, &mut ());
        recorder.closed(on, &mut (), Closed::new(CloseReason::Aborted, 2));
    });
    assert!(output.unwrap().contains("3 bytes were queued, 0 are sent and 2 unsent"));
    let unsent = recorded(|recorder, on| {
        recorder.connected(on, &mut ());
        recorder.closed(on, &mut (), Closed::new(CloseReason::Finished, 1));
    });
    assert!(unsent.unwrap().contains("finished with 1 bytes unsent"));
}
