//! Everything a datagram socket has beside its protocol, apart from it so that a call can lend
//! it to a [`DatagramTransport`](super::DatagramTransport).

use std::time::Instant;

use bytes::Bytes;

use super::counts::DatagramCounts;
use super::limits::{DatagramLimits, DropPolicy};
use super::outbox::{Datagram, Outbox};
use crate::sansio::address::Address;
use crate::sansio::closing::{CloseReason, Closing};
use crate::sansio::connection_id::ConnectionId;
use crate::sansio::pool::Pool;

/// What became of a datagram that a protocol asked to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendOutcome {
    /// It is queued, and goes out when the call has returned.
    Queued,
    /// It is queued, and older ones were dropped for it: [`DropPolicy::Oldest`].
    QueuedForOlder,
    /// It was dropped, because the queue is full: [`DropPolicy::Newest`].
    Dropped,
    /// It is larger than this socket can ever send to that address.
    TooLarge {
        /// The most that it can send, in bytes.
        limit: usize,
    },
    /// The address is of a kind that this socket cannot reach: another kind of socket, or IPv6
    /// from IPv4.
    OutOfReach,
    /// There is nobody to answer: the sender has no name, or the call is not about a datagram.
    NoReceiver,
    /// The socket is finishing and takes nothing more.
    Closing,
}

impl SendOutcome {
    /// Whether it is queued.
    #[must_use]
    pub const fn is_queued(self) -> bool {
        matches!(self, Self::Queued | Self::QueuedForOlder)
    }
}

/// Where a datagram socket is in its life. Only `Line::enter` assigns it.
///
/// | from | by | to |
/// | --- | --- | --- |
/// | Opening | bound | Open |
/// | Open | `finish` | Flushing |
/// | Flushing | nothing is left to be sent | Ending |
/// | any but Ending, Closed | `abort`, a failure | Ending |
/// | Ending | `closed` was called | Closed |
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// The protocol was not told yet.
    Opening,
    Open,
    /// What is queued goes out, as far as it does within its time.
    Flushing {
        /// Why it ends, unless something stronger comes: late if anything waited too long.
        reason: CloseReason,
        /// Bytes that did not go out.
        lost: u64,
    },
    /// It is over, and the protocol is told next.
    Ending {
        reason: CloseReason,
        unsent: u64,
    },
    /// The protocol was told.
    Closed(CloseReason),
}

