//! The services to datagrams: what is answered, with how much, and who is not.

use super::*;
use crate::sansio::{
    Address, ConnectionId, DatagramLimits, DatagramProtocol, DatagramSocket, Desk, Dispatched,
};

/// One socket, bound to port 7007.
struct Socket {
    socket: DatagramSocket<()>,
    desk: Desk<()>,
}

impl Socket {
    fn new(protocol: impl DatagramProtocol) -> Self {
        Self::bound("udp://192.0.2.1:7007", protocol)
    }

    #[expect(clippy::disallowed_methods, reason = "there is no other way to some instant")]
    fn bound(local: &str, protocol: impl DatagramProtocol) -> Self {
        let moment = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let mut desk = Desk::new(std::time::Instant::now(), moment);
        let (id, limits) = (ConnectionId::new(0, 0), DatagramLimits::default());
        let local = local.parse().unwrap();
        let mut socket = DatagramSocket::new(id, Box::new(protocol), local, limits);
        socket.handle_opened(&mut desk, &mut ());
        Self { socket, desk }
    }

    /// What is sent, to whom, when `bytes` come `from` somebody.
    fn ask(&mut self, from: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let from: Address = from.parse().unwrap();
        self.socket.handle_received(&mut self.desk, &mut (), &from, bytes);
        let mut sent = Vec::new();
        while let Some(outgoing) = self.socket.poll_output() {
            sent.push((outgoing.to.to_string(), outgoing.bytes.to_vec()));
            self.socket.handle_dispatched(&mut self.desk, &mut (), Dispatched::Sent);
        }
        sent
    }
}

/// What a peer is answered.
fn answer(protocol: impl DatagramProtocol, bytes: &[u8]) -> Vec<Vec<u8>> {
    let sent = Socket::new(protocol).ask("udp://192.0.2.7:40000", bytes);
    assert!(sent.iter().all(|(to, _)| to == "udp://192.0.2.7:40000"), "{sent:?}");
    sent.into_iter().map(|(_, bytes)| bytes).collect()
}

#[test]
fn one_datagram_is_answered_by_one() {
    for bytes in [&b""[..], b"x", &[0xff; 9000]] {
        assert_eq!(answer(Echo, bytes), [bytes]);
        assert_eq!(answer(Discard, bytes), [b""; 0]);
        assert_eq!(answer(Daytime, bytes), [b"Sun, 06 Nov 1994 08:49:37 GMT\r\n"]);
        assert_eq!(answer(Time, bytes), [2_993_100_577_u32.to_be_bytes()]);
        assert_eq!(answer(Reply, bytes), [b"Yes"]);
    }
}

#[test]
fn characters_are_as_many_as_were_brought_and_512_at_most() {
    use super::super::chargen::PATTERN;
    for (brought, answered) in [(0, 0), (1, 1), (511, 511), (512, 512), (513, 512), (65_000, 512)] {
        assert_eq!(answer(Chargen, &vec![b'?'; brought]), [&PATTERN[..answered]]);
    }
}

#[test]
fn who_may_be_a_service_itself_is_not_answered() {
    let services: [fn() -> Socket; 5] = [
        || Socket::new(Echo),
        || Socket::new(Chargen),
        || Socket::new(Daytime),
        || Socket::new(Time),
        || Socket::new(Reply),
    ];
    for socket in services {
        for from in ["udp://192.0.2.7:7", "udp://192.0.2.7:1023", "udp://192.0.2.7:7007"] {
            assert_eq!(socket().ask(from, b"forged"), [], "{from}");
        }
        assert_eq!(socket().ask("udp://192.0.2.7:1024", b"asked").len(), 1);
    }
}

#[test]
fn a_unix_socket_answers_whoever_has_a_name_but_not_itself() {
    let mut socket = Socket::bound("unixgram:@echo", Echo);
    let answer = ("unixgram:@asker".to_owned(), b"hello".to_vec());
    assert_eq!(socket.ask("unixgram:@asker", b"hello"), [answer]);
    assert_eq!(socket.ask("unixgram:", b"hello"), []);
    assert_eq!(socket.ask("unixgram:@echo", b"hello"), []);
}
