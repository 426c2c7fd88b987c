//! What all clients of a load share: the state that the event loop lends to each of their calls.

use std::collections::VecDeque;
use std::time::Duration;

use switchboard::{CloseReason, Limits};

use super::reader::DISCARD_BYTES;
use super::run::Run;
use super::tally::Others;
use crate::failure::Failure;
use crate::traffic::Traffic;

/// See the module.
#[derive(Debug)]
pub(super) struct World {
    /// What is asked and what must come back.
    pub(super) traffic: Traffic,
    /// The order under way.
    pub(super) run: Run,
    /// Connections that were established.
    pub(super) connected: usize,
    /// Lanes that are to ask and must be made to from outside their own calls.
    pub(super) wanting: VecDeque<usize>,
    /// Clients that have not got the line under way, where it goes to all.
    pub(super) missing: usize,
    /// Where bytes would be read to that are discarded. Nothing is ever written there, so it takes
    /// no memory.
    pub(super) discarded: Vec<u8>,
    /// What those did that are in no figure.
    pub(super) others: Others,
    /// Why the order cannot be carried out: the first reason.
    pub(super) failure: Option<Failure>,
}

impl World {
    /// A world in which nothing happens yet.
    pub(super) fn new(traffic: Traffic) -> Self {
        Self {
            traffic,
            run: Run::idle(),
            connected: 0,
            wanting: VecDeque::new(),
            missing: 0,
            discarded: vec![0; DISCARD_BYTES],
            others: Others::default(),
            failure: None,
        }
    }

    /// Checks a piece of the replies to a batch, of which `awaited` bytes had not come before
    /// it. Gives what has not come after it; none where it is wrong, and the load fails.
    #[inline]
    pub(super) fn receive(&mut self, piece: &[u8], awaited: usize) -> Option<usize> {
        if !self.traffic.accepts(piece, awaited) {
            let shown = String::from_utf8_lossy(&piece[..piece.len().min(80)]);
            self.fail(format!("a reply is wrong: {shown:?}"));
            return None;
        }
        self.run.bytes += piece.len() as u64;
        Some(awaited - piece.len())
    }

    /// A connection ended that should not have.
    pub(super) fn fail_for(&mut self, reason: CloseReason) {
        if reason == CloseReason::Finished {
            self.fail("the server closed a connection".to_owned());
        } else {
            self.fail(format!("a connection ended: {reason}"));
        }
    }

    fn fail(&mut self, why: String) {
        self.failure.get_or_insert_with(|| Failure::new(why));
    }
}

/// The limits of every client: no deadline of ours ends one, because a load rests between orders
/// for as long as it is told nothing, and a stall is found out by who spins.
pub(super) fn limits() -> Limits {
    const LONG: Duration = Duration::from_secs(365 * 24 * 3600);
    Limits::default().first_byte(LONG).idle(LONG).message(LONG).write_stall(LONG).connect(LONG)
}
