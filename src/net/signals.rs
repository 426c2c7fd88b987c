//! Stop signals as readiness, on request only: a library leaves a program's signals alone.

use std::{fmt, io};

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

/// SIGINT and SIGTERM.
pub(super) struct StopSignals {
    signals: Signals,
}

impl StopSignals {
    pub(super) fn new(registry: &Registry, token: usize) -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        registry.register(&mut signals, Token(token), Interest::READABLE)?;
        Ok(Self { signals })
    }

    /// How many kinds of them came. Signals coalesce, so two of one kind may count once.
    pub(super) fn take(&mut self) -> usize {
        self.signals.pending().count()
    }
}

impl fmt::Debug for StopSignals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopSignals")
    }
}
