//! What a thread or a process of its own needs to run one connection: sockets that block, bells
//! that end a wait, and poll(2) to wait for both.
//!
//! A blocking call is never made for longer than [`PATIENCE`], because nothing reaches a thread
//! inside it. `shutdown(2)` would, but what it does to the socket cannot be undone: the rest of
//! a message that was begun could not be waited for, and what the peer sends after our FIN
//! would be answered by a reset.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;

use super::unix::stream_address;
use super::{Clock, ListenOptions, Listener, Stream};
use crate::sansio::Address;

/// How long a read or a write blocks at most. Longer waits are made with poll(2): one call more,
/// for lines that are silent anyway.
pub(crate) const PATIENCE: Duration = Duration::from_millis(50);

impl Stream {
    /// Takes over a stream that is connected already. Gives its peer, too.
    pub(crate) fn take_over(socket: std::net::TcpStream) -> io::Result<(Self, Address)> {
        let peer = socket.peer_addr()?.into();
        Ok((Self::adopt_tcp(socket)?, peer))
    }

    /// The same with a Unix stream.
    pub(crate) fn take_over_unix(socket: UnixStream) -> io::Result<(Self, Address)> {
        let peer = stream_address(&socket.peer_addr()?);
        Ok((Self::adopt_unix(socket)?, peer))
    }

    /// Has reads and writes block, for [`PATIENCE`] at most.
    pub(crate) fn make_blocking(&self) -> io::Result<()> {
        let socket = SockRef::from(self);
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))
    }
}

impl Listener {
    /// Listens on `address`. Gives the address that was bound, with its real port.
    pub(crate) fn open(address: &Address, options: &ListenOptions) -> io::Result<(Self, Address)> {
        let listener = Self::bind(address, options)?;
        let bound = listener.local()?;
        Ok((listener, bound))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor()
    }
}

/// Something that ends a wait: a pipe, readable once it was rung.
///
/// A process that was forked has it, too; ringing it in one is heard in both.
#[derive(Debug)]
pub(crate) struct Bell {
    reader: PipeReader,
    /// None in a process that only listens: else nobody would hear that the ringer has gone.
    writer: Option<PipeWriter>,
    /// Whether it was rung and nobody has heard it since.
    is_rung: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Ok(Self { reader, writer: Some(writer), is_rung: AtomicBool::new(false) })
    }

    /// Rings, unless it rings already.
    pub(crate) fn ring(&self) {
        if let Some(mut writer) = self.writer.as_ref()
            && !self.is_rung.swap(true, Ordering::AcqRel)
            && let Err(error) = writer.write_all(&[0])
        {
            log::error!("a bell could not be rung: {error}");
        }
    }

    /// Has it ring no more. What it was rung for is to be looked at after this.
    pub(crate) fn silence(&self) {
        if self.is_rung.swap(false, Ordering::AcqRel)
            && let Err(error) = (&self.reader).read_exact(&mut [0])
        {
            log::error!("a bell could not be silenced: {error}");
        }
    }

    /// Listens alone from now on: the bell also rings when everybody who could ring it is gone.
    pub(crate) fn only_listen(&mut self) {
        self.writer = None;
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

/// What a thread waits for, together.
#[derive(Debug, Default)]
pub(crate) struct Watch<'a> {
    sources: Vec<PollFd<'a>>,
}

/// A source of a [`Watch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watched(usize);

impl<'a> Watch<'a> {
    pub(crate) const fn new() -> Self {
        Self { sources: Vec::new() }
    }

    /// Watches for something to read (or an end, or an error).
    pub(crate) fn add(&mut self, source: BorrowedFd<'a>) -> Watched {
        self.add_stream(source, true, false)
    }

    /// Watches a stream in either direction, or both. An end or an error ends the wait, too.
    pub(crate) fn add_stream(
        &mut self,
        source: BorrowedFd<'a>,
        for_reading: bool,
        for_writing: bool,
    ) -> Watched {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, for_reading);
        flags.set(PollFlags::OUT, for_writing);
        self.sources.push(PollFd::from_borrowed_fd(source, flags));
        Watched(self.sources.len() - 1)
    }

    /// Waits until something is ready, at most for `timeout` (for ever when `None`).
    /// Interruptions are waited out.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let is_zero = timeout.is_none_or(|timeout| timeout.is_zero());
        let began = (!is_zero).then(|| Clock::System.now());
        let mut left = timeout;
        loop {
            // One too long for the system is as good as none.
            let time = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut self.sources, time.as_ref()) {
                Err(rustix::io::Errno::INTR) => {
                    let waited = began.map(|began| Clock::System.now() - began);
                    left =
                        timeout.map(|timeout| timeout.saturating_sub(waited.unwrap_or_default()));
                }
                result => return result.map(|_| ()).map_err(io::Error::from),
            }
        }
    }

    /// Whether there is something to read, and not only an end or an error.
    pub(crate) fn has_bytes(&self, source: Watched) -> bool {
        self.sources[source.0].revents().contains(PollFlags::IN)
    }

    /// Whether a read is worth trying. An end and an error are reasons to read.
    pub(crate) fn is_readable(&self, source: Watched) -> bool {
        self.sources[source.0].revents().intersects(!PollFlags::OUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rings(bell: &Bell) -> bool {
        let mut watch = Watch::new();
        let heard = watch.add(bell.as_fd());
        watch.wait(Some(Duration::ZERO)).unwrap();
        watch.is_readable(heard)
    }

    #[test]
    fn a_bell_rings_from_when_it_is_rung_until_it_is_silenced() {
        let bell = Bell::new().unwrap();
        assert!(!rings(&bell));
        bell.silence();
        for _ in 0..100_000 {
            bell.ring(); // More often than a pipe holds bytes.
        }
        assert!(rings(&bell));
        bell.silence();
        assert!(!rings(&bell));
        bell.ring();
        assert!(rings(&bell));
    }

    #[test]
    fn a_bell_whose_ringers_are_gone_rings() {
        let mut bell = Bell::new().unwrap();
        bell.only_listen();
        assert!(rings(&bell));
    }

    #[test]
    fn a_wait_ends_when_a_bell_is_rung_elsewhere() {
        let bell = Bell::new().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| bell.ring());
            let mut watch = Watch::new();
            let heard = watch.add(bell.as_fd());
            watch.wait(None).unwrap();
            assert!(watch.is_readable(heard));
        });
    }
}
