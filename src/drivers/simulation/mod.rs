//! The event loop on a network made of one seed: for tests, also of your own protocols.
//!
//! Because a conversation touches no socket and no clock, a whole server runs on a simulated
//! network in virtual time. This is the real engine (the turn, the accept machine, the timer
//! wheel, the ready list) over simulated sockets: what passes here is what runs. One 64-bit seed
//! decides everything that is left to chance, so whatever happens once can be seen again. It must
//! never wait, open a socket, or let the time of day decide anything.
//!
//! # A protocol in twenty lines
//!
//! A client is a [`Script`]; [`check`] plays scripts on many networks. On each that is merely
//! rough (reads and writes cut short anywhere, would-block at any point, readiness that is late,
//! doubled or split, no descriptors for a while) a client must get the same bytes; on hostile
//! ones (resets, peers that vanish, a clock that jumps) nothing may break that [`Check`] lists.
//!
//! ```
//! use std::time::Duration;
//! use switchboard::simulation::{check, script, seeds};
//! use switchboard::line;
//!
//! let mut server = line::server(|transport, _: &mut (), line| {
//!     transport.write(line);
//!     transport.write(b", you say?\n");
//! });
//! let pause = Duration::from_secs(7);
//! check(
//!     move || server(()),
//!     [
//!         script().send("hello\n").expect("hello, you say?\n").close(),
//!         script().send("a\nb").wait(pause).send("c\n").until("bc, you say?\n").close(),
//!         script().read_slowly(1, pause / 70).send("x\n").finish_writing().until("say?\n"),
//!         script().expect_end().after(pause), // A minute of silence ends it.
//!     ],
//!     seeds(10),
//! );
//! ```
//!
//! A [`Failure`] shows the last lines of the trace and the command that repeats it.
//! `SWITCHBOARD_SEEDS=1000` in the environment widens every check, `SWITCHBOARD_SEED=7` runs one
//! seed alone, `SWITCHBOARD_TRACE=10000` shows so many lines.
//!
//! # A scene of your own
//!
//! [`Simulation`] listens, connects, drains and turns like an [`EventLoop`](crate::EventLoop),
//! and has clients. [`Faults`] says what goes wrong: at random, at the n-th opportunity, or in a
//! stretch of time.
//!
//! ```
//! use std::time::Duration;
//! use switchboard::simulation::{Fault, Faults, Simulation, script};
//! use switchboard::line;
//!
//! let second = Duration::from_secs(1);
//! let faults = Faults::none().during(second..second * 9, Fault::Exhausted);
//! let mut simulation = Simulation::with(1, faults);
//! simulation.listen("10.0.0.1:7000", line::server(|transport, lines: &mut u32, line| {
//!     *lines += 1;
//!     transport.write(line);
//!     transport.write(b"\n");
//! }))?;
//! let early = simulation.client("10.0.0.1:7000", script().send("a\n").wait(second * 3).send("b\n").until("b\n"))?;
//! let late = simulation.client("10.0.0.1:7000", script().after(second * 2).send("c\n").until("c\n"))?;
//!
//! let mut lines = 0;
//! simulation.run(&mut lines)?;
//! assert_eq!((lines, simulation.received(early), simulation.received(late)), (3, b"a\nb\n".to_vec(), b"c\n".to_vec()));
//! assert!(simulation.elapsed() >= second * 9, "the late one had to wait for a descriptor");
//!
//! simulation.drain(second);
//! simulation.run(&mut lines)?;
//! simulation.settle(&mut lines)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Less than a loop
//!
//! For a unit test of a protocol, [`Talk`] is one protocol against bytes and [`Pair`] wires two
//! to each other, with no network at all.
//!
//! # What it does not simulate
//!
//! A poll or a listener that fails; stop signals; files, which are the system's. All addresses are
//! ours. Unix sockets behave like TCP, without a file.

mod books;
mod cast;
mod check;
mod client;
mod datagrams;
mod dice;
mod driver;
mod failure;
mod faults;
mod ledger;
mod link;
mod network;
mod pair;
mod recorder;
mod script;
#[cfg(test)]
mod tests;
mod trace;
mod traffic;
mod watch;
mod world;

pub use check::{Check, Report, check, check_with};
pub use client::Seen;
pub use dice::Dice;
pub use driver::{ClientId, Simulation};
pub use failure::{Failure, Seeds, seeds};
pub use faults::{Fault, Faults, Struck};
pub use pair::{Pair, Talk};
pub use script::{Script, Step, script};
