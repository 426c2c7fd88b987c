//! What a conversation asks of others. Recorded during a call, carried out after it, in order.

use std::any::Any;
use std::fmt;

use bytes::Bytes;

use super::address::Address;
use super::closing::Closing;
use super::connection_id::{ConnectionId, ListenerId};
use super::destination::Destination;
use super::limits::Limits;
use super::protocol::Protocol;

/// What becomes of a message for a connection that is over its high-water mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// That connection misses this message. For news that the next message makes old.
    Drop,
    /// That connection ends as too slow. For a stream without gaps, where others must not wait.
    Close,
    /// It gets the message, and the *sender* is not read from until that connection is at its
    /// low-water mark or gone. For a stream without gaps at the pace of its slowest reader.
    PauseSource,
}

/// What became of a message for another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// It is in the connection's output (which is not to say that the peer has it).
    Queued,
    /// The connection was over its mark: the message was dropped.
    Dropped,
    /// The connection was over its mark, or the message would have put it over its cap: it ends.
    Closed,
    /// It is in the connection's output, which is over its mark: the source must pause.
    QueuedAndFull,
    /// No such connection, or it takes nothing any more.
    NoSuchConnection,
}

/// A request that a conversation made of its driver.
#[non_exhaustive]
pub enum Request<S> {
    /// Queue `bytes` on another connection.
    Send {
        /// Whose output to queue them on.
        to: ConnectionId,
        /// Who asked, if a connection, and is paused under [`WhenFull::PauseSource`].
        from: Option<ConnectionId>,
        /// The bytes, shared.
        bytes: Bytes,
        /// What to do when `to` is over its mark.
        when_full: WhenFull,
    },
    /// Queue `bytes` on every connection of a listener but the sender.
    Broadcast {
        /// Whose connections.
        listener: ListenerId,
        /// Who asked: left out, and paused under [`WhenFull::PauseSource`].
        from: Option<ConnectionId>,
        /// The bytes, shared.
        bytes: Bytes,
        /// What to do with those over their mark.
        when_full: WhenFull,
        /// The first slot not yet served: a broadcast is many steps, under the turn's budget.
        next_slot: usize,
    },
    /// Close another connection.
    Close {
        /// Which.
        to: ConnectionId,
        /// How.
        closing: Closing,
    },
    /// Hand `message` to another connection's `notified`.
    Notify {
        /// Which.
        to: ConnectionId,
        /// The message.
        message: Box<dyn Any + Send>,
    },
    /// Put a protocol in the place of another connection's.
    HandOver {
        /// Whose.
        to: ConnectionId,
        /// Who converses from now on; it is told when there is nobody to converse with.
        protocol: Box<dyn Protocol<S>>,
    },
    /// Connect out.
    Connect {
        /// To where.
        address: Address,
        /// Who converses; it is told when that failed.
        protocol: Box<dyn Protocol<S>>,
        /// Under which limits. Boxed, because they are most of what a request would weigh.
        limits: Box<Limits>,
    },
    /// Connect out, to a host by its name.
    ConnectByName {
        /// The name.
        host: Box<str>,
        /// The TCP port.
        port: u16,
        /// Who converses; it is told when that failed.
        protocol: Box<dyn Protocol<S>>,
        /// Under which limits.
        limits: Box<Limits>,
    },
    /// The output of a connection that paused others is at its low-water mark, or gone.
    Release {
        /// Who was paused.
        source: ConnectionId,
    },
}

impl<S> Request<S> {
    /// To connect to `to`.
    pub(crate) fn connect(to: Destination, protocol: Box<dyn Protocol<S>>, limits: Limits) -> Self {
        let limits = Box::new(limits);
        match to {
            Destination::Address(address) => Self::Connect { address, protocol, limits },
            Destination::Name { host, port } => {
                Self::ConnectByName { host, port, protocol, limits }
            }
        }
    }

    /// How many bytes of a message it carries.
    pub(super) const fn bytes(&self) -> usize {
        match self {
            Self::Send { bytes, .. } | Self::Broadcast { bytes, .. } => bytes.len(),
            Self::Close { .. }
            | Self::Notify { .. }
            | Self::HandOver { .. }
            | Self::Connect { .. }
            | Self::ConnectByName { .. }
            | Self::Release { .. } => 0,
        }
    }
}

impl<S> fmt::Debug for Request<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { to, bytes, .. } => write!(f, "Send({} bytes to {to})", bytes.len()),
            Self::Broadcast { listener, bytes, .. } => {
                write!(f, "Broadcast({} bytes to {listener:?})", bytes.len())
            }
            Self::Close { to, closing } => write!(f, "Close({to}, {closing:?})"),
            Self::Notify { to, .. } => write!(f, "Notify({to})"),
            Self::HandOver { to, .. } => write!(f, "HandOver({to})"),
            Self::Connect { address, .. } => write!(f, "Connect({address})"),
            Self::ConnectByName { host, port, .. } => write!(f, "Connect({host}:{port})"),
            Self::Release { source } => write!(f, "Release({source})"),
        }
    }
}
