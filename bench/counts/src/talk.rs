//! One conversation without driver or socket.

use std::sync::Arc;

use switchboard::sansio::{Desk, Origin, Output};
use switchboard::{Connection, ConnectionId, Limits, ManualClock, Protocol, http, services};

/// A 64-byte message, as the load sends it.
const MESSAGE: [u8; 64] = [b'm'; 64];
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

/// A [`Connection`] driven by hand, with the bytes that its peer says next.
#[derive(Debug)]
pub struct Talk {
    desk: Desk<()>,
    connection: Connection<()>,
    said: Vec<u8>,
}

impl Talk {
    /// An echo server's conversation, 64 bytes at a time.
    #[must_use]
    pub fn echo() -> Self {
        Self::with(services::Echo, MESSAGE.to_vec())
    }

    /// An HTTP server's conversation, so many requests in one read.
    #[must_use]
    pub fn http(pipelined: usize) -> Self {
        let mut server = http::server(|_request, reply, _: &mut ()| reply.text("Hello, World!"));
        Self::with(server(()), REQUEST.repeat(pipelined))
    }

    /// Says its bytes once more, takes the answer as a socket would, and gives its length.
    pub fn once(&mut self) -> u64 {
        self.connection.handle_received(&mut self.desk, &mut (), &self.said);
        let mut answered = 0;
        while let Output::Bytes(bytes) = self.connection.poll_output(&mut self.desk) {
            let count = bytes.len() as u64;
            self.connection.handle_sent(&mut self.desk, &mut (), count);
            answered += count;
        }
        answered
    }

    fn with(protocol: impl Protocol<()>, said: Vec<u8>) -> Self {
        let clock = ManualClock::new();
        let mut desk = Desk::new(clock.now(), clock.wall_time());
        let peer = "127.0.0.1:7000".try_into().expect("it is an address");
        let origin = Arc::new(Origin::new(Limits::default()));
        let id = ConnectionId::new(0, 0);
        let mut connection = Connection::new(id, Box::new(protocol), origin, peer, &desk);
        connection.handle_connected(&mut desk, &mut ());
        let mut talk = Self { desk, connection, said };
        // The first times make buffers, which later ones find.
        talk.once();
        talk.once();
        talk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_answers_what_was_said() {
        assert_eq!(Talk::echo().once(), MESSAGE.len() as u64);
    }

    #[test]
    fn sixteen_requests_are_answered_sixteen_times_as_much_as_one() {
        let one = Talk::http(1).once();
        assert!(one > 100, "{one} bytes");
        assert_eq!(Talk::http(16).once(), 16 * one);
    }
}
