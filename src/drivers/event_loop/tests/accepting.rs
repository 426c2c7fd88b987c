//! Taking peers, and not taking them.

use std::io::ErrorKind;

use super::*;
use crate::drivers::event_loop::Trouble;
use crate::sansio::Closing;

#[test]
fn p05_accepting_rests_when_descriptors_are_out_and_resumes_by_itself() {
    let mut rig = Rig::echo();
    let old = rig.client();
    let accepts = rig.net.world().tally.accepts;
    rig.net.world().is_exhausted = true;
    let waiting: Vec<_> = (0..5).map(|_| rig.net.dial()).collect();
    assert_eq!(rig.turn().trouble, Some(Trouble::Exhausted), "the application is told");
    let mut told = 0;
    let until = rig.net.clock.now() + 10 * SECOND;
    let mut turns = 0;
    while rig.net.clock.now() < until {
        told += usize::from(rig.wait().trouble.is_some());
        turns += 1;
        assert!(turns < 100, "the loop spins");
    }
    assert_eq!(told, 1, "once every ten seconds");
    let attempts = rig.net.world().tally.accepts - accepts;
    assert!((10..=25).contains(&attempts), "{attempts} attempts in ten seconds");
    old.send("still here");
    rig.settle();
    assert_eq!(old.take(), b"still here", "those who are in are served");
    rig.net.world().is_exhausted = false;
    rig.pass(rig.engine.config.accept_rest);
    assert_eq!(rig.open(), 1 + waiting.len(), "with no new readiness");
    let stats = rig.engine.stats();
    assert_eq!(stats.exhaustions as usize, attempts);
}

#[test]
fn p05_accepting_resumes_at_once_when_a_connection_of_ours_closes() {
    let mut rig = Rig::echo();
    let old = rig.client();
    rig.net.world().is_exhausted = true;
    rig.net.dial();
    rig.settle();
    rig.net.world().is_exhausted = false;
    let before = rig.net.clock.now();
    old.reset();
    rig.settle();
    assert_eq!(rig.net.clock.now(), before, "no rest was waited for");
    assert_eq!((rig.open(), rig.engine.stats().accepted), (1, 2));
}

#[test]
fn p05_a_peer_that_cannot_be_registered_is_the_last_that_is_tried() {
    let mut rig = Rig::echo();
    rig.net.world().registering_fails = true;
    let clients: Vec<_> = (0..5).map(|_| rig.net.dial()).collect();
    rig.settle();
    let lost = clients.iter().filter(|client| client.is_closed()).count();
    assert_eq!(lost, 1, "the others wait where they are");
    rig.net.world().registering_fails = false;
    rig.pass(SECOND);
    assert_eq!(rig.open(), 4);
}

#[test]
fn p06_a_peer_that_was_gone_before_it_was_accepted_is_skipped() {
    let mut rig = Rig::echo();
    rig.net.world().listeners[0].skips = 3;
    rig.net.dial();
    let turn = rig.turn();
    assert_eq!((turn.accepted, turn.trouble), (1, None));
}

#[test]
fn p06_a_listener_that_fails_for_ever_is_no_spin_and_stops_no_other() {
    let mut rig = Rig::echo();
    rig.listen(Limits::default(), |_| echo());
    rig.net.world().listeners[0].skips = usize::MAX;
    rig.net.dial();
    rig.net.dial_from("192.0.2.7", 1);
    assert!(rig.settle() < 20);
    let attempts = rig.net.world().tally.accepts;
    assert!(attempts < 5000, "{attempts}");
    assert_eq!(rig.open(), 1, "who came by the sound one");
    assert!(rig.pass(10 * SECOND) < 100);
}

#[test]
fn rule_4_a_listener_accepts_under_its_budget_and_goes_on_in_the_next_turn() {
    let mut rig = Rig::echo();
    (0..10).for_each(|_| drop(rig.net.dial()));
    let turn = rig.turn_within(Budget::default().accepts(4));
    assert_eq!((turn.accepted, turn.more), (4, true));
    assert_eq!(rig.turn_within(Budget::default().accepts(4)).accepted, 4);
    assert_eq!(rig.turn_within(Budget::default().accepts(4)).accepted, 2);
}

#[test]
fn rule_4_a_crowd_at_one_listener_keeps_no_other_closed() {
    let mut rig = Rig::echo();
    rig.listen(Limits::default(), |_| echo());
    (0..1000).for_each(|_| drop(rig.net.dial()));
    rig.net.dial_from("192.0.2.7", 1);
    let budget = Budget::default().accepts(10);
    rig.turn_within(budget);
    rig.turn_within(budget);
    assert!(rig.net.world().listeners[1].backlog.is_empty(), "it waited one turn");
}

