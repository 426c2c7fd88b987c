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
//! use switchboard::services::{Daytime, Echo};
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
//!
//! # Datagrams
//!
//! Each is a [`DatagramProtocol`](crate::DatagramProtocol) as well, but for [`Greet`], since
//! nobody connects. On UDP a stranger can send in another's name, and these services answer
//! everybody, so two old attacks are met here:
//!
//! * *amplification*, in which small forged questions aim large answers at a victim. No answer
//!   of [`Echo`] or [`Chargen`] is larger than its question; the others say 31 bytes at most,
//!   which with the headers of IP and UDP is about twice an empty question;
//! * *ping-pong*, in which one forged datagram makes two services answer each other for ever. A
//!   sender whose port is privileged, as those of the RFCs are, or is the very port that the
//!   service itself has, is not answered.
//!
//! What is left of the second: two services that both have an unprivileged port, and not the same
//! one, can still be made to talk to each other, a datagram at a time. They are for a network that
//! you know, and not for the whole internet.

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

use crate::sansio::{Address, DatagramTransport, Transport};

/// Says `bytes` and closes: what the services do that have one thing to say.
fn say_once<S>(transport: &mut Transport<'_, S>, bytes: &[u8]) {
    transport.write(bytes);
    transport.finish();
}

/// Answers a datagram `from` somebody, unless that may be a service that answers, too.
fn answer<S>(transport: &mut DatagramTransport<'_, S>, from: &Address, bytes: &[u8]) {
    let is_service = match (from.socket(), transport.local().socket()) {
        (Some(from), Some(local)) => from.port() < FIRST_FREE_PORT || from.port() == local.port(),
        // Nobody can send in the name of another Unix socket, but one can to itself.
        _ => from == transport.local(),
    };
    if !is_service {
        transport.reply(bytes);
    }
}

/// Ports below are for privileged programs (RFC 6335, 6, calls them system ports).
const FIRST_FREE_PORT: u16 = 1024;
