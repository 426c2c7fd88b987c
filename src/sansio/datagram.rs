//! A conversation in datagrams: one socket, many peers, no connection.
//!
//! It stands beside [`Protocol`](super::Protocol) and [`Connection`](super::Connection) and
//! shares the [`Desk`](super::Desk) with them: the time, the budget of bytes, requests to others
//! and messages from other threads are the same. What differs is what datagrams are: each is
//! whole or not there, none is ever kept for more, any may get lost, and what one peer does says
//! nothing about the socket.
//!
//! * [`DatagramProtocol`] is what you write, [`DatagramTransport`] is what it is handed;
//! * [`DatagramSocket`] is one of them with its queue and its deadlines, driven by `handle_…`
//!   and `poll_…`;
//! * [`DatagramLimits`] bounds the queue, [`DropPolicy`] says what gives way when it is full, and
//!   [`DatagramCounts`] says what became of everything.

mod counts;
mod limits;
mod line;
mod outbox;
mod protocol;
mod socket;
#[cfg(test)]
mod tests;
mod transport;

pub use counts::DatagramCounts;
pub use limits::{DatagramLimits, DropPolicy};
pub use line::SendOutcome;
pub use outbox::Outgoing;
pub use protocol::DatagramProtocol;
pub use socket::{DatagramSocket, Dispatched};
pub use transport::DatagramTransport;
