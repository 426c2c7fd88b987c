//! Names for connections and listeners that are safe to keep.

use std::fmt;

/// A connection's name, or a datagram socket's: the slot it lives in and the generation of that
/// slot. Both kinds share one space, so none has another's name.
///
/// It is `Copy`, safe to keep, to compare and to send to another thread. One that outlived its
/// connection finds nobody, even when the slot (or the descriptor under it) serves another peer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// Generations use 31 bits, so that the highest tokens stay free for a poll's own sources.
    pub(crate) const MAX_GENERATION: u32 = u32::MAX >> 1;

    /// The id of a connection that never had a slot, because it could not be opened.
    pub(crate) const NOBODY: Self = Self::new(u32::MAX, Self::MAX_GENERATION);

    /// The id of slot `slot` in its `generation`-th use. Only a driver makes these.
    #[must_use]
    pub const fn new(slot: u32, generation: u32) -> Self {
        Self(((generation & Self::MAX_GENERATION) as u64) << 32 | slot as u64)
    }

    /// The slot: small, dense, and used again by later connections.
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.0 as u32
    }

    /// Which use of the slot this is.
    #[must_use]
    pub const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The id as one number, for a log line or a foreign interface; [`from_u64`](Self::from_u64)
    /// reads it back.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// Reads back what [`to_u64`](Self::to_u64) gave. A number that never was an id finds nobody.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self(number & !(1 << 63))
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.slot(), self.generation())
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({self})")
    }
}

/// A listener's name within its loop. Never used again, also after the listener stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(u32);

impl ListenerId {
    /// The `number`-th listener of a driver. Only a driver makes these.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number it was made from.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_way_through_a_number() {
        let id = ConnectionId::new(7, u32::MAX);
        assert_eq!(ConnectionId::from_u64(id.to_u64()), id);
        assert_eq!((id.slot(), id.generation()), (7, ConnectionId::MAX_GENERATION));
        assert_eq!(id.to_string(), "7#2147483647");
    }
}
