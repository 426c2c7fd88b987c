//! Reading and writing streams, TCP and Unix. Would-block and interrupted end here.
//!
//! A Unix stream differs where it must. A short read is never its end: the system stops one
//! where the peer sent a descriptor along, unasked, and announces nothing for what is behind it.
//! There is no reset either: what the system has accepted is delivered, and the peer sees an end
//! (on Linux an error, if it had sent what was not read).

use std::fs::File;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use super::calls::{self, AsSystem};
use super::platform::SHORT_READ_EXHAUSTS;
#[cfg(unix)]
use super::unix;
use super::{Read, Write};
use crate::sansio::Address;

/// A connected, or connecting, stream socket.
///
/// `is_shared` says whether somebody outside may hold the same socket. Closing our descriptor
/// then leaves it in the poll, so it is deregistered first. (It stands in each variant because
/// it takes no room there.)
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp {
        is_shared: bool,
        socket: TcpStream,
    },
    #[cfg(unix)]
    Unix {
        is_shared: bool,
        socket: UnixStream,
    },
}

/// Does the same with the socket of either kind.
macro_rules! with_socket {
    ($stream:expr, $socket:ident => $done:expr) => {
        match $stream {
            Stream::Tcp { socket: $socket, .. } => $done,
            #[cfg(unix)]
            Stream::Unix { socket: $socket, .. } => $done,
        }
    };
}

