//! A client that never blocks, so that one thread can play both sides.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use socket2::SockRef;

/// See the module.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    /// Everything that has arrived.
    pub(crate) received: Vec<u8>,
    /// How the stream ended, once it has: in order, or by an error.
    pub(crate) end: Option<Result<(), ErrorKind>>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream, received: Vec::new(), end: None }
    }

    /// A client whose system holds little on its behalf.
    pub(crate) fn with_small_buffer(address: SocketAddr) -> Self {
        let client = Self::connect(address);
        SockRef::from(&client.stream).set_recv_buffer_size(4096).unwrap();
        client
    }

    /// Goes away by a reset.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

impl Client<UnixStream> {
    pub(crate) fn connect_to_path(path: &Path) -> Self {
        Self::over(UnixStream::connect(path).unwrap())
    }

    pub(crate) fn over(stream: UnixStream) -> Self {
        stream.set_nonblocking(true).unwrap();
        Self { stream, received: Vec::new(), end: None }
    }
}

impl<S: Read + Write + AsFd> Client<S> {
    /// Says FIN and reads on, as `nc -N` does.
    pub(crate) fn finish_writing(&self) {
        SockRef::from(&self.stream).shutdown(Shutdown::Write).unwrap();
    }

    /// Sends everything, or as much as fits where that is asked for.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        assert_eq!(self.send_some(bytes), bytes.len(), "it fits");
    }

    /// Sends what the system takes now. Gives how much.
    pub(crate) fn send_some(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            match self.stream.write(&bytes[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.end = Some(Err(error.kind()));
                    break;
                }
            }
        }
        sent
    }

    /// Takes what has arrived.
    pub(crate) fn receive(&mut self) {
        let mut buffer = [0; 64 << 10];
        while self.end.is_none() {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.end = Some(Ok(())),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => self.end = Some(Err(error.kind())),
            }
        }
    }

    /// What has arrived, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }
}
