//! Stop signals as readiness, on request only: a library leaves a program's signals alone.

use std::io::{PipeReader, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::{fmt, io};

use mio::{Interest, Registry, Token};
use rustix::io::ioctl_fionread;
use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::{pipe, unregister};
use signal_hook_mio::v1_0::Signals;

/// SIGINT and SIGTERM.
pub(super) struct StopSignals {
    signals: Signals,
    token: Token,
}

impl StopSignals {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
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

/// SIGINT and SIGTERM, as bytes in a pipe: for those who wait with poll(2).
///
/// A process that was forked shares the pipe, so it must drop this before a signal comes.
#[derive(Debug)]
pub(crate) struct SignalPipe {
    reader: PipeReader,
    handlers: Vec<SigId>,
}

impl SignalPipe {
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let mut this = Self { reader, handlers: Vec::new() };
        for signal in [SIGINT, SIGTERM] {
            this.handlers.push(pipe::register(signal, writer.try_clone()?)?);
        }
        Ok(this)
    }

    /// How many of them came since this was last asked.
    pub(crate) fn take(&self) -> usize {
        let count = ioctl_fionread(&self.reader).unwrap_or(0);
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(MOST_SIGNALS);
        // So many are there, so it does not block.
        (&self.reader).read(&mut [0; MOST_SIGNALS][..count]).unwrap_or(0)
    }
}

/// More of them at once mean no more.
const MOST_SIGNALS: usize = 64;

impl AsFd for SignalPipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for SignalPipe {
    fn drop(&mut self) {
        for handler in self.handlers.drain(..) {
            unregister(handler);
        }
    }
}
