//! Descriptors of the program's own in a poll of ours.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use mio::unix::SourceFd;
use mio::{Registry, Token};

/// What a descriptor is watched for: see
/// [`EventLoop::watch`](crate::EventLoop::watch). An end or an error is announced whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interest {
    /// Something to read.
    Readable,
    /// Room to write. Most sockets have that nearly always.
    Writable,
    /// Either.
    Both,
}

impl Interest {
    const fn to_mio(self) -> mio::Interest {
        match self {
            Self::Readable => mio::Interest::READABLE,
            Self::Writable => mio::Interest::WRITABLE,
            Self::Both => mio::Interest::READABLE.add(mio::Interest::WRITABLE),
        }
    }

    pub(super) fn register(
        self,
        descriptor: BorrowedFd<'_>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        registry.register(&mut SourceFd(&descriptor.as_raw_fd()), token, self.to_mio())
    }

    /// Has what is there announced, also if it was before.
    pub(super) fn register_again(
        self,
        descriptor: BorrowedFd<'_>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        registry.reregister(&mut SourceFd(&descriptor.as_raw_fd()), token, self.to_mio())
    }
}

/// Takes a descriptor out of the poll, in which a duplicate of it would stay otherwise.
pub(super) fn leave(descriptor: BorrowedFd<'_>, registry: &Registry) {
    if let Err(error) = registry.deregister(&mut SourceFd(&descriptor.as_raw_fd())) {
        log::debug!("a watched descriptor was not in the poll: {error}");
    }
}