impl Phase {
    pub(super) const fn is_open(&self) -> bool {
        match self {
            Self::Open => true,
            Self::Opening | Self::Flushing { .. } | Self::Ending { .. } | Self::Closed(_) => false,
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        match self {
            Self::Ending { .. } | Self::Closed(_) => true,
            Self::Opening | Self::Open | Self::Flushing { .. } => false,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: ConnectionId,
    pub(super) local: Address,
    pub(super) limits: DatagramLimits,
    pub(super) phase: Phase,
    /// What the protocol asked for its own socket in the call that is under way.
    pub(super) wish: Option<Closing>,
    /// The protocol's own deadline.
    pub(super) deadline: Option<Instant>,
    /// Its bytes are counted in the pool. Empty once it is over.
    pub(super) out: Outbox,
    pub(super) counts: DatagramCounts,
    /// Whether the queue was more than half full and has not become nearly empty since. It ends
    /// in any phase.
    pub(super) is_backpressured: bool,
    /// Whether the protocol is being called. Still set when nobody is: that call panicked.
    pub(super) is_in_call: bool,
}

impl Line {
    pub(super) fn new(id: ConnectionId, local: Address, limits: DatagramLimits) -> Self {
        Self {
            id,
            local,
            limits,
            phase: Phase::Opening,
            wish: None,
            deadline: None,
            out: Outbox::new(),
            counts: DatagramCounts::default(),
            is_backpressured: false,
            is_in_call: false,
        }
    }

    /// The one place that assigns the phase.
    pub(super) fn enter(&mut self, phase: Phase) {
        debug_assert!(!matches!(self.phase, Phase::Closed(_)), "nothing follows Closed");
        self.phase = phase;
    }

    /// Ends the socket for `reason`, unless it has ended before.
    pub(super) fn end(&mut self, reason: CloseReason) {
        let unsent = match self.phase {
            Phase::Opening | Phase::Open => 0,
            Phase::Flushing { lost, .. } => lost,
            Phase::Ending { .. } | Phase::Closed(_) => return,
        };
        let unsent = unsent + self.out.bytes() as u64;
        self.enter(Phase::Ending { reason, unsent });
    }

    /// Aborting is the stronger wish.
    pub(super) fn ask(&mut self, closing: Closing) {
        match closing {
            Closing::Finish => _ = self.wish.get_or_insert(closing),
            // There are no directions here, of which one could be closed.
            Closing::FinishWriting => {}
            Closing::Abort => self.wish = Some(closing),
        }
    }

    /// Queues a datagram of `length` bytes, as far as the limits let it be.
    pub(super) fn queue(
        &mut self,
        pool: &mut Pool,
        now: Instant,
        to: &Address,
        length: usize,
        bytes: impl FnOnce() -> Bytes,
    ) -> SendOutcome {
        let outcome = self.admit(pool, to, length);
        match outcome {
            SendOutcome::Queued | SendOutcome::QueuedForOlder => {
                pool.held += length;
                self.out.push(Datagram { to: to.clone(), bytes: bytes(), since: now });
                let half = (self.limits.queue_bytes / 2, self.limits.queue_datagrams / 2);
                self.is_backpressured |= self.out.bytes() > half.0 || self.out.len() > half.1;
            }
            SendOutcome::Dropped => self.counts.dropped += 1,
            SendOutcome::TooLarge { .. } => self.counts.too_large += 1,
            SendOutcome::OutOfReach | SendOutcome::NoReceiver => self.counts.failed += 1,
            SendOutcome::Closing => {}
        }
        outcome
    }

    /// Decides about a datagram, and makes room for it where that takes dropping others.
    fn admit(&mut self, pool: &mut Pool, to: &Address, length: usize) -> SendOutcome {
        let may_send = match self.phase {
            Phase::Opening | Phase::Open => self.wish.is_none(),
            Phase::Flushing { .. } | Phase::Ending { .. } | Phase::Closed(_) => false,
        };
        if !may_send {
            return SendOutcome::Closing;
        }
        let Some(most) = self.most_to(to) else { return SendOutcome::OutOfReach };
        if to.unix().is_some_and(|name| name.is_unnamed()) {
            return SendOutcome::NoReceiver;
        }
        if length > most {
            return SendOutcome::TooLarge { limit: most };
        }
        if self.has_room(length) {
            return SendOutcome::Queued;
        }
        match self.limits.queue_full {
            DropPolicy::Newest => SendOutcome::Dropped,
            DropPolicy::Oldest => {
                while !self.has_room(length)
                    && let Some(oldest) = self.out.pop_oldest()
                {
                    pool.held -= oldest.bytes.len();
                    self.counts.dropped += 1;
                }
                SendOutcome::QueuedForOlder
            }
        }
    }

    fn has_room(&self, length: usize) -> bool {
        self.out.len() < self.limits.queue_datagrams
            && self.out.bytes().saturating_add(length) <= self.limits.queue_bytes
    }

    /// The size in bytes of the largest datagram that can be sent to an address; none where this
    /// socket cannot reach it.
    fn most_to(&self, to: &Address) -> Option<usize> {
        let of_kind = match (&self.local, to) {
            (Address::Udp(from), Address::Udp(to)) => {
                let (from, to) = (from.socket(), to.socket());
                if from.is_ipv4() && to.is_ipv6() {
                    return None;
                }
                if to.ip().to_canonical().is_ipv4() { UDP_OVER_IPV4 } else { UDP_OVER_IPV6 }
            }
            // Here the system's buffers decide: see unix(7).
            (Address::UnixDatagram(_), Address::UnixDatagram(_)) => usize::MAX,
            (
                Address::Tcp(_) | Address::Udp(_) | Address::Unix(_) | Address::UnixDatagram(_),
                _,
            ) => return None,
        };
        Some(of_kind.min(self.limits.datagram))
    }

    /// Whether the queue is nearly empty, so that back-pressure ends.
    pub(super) fn is_nearly_empty(&self) -> bool {
        self.out.bytes() <= self.limits.queue_bytes / 8
            && self.out.len() <= self.limits.queue_datagrams / 8
    }

    /// Drops everything that is queued.
    pub(super) fn release(&mut self, pool: &mut Pool) -> usize {
        pool.held -= self.out.bytes();
        self.out.clear()
    }
}

/// A length of 16 bits, less the headers of IPv4 (20 bytes) and UDP (8).
const UDP_OVER_IPV4: usize = 65_507;
/// A length of 16 bits that does not count the header of IPv6, less that of UDP.
const UDP_OVER_IPV6: usize = 65_527;
