//! What a driver with a thread or a process for each connection is made of.
//!
//! * [`converse`] runs one protocol on one stream, on the thread that calls it: a whole server
//!   where something else accepts, such as inetd;
//! * [`Operator`] accepts, counts, rests, drains, and gives out one [`Call`] after the other;
//! * [`Orders`] reach conversations that wait.
//!
//! [`Threads`](super::threads::Threads) is built of these, and so is the driver with a process
//! for each connection, which lives outside this crate because fork(2) is sound only in a
//! program of one thread. Neither touches what is said on a connection: that is decided in
//! [`Connection`](crate::Connection), as under the event loop.
//!
//! Unix only: waiting is done with poll(2) and pipes.

mod call;
mod config;
mod handle;
mod listeners;
mod mailbox;
mod operator;
mod orders;
mod talk;
#[cfg(test)]
mod tests;

pub use call::{Call, Outcome, converse};
pub use config::Config;
pub use handle::Handle;
pub use operator::{Next, Operator, Ringer};
pub use orders::Orders;
