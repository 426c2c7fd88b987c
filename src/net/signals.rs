//! Stop signals as readiness, on request only: a library leaves a program's signals alone.

use std::{fmt, io};

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

/// SIGINT and SIGTERM.
pub(super) struct StopSignals {
    signals: Signals,
    token: Token,
}

impl StopSignals {
    pub(super) fn new(registry: &Registry, token: usize) -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let token = Token(token);
        registry.register(&mut signals, token, Interest::READABLE)?;
        Ok(Self { signals, token })
    }

    /// How many kinds of them came. Signals coalesce, so two of one kind may count once.
    pub(super) fn take(&mut self, registry: &Registry) -> usize {
        let count = self.signals.pending().count();
        // They are read past mio, which arms again in its poll(2) what met would-block through
        // mio.
        if cfg!(mio_unsupported_force_poll_poll)
            && let Err(error) =
                registry.reregister(&mut self.signals, self.token, Interest::READABLE)
        {
            log::error!("no further stop signal will be heard: {error}");
        }
        count
    }
}

impl fmt::Debug for StopSignals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopSignals")
    }
}