#[test]
fn rule_4_at_its_limit_a_listener_says_so_once_and_resumes_at_once() {
    let mut rig = Rig::new();
    rig.listen(Limits::default().connections(2), |_| echo());
    let clients: Vec<_> = (0..4).map(|_| rig.net.dial()).collect();
    let turn = rig.turn();
    assert_eq!((turn.accepted, turn.trouble), (2, Some(Trouble::AtConnectionLimit)));
    for _ in 0..5 {
        assert_eq!(rig.turn().trouble, None, "it was said");
    }
    assert_ne!(rig.engine.next_deadline(), Deadline::Now, "and nothing spins");
    clients[0].reset();
    let told: Vec<_> = (0..4).filter_map(|_| rig.turn().trouble).collect();
    assert_eq!((rig.open(), rig.engine.stats().accepted), (2, 3), "one out, one in");
    assert_eq!(told, [], "it is the same crowd");
    clients[1].reset();
    clients[2].reset();
    rig.settle();
    assert_eq!((rig.open(), rig.engine.stats().accepted), (1, 4), "nobody waits now");
    (0..2).for_each(|_| drop(rig.net.dial()));
    assert_eq!(rig.turn().trouble, Some(Trouble::AtConnectionLimit), "this is another");
}

#[test]
fn rule_4_one_address_gets_no_more_connections_of_a_listener_than_its_limit() {
    let mut rig = Rig::new();
    let limits = Limits::default().connections_per_address(2);
    rig.listen(limits, |_| echo());
    let clients: Vec<_> = (0..3).map(|_| rig.net.dial()).collect();
    let other = rig.net.dial_from("192.0.2.2", 0);
    rig.settle();
    assert_eq!(rig.engine.stats().refused, 1);
    assert!(clients[2].is_closed() && !other.is_closed());
    clients[0].reset();
    rig.settle();
    let next = rig.client();
    assert!(!next.is_closed(), "one left, so one may come");
    assert_eq!(rig.engine.stats().refused, 1);
}

#[test]
fn a_limit_by_address_counts_each_listener_for_itself() {
    let mut rig = Rig::new();
    rig.listen(Limits::default(), |_| echo());
    rig.listen(Limits::default().connections_per_address(1), |_| echo());
    for _ in 0..3 {
        rig.net.dial_from("192.0.2.1", 0);
    }
    rig.settle();
    let client = rig.net.dial_from("192.0.2.1", 1);
    rig.settle();
    assert!(!client.is_closed(), "those of the other listener are not counted");
    assert_eq!(rig.engine.stats().refused, 0);
}

#[test]
fn peers_of_a_unix_socket_have_no_address_to_be_limited_by() {
    let mut rig = Rig::new();
    rig.listen(Limits::default().connections_per_address(1).connections(4), |_| echo());
    for peer in ["unix:", "unix:", "unix:@same", "unix:@same", "unix:"] {
        rig.net.dial_from(peer, 0);
    }
    rig.settle();
    assert_eq!((rig.open(), rig.engine.stats().refused), (4, 0), "the limit of all holds");
    (0..4).for_each(|number| rig.net.client(number).reset());
    rig.settle();
    assert_eq!(rig.open(), 1, "and the last comes in when they have gone");
    assert!(rig.engine.per_address.is_empty());
}

#[test]
fn connections_that_no_listener_accepted_are_counted_by_none() {
    let mut rig = Rig::new();
    let listener = rig.listen(Limits::default().connections(1), |_| echo());
    let protocol = Box::new(silent());
    let id = rig.engine.connect(&address(), protocol, Limits::default()).unwrap();
    rig.net.client(0).change(|pipe| pipe.is_connecting = false);
    rig.settle();
    let client = rig.client();
    assert!(rig.engine.stop_listening(listener), "its connections live on");
    assert!(!rig.engine.stop_listening(listener), "once");
    rig.engine.control().close(id, Closing::Abort);
    client.reset();
    rig.settle();
    assert_eq!(rig.open(), 0);
}

#[test]
fn a_connection_that_is_refused_tells_its_protocol_and_nobody_else() {
    let mut rig = Rig::new();
    rig.engine.connect(&address(), Box::new(silent()), Limits::default()).unwrap();
    assert_ne!(rig.turn().next, Deadline::Never, "a connection in the making has a deadline");
    rig.net.client(0).change(|pipe| pipe.refusal = Some(ErrorKind::ConnectionRefused));
    rig.settle();
    assert_eq!(rig.seen.reasons, [CloseReason::Io(ErrorKind::ConnectionRefused)]);
    assert_eq!((rig.count("connected"), rig.open()), (0, 0));
}

#[test]
fn a_connection_that_never_answers_ends_by_its_deadline() {
    for is_asked in [false, true] {
        let mut rig = Rig::new();
        if is_asked {
            rig.engine.control().connect(address(), silent(), Limits::default());
        } else {
            rig.engine.connect(&address(), Box::new(silent()), Limits::default()).unwrap();
        }
        rig.pass(Limits::default().connect + SECOND);
        assert_eq!(rig.seen.reasons, [CloseReason::TimedOut(Timeout::Connect)]);
    }
}

#[test]
fn a_protocol_s_connect_that_fails_at_once_tells_the_protocol() {
    for is_registering in [false, true] {
        let mut rig = Rig::new();
        let connects_fail = (!is_registering).then_some(ErrorKind::AddrNotAvailable);
        rig.net.world().connects_fail = connects_fail;
        rig.net.world().registering_fails = is_registering;
        rig.engine.control().connect(address(), silent(), Limits::default());
        rig.settle();
        assert_eq!(rig.count("closed"), 1, "registering: {is_registering}");
        assert_eq!((rig.seen.calls.len(), rig.open()), (1, 0));
    }
}
