//! A connection with no driver, shared by the tests of the small protocols.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::sansio::{
    CloseReason, Connection, ConnectionId, Desk, Limits, MAX_SLICES, Origin, Output, Protocol, Wire,
};

/// One connection, its desk, the state that its calls are given, and what went out.
pub(super) struct Rig<S: 'static> {
    pub(super) connection: Connection<S>,
    pub(super) desk: Desk<S>,
    pub(super) state: S,
    pub(super) out: Vec<u8>,
    /// What was last done to the wire.
    pub(super) wire: Wire,
}

#[expect(clippy::disallowed_methods, reason = "there is no other way to some instant")]
fn start() -> Instant {
    Instant::now()
}

impl<S: Default> Rig<S> {
    /// An established connection.
    pub(super) fn new(limits: Limits, protocol: impl Protocol<S>) -> Self {
        Self::at(SystemTime::UNIX_EPOCH, limits, protocol)
    }

    /// A connection that is established when the wall clock shows `wall_time`.
    pub(super) fn at(wall_time: SystemTime, limits: Limits, protocol: impl Protocol<S>) -> Self {
        let mut desk = Desk::new(start(), wall_time);
        let (id, peer) = (ConnectionId::new(0, 0), "127.0.0.1:1".parse().unwrap());
        let origin = Arc::new(Origin::new(limits));
        let mut connection = Connection::new(id, Box::new(protocol), origin, peer, &desk);
        let mut state = S::default();
        connection.handle_connected(&mut desk, &mut state);
        Self { connection, desk, state, out: Vec::new(), wire: Wire::Keep }
    }
}

impl<S> Rig<S> {
    pub(super) fn receive(&mut self, bytes: impl AsRef<[u8]>) {
        self.connection.handle_received(&mut self.desk, &mut self.state, bytes.as_ref());
    }

    pub(super) fn end_of_input(&mut self) {
        self.connection.handle_end_of_input(&mut self.desk, &mut self.state);
    }

    pub(super) fn notify(&mut self, message: impl Send + 'static) {
        self.connection.handle_notified(&mut self.desk, &mut self.state, Box::new(message));
    }

    pub(super) fn stop(&mut self) {
        self.connection.handle_stopping(&mut self.desk, &mut self.state);
    }

    /// Lets `time` pass, and the deadlines that it reaches.
    pub(super) fn wait(&mut self, time: Duration) {
        self.desk.set_time(self.desk.now() + time, SystemTime::UNIX_EPOCH);
        self.connection.handle_deadlines(&mut self.desk, &mut self.state);
    }

    /// Gives it its turn, if it wants one.
    pub(super) fn turn(&mut self) -> bool {
        let wants = self.connection.wants_turn();
        if wants {
            self.connection.handle_turn(&mut self.desk, &mut self.state);
        }
        wants
    }

    /// Sends what is there.
    pub(super) fn flush(&mut self) {
        while self.take(usize::MAX) > 0 {}
        self.act_on_wire();
    }

    /// The peer takes at most `most` bytes of what goes out next. Returns how many there were.
    pub(super) fn take(&mut self, most: usize) -> usize {
        let before = self.out.len();
        match self.connection.poll_output(&mut self.desk) {
            Output::Bytes(bytes) => self.out.extend_from_slice(&bytes[..most.min(bytes.len())]),
            Output::Slices => {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let count = self.connection.gather(&mut slices);
                let bytes = slices[..count].iter().flat_map(|slice| slice.iter());
                self.out.extend(bytes.take(most));
            }
            Output::File { .. } => panic!("no file is sent here"),
            Output::Nothing => return 0,
        }
        let count = self.out.len() - before;
        self.connection.handle_sent(&mut self.desk, &mut self.state, count as u64);
        count
    }

    fn act_on_wire(&mut self) {
        let wire = self.connection.poll_wire(&self.desk);
        if wire != Wire::Keep {
            self.wire = wire;
        }
    }

    /// Sends and gives turns until there is nothing left to do.
    pub(super) fn run(&mut self) {
        self.flush();
        while self.turn() {
            self.flush();
        }
    }
}

impl<S> Drop for Rig<S> {
    fn drop(&mut self) {
        let (desk, state) = (&mut self.desk, &mut self.state);
        self.connection.handle_failure(desk, state, CloseReason::Stopped);
        if !std::thread::panicking() {
            assert_eq!(self.desk.held(), 0);
        }
    }
}

/// Carries what `from` sends to `to`, at most `step` bytes at a time, and its end.
pub(super) fn carry<S, T>(from: &mut Rig<S>, to: &mut Rig<T>, step: usize) {
    from.run();
    for piece in std::mem::take(&mut from.out).chunks(step) {
        to.receive(piece);
    }
    if from.wire != Wire::Keep {
        from.wire = Wire::Keep;
        to.end_of_input();
    }
    to.run();
}
