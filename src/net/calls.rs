//! The system calls that move bytes, for every kind of stream.
//!
//! A peer that is gone must never raise SIGPIPE: inside a program in C that would end it.

use std::fs::File;
use std::io::{self, IoSlice};
#[cfg(unix)]
pub(super) use std::os::fd::AsFd as AsSystem;
#[cfg(windows)]
pub(super) use std::os::windows::io::AsSocket as AsSystem;

use socket2::SockRef;

/// recv(2) without the C library's wrapper, a point of cancellation for threads we do not cancel.
#[cfg(unix)]
#[inline]
pub(super) fn receive(socket: &impl AsSystem, buffer: &mut [u8]) -> io::Result<usize> {
    // No room for descriptors: the system closes any that the peer sends along, see unix(7).
    Ok(rustix::net::recv(socket, buffer, rustix::net::RecvFlags::empty())?.0)
}

#[cfg(not(unix))]
pub(super) fn receive(socket: &impl AsSystem, buffer: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut &*SockRef::from(socket), buffer)
}

#[cfg(all(unix, not(target_vendor = "apple")))]
#[inline]
pub(super) fn send(socket: &impl AsSystem, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(socket, bytes, rustix::net::SendFlags::NOSIGNAL)?)
}

/// std asks for SO_NOSIGPIPE on apple's sockets.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
pub(super) fn send(socket: &impl AsSystem, bytes: &[u8]) -> io::Result<usize> {
    io::Write::write(&mut &*SockRef::from(socket), bytes)
}

/// writev(2) has no flag against SIGPIPE, sendmsg(2) has.
#[cfg(all(unix, not(target_vendor = "apple")))]
pub(super) fn send_slices(socket: &impl AsSystem, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
    let mut nothing = SendAncillaryBuffer::default();
    Ok(sendmsg(socket, slices, &mut nothing, SendFlags::NOSIGNAL)?)
}

#[cfg(not(all(unix, not(target_vendor = "apple"))))]
pub(super) fn send_slices(socket: &impl AsSystem, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    io::Write::write_vectored(&mut &*SockRef::from(socket), slices)
}

/// Lets the system put these bytes and the next into one packet.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn send_more(socket: &impl AsSystem, bytes: &[u8]) -> io::Result<usize> {
    use rustix::net::{SendFlags, send};
    Ok(send(socket, bytes, SendFlags::NOSIGNAL | SendFlags::MORE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use send as send_more;

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(super) fn send_file(
    socket: &impl AsSystem,
    file: &File,
    offset: u64,
    length: usize,
) -> io::Result<usize> {
    let Some(length) = std::num::NonZeroUsize::new(length) else {
        return Ok(0);
    };
    let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
    SockRef::from(socket).sendfile(file, offset, Some(length))
}

/// Never called: `can_send_file` is false here.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn send_file(_: &impl AsSystem, _: &File, _: u64, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