impl Stream {
    pub(super) fn adopt_tcp(socket: std::net::TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self::Tcp { is_shared: true, socket: TcpStream::from_std(socket) })
    }

    #[cfg(unix)]
    pub(super) fn adopt_unix(socket: std::os::unix::net::UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self::Unix { is_shared: true, socket: UnixStream::from_std(socket) })
    }

    pub(super) fn connect_tcp(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Self::Tcp { is_shared: false, socket })
    }

    pub(super) fn is_connected(&self) -> io::Result<bool> {
        with_socket!(self, socket => {
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
            match socket.peer_addr() {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    pub(crate) fn local(&self) -> io::Result<Address> {
        match self {
            Self::Tcp { socket, .. } => socket.local_addr().map(Address::from),
            #[cfg(unix)]
            Self::Unix { socket, .. } => {
                socket.local_addr().map(|name| unix::stream_address(&name))
            }
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        with_socket!(self, socket => registry.register(socket, token, both))
    }

    /// Takes it out of the poll, if closing it would not do so.
    pub(super) fn leave(&mut self, registry: &Registry) -> io::Result<()> {
        with_socket!(self, socket => registry.deregister(socket))
    }

    pub(super) const fn is_shared(&self) -> bool {
        match self {
            Self::Tcp { is_shared, .. } => *is_shared,
            #[cfg(unix)]
            Self::Unix { is_shared, .. } => *is_shared,
        }
    }

    /// The socket, to wait for it or to set it up.
    #[cfg(unix)]
    pub(super) fn descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
        use std::os::fd::AsFd as _;
        with_socket!(self, socket => socket.as_fd())
    }

    #[inline]
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Read {
        match self {
            Self::Tcp { socket, .. } => read(socket, buffer, SHORT_READ_EXHAUSTS),
            #[cfg(unix)]
            Self::Unix { socket, .. } => read(socket, buffer, false),
        }
    }

    /// Nearly all writes are of the first kind, so it alone is inlined.
    #[inline(always)]
    pub(crate) fn write(&self, bytes: &[u8], is_more_coming: bool) -> Write {
        if let Self::Tcp { socket, .. } = self
            && !is_more_coming
        {
            match uninterrupted(|| socket.try_io(|| calls::send(socket, bytes))) {
                Ok(count) => took(count, bytes.len()),
                Err(error) => not_written(&error),
            }
        } else {
            self.write_otherwise(bytes, is_more_coming)
        }
    }

    #[inline(never)]
    fn write_otherwise(&self, bytes: &[u8], is_more_coming: bool) -> Write {
        let sent = with_socket!(self, socket => if is_more_coming {
            uninterrupted(|| socket.try_io(|| calls::send_more(socket, bytes)))
        } else {
            uninterrupted(|| socket.try_io(|| calls::send(socket, bytes)))
        });
        self.outcome(sent, bytes.len())
    }

    pub(crate) fn write_slices(&self, slices: &[IoSlice<'_>]) -> Write {
        let length = slices.iter().map(|slice| slice.len()).sum();
        let sent = with_socket!(self, socket => {
            uninterrupted(|| socket.try_io(|| calls::send_slices(socket, slices)))
        });
        self.outcome(sent, length)
    }

    pub(crate) fn send_file(&self, file: &File, offset: u64, length: usize) -> Write {
        let sent = with_socket!(self, socket => {
            uninterrupted(|| socket.try_io(|| calls::send_file(socket, file, offset, length)))
        });
        match sent {
            // A short count may be the file's doing as well as the socket's: ask again.
            Ok(count) => Write::Took { count, is_blocked: false },
            Err(error) => self.outcome(Err(error), length),
        }
    }

    fn outcome(&self, sent: io::Result<usize>, offered: usize) -> Write {
        match (sent, self) {
            (Ok(count), Self::Tcp { .. }) => took(count, offered),
            #[cfg(unix)]
            (Ok(count), Self::Unix { .. }) => Write::Took { count, is_blocked: false },
            (Err(error), _) => not_written(&error),
        }
    }

    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        with_socket!(self, socket => match socket.shutdown(Shutdown::Write) {
            // It was connected, so somebody ended that, and the system knows who.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                Err(socket.take_error()?.unwrap_or(error))
            }
            done => done,
        })
    }

    /// Makes the coming close a reset, where there is such a thing.
    pub(crate) fn reset_on_close(&self) {
        let Self::Tcp { socket, .. } = self else { return };
        if let Err(error) = SockRef::from(socket).set_linger(Some(Duration::ZERO)) {
            log::debug!("a connection is closed in order for want of a reset: {error}");
        }
    }
}

/// mio's stream sockets. Going through their `try_io` arms them again where a poll needs that.
trait StreamSocket: AsSystem {
    fn try_io<R>(&self, call: impl FnMut() -> io::Result<R>) -> io::Result<R>;
}

impl StreamSocket for TcpStream {
    #[inline]
    fn try_io<R>(&self, call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        self.try_io(call)
    }
}

#[cfg(unix)]
impl StreamSocket for UnixStream {
    #[inline]
    fn try_io<R>(&self, call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        self.try_io(call)
    }
}

#[inline]
fn read(socket: &impl StreamSocket, buffer: &mut [u8], short_read_exhausts: bool) -> Read {
    match uninterrupted(|| socket.try_io(|| calls::receive(socket, buffer))) {
        Ok(0) => Read::End,
        Ok(count) => Read::Bytes { count, is_last: short_read_exhausts && count < buffer.len() },
        Err(error) => not_read(&error),
    }
}

#[cold]
fn not_read(error: &io::Error) -> Read {
    let kind = error.kind();
    if kind == io::ErrorKind::WouldBlock { Read::Blocked } else { Read::Failed(kind) }
}

/// TCP takes less than it is offered when its buffer is full, and says so with an event once it
/// is not; where that cannot be relied on, would-block is sought.
#[inline]
fn took(count: usize, offered: usize) -> Write {
    Write::Took { count, is_blocked: SHORT_READ_EXHAUSTS && count < offered }
}

#[cold]
fn not_written(error: &io::Error) -> Write {
    let kind = error.kind();
    if kind == io::ErrorKind::WouldBlock { Write::Blocked } else { Write::Failed(kind) }
}

#[inline]
pub(super) fn uninterrupted<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn to_finish_what_was_reset_says_that_it_was() {
        use rustix::event::{PollFd, PollFlags, poll};

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (theirs, _) = listener.accept().unwrap();
        SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).unwrap();
        drop(theirs);
        let stream = Stream::adopt_tcp(ours).unwrap();
        let descriptor = stream.descriptor();
        poll(&mut [PollFd::new(&descriptor, PollFlags::empty())], None).unwrap();
        let kind = stream.shutdown_write().unwrap_err().kind();
        assert_eq!(kind, io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_stream_of_either_kind_takes_no_more_than_one_of_tcp_alone_would() {
        assert_eq!(size_of::<Stream>(), size_of::<(bool, TcpStream)>());
        assert_eq!(size_of::<Option<Stream>>(), size_of::<Stream>());
    }
}
