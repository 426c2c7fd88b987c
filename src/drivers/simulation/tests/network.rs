//! The simulated network keeps TCP's promises, and no others.

use super::*;
use crate::drivers::event_loop::Trouble;

/// Says `0` to whoever connects, and keeps silent.
struct Greeter(Vec<u8>);

impl Protocol<Vec<CloseReason>> for Greeter {
    fn connected(&mut self, on: &mut Transport<'_, Vec<CloseReason>>, _: &mut Vec<CloseReason>) {
        on.write(&self.0);
    }

    fn received(
        &mut self,
        on: &mut Transport<'_, Vec<CloseReason>>,
        _: &mut Vec<CloseReason>,
        bytes: &[u8],
    ) -> usize {
        match bytes {
            b"abort" => on.abort(),
            b"half" => on.finish_writing(),
            b"finish" => on.finish(),
            _ => {}
        }
        bytes.len()
    }

    fn closed(
        &mut self,
        _: &mut Transport<'_, Vec<CloseReason>>,
        reasons: &mut Vec<CloseReason>,
        closed: crate::sansio::Closed,
    ) {
        reasons.push(closed.reason);
    }
}

fn greeter(greeting: usize, faults: Faults) -> Simulation<Vec<CloseReason>> {
    let mut simulation = Simulation::with(1, faults);
    simulation.listen(HERE, move |_| Greeter(vec![b'g'; greeting])).unwrap();
    simulation
}

fn one(
    greeting: usize,
    script: Script,
) -> (Simulation<Vec<CloseReason>>, Vec<CloseReason>, ClientId) {
    let mut simulation = greeter(greeting, Faults::none());
    let client = simulation.client(HERE, script).unwrap();
    let mut reasons = Vec::new();
    play(&mut simulation, &mut reasons);
    (simulation, reasons, client)
}

#[test]
fn a_client_that_closes_with_input_unread_resets_and_the_server_learns_of_it() {
    let (_, reasons, client) = one(100_000, script().stop_reading().wait(SECOND).close());
    assert_eq!(reasons, [CloseReason::Io(std::io::ErrorKind::ConnectionReset)]);
    assert_eq!(client, ClientId(0));
}

#[test]
fn a_client_that_closes_while_bytes_are_on_their_way_to_it_resets_when_they_come() {
    let (simulation, reasons, _) = one(3_000_000, script().take(10).close());
    assert_eq!(reasons, [CloseReason::Io(std::io::ErrorKind::ConnectionReset)]);
    assert!(simulation.trace().contains("closes"), "{}", simulation.trace());
}

#[test]
fn each_direction_is_closed_on_its_own() {
    let (simulation, reasons, client) =
        one(3, script().send("half").expect("ggg").expect_end().send("more").wait(SECOND).close());
    assert_eq!((reasons, simulation.seen(client)), (vec![CloseReason::Finished], Some(Seen::End)));
    assert_eq!(simulation.stats().bytes_in, 8);
}

#[test]
fn an_abort_is_seen_as_a_reset_and_a_finish_as_an_end() {
    let (simulation, _, client) = one(0, script().send("abort").expect_closed());
    assert_eq!(simulation.seen(client), Some(Seen::Reset));
    let (simulation, _, client) = one(0, script().send("finish").expect_closed());
    assert_eq!(simulation.seen(client), Some(Seen::End));
}

#[test]
fn a_peer_that_vanished_is_given_up_by_the_clock() {
    let (simulation, reasons, _) = one(0, script().send("x").wait(SECOND).vanish());
    assert_eq!(reasons, [CloseReason::TimedOut(Timeout::Idle)]);
    let late = Limits::default().idle + Limits::default().closing;
    assert!(simulation.elapsed() >= late, "{:?}", simulation.elapsed());
}

#[test]
fn a_peer_that_does_not_read_fills_the_buffers_and_no_more() {
    let (simulation, reasons, client) = one(3_000_000, script().stop_reading().wait(SECOND * 60));
    assert_eq!(reasons, [CloseReason::TimedOut(Timeout::WriteStall)]);
    assert_eq!(simulation.received(client), b"");
    let most = 2 * Faults::none().buffer as u64;
    assert_eq!(simulation.stats().bytes_out, most, "one buffer at each end");
}

#[test]
fn a_slow_reader_gets_everything_at_its_own_pace() {
    let script = script().read_slowly(1000, SECOND / 10).take(300_000).send("finish").expect_end();
    let (simulation, reasons, _) = one(300_000, script);
    assert_eq!(reasons, [CloseReason::Finished]);
    assert!(simulation.elapsed() >= SECOND * 29, "{:?}", simulation.elapsed());
}

#[test]
fn without_descriptors_clients_wait_and_are_served_when_there_are_some() {
    let mut simulation =
        greeter(1, Faults::none().during(Duration::ZERO..SECOND * 5, Fault::Exhausted));
    for _ in 0..3 {
        simulation.client(HERE, script().expect("g").close()).unwrap();
    }
    play(&mut simulation, &mut Vec::new());
    assert_eq!(simulation.troubles(), [(Trouble::Exhausted, 1)], "it is said once");
    assert!(simulation.elapsed() >= SECOND * 5);
    assert!(simulation.stats().exhaustions >= 9, "{:?}", simulation.stats());
}

