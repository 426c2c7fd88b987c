//! What threads and processes leave behind, which must be nothing, and what becomes of them when
//! the system has no more to give or somebody dies.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod support;

use std::io::ErrorKind;
use std::thread;

use rustix::process::{Signal, kill_process, test_kill_process};
use support::{PATIENCE, Stage};
use switchboard::{Protocol, Transport};
use switchboard_forks::Forks;

const TCP: &str = "tcp://127.0.0.1:0";

/// Waits until it is so.
#[expect(clippy::disallowed_methods, reason = "this is how long a test waits")]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(std::time::Instant::now() < end, "it should be so by now: {what}");
        thread::yield_now();
    }
}

/// Has served somebody, who is gone, and so has opened what it opens when it is needed. Gives the
/// number of descriptors that it has when it is idle.
fn warm_up(stage: &Stage) -> usize {
    wave(stage, 1);
    eventually("nobody is left", || is_bare(stage));
    stage.descriptors()
}

/// Whether it has no threads and no processes beside its own.
fn is_bare(stage: &Stage) -> bool {
    stage.threads() == 1 && stage.children().is_empty()
}

/// As many clients as given, at once, each with an echo and an end.
fn wave(stage: &Stage, count: usize) {
    let mut callers: Vec<_> = (0..count).map(|_| stage.caller()).collect();
    for caller in &mut callers {
        caller.says("hello");
    }
    for caller in &mut callers {
        caller.hears("hello");
        caller.finishes();
    }
    for caller in &mut callers {
        caller.hears_the_end();
    }
}

#[test]
fn a_thousand_connections_leave_nothing_behind() {
    for driver in ["threads", "forks"] {
        let stage = Stage::set(driver, TCP, "echo", &[]);
        let descriptors = warm_up(&stage);
        let is_as_before = || is_bare(&stage) && stage.descriptors() == descriptors;
        for _ in 0..10 {
            wave(&stage, 100);
        }
        eventually("nothing is left", is_as_before);
        // More threads at once than ever before touch stacks that the system keeps. That comes
        // to an end, and what a connection leaves behind would come again with every thousand.
        let mut growths = Vec::new();
        while growths.last().is_none_or(|grown| *grown > 64 << 10) {
            assert!(growths.len() < 8, "{driver}: with each thousand more bytes: {growths:?}");
            let before = stage.memory();
            for _ in 0..10 {
                wave(&stage, 100);
            }
            eventually("nothing is left", is_as_before);
            growths.push(stage.memory().saturating_sub(before));
        }
        println!("{driver}: bytes more after each 1000 connections: {growths:?}");
        let served = 1001 + 1000 * growths.len();
        let ended = stage.ends();
        assert_eq!(ended.lines("accepted: "), [served.to_string()], "{}", ended.log);
        assert_eq!(ended.lines("closed: "), [format!("{served} finished")], "{}", ended.log);
    }
}

#[test]
fn without_a_descriptor_accepting_rests_and_resumes_when_one_is_free() {
    for driver in ["threads", "forks"] {
        let mut stage = Stage::set(driver, TCP, "echo", &[]);
        let descriptors = warm_up(&stage) + usize::from(driver == "threads");
        let mut old = stage.caller();
        old.says("hello");
        old.hears("hello");
        // A fork has the connection, and its parent has it no longer.
        eventually("it has what it needs", || stage.descriptors() == descriptors);
        stage.limit_descriptors(true);
        let [mut one, mut two] = [(); 2].map(|()| stage.caller());
        one.says("I wait");
        stage.logs("cannot accept");
        old.says("and I am served");
        old.hears("and I am served");
        assert!(one.is_silent());
        drop(old);
        if driver == "threads" {
            // The next one gets the descriptor that is free now.
            one.hears("I wait");
        }
        stage.limit_descriptors(false);
        two.says("and I");
        two.hears("and I");
        drop((one, two));
        let ended = stage.ends();
        let said = ended.log.matches("cannot accept").count();
        assert_eq!(said, 1, "{driver}: {}", ended.log);
    }
}

#[test]
fn a_process_that_dies_costs_one_connection() {
    let stage = Stage::set("forks", TCP, "echo", &[]);
    let mut victim = stage.caller();
    victim.says("hello");
    victim.hears("hello");
    let [child] = stage.children()[..] else { panic!("there is one connection") };
    kill_process(child, Signal::KILL).unwrap();
    victim.ends();
    eventually("the child is reaped", || stage.children().is_empty());
    wave(&stage, 2);
    let ended = stage.ends();
    assert!(ended.log.contains("its process ended of itself"), "{}", ended.log);
    assert_eq!(ended.lines("closed: "), ["1 protocol panicked", "2 finished"]);
}

#[test]
fn a_process_whose_parent_dies_finishes_what_was_begun() {
    let stage = Stage::set("forks", TCP, "upper", &[]);
    let [mut idle, mut busy] = [(); 2].map(|()| stage.caller());
    for caller in [&mut idle, &mut busy] {
        caller.says("hello\n");
        caller.hears("HELLO\n");
    }
    busy.says("one\nand a ha");
    busy.hears("ONE\n");
    let children = stage.children();
    assert_eq!(children.len(), 2);
    stage.is_sent(Signal::KILL);
    idle.hears_the_end();
    busy.says("lf\n");
    assert_eq!(busy.rest(), b"AND A HALF\n");
    drop((idle, busy));
    eventually("no child is left", || children.iter().all(|id| test_kill_process(*id).is_err()));
}

#[test]
fn a_process_that_never_returns_is_killed_when_all_are_told_to_end() {
    let mut stage = Stage::set("forks", TCP, "stuck", &["grace=1"]);
    let mut caller = stage.caller();
    caller.says("come back");
    stage.tells("stuck");
    let ended = stage.ends();
    assert!(ended.log.contains("1 processes do not end and are killed"), "{}", ended.log);
    assert_eq!(ended.lines("closed: "), ["1 driver stopped"]);
    assert_eq!(ended.lines("drained: "), ["0 finished, 1 aborted, 0 otherwise"]);
    caller.ends();
}

#[test]
fn a_process_of_several_threads_is_not_forked() {
    struct Nobody;
    impl<S> Protocol<S> for Nobody {
        fn received(&mut self, _: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
            bytes.len()
        }
    }
    // A test has a thread beside the one it runs on.
    let server = Forks::new(|| ()).listen("127.0.0.1:0", |_| Nobody).unwrap();
    let error = server.run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("threads, and a fork is sound with one alone"), "{error}");
}
