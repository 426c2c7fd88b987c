//! Being a guest in a loop that the program has already.
//!
//! Switchboard comes when it is called, works on the program's thread and on its state, and
//! leaves nothing behind. There are four ways in; take the lowest that fits.
//!
//! | your loop | the way in |
//! | --- | --- |
//! | sockets of your own, or none | [`Connection`](crate::Connection): bytes and time in, bytes out |
//! | a `mio::Poll` | [`Guest`]: its sources live in your poll, in a range of tokens |
//! | anything that waits for a descriptor, or just comes by now and then | [`EventLoop`](crate::EventLoop): `AsFd`, [`turn`](crate::EventLoop::turn) and [`next_deadline`](crate::EventLoop::next_deadline) |
//!
//! # What holds, whichever it is
//!
//! 1. Where the descriptor is readable, or events came, a turn makes progress or quiets it.
//! 2. Where it is quiet, nothing is pending and the deadline has not come, a turn would do
//!    nothing.
//! 3. [`Wait::No`](crate::Wait::No) never blocks, and a guest never does.
//! 4. A turn ends within its [`Budget`](crate::Budget), plus one callback and one system call.
//! 5. The descriptor is the same for life.
//! 6. There are no threads, globals or signal handlers but those that were asked for.
//! 7. Dropping it leaves the host as it was.
//! 8. The same clients see the same bytes, whoever drives the loop.

mod guest;

pub use crate::net::{HostPoll, OwnPoll, Poller, WakeUp};
pub use guest::Guest;
