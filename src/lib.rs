//! An event-loop server: many lines, one operator.
//!
//! One thread, one poll, a slab of connections, thousands of clients; and it fits inside the
//! loop that your program already has. No async runtime, no macros, no globals, no hidden
//! threads.
//!
//! ```no_run
//! use switchboard::{EventLoop, Protocol, Transport};
//!
//! struct Echo;
//!
//! impl<S> Protocol<S> for Echo {
//!     fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
//!         transport.write(bytes);
//!         bytes.len()
//!     }
//! }
//!
//! let mut event_loop = EventLoop::new()?;
//! event_loop.listen("127.0.0.1:7000", |_peer| Echo)?;
//! event_loop.run(&mut ())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A short guide
//!
//! **Write a conversation.** A [`Protocol`] is a state machine: bytes and time come in, bytes and
//! requests go out through the [`Transport`] that each call is handed. It says how many bytes it
//! used; the rest is kept and offered again with more, so a protocol needs no buffer. Ready-made
//! ones are [`http`], [`line`](mod@line), [`relay`] and the small [`services`].
//!
//! **Run it.** An [`EventLoop`] listens, connects, and runs every connection from the thread that
//! calls it: [`run`](EventLoop::run) when it owns the thread, [`turn`](EventLoop::turn) when your
//! program does:
//!
//! ```no_run
//! # use switchboard::{Budget, EventLoop, Wait};
//! # use std::time::{Duration, Instant};
//! # struct World;
//! # impl World { fn step(&mut self) {} }
//! # let (mut event_loop, mut world) = (EventLoop::<World>::new()?, World);
//! # let frame_end = Instant::now() + Duration::from_millis(16);
//! loop {
//!     event_loop.turn(Wait::No, Budget::until(frame_end), &mut world)?;
//!     world.step();
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Or run it otherwise.** [`Threads`] gives each connection a thread, for callbacks that block:
//! the same protocols, limits and reasons to close. [`drivers`] says what differs.
//!
//! **Converse in datagrams.** [`bind`](EventLoop::bind) puts a [`DatagramProtocol`] on a UDP or
//! Unix datagram socket of the same loop: each message is whole or not there, any number of
//! peers share one socket, and a flood of them costs the others a budget a turn.
//!
//! **Share state without locks.** `S` is the state of your program; every call gets `&mut S`.
//!
//! **Trust nobody.** Every queue, buffer, count and wait has a bound, gathered in [`Limits`] for
//! a listener and in [`Config`] for the loop. A peer that does not read is not read from: a
//! protocol that produces much asks [`is_backpressured`](Transport::is_backpressured). Deadlines
//! are on by default and cannot be switched off.
//!
//! **Reach others.** From a callback, [`send`](Transport::send) and
//! [`broadcast`](Transport::broadcast) reach other connections by [`ConnectionId`]; from another
//! thread a [`Handle`] reaches the loop, and a [`Remote`] one connection. What is asked of a
//! connection that has gone finds nobody.
//!
//! **Stop.** [`Handle::drain`] lets what was begun finish and reports how each connection ended;
//! with the feature `signals` the loop does so on SIGINT and SIGTERM.
//!
//! **Test.** A [`Connection`] runs a protocol with no socket and no clock, by hand
//! ([`sansio`] has the order of calls); a [`ManualClock`] makes minutes pass in a whole loop; the
//! feature `simulation` runs the loop itself on a network made of one seed, with every fault
//! that a network has.
//!
//! **Coming from sockets?** [`guide::sockets`] says what each call of a socket chapter is here.
//!
//! # What it is not
//!
//! No async, no HTTP/2 (a proxy in front speaks it), no cluster. Linux is what it is tested on;
//! other systems that mio supports are kept compiling by care and are not claimed.
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `http` | yes | [`http`]: an HTTP/1.1 server protocol and a handler that serves a folder |
//! | `signals` | no | `EventLoop::drain_on_signals`, on Unix |
//! | `calloop` | no | `embed::calloop`: an event source for calloop |
//! | `tokio` | no | `embed::tokio`: a future for a tokio runtime |
//! | `simulation` | no | `simulation`: the event loop on a simulated network, for your tests |

#![forbid(unsafe_code)]

#[macro_use]
mod setters;

pub mod sansio;

mod net;

pub mod drivers;
pub mod embed;
pub mod guide;
pub mod protocols;

pub use bytes::Bytes;

pub use drivers::event_loop::{
    Budget, Config, Control, Deadline, Ended, EventLoop, Handle, OnPanic, Peer, Turn, Wait,
};
pub use drivers::resolver::Resolver;
#[cfg(feature = "simulation")]
pub use drivers::simulation;
#[cfg(unix)]
pub use drivers::threads::Threads;
pub use net::{BindOptions, ListenOptions, ManualClock};
#[cfg(feature = "http")]
pub use protocols::http;
pub use protocols::{line, relay, services};
pub use sansio::{
    Address, CloseReason, Closed, Closing, Connection, ConnectionId, DatagramLimits,
    DatagramProtocol, DatagramTransport, Destination, Error, FileRange, Limits, ListenerId, Misuse,
    Protocol, Remote, Timeout, Transport, UdpAddress, UnixAddress, Unresolved, WhenFull,
};
