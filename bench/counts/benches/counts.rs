//! How many instructions each path takes, under callgrind: see `run.sh`.
//!
//! Each function is counted from its first to its last instruction; what is prepared before and
//! dropped after is not.

#![allow(missing_docs, reason = "the macros of gungraun make public items")]

use std::hint::black_box;
use std::time::Duration;

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use switchboard_counts::{Crowd, Talk, baseline};

/// Counts instructions alone, and at most as many as the baseline allows a path.
fn at_most(path: &str) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::with_args(["--cache-sim=no"]);
    // While a new baseline is made, the old one does not bind.
    if std::env::var_os("SWITCHBOARD_BLESS").is_none() {
        callgrind.hard_limits([(EventKind::Ir, baseline::most(path))]);
    }
    LibraryBenchmarkConfig::default().tool(callgrind).clone()
}

// A message of 64 bytes arrives, is echoed, and leaves.
#[library_benchmark(config = at_most("echo_message"))]
#[bench::prepared(Talk::echo())]
fn echo_message(mut talk: Talk) -> Talk {
    black_box(talk.once());
    talk
}

// A request arrives, is parsed and answered, and the reply leaves.
#[library_benchmark(config = at_most("http_request"))]
#[bench::prepared(Talk::http(1))]
fn http_request(mut talk: Talk) -> Talk {
    black_box(talk.once());
    talk
}

// Sixteen requests arrive in one read, and their replies leave in one write.
#[library_benchmark(config = at_most("http_sixteen_requests"))]
#[bench::prepared(Talk::http(16))]
fn http_sixteen_requests(mut talk: Talk) -> Talk {
    black_box(talk.once());
    talk
}

// 256 protocols are told to set a deadline, and do.
#[library_benchmark(config = at_most("timers_armed"))]
#[bench::prepared(Crowd::connected())]
fn timers_armed(mut crowd: Crowd) -> Crowd {
    crowd.set_timers(FAR);
    crowd
}

// 256 protocols are told to set an earlier deadline than they have, and do.
#[library_benchmark(config = at_most("timers_moved"))]
#[bench::prepared(with_timers(FAR))]
fn timers_moved(mut crowd: Crowd) -> Crowd {
    crowd.set_timers(NEAR);
    crowd
}

// 256 deadlines are over, and their protocols are told.
#[library_benchmark(config = at_most("timers_fired"))]
#[bench::prepared(with_timers(NEAR))]
fn timers_fired(mut crowd: Crowd) -> Crowd {
    black_box(crowd.fire_timers());
    crowd
}

// A line goes to 256 connections of a loop, and leaves.
#[library_benchmark(config = at_most("broadcast"))]
#[bench::prepared(Crowd::connected())]
fn broadcast(mut crowd: Crowd) -> Crowd {
    crowd.broadcast();
    crowd
}

const NEAR: Duration = Duration::from_secs(3);
const FAR: Duration = Duration::from_secs(200);

fn with_timers(timeout: Duration) -> Crowd {
    let mut crowd = Crowd::connected();
    crowd.set_timers(timeout);
    crowd
}

library_benchmark_group!(
    name = paths,
    benchmarks = [
        echo_message,
        http_request,
        http_sixteen_requests,
        timers_armed,
        timers_moved,
        timers_fired,
        broadcast
    ]
);
main!(library_benchmark_groups = paths);
