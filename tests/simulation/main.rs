//! The mixed scenario: a web server, a chat and a tool on one loop, and clients of every kind,
//! on a network made of one seed.
//!
//! `SWITCHBOARD_SEEDS=1000` widens it, `SWITCHBOARD_SEED=7` repeats one.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod acts;
mod coverage;
mod doors;
mod play;
mod reality;

use std::panic;

use coverage::Coverage;
use switchboard::simulation::{Failure, seeds};

/// So many seeds reach everything that must be reached.
const SEEDS: u64 = 80;

/// Seeds with which something was found in the project, each with what it was. A change of the
/// scenario may change what they do; each finding has a test of its own beside the code.
const ONCE_FAILED: [u64; 1] = [
    115, // A turn that was cut short did not come back for the rest of its work.
];

#[test]
fn a_mixed_crowd_is_served_on_any_network_and_everything_is_reached() {
    silence_intended_panics();
    let mut coverage = Coverage::default();
    for seed in seeds(SEEDS).chain(ONCE_FAILED) {
        play::mixed(seed, &mut coverage).unwrap_or_else(|failure| panic!("{failure}"));
    }
    println!("{coverage}");
    if coverage.seeds >= SEEDS {
        assert_eq!(coverage.missed(), [""; 0], "never reached in {} seeds", coverage.seeds);
    }
}

#[test]
fn one_seed_gives_one_trace_and_another_seed_another() {
    silence_intended_panics();
    let trace = |seed| -> Result<(String, u64), Failure> {
        let simulation = play::mixed_with_trace(seed)?;
        Ok((simulation.trace(), simulation.trace_digest()))
    };
    let [first, second, other] = [9, 9, 10].map(|seed| trace(seed).unwrap());
    assert!(first.0.lines().count() > 512, "all of it is kept");
    assert!(first == second, "two runs of one seed differ");
    assert_ne!(first.1, other.1);
}

/// A change of what the loop asks of its network changes this number, and so does one of the
/// simulation: then the message has the new one. What must not change it is the machine, the
/// profile, the features or the day.
#[test]
fn a_trace_is_the_same_in_every_build() {
    let digests = (0..8).fold(0, |sum: u64, seed| sum.rotate_left(7) ^ play::quiet_trace(seed));
    assert_eq!(digests, 0xfd1c_03df_d22c_47f3, "it is {digests:#018x} now");
}

/// The tool panics when it is asked to, and the loop goes on.
fn silence_intended_panics() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let is_intended = info.payload().downcast_ref() == Some(&"it was asked to");
        if !is_intended {
            report(info);
        }
    }));
}
