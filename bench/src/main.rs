//! Measures a server against the bare epoll loop of `bench/limit.c`.
//!
//! ```text
//! cargo build --release --examples && cargo build --release -p switchboard-bench
//! B=target/release/switchboard-bench
//!
//! # CPU per request, ours and the limit side by side, in nine rounds:
//! $B wire --kind echo --ours "target/release/examples/echo 127.0.0.1:0"
//! $B wire --kind http --ours "target/release/examples/http_hello 127.0.0.1:0" --pipeline 16
//!
//! # System calls per request (needs strace):
//! $B syscalls --kind http --server "target/release/examples/http_hello 127.0.0.1:0"
//!
//! # Bytes of memory per idle connection, and how fast 15,000 connect:
//! $B idle --kind echo --server "target/release/examples/echo 127.0.0.1:0"
//!
//! # What one greedy client makes another wait:
//! $B greedy --kind http --server "target/release/examples/http_hello 127.0.0.1:0"
//!
//! # What a thousand busy clients cost the frames of a game that serves them:
//! $B frames
//!
//! # Where its time goes (needs perf):
//! $B flame --kind http --server "target/release/examples/http_hello 127.0.0.1:0"
//! ```
//!
//! A server is any command that listens on a free port and prints, as its
//! first line, `listening on tcp://ADDR:PORT` or `listening on http://ADDR:PORT/`.
//! It is split at white space and run without a shell, on core 0; the load runs
//! on core 1, spins instead of sleeping so that the server never pays for waking
//! it, and says what part of its time it had nothing to do. Where no `--limit`
//! is given, `limit.c` is compiled with `cc -O2` beside this program.
//!
//! Every child is ended by its own pid, on errors too, and dies with this
//! process if that is killed.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, and sleeps until what it measures is quiet"
)]

mod asked;
mod compare;
mod contenders;
mod failure;
mod flame;
mod frames;
mod greedy;
mod idle;
mod load;
mod output;
mod process;
mod report;
mod server;
mod syscalls;
mod table;
mod traffic;
mod wire;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use failure::Outcome;

/// Measure a server against a bare epoll loop in C.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Event loop, threads, forks and others side by side, with a report
    Compare(compare::Options),
    /// CPU time per request, side by side with the limit
    Wire(wire::Options),
    /// System calls per request, counted by strace
    Syscalls(syscalls::Options),
    /// Memory per idle connection
    Idle(idle::Options),
    /// What one greedy client makes another one wait
    Greedy(greedy::Options),
    /// What a server costs the frames of the game it is a guest in
    Frames(frames::Options),
    /// Where a server's time goes: a flame graph, and the part of each system call
    Flame(flame::Options),
    /// Show the raw figures of a comparison again
    Report(report::Options),
    /// List the servers that a comparison knows, and the commands that run them
    Servers(contenders::listing::Options),
    /// Be a load, as standard input says (run by the others)
    #[command(hide = true)]
    Load(load::Options),
    /// Become nginx, on a free port
    #[command(hide = true, disable_version_flag = true)]
    Nginx(contenders::nginx::Options),
    /// Run a command on one core (how servers are started)
    #[command(hide = true)]
    Pinned(server::PinnedOptions),
}

/// Which core serves and which one asks.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Cores {
    /// Core that the servers run on
    #[arg(long, default_value_t = 0)]
    pub(crate) server_core: usize,
    /// Core that the load runs on
    #[arg(long, default_value_t = 1)]
    pub(crate) load_core: usize,
}

fn main() -> ExitCode {
    let command = Options::parse().command;
    // A child tells its failure to its parent, which reads its output.
    let is_child = matches!(command, Command::Load(_) | Command::Pinned(_) | Command::Nginx(_));
    // Servers and loads of ten thousand connections inherit this.
    match process::allow_all_descriptors().and_then(|()| dispatch(command)) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(failure) if is_child => {
            // Nobody is left to hear it where this fails.
            let _ = output::say(failure);
        }
        Err(failure) => eprintln!("switchboard-bench: {failure}"),
    }
    ExitCode::from(2)
}

fn dispatch(command: Command) -> Outcome<()> {
    match command {
        Command::Compare(options) => compare::measure(&options),
        Command::Wire(options) => wire::measure(&options),
        Command::Syscalls(options) => syscalls::measure(&options),
        Command::Idle(options) => idle::measure(&options),
        Command::Greedy(options) => greedy::measure(&options),
        Command::Frames(options) => frames::measure(&options),
        Command::Flame(options) => flame::measure(&options),
        Command::Report(options) => report::show(&options),
        Command::Servers(options) => contenders::listing::list(&options),
        Command::Load(options) => load::serve(&options),
        Command::Nginx(options) => contenders::nginx::become_nginx(&options),
        Command::Pinned(options) => Err(server::become_pinned(&options)),
    }
}
