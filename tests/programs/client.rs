//! A blocking client that reads what it is sent as strictly as a browser would.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::PATIENCE;

/// One connection to a server.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// A reply in HTTP.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address)
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"))
    }

    /// The failure that meets a client whom the server at `address` resets at once: the reset may
    /// come while `connect` still waits.
    pub(crate) fn turned_away(address: SocketAddr) -> io::Error {
        Self::try_connect(address).and_then(|mut client| client.rest()).expect_err("it is reset")
    }

    fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // Small, because some tests have ten thousand.
        Ok(Self { stream: BufReader::with_capacity(512, stream) })
    }

    /// The address that this is connected to.
    pub(crate) fn server(&self) -> SocketAddr {
        self.stream.get_ref().peer_addr().unwrap()
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Asks for `target`, and leaves the reply to be read.
    pub(crate) fn ask(&mut self, method: &str, target: &str) {
        self.send(&format!("{method} {target} HTTP/1.1\r\nhost: test\r\n\r\n"));
    }

    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.ask("GET", target);
        self.response()
    }

    /// Reads a reply and its counted body.
    pub(crate) fn response(&mut self) -> Response {
        let mut response = self.head();
        let length = response.header("content-length").map_or(0, |text| text.parse().unwrap());
        response.body = vec![0; length];
        self.stream.read_exact(&mut response.body).unwrap();
        response
    }

    /// Reads a reply up to its body.
    pub(crate) fn head(&mut self) -> Response {
        let status_line = self.line();
        let status = status_line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.split(' ').next())
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("not a status line: {status_line:?}"));
        let mut head = Vec::new();
        loop {
            match self.line() {
                line if line.is_empty() => return Response { status, head, body: Vec::new() },
                line => head.push(line),
            }
        }
    }

    /// Reads a line, without its end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "it ended within a line: {line:?}");
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        line
    }

    /// Reads exactly so many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_writing(&mut self) {
        self.stream.get_mut().shutdown(Shutdown::Write).unwrap();
    }

    /// Whatever comes until the server closes.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Whether nothing has come that was not read.
    pub(crate) fn is_silent(&mut self) -> bool {
        let stream = self.stream.get_ref();
        stream.set_nonblocking(true).unwrap();
        let met = stream.peek(&mut [0]).map_err(|error| error.kind());
        stream.set_nonblocking(false).unwrap();
        self.stream.buffer().is_empty() && met == Err(io::ErrorKind::WouldBlock)
    }
}

impl Response {
    /// The value of the header `name`, written in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
