//! A client on a stream of either kind, that blocks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

use switchboard::Address;

use super::PATIENCE;

/// See the module.
pub(crate) enum Caller {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Caller {
    pub(crate) fn to(address: &Address) -> Self {
        if let Some(socket) = address.socket() {
            let stream = TcpStream::connect_timeout(&socket, PATIENCE).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_write_timeout(Some(PATIENCE)).unwrap();
            return Self::Tcp(stream);
        }
        let path = address.unix().and_then(|name| name.as_path()).expect("a path or an IP address");
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self::Unix(stream)
    }

    pub(crate) fn says(&mut self, text: &str) {
        self.writer().write_all(text.as_bytes()).unwrap();
    }

    /// Reads as much as `text`, which it must be.
    pub(crate) fn hears(&mut self, text: &str) {
        let mut heard = vec![0; text.len()];
        self.reader().read_exact(&mut heard).unwrap();
        assert_eq!(heard.escape_ascii().to_string(), text.as_bytes().escape_ascii().to_string());
    }

    /// Reads `count` bytes and no more.
    pub(crate) fn takes(&mut self, count: usize) -> Vec<u8> {
        let mut taken = vec![0; count];
        self.reader().read_exact(&mut taken).unwrap();
        taken
    }

    /// Whatever comes until the server closes in order.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.reader().read_to_end(&mut rest).unwrap();
        rest
    }

    /// The server closes in order, without another byte.
    pub(crate) fn hears_the_end(&mut self) {
        assert_eq!(self.rest().escape_ascii().to_string(), "");
    }

    /// The server resets: after that many bytes or fewer. A Unix stream knows no reset, so there
    /// it may be an end.
    pub(crate) fn is_cut_off(&mut self, most: usize) {
        let mut rest = Vec::new();
        let read = self.reader().read_to_end(&mut rest).map_err(|error| error.kind());
        assert!(rest.len() <= most, "{} bytes came", rest.len());
        match self {
            Self::Tcp(_) => assert_eq!(read, Err(ErrorKind::ConnectionReset)),
            Self::Unix(_) => assert!(matches!(read, Ok(_) | Err(ErrorKind::ConnectionReset))),
        }
    }

    /// The server ends without another byte, in whatever way.
    pub(crate) fn ends(&mut self) {
        let mut rest = Vec::new();
        let _ = self.reader().read_to_end(&mut rest);
        assert!(rest.is_empty(), "{}", rest.escape_ascii());
    }

    /// Says that nothing more will be said.
    pub(crate) fn finishes(&mut self) {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
        .unwrap();
    }

    fn reader(&mut self) -> &mut dyn Read {
        match self {
            Self::Tcp(stream) => stream,
            Self::Unix(stream) => stream,
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Tcp(stream) => stream,
            Self::Unix(stream) => stream,
        }
    }

    /// Whether nothing has come that was not read.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.set_nonblocking(true);
        let read = self.reader().read(&mut [0]).map_err(|error: io::Error| error.kind());
        self.set_nonblocking(false);
        read == Err(ErrorKind::WouldBlock)
    }

    fn set_nonblocking(&mut self, nonblocking: bool) {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(nonblocking),
            Self::Unix(stream) => stream.set_nonblocking(nonblocking),
        }
        .unwrap();
    }
}
