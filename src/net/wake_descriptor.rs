//! An eventfd(2) in a poll that has a waker already.
//!
//! Each write announces it again, so it is never read; but a poll that works through poll(2)
//! would announce it for ever, and there it is.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::event::{EventfdFlags, eventfd};

use super::Wake;

#[derive(Debug)]
pub(super) struct WakeDescriptor {
    descriptor: OwnedFd,
    token: Token,
}

impl WakeDescriptor {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let descriptor = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        registry.register(&mut SourceFd(&descriptor.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { descriptor, token })
    }

    /// If that is its token, it was announced, and shall be when it is next written to.
    pub(super) fn arm_if(&self, token: Token, registry: &Registry) {
        if !cfg!(mio_unsupported_force_poll_poll) || token != self.token {
            return;
        }
        // Where nothing is there to read, nothing has to be.
        let _ = rustix::io::read(&self.descriptor, &mut [0; 8]);
        let source = &mut SourceFd(&self.descriptor.as_raw_fd());
        if let Err(error) = registry.reregister(source, self.token, Interest::READABLE) {
            log::error!("the guest cannot be woken any more: {error}");
        }
    }

    /// Takes it out of the poll: somebody may keep it.
    pub(super) fn leave(&self, registry: &Registry) {
        let left = registry.deregister(&mut SourceFd(&self.descriptor.as_raw_fd()));
        if let Err(error) = left {
            log::debug!("the waker was not in the poll: {error}");
        }
    }
}

impl Wake for WakeDescriptor {
    fn wake(&self) {
        if let Err(error) = rustix::io::write(&self.descriptor, &1_u64.to_ne_bytes()) {
            log::error!("the guest could not be woken: {error}");
        }
    }
}
