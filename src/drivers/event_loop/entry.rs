//! A connection in its slot: its stream, what the system last said of it, which lists it is on,
//! and when it is looked at next.

use std::mem;
use std::time::Instant;

use crate::sansio::{Connection, Stage};

/// A connection with its stream, and what the system last said about it.
pub(super) struct Entry<S, T> {
    pub(super) connection: Connection<S>,
    /// Taken when the slot is freed. Missing before only while there is no room to connect.
    pub(super) stream: Option<T>,
    /// What a read may find.
    pub(super) incoming: Incoming,
    /// A write is worth trying.
    pub(super) is_writable: bool,
    /// On the ready list. At most once.
    pub(super) is_queued: bool,
    /// On the list of those to be flushed at the end of the round. At most once.
    pub(super) is_touched: bool,
    /// On the list of those not read from because the loop is congested. At most once.
    pub(super) is_parked: bool,
    /// On the list of those to be freed at the end of the round.
    pub(super) is_leaving: bool,
    /// The timer is armed, and not for later than the idle timeout will ever be.
    pub(super) is_armed_for_idle: bool,
    /// How often in a row the timer fired in vain because the connection was to be served first.
    pub(super) postponed: u8,
}

impl<S, T> Entry<S, T> {
    pub(super) fn new(connection: Connection<S>, stream: Option<T>) -> Self {
        Self {
            connection,
            is_writable: stream.is_some(),
            stream,
            incoming: Incoming::Nothing,
            is_queued: false,
            is_touched: false,
            is_parked: false,
            is_leaving: false,
            is_armed_for_idle: false,
            postponed: 0,
        }
    }
}

/// What a read may find, as far as the system said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Incoming {
    /// Nothing: a read has met would-block since the system last said something.
    Nothing,
    /// Bytes. The system says when there are more.
    Bytes,
    /// An end or an error, and bytes before it. The system may say nothing more, so it is read
    /// until that is met.
    End,
}

/// When a connection is looked at next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    /// When the system says so, or when its timer fires, which is armed.
    Rest,
    /// The same, but the timer must fire earlier.
    Arm(Instant),
    /// In the next turn.
    Queue,
    /// When the loop is congested no more.
    Park,
    /// It is over: at the end of the round.
    Leave,
}

impl<S: 'static, T> Entry<S, T> {
    /// Whether a read is worth trying.
    #[inline]
    pub(super) fn is_readable(&self) -> bool {
        self.incoming != Incoming::Nothing
    }

    /// Whether [`next`](Self::next) would say [`Next::Rest`], as far as can be told at a glance:
    /// the common case.
    #[inline]
    pub(super) fn rests(&self) -> bool {
        self.is_armed_for_idle && !self.is_readable() && self.connection.is_quiet()
    }

    pub(super) fn next(&mut self, is_congested: bool) -> Next {
        let connection = &self.connection;
        if connection.stage() == Stage::Closed {
            let is_news = !mem::replace(&mut self.is_leaving, true);
            return if is_news { Next::Leave } else { Next::Rest };
        }
        let wants_read = self.is_readable() && connection.wants_bytes() > 0;
        // What is touched is flushed anyway.
        let wants_write = self.is_writable && connection.has_output() && !self.is_touched;
        if wants_write || (wants_read && !is_congested) || connection.wants_turn() {
            // What is on a list already is not put there twice.
            if !mem::replace(&mut self.is_queued, true) {
                return Next::Queue;
            }
        } else if wants_read && !mem::replace(&mut self.is_parked, true) {
            return Next::Park;
        }
        self.next_timer()
    }

    /// Whether the timer must be armed. Mostly not: while a connection is quiet, its deadline
    /// only moves away from the one that is armed.
    #[inline]
    fn next_timer(&mut self) -> Next {
        let is_quiet = self.connection.is_quiet();
        if is_quiet && self.is_armed_for_idle {
            return Next::Rest;
        }
        let Some(deadline) = self.connection.poll_deadline() else { return Next::Rest };
        self.is_armed_for_idle |= is_quiet;
        Next::Arm(deadline)
    }

    /// What the system said was about another stream.
    pub(super) fn forget_readiness(&mut self) {
        self.incoming = Incoming::Nothing;
        self.is_writable = false;
    }

    /// The timer fired, and is no longer armed. Says whether its deadline is to be postponed:
    /// what is on the ready list may have bytes waiting that are just in time. Not for ever: a
    /// peer that never pauses is always on that list.
    pub(super) fn postpones(&mut self) -> bool {
        self.is_armed_for_idle = false;
        if self.is_queued && self.postponed < MOST_POSTPONED {
            self.postponed += 1;
            return true;
        }
        self.postponed = 0;
        false
    }
}

/// So many reads empty the largest buffer that the system gives a socket.
const MOST_POSTPONED: u8 = u8::MAX;
