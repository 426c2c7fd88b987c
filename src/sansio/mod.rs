//! A conversation: bytes and time go in, bytes and requests come out.
//!
//! This room holds no socket, no clock, no thread and no randomness, and imports no other room.
//! Time is an [`Instant`](std::time::Instant) that the caller hands over, a file is an opaque
//! handle that is passed through, and everything else a conversation wants from the world is a
//! value that somebody outside carries out. That is why one [`Protocol`] runs unchanged under
//! an event loop, a thread, a simulated network, or in your own hands.
//!
//! In the order a newcomer should read:
//!
//! * [`Protocol`] is what you write, [`Transport`] is what it is handed during a call;
//! * [`Connection`] is one Protocol with its buffers, its phase and its deadlines. Inputs are
//!   its `handle_…` methods, outputs its `poll_…` methods;
//! * [`Desk`] is what all Connections of one driver share: the reading of the clock, spare
//!   buffers, and the requests they made of each other;
//! * [`Limits`] bounds every queue, buffer, count and wait;
//! * [`DatagramProtocol`], [`DatagramTransport`] and [`DatagramSocket`] are the same for
//!   conversations in datagrams.
//!
//! # The order of calls, for a driver
//!
//! 1. [`Desk::set_time`].
//! 2. One input: `handle_connected`, `handle_received`, `handle_end_of_input`, `handle_failure`,
//!    `handle_deadlines`, `handle_notified`, `handle_successor`, `handle_stopping`, `handle_turn`.
//! 3. [`Connection::poll_output`] and `handle_sent`, as long as the wire takes bytes.
//! 4. [`Connection::poll_wire`]: what to do to the wire itself (half-close, close, reset).
//! 5. [`Desk::poll_request`], until it is empty.
//! 6. [`Connection::poll_deadline`]: when to call `handle_deadlines`.
//!
//! Only the order of 3 and 4 is a real dependency: a wire is finished after it is flushed.

mod address;
mod closing;
mod connection;
mod connection_id;
mod connection_map;
mod datagram;
mod desk;
mod destination;
mod error;
mod file_range;
mod inbound;
mod layer;
mod limits;
mod line;
mod outbound;
mod phase;
mod pool;
mod protocol;
mod remote;
mod request;
mod transport;
mod unsupported;
mod writer;

pub use address::{Address, UdpAddress, UnixAddress};
pub use closing::{Blame, CloseReason, Closed, Closing, Timeout, Unresolved};
pub use connection::{Connection, Wire};
pub use connection_id::{ConnectionId, ListenerId};
pub(crate) use connection_map::ConnectionMap;
pub use datagram::{
    DatagramCounts, DatagramLimits, DatagramProtocol, DatagramSocket, DatagramTransport,
    Dispatched, DropPolicy, Outgoing, SendOutcome,
};
pub use desk::Desk;
pub use destination::Destination;
pub use error::{Error, Misuse};
pub use file_range::FileRange;
pub use layer::{Layer, LayerFault};
pub use limits::Limits;
pub(crate) use limits::after;
pub use line::Origin;
pub use outbound::{MAX_SLICES, Output};
pub use phase::Stage;
pub use protocol::Protocol;
pub use remote::{Post, PostError, Remote};
pub use request::{Delivery, Request, WhenFull};
pub use transport::Transport;
pub use unsupported::{Driver, RequestKind, Unsupported};
pub use writer::Writer;
