//! What a loop has done so far: plain counters of one thread.

use std::time::Duration;

use super::turn::{LongestCallback, Turn};
use crate::sansio::{CloseReason, DatagramCounts};

/// A snapshot of what a loop has done since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Peers accepted.
    pub accepted: u64,
    /// Peers turned away at the limit for their address.
    pub refused: u64,
    /// Connections open now, those included whose end is under way.
    pub open: usize,
    /// Datagram sockets open now.
    pub sockets: usize,
    /// What became of their datagrams, and of those of sockets that are gone.
    pub datagrams: DatagramCounts,
    /// Bytes in memory that connections and sockets hold now: kept input and unsent output.
    pub held: usize,
    /// Connections and datagram sockets that ended, by reason, in the order in which each reason was first met.
    pub closed: Vec<(CloseReason, u64)>,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Turns made.
    pub turns: u64,
    /// Readiness events.
    pub events: u64,
    /// System calls made for reading, those that found nothing included.
    pub reads: u64,
    /// System calls made for writing.
    pub writes: u64,
    /// Inputs that reached a protocol.
    pub callbacks: u64,
    /// How often accepting found no descriptor or memory.
    pub exhaustions: u64,
    /// Messages for connections that were gone.
    pub dead_letters: u64,
    /// The callback that took longest.
    pub longest: Option<LongestCallback>,
    /// The most that a deadline was late: how long the loop, or its host, was away.
    pub lag: Duration,
}

impl Stats {
    /// How many connections ended for `reason`.
    #[must_use]
    pub fn closed_for(&self, reason: CloseReason) -> u64 {
        self.closed.iter().find(|(closed, _)| *closed == reason).map_or(0, |(_, count)| *count)
    }

    /// These counters with what there is now: connections, bytes they hold, and datagram sockets
    /// with what became of theirs.
    pub(super) fn snapshot(
        &self,
        open: usize,
        held: usize,
        (sockets, datagrams): (usize, DatagramCounts),
    ) -> Self {
        Self { open, held, sockets, datagrams, ..self.clone() }
    }

    pub(in super::super) fn note_closed(&mut self, reason: CloseReason) {
        // A loop meets a handful of reasons, so a list is as good as a map.
        match self.closed.iter_mut().find(|(closed, _)| *closed == reason) {
            Some((_, count)) => *count += 1,
            None => self.closed.push((reason, 1)),
        }
    }

    pub(super) fn note_turn(&mut self, turn: &Turn) {
        self.turns += 1;
        self.events += turn.events as u64;
        self.callbacks += turn.callbacks as u64;
        self.bytes_in += turn.bytes_in;
        self.bytes_out += turn.bytes_out;
        self.lag = self.lag.max(turn.late);
        if let Some(longest) = turn.longest
            && self.longest.is_none_or(|known| longest.time > known.time)
        {
            self.longest = Some(longest);
        }
    }
}
