//! Unix sockets: their names, and the files that some of the names are.
//!
//! A file is replaced only where it is a socket on which nobody answers, and removed only while
//! it is the one that was made here. Anything else at its path is never touched. See unix(7).

#[cfg(test)]
mod tests;

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::SocketAddr;
use std::path::{self, Path, PathBuf};
use std::process;

use mio::net::{UnixListener, UnixStream};
use socket2::{Domain, SockAddr, Socket, Type};

use super::platform;
use crate::sansio::{Address, UnixAddress};

/// The address of a stream socket that the system calls so.
pub(super) fn stream_address(name: &SocketAddr) -> Address {
    Address::Unix(from_system(name))
}

/// What the system calls `name`, for us.
pub(super) fn from_system(name: &SocketAddr) -> UnixAddress {
    if let Some(path) = name.as_pathname() {
        return UnixAddress::path(path).unwrap_or(UnixAddress::unnamed());
    }
    platform::abstract_name(name).map_or(UnixAddress::unnamed(), UnixAddress::abstract_name)
}

/// What `address` is to the system.
pub(super) fn to_system(address: &UnixAddress) -> io::Result<SockAddr> {
    let name = match (address.as_path(), address.as_abstract_name()) {
        (Some(path), _) => path.to_owned(),
        (None, Some(name)) => platform::abstract_path(name)?,
        (None, None) => {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "it has no name to listen on or to connect to",
            ));
        }
    };
    SockAddr::unix(&name).map_err(|_| {
        let nul = usize::from(address.as_path().is_none());
        let length = name.as_os_str().len() - nul;
        let why = format!("the name has {length} bytes, more than a socket's may (107 on Linux)");
        io::Error::new(ErrorKind::InvalidInput, why)
    })
}

/// A stream socket that waits for peers, and its file.
pub(super) fn listen(
    address: &UnixAddress,
    backlog: u32,
) -> io::Result<(UnixListener, Option<SocketFile>)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let file = bind(&socket, address)?;
    begin_to_listen(&socket, file.as_ref(), backlog)?;
    Ok((UnixListener::from_std(socket.into()), file))
}

/// Until it listens, a socket that is bound looks like one that was left behind. Whoever loses
/// its file to another that begins in that moment should know, or it is deaf for ever.
fn begin_to_listen(socket: &Socket, file: Option<&SocketFile>, backlog: u32) -> io::Result<()> {
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    if file.is_some_and(|file| !file.is_there()) {
        return Err(io::Error::new(ErrorKind::AddrInUse, OVERTAKEN));
    }
    Ok(())
}

const OVERTAKEN: &str = "somebody else has just begun to listen there";

/// Connects, if there is room among those that wait to be accepted. If not, the system announces
/// nothing when there is: it gives `None`, and is to be tried again.
pub(super) fn connect(address: &UnixAddress) -> io::Result<Option<UnixStream>> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&to_system(address)?) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) if !platform::is_connecting(&error) => Err(error),
        Ok(()) | Err(_) => Ok(Some(UnixStream::from_std(socket.into()))),
    }
}

/// Binds `socket` to `address`. A file that a server which is gone left behind is replaced.
///
/// Two servers that find the same such file at the same instant may each replace it. The one
/// that does so last is connected to, and mostly the other is told: see [`begin_to_listen`].
pub(super) fn bind(socket: &Socket, address: &UnixAddress) -> io::Result<Option<SocketFile>> {
    let name = to_system(address)?;
    let bound = socket.bind(&name);
    let Some(path) = address.as_path() else { return bound.map(|()| None) };
    match bound {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            remove_stale(path, &name)?;
            socket.bind(&name)?;
        }
        bound => bound?,
    }
    Ok(SocketFile::at(path))
}

/// Removes what is at `path` if it is a socket and nobody answers on it.
fn remove_stale(path: &Path, name: &SockAddr) -> io::Result<()> {
    let in_use = |why| Err(io::Error::new(ErrorKind::AddrInUse, why));
    let Some(found) = look(path)? else { return Ok(()) };
    if !found.file_type().is_socket() {
        let why = "what is there is not a socket, and is left alone";
        return Err(io::Error::new(ErrorKind::AlreadyExists, why));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(name).map_err(|error| error.kind()) {
        Err(ErrorKind::ConnectionRefused) => {}
        Err(ErrorKind::NotFound) => return Ok(()),
        // It is another user's, who alone may know.
        Err(ErrorKind::PermissionDenied) => {
            let why = "we may not ask whether somebody answers on it";
            return Err(io::Error::new(ErrorKind::PermissionDenied, why));
        }
        // Also where it is a datagram socket, or where too many wait already.
        Ok(()) | Err(_) => return in_use("somebody answers on it"),
    }
    // Whoever was faster has another file there by now.
    match look(path)? {
        Some(now) if number(&now) == number(&found) => fs::remove_file(path),
        Some(_) => in_use(OVERTAKEN),
        None => Ok(()),
    }
}

fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Device and inode: no other file has both while this one exists.
fn number(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// The file of a socket that was bound here, removed when this is dropped.
///
/// That must happen before the socket is closed: until then nobody may replace the file, and no
/// other file can have its number.
#[derive(Debug)]
pub(super) struct SocketFile {
    /// As seen from the root: the program may change its folder.
    path: PathBuf,
    number: (u64, u64),
    /// A fork has it too, and must not remove it.
    process: u32,
}

impl SocketFile {
    fn at(path: &Path) -> Option<Self> {
        let path = path::absolute(path).ok()?;
        let number = number(&look(&path).ok()??);
        Some(Self { path, number, process: process::id() })
    }

    fn is_there(&self) -> bool {
        look(&self.path).is_ok_and(|now| now.is_some_and(|now| number(&now) == self.number))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.process != process::id() {
            return;
        }
        let removed = match look(&self.path) {
            Ok(Some(now)) if number(&now) == self.number => fs::remove_file(&self.path),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            log::warn!("the socket {} could not be removed: {error}", self.path.display());
        }
    }
}

/// Takes one waiting peer.
pub(super) fn accept(listener: &UnixListener) -> io::Result<(UnixStream, Address)> {
    let socket = platform::accept_unix(listener)?;
    let peer = socket.peer_addr().map_or(UnixAddress::unnamed(), |name| from_system(&name));
    Ok((socket, Address::Unix(peer)))
}
