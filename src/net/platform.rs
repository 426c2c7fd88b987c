//! What differs between systems, each behind a name that says what it is.

use std::fs::File;
use std::io;

/// Whether a read that gives less than was asked for says that nothing is left *and* that the
/// next byte will be announced. True of epoll and kqueue for TCP. Where mio works through
/// poll(2) or completion ports it arms a source again only when it met would-block itself.
pub(super) const SHORT_READ_EXHAUSTS: bool = cfg!(all(
    any(
        target_os = "android",
        target_os = "illumos",
        target_os = "linux",
        target_os = "redox",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "ios",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "tvos",
        target_os = "visionos",
        target_os = "watchos",
    ),
    not(mio_unsupported_force_poll_poll),
));

/// Whether an accepted socket has the listener's options. Linux copies them; the others are
/// not to be relied on.
pub(super) const ACCEPTED_INHERITS_OPTIONS: bool =
    cfg!(any(target_os = "linux", target_os = "android"));

/// Whether an error of accept(2) says that this process, or the system, can take no more peers.
pub(super) fn is_exhaustion(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        Errno::from_io_error(error).is_some_and(|errno| {
            [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].contains(&errno)
        })
    }
    #[cfg(not(unix))]
    {
        const WSAEMFILE: i32 = 10_024;
        const WSAENOBUFS: i32 = 10_055;
        matches!(error.raw_os_error(), Some(WSAEMFILE | WSAENOBUFS))
    }
}

/// Whether an error of sending a datagram says that there is no room for it, where that is not
/// would-block. Nothing announces when there is.
pub(super) fn is_no_room(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        Errno::from_io_error(error)
            .is_some_and(|errno| [Errno::NOBUFS, Errno::NOMEM].contains(&errno))
    }
    #[cfg(not(unix))]
    {
        const WSAENOBUFS: i32 = 10_055;
        error.raw_os_error() == Some(WSAENOBUFS)
    }
}

/// Whether an error says that a datagram is too large, to be sent or for the buffer.
pub(super) fn is_too_large(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::MSGSIZE)
    }
    #[cfg(not(unix))]
    {
        const WSAEMSGSIZE: i32 = 10_040;
        error.raw_os_error() == Some(WSAEMSGSIZE)
    }
}

/// There is no such socket here, or it is not one of streams.
pub(super) fn unsupported() -> io::Error {
    let why = if cfg!(unix) {
        "this is an address of datagrams, and connections are streams: bind it instead"
    } else {
        "this system has TCP alone"
    };
    io::Error::new(io::ErrorKind::Unsupported, why)
}

/// Whether an error of connect(2) says that it goes on without us.
#[cfg(unix)]
pub(super) fn is_connecting(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::INPROGRESS)
}

/// The abstract name that `name` is, if it is one. Linux alone has such names.
#[cfg(unix)]
pub(super) fn abstract_name(name: &std::os::unix::net::SocketAddr) -> Option<&[u8]> {
    #[cfg(target_os = "android")]
    use std::os::android::net::SocketAddrExt;
    #[cfg(target_os = "linux")]
    use std::os::linux::net::SocketAddrExt;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return name.as_abstract_name();
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = name;
        None
    }
}

/// An abstract name as socket2 takes it: as a path that begins with a NUL.
#[cfg(unix)]
pub(super) fn abstract_path(name: &[u8]) -> io::Result<std::path::PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    if cfg!(any(target_os = "linux", target_os = "android")) {
        let path = std::ffi::OsString::from_vec([b"\0", name].concat());
        return Ok(path.into());
    }
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "abstract names exist on Linux alone: give a path, unix:///tmp/server.sock",
    ))
}

/// Whether a Unix listener must be armed again when nobody waits: [`accept_unix`] goes past mio,
/// which arms again in its poll(2) what met would-block through mio.
pub(super) const ACCEPT_UNIX_DISARMS: bool =
    cfg!(all(any(target_os = "linux", target_os = "android"), mio_unsupported_force_poll_poll,));

/// accept(2) on a Unix socket, without asking who it is. The system gives a name that fills
/// sun_path with one byte more, a NUL (unix(7), "Bugs"), and both mio and rustix panic over it.
/// A peer gives itself such a name at will.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn accept_unix(listener: &mio::net::UnixListener) -> io::Result<mio::net::UnixStream> {
    use rustix::net::{SocketFlags, accept_with};
    let socket = accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    Ok(mio::net::UnixStream::from_std(socket.into()))
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
pub(super) fn accept_unix(listener: &mio::net::UnixListener) -> io::Result<mio::net::UnixStream> {
    listener.accept().map(|(socket, _)| socket)
}

/// Whether sending a file to a peer that is gone raises an error and not SIGPIPE, which would
/// end a program that has not asked to ignore it. Rust programs ignore it from the start; inside
/// a program in C it may be deadly, and sendfile(2) knows no MSG_NOSIGNAL.
pub(crate) fn can_send_file() -> bool {
    if cfg!(any(target_os = "linux", target_os = "android")) {
        std::fs::read_to_string("/proc/self/status").is_ok_and(|status| is_sigpipe_ignored(&status))
    } else {
        // std sets SO_NOSIGPIPE on every socket there.
        cfg!(target_vendor = "apple")
    }
}

fn is_sigpipe_ignored(status: &str) -> bool {
    const SIGPIPE: u32 = 13;
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (SIGPIPE - 1) & 1 == 1)
}

/// Reads part of a file without moving its position.
pub(crate) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        #[cfg(unix)]
        let result = std::os::unix::fs::FileExt::read_at(file, buffer, offset);
        #[cfg(windows)]
        let result = std::os::windows::fs::FileExt::seek_read(file, buffer, offset);
        #[cfg(not(any(unix, windows)))]
        let result: io::Result<usize> = {
            let _ = (file, offset, &buffer);
            Err(io::ErrorKind::Unsupported.into())
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sigpipe_bit_is_found_in_the_mask_of_ignored_signals() {
        assert!(is_sigpipe_ignored("Name:\tx\nSigIgn:\t0000000000001000\nSigCgt:\t0\n"));
        assert!(!is_sigpipe_ignored("Name:\tx\nSigIgn:\t0000000000000800\n"));
        assert!(!is_sigpipe_ignored(""));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_rust_program_may_send_files() {
        assert!(can_send_file());
    }

    #[cfg(unix)]
    #[test]
    fn exhaustion_is_told_from_other_failures_of_accept() {
        use rustix::io::Errno;
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert!(is_exhaustion(&errno.into()), "{errno}");
        }
        for errno in [Errno::CONNABORTED, Errno::PROTO, Errno::PERM, Errno::NETDOWN] {
            assert!(!is_exhaustion(&errno.into()), "{errno}");
        }
    }
}
