//! Datagram sockets by hand: what they are told, what they send, and what they drop.
//!
//! After each input debug builds check the invariants, and a [`Table`] checks in the end that
//! nothing is held and that `closed` came once and last.

#![expect(clippy::wildcard_enum_match_arm, reason = "a script answers the calls it is about")]

mod calls;
mod closing;
mod queue;
mod random;

use std::any::Any;
use std::time::{Duration, Instant, SystemTime};

use super::*;
use crate::sansio::{Address, CloseReason, Closed, Closing, ConnectionId, Desk, Timeout};

const SECOND: Duration = Duration::from_secs(1);

/// One call of a protocol.
#[derive(Clone, Debug, PartialEq)]
enum Call {
    Opened,
    Received(Address, Vec<u8>),
    Writable,
    Expired,
    Notified(&'static str),
    Stopping,
    Closed(CloseReason, u64),
}

type Diary = Vec<Call>;
type Answer = dyn FnMut(&mut DatagramTransport<'_, Diary>, &Call) + Send;

/// A protocol that writes its calls down and answers with a closure.
struct Script(Box<Answer>);

impl Script {
    fn told(
        &mut self,
        transport: &mut DatagramTransport<'_, Diary>,
        diary: &mut Diary,
        call: Call,
    ) {
        match diary.last() {
            None => assert!(matches!(call, Call::Opened | Call::Closed(..)), "{call:?} is first"),
            Some(Call::Closed(..)) => panic!("{call:?} comes after the end"),
            Some(_) => assert_ne!(call, Call::Opened),
        }
        diary.push(call.clone());
        (self.0)(transport, &call);
    }
}

impl DatagramProtocol<Diary> for Script {
    fn opened(&mut self, transport: &mut DatagramTransport<'_, Diary>, diary: &mut Diary) {
        self.told(transport, diary, Call::Opened);
    }

    fn received(
        &mut self,
        transport: &mut DatagramTransport<'_, Diary>,
        diary: &mut Diary,
        from: &Address,
        bytes: &[u8],
    ) {
        self.told(transport, diary, Call::Received(from.clone(), bytes.to_vec()));
    }

    fn writable(&mut self, transport: &mut DatagramTransport<'_, Diary>, diary: &mut Diary) {
        self.told(transport, diary, Call::Writable);
    }

    fn expired(&mut self, transport: &mut DatagramTransport<'_, Diary>, diary: &mut Diary) {
        self.told(transport, diary, Call::Expired);
    }

    fn notified(
        &mut self,
        transport: &mut DatagramTransport<'_, Diary>,
        diary: &mut Diary,
        message: Box<dyn Any + Send>,
    ) {
        match message.downcast::<Ask>() {
            Ok(ask) => (ask.0)(transport),
            Err(message) => {
                let text = *message.downcast::<&'static str>().unwrap();
                self.told(transport, diary, Call::Notified(text));
            }
        }
    }

    fn stopping(&mut self, transport: &mut DatagramTransport<'_, Diary>, diary: &mut Diary) {
        self.told(transport, diary, Call::Stopping);
    }

    fn closed(
        &mut self,
        transport: &mut DatagramTransport<'_, Diary>,
        diary: &mut Diary,
        closed: Closed,
    ) {
        self.told(transport, diary, Call::Closed(closed.reason, closed.unsent));
    }
}

/// Something to be asked in a call of its own, which is not written down.
struct Ask(Box<Question>);

type Question = dyn FnOnce(&mut DatagramTransport<'_, Diary>) + Send;

/// A socket on a desk, in a time that only the test moves.
struct Table {
    desk: Desk<Diary>,
    diary: Diary,
    socket: DatagramSocket<Diary>,
}

impl Table {
    /// An open socket.
    fn new(
        limits: DatagramLimits,
        answer: impl FnMut(&mut DatagramTransport<'_, Diary>, &Call) + Send + 'static,
    ) -> Self {
        let mut table = Self::unopened(limits, answer);
        table.socket.handle_opened(&mut table.desk, &mut table.diary);
        table
    }

    fn unopened(
        limits: DatagramLimits,
        answer: impl FnMut(&mut DatagramTransport<'_, Diary>, &Call) + Send + 'static,
    ) -> Self {
        Self::make(peer(0), limits, answer)
    }

    /// An open socket at an address of its own.
    fn at(
        local: Address,
        limits: DatagramLimits,
        answer: impl FnMut(&mut DatagramTransport<'_, Diary>, &Call) + Send + 'static,
    ) -> Self {
        let mut table = Self::make(local, limits, answer);
        table.socket.handle_opened(&mut table.desk, &mut table.diary);
        table
    }

    fn make(
        local: Address,
        limits: DatagramLimits,
        answer: impl FnMut(&mut DatagramTransport<'_, Diary>, &Call) + Send + 'static,
    ) -> Self {
        limits.check().unwrap();
        let protocol = Box::new(Script(Box::new(answer)));
        let socket = DatagramSocket::new(ConnectionId::new(7, 7), protocol, local, limits);
        Self { desk: Desk::new(start(), SystemTime::UNIX_EPOCH), diary: Vec::new(), socket }
    }

    /// A socket that does nothing by itself.
    fn silent(limits: DatagramLimits) -> Self {
        Self::new(limits, |_, _| {})
    }

    fn pass(&mut self, time: Duration) {
        self.desk.set_time(self.desk.now() + time, SystemTime::UNIX_EPOCH);
    }

    /// Asks something of the transport, in a call of its own.
    fn ask<R: Send + 'static>(
        &mut self,
        ask: impl FnOnce(&mut DatagramTransport<'_, Diary>) -> R + Send + 'static,
    ) -> R {
        let (sender, receiver) = std::sync::mpsc::channel();
        let ask = Ask(Box::new(move |transport| sender.send(ask(transport)).unwrap()));
        self.socket.handle_notified(&mut self.desk, &mut self.diary, Box::new(ask));
        receiver.try_recv().unwrap()
    }

    fn send(&mut self, to: &Address, bytes: &[u8]) -> SendOutcome {
        let (to, bytes) = (to.clone(), bytes.to_vec());
        self.ask(move |transport| transport.send_to(&to, &bytes))
    }

    fn receive(&mut self, from: &Address, bytes: &[u8]) {
        self.socket.handle_received(&mut self.desk, &mut self.diary, from, bytes);
    }

    fn deadlines(&mut self) {
        self.socket.handle_deadlines(&mut self.desk, &mut self.diary);
    }

    fn close(&mut self, closing: Closing) {
        self.socket.handle_close(&mut self.desk, &mut self.diary, closing);
    }

    /// The next datagram, and what becomes of it.
    fn dispatch(&mut self, dispatched: Dispatched) -> Option<(Address, Vec<u8>)> {
        let next = self.socket.poll_output()?;
        let next = (next.to.clone(), next.bytes.to_vec());
        self.socket.handle_dispatched(&mut self.desk, &mut self.diary, dispatched);
        Some(next)
    }

    /// Sends all that may be sent. Gives who got what.
    fn flush(&mut self) -> Vec<(Address, Vec<u8>)> {
        std::iter::from_fn(|| self.dispatch(Dispatched::Sent)).collect()
    }

    fn texts(&mut self) -> Vec<String> {
        let sent = self.flush();
        sent.into_iter().map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect()
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.close(Closing::Abort);
        assert_eq!(self.desk.held(), 0, "nothing is held in the end");
        let ends = self.diary.iter().filter(|call| matches!(call, Call::Closed(..)));
        let is_told = self.socket.close_reason() != Some(CloseReason::Panicked);
        assert_eq!(ends.count(), usize::from(is_told), "{:?}", self.diary);
    }
}

#[expect(clippy::disallowed_methods, reason = "there is no other way to some instant")]
fn start() -> Instant {
    Instant::now()
}

/// The address of one of the peers; 0 is ourselves.
fn peer(number: u16) -> Address {
    format!("udp://192.0.2.1:{}", 1000 + number).parse().unwrap()
}