#[test]
fn with_few_descriptors_clients_take_turns() {
    let mut simulation = greeter(1, Faults::none().descriptors(2));
    for _ in 0..6 {
        simulation.client(HERE, script().expect("g").wait(SECOND).close()).unwrap();
    }
    play(&mut simulation, &mut Vec::new());
    assert!(simulation.elapsed() >= SECOND * 3, "two at a time: {:?}", simulation.elapsed());
}

#[test]
fn connecting_out_is_answered_refused_late_or_never() {
    let connect = |faults: Faults, address: &str| {
        let mut simulation = Simulation::with(1, faults);
        simulation.server("10.9.9.9:9", script().expect("g").close()).unwrap();
        let limits = Limits::default();
        let made = simulation.connect(address, Greeter(b"g".to_vec()), limits);
        let mut reasons = Vec::new();
        if made.is_ok() {
            simulation.settle(&mut reasons).unwrap_or_else(|failure| panic!("{failure}"));
        }
        (made.is_ok(), reasons, simulation.elapsed())
    };
    let (_, reasons, _) = connect(Faults::none(), "10.9.9.9:9");
    assert_eq!(reasons, [CloseReason::Finished]);
    let refused = CloseReason::Io(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(connect(Faults::none(), "10.9.9.8:9").1, [refused], "nobody is there");
    assert_eq!(connect(Faults::none().nth(1, Fault::RefusedConnect), "10.9.9.9:9").1, [refused]);
    let (_, reasons, elapsed) = connect(Faults::none().nth(1, Fault::HungConnect), "10.9.9.9:9");
    assert_eq!(reasons, [CloseReason::TimedOut(Timeout::Connect)]);
    assert!(elapsed >= Limits::default().connect);
    assert_eq!(
        connect(Faults::none().nth(1, Fault::SlowConnect), "10.9.9.9:9").1,
        [CloseReason::Finished]
    );
    assert!(!connect(Faults::none().nth(1, Fault::FailedConnect), "10.9.9.9:9").0);
}

#[test]
fn a_loop_reaches_its_own_listener() {
    let mut simulation = greeter(0, Faults::none());
    simulation.connect(HERE, Greeter(b"finish".to_vec()), Limits::default()).unwrap();
    let mut reasons = Vec::new();
    simulation.settle(&mut reasons).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(reasons, [CloseReason::Finished; 2]);
}

#[test]
fn a_client_of_an_address_where_nobody_listens_is_refused() {
    let mut simulation = greeter(0, Faults::none());
    let client = simulation.client("10.0.0.1:1", script().expect_closed()).unwrap();
    play(&mut simulation, &mut Vec::new());
    assert_eq!(simulation.seen(client), Some(Seen::Refused));
}

#[test]
fn more_clients_than_the_backlog_holds_get_in_later() {
    let mut simulation = Simulation::<()>::new(1);
    let limits = Limits::default().backlog(2).connections(1);
    simulation.listen_with(HERE, limits, |_| Echo).unwrap();
    for _ in 0..8 {
        simulation.client(HERE, script().send("x").expect("x").close()).unwrap();
    }
    play(&mut simulation, &mut ());
    assert_eq!(simulation.stats().accepted, 8);
}

#[test]
fn a_drain_in_the_middle_is_told_how_each_ended() {
    let mut simulation = greeter(0, Faults::none());
    for _ in 0..2 {
        simulation.client(HERE, script().wait(SECOND).expect_end()).unwrap();
    }
    simulation.client(HERE, script().stop_reading().wait(SECOND * 100)).unwrap();
    let mut reasons = Vec::new();
    simulation.run_for(SECOND / 2, &mut reasons).unwrap();
    simulation.drain(SECOND * 2);
    let ended = simulation.run(&mut reasons).unwrap_or_else(|failure| panic!("{failure}"));
    let Some(crate::drivers::event_loop::Ended::Drained(drained)) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!((drained.finished, drained.aborted, drained.otherwise), (2, 1, 0));
}

#[test]
fn a_host_that_was_away_finds_its_deadlines_late_and_what_came_meanwhile() {
    let mut simulation = greeter(0, Faults::none());
    simulation.client(HERE, script().wait(SECOND * 50).send("finish").expect_end()).unwrap();
    let mut reasons = Vec::new();
    simulation.run_for(SECOND, &mut reasons).unwrap();
    simulation.be_away(SECOND * 100);
    play(&mut simulation, &mut reasons);
    assert_eq!(reasons, [CloseReason::Finished], "it had spoken in time");
    assert_eq!(simulation.stats().bytes_in, 6);
}

#[test]
fn a_handle_reaches_the_loop_of_a_simulation() {
    let mut simulation = greeter(0, Faults::rough());
    let client = simulation.client(HERE, script().expect_closed()).unwrap();
    let mut reasons = Vec::new();
    simulation.run_for(SECOND * 5, &mut reasons).unwrap();
    simulation.handle().post(|control, _| control.drain(SECOND)).unwrap();
    play(&mut simulation, &mut reasons);
    assert_eq!((reasons, simulation.seen(client)), (vec![CloseReason::Finished], Some(Seen::End)));
}

#[test]
fn one_seed_gives_one_trace() {
    let trace = |seed| {
        let mut simulation = echo(seed, Faults::rough()).keeping_trace();
        simulation.client(HERE, script().send("abc").finish_writing().expect("abc")).unwrap();
        play(&mut simulation, &mut ());
        (simulation.trace(), simulation.trace_digest())
    };
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
}
