//! Reading and writing TCP. Would-block and interrupted end here.

use std::fs::File;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::SockRef;

use super::platform::SHORT_READ_EXHAUSTS;
use super::{Read, Write};

/// A connected, or connecting, TCP socket.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(super) socket: TcpStream,
    /// Whether somebody outside may hold the same socket. Closing our descriptor then leaves it
    /// in the poll, so it is deregistered first.
    pub(super) is_shared: bool,
}

impl Stream {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, is_shared: false }
    }

    pub(crate) fn adopt(socket: std::net::TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket: TcpStream::from_std(socket), is_shared: true })
    }

    pub(super) fn connect(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Self::new(socket))
    }

    pub(super) fn is_connected(&self) -> io::Result<bool> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> Read {
        match uninterrupted(|| (&self.socket).read(buffer)) {
            Ok(0) => Read::End,
            Ok(count) => {
                Read::Bytes { count, is_last: SHORT_READ_EXHAUSTS && count < buffer.len() }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Blocked,
            Err(error) => Read::Failed(error.kind()),
        }
    }

    pub(crate) fn write(&self, bytes: &[u8], is_more_coming: bool) -> Write {
        let result = if is_more_coming {
            uninterrupted(|| self.socket.try_io(|| send_more(&self.socket, bytes)))
        } else {
            uninterrupted(|| (&self.socket).write(bytes))
        };
        outcome(result, bytes.len())
    }

    pub(crate) fn write_slices(&self, slices: &[IoSlice<'_>]) -> Write {
        let length = slices.iter().map(|slice| slice.len()).sum();
        let result = uninterrupted(|| self.socket.try_io(|| send_slices(&self.socket, slices)));
        outcome(result, length)
    }

    pub(crate) fn send_file(&self, file: &File, offset: u64, length: usize) -> Write {
        let sent =
            uninterrupted(|| self.socket.try_io(|| send_file(&self.socket, file, offset, length)));
        match sent {
            // A short count may be the file's doing as well as the socket's: ask again.
            Ok(count) => Write::Took { count, is_blocked: false },
            Err(error) => outcome(Err(error), length),
        }
    }

    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// Makes the coming close a reset.
    pub(crate) fn reset_on_close(&self) {
        if let Err(error) = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)) {
            log::debug!("a connection is closed in order for want of a reset: {error}");
        }
    }
}

fn uninterrupted<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn outcome(result: io::Result<usize>, offered: usize) -> Write {
    match result {
        // The system takes less than it is offered when its buffer is full, and says so with an
        // event once it is not; where that cannot be relied on, would-block is sought.
        Ok(count) => Write::Took { count, is_blocked: SHORT_READ_EXHAUSTS && count < offered },
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Write::Blocked,
        Err(error) => Write::Failed(error.kind()),
    }
}

/// writev(2) has no flag against SIGPIPE, sendmsg(2) has. std asks for it on apple's sockets.
#[cfg(all(unix, not(target_vendor = "apple")))]
fn send_slices(socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
    let mut nothing = SendAncillaryBuffer::default();
    Ok(sendmsg(socket, slices, &mut nothing, SendFlags::NOSIGNAL)?)
}

#[cfg(not(all(unix, not(target_vendor = "apple"))))]
fn send_slices(mut socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    socket.write_vectored(slices)
}

/// Lets the system put these bytes and the next into one packet.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn send_more(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    use rustix::net::{SendFlags, send};
    Ok(send(socket, bytes, SendFlags::NOSIGNAL | SendFlags::MORE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn send_more(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    socket.write(bytes)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn send_file(socket: &TcpStream, file: &File, offset: u64, length: usize) -> io::Result<usize> {
    let Some(length) = std::num::NonZeroUsize::new(length) else {
        return Ok(0);
    };
    let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
    SockRef::from(socket).sendfile(file, offset, Some(length))
}

/// Never called: `can_send_file` is false here.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn send_file(_: &TcpStream, _: &File, _: u64, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
