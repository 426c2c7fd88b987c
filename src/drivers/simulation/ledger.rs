//! What the network and the recorders of a simulation both write to: the trace, what each stream
//! carried, and the first thing that was found wrong.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::trace::{Digest, Trace, Who};

/// What a stream of the loop carried so far, by the network's books and by those of the
/// protocols that conversed on it, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried {
    /// Bytes that the network took from the loop.
    pub(super) out: u64,
    /// Bytes that the loop read, and what they were.
    pub(super) read: u64,
    pub(super) read_digest: Digest,
    /// Bytes that protocols used, and what they were.
    pub(super) used: u64,
    pub(super) used_digest: Digest,
    /// Bytes that were queued for the peer, sent or not, when a protocol was last called.
    pub(super) queued: u64,
    /// The loop has closed it.
    pub(super) is_closed: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) trace: Trace,
    /// By the stream's token. Looked up, never listed: its order would not be stable.
    pub(super) carried: HashMap<usize, Carried>,
    /// What was found wrong first.
    pub(super) finding: Option<String>,
    /// Protocols that were made, and that were dropped.
    pub(super) begun: u64,
    pub(super) ended: u64,
    /// The simulation is being dropped, and open connections with it.
    pub(super) is_ending: bool,
}

/// Shared with the recorders, which are `Send` because protocols are.
#[derive(Clone, Debug)]
pub(super) struct SharedLedger(Arc<Mutex<Ledger>>);

impl SharedLedger {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Ledger {
            trace: Trace::new(),
            carried: HashMap::new(),
            finding: None,
            begun: 0,
            ended: 0,
            is_ending: false,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Ledger> {
        // Nothing of the user's runs while it is held, so what is inside is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, who: Who, what: &'static str, amount: Option<u64>) {
        self.lock().trace.note(who, what, amount);
    }

    /// Says that something is wrong. The first one counts: the others follow from it.
    pub(super) fn find(&self, finding: impl FnOnce() -> String) {
        let mut ledger = self.lock();
        if ledger.finding.is_none() {
            ledger.trace.note(Who::Loop, "FOUND", None);
            ledger.finding = Some(finding());
        }
    }
}

impl Default for Carried {
    fn default() -> Self {
        let (read_digest, used_digest) = (Digest::new(), Digest::new());
        Self { out: 0, read: 0, read_digest, used: 0, used_digest, queued: 0, is_closed: false }
    }
}
