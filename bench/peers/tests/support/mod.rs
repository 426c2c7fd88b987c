//! A peer's server as a child process, and a client that waits with a limit.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Longer than any answer takes; only a server that does not answer waits it out.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server, ended when dropped.
pub(crate) struct Server {
    child: Child,
    /// Its ready line.
    pub(crate) ready: String,
    address: SocketAddr,
}

impl Server {
    /// Starts `PEER KIND 127.0.0.1:0 [MORE]`; none where the peer needs io_uring, which a
    /// container may lack, and says so as it must.
    pub(crate) fn start(peer: &str, kind: &str, more: &[&str]) -> Option<Self> {
        let mut child = program()
            .args([peer, kind, "127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let output = child.stdout.take().expect("its output is piped");
        let mut ready = String::new();
        BufReader::new(output).read_line(&mut ready).expect("its first line can be read");
        if ready.is_empty() {
            let output = child.wait_with_output().expect("it has ended");
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{peer} {kind}: {complaint}");
            assert!(peer == "monoio" && complaint.contains("io_uring"), "{peer}: {complaint}");
            assert_eq!(complaint.lines().count(), 1, "{complaint}");
            return None;
        }
        let address = address(&ready).unwrap_or_else(|| panic!("no ready line: {ready}"));
        Some(Self { child, ready, address })
    }

    /// A new client of it.
    pub(crate) fn connect(&self) -> Client {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream.set_nodelay(true).expect("an option can be set");
        Client(stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a child that has ended by itself, which its test has noticed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(ready: &str) -> Option<SocketAddr> {
    let url = ready.strip_prefix("listening on ")?.trim_end();
    let rest = url.strip_prefix("tcp://");
    rest.or_else(|| url.strip_prefix("http://")?.strip_suffix('/'))?.parse().ok()
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_switchboard-bench-peers"))
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("the program can be started")
}

/// The same where monoio's own switch says that there is no io_uring.
pub(crate) fn run_without_io_uring(arguments: &[&str]) -> Output {
    let mut program = program();
    program.args(arguments).env("MONOIO_FORCE_LEGACY_DRIVER", "1");
    program.output().expect("the program can be started")
}

/// A connection to a server.
pub(crate) struct Client(TcpStream);

impl Client {
    /// Sends all of it.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the server reads");
    }

    /// The next so many bytes.
    pub(crate) fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("the server answers");
        bytes
    }

    /// Whether nothing more comes but the end.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.0.read(&mut [0]).expect("the server goes on or closes") == 0
    }

    /// The next reply: its head in lower case, and its body.
    pub(crate) fn reply(&mut self) -> (String, Vec<u8>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.receive(1));
        }
        let head = String::from_utf8(head).expect("a head is text").to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.expect("it has a content-length").trim().parse();
        let body = self.receive(length.expect("which is a number"));
        (head, body)
    }
}
