//! The small services that every socket chapter begins with, and that every network once had.
//!
//! | service | RFC | port | on a stream | to a datagram |
//! | --- | --- | --- | --- | --- |
//! | [`Echo`] | 862 | 7 | says back what it hears | the same bytes |
//! | [`Discard`] | 863 | 9 | listens, and says nothing | nothing |
//! | [`Daytime`] | 867 | 13 | says the time in words, and closes | the time in words |
//! | [`Chargen`] | 864 | 19 | never stops talking | as many characters as it brought, 512 at most |
//! | [`Time`] | 868 | 37 | says the time in four bytes, and closes | the time in four bytes |
//! | [`Greet`] | | | says `Thank you for connecting`, and closes | |
//! | [`Reply`] | | | waits for a message, says `Yes`, and closes | `Yes` |
//!
//! Each is a value of no size that is a protocol for every state, so one program can have all:
//!
//! ```no_run
//! use switchboard::EventLoop;
//! use switchboard::protocols::services::{Daytime, Echo};
//!
//! let mut event_loop = EventLoop::new()?;
//! event_loop.listen("127.0.0.1:7007", |_peer| Echo)?;
//! event_loop.listen("127.0.0.1:7013", |_peer| Daytime)?;
//! event_loop.run(&mut ())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The ports are those of the RFCs, also as [`Echo::PORT`] and so on. Only a privileged process
//! may listen on them; the command `switchboard` adds 7000.

mod chargen;
mod daytime;
mod discard;
mod echo;
mod greet;
mod reply;
#[cfg(test)]
mod tests;
mod time;

pub use chargen::Chargen;
pub use daytime::Daytime;
pub use discard::Discard;
pub use echo::Echo;
pub use greet::Greet;
pub use reply::Reply;
pub use time::Time;

use crate::sansio::Transport;

/// Says `bytes` and closes: what the services do that have one thing to say.
fn say_once<S>(transport: &mut Transport<'_, S>, bytes: &[u8]) {
    transport.write(bytes);
    transport.finish();
}
