//! One table of conversations, under every driver and over every kind of stream, and under every
//! way in to a loop of somebody else's: the client gets the same bytes, and the connections end
//! for the same reasons.
//!
//! Each row is a server of its own (`served`), because a process with threads, as this one is,
//! cannot fork. A new protocol joins by a line in `served/services.rs` and a scenario here.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod scenarios;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use support::Stage;

const DRIVERS: [&str; 3] = ["event-loop", "threads", "forks"];

/// Loops in which the event loop is a guest: the same driver, another way in.
const HOSTS: &[&str] = &[
    "game-tick",
    "guest-on-poll",
    "guest-with-its-own-waker",
    #[cfg(not(mio_unsupported_force_poll_poll))]
    "poll",
    #[cfg(not(mio_unsupported_force_poll_poll))]
    "epoll-level",
    #[cfg(not(mio_unsupported_force_poll_poll))]
    "epoll-edge",
    #[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
    "descriptor-alone-level",
    #[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
    "descriptor-alone-edge",
    #[cfg(not(mio_unsupported_force_poll_poll))]
    "calloop-level",
    #[cfg(not(mio_unsupported_force_poll_poll))]
    "calloop-edge",
    #[cfg(not(mio_unsupported_force_poll_poll))]
    "calloop-one-shot",
    #[cfg(not(mio_unsupported_force_poll_poll))]
    "tokio-current-thread",
    #[cfg(not(mio_unsupported_force_poll_poll))]
    "tokio-multi-thread",
    #[cfg(not(mio_unsupported_force_poll_poll))]
    "async-io",
];

/// A conversation, and how it must end.
struct Scenario {
    service: &'static str,
    /// Limits, as `served` takes them.
    limits: &'static [&'static str],
    /// What the clients do. The server drains after it, if it was not told to before.
    play: fn(&mut Stage),
    /// How many connections end for which reason.
    closed: &'static [(u64, &'static str)],
    /// Where it plays a drain: how the connections ended that were open by then.
    drained: &'static str,
}

/// Plays a scenario under one driver over one kind of stream.
fn play(scenario: &Scenario, driver: &str, address: &str) {
    let mut stage = Stage::set(driver, address, scenario.service, scenario.limits);
    (scenario.play)(&mut stage);
    let ended = stage.ends();
    let log = &ended.log;
    assert!(ended.status.success(), "{:?}: {log}", ended.status);

    let mut counted = ended.lines("closed: ");
    counted.sort_unstable();
    let mut expected: Vec<_> =
        scenario.closed.iter().map(|(count, reason)| format!("{count} {reason}")).collect();
    expected.sort_unstable();
    assert_eq!(counted, expected, "{log}");
    if !scenario.drained.is_empty() {
        assert_eq!(ended.lines("drained: "), [scenario.drained], "{log}");
    }
    // What protocols were told is what was counted; but who panicked is told nothing.
    let mut told = BTreeMap::new();
    for reason in ended.lines("told: ") {
        *told.entry(reason).or_insert(0) += 1;
    }
    let expected = scenario.closed.iter().filter(|(_, reason)| *reason != "protocol panicked");
    let expected: BTreeMap<_, _> = expected.map(|(count, reason)| (*reason, *count)).collect();
    assert_eq!(told, expected, "{log}");
}

/// Plays a scenario in every row of the table.
fn everywhere(scenario: &Scenario) {
    let folder = tempfile::tempdir().unwrap();
    for driver in DRIVERS {
        let path = format!("unix://{}/{driver}", folder.path().display());
        for address in ["tcp://127.0.0.1:0", "tcp://[::1]:0", &path] {
            println!("row: {driver}, {address}"); // Shown where the test fails.
            play(scenario, driver, address);
        }
    }
    // What kind of stream it is matters to the driver, which is the same.
    for host in HOSTS {
        println!("row: a guest, {host}");
        play(scenario, host, "tcp://127.0.0.1:0");
    }
}
