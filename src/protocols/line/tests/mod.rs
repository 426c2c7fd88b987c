//! Lines, on a connection with no driver: each test sees what is said and what goes out.

use std::any::Any;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::{Line, Session, server};

use crate::sansio::{
    CloseReason, Closed, Connection, ConnectionId, Desk, Limits, Origin, Output, Protocol, Timeout,
    Transport, Wire,
};

mod calls;
mod pieces;

/// What sessions were told, a word for each call.
type Told = Vec<String>;

/// Tells everything, and answers each line with its length.
struct Teller;

impl Session<Told> for Teller {
    fn connected(&mut self, _: &mut Transport<'_, Told>, told: &mut Told) {
        told.push("connected".to_owned());
    }

    fn line(&mut self, transport: &mut Transport<'_, Told>, told: &mut Told, line: &[u8]) {
        told.push(format!("line {:?}", String::from_utf8_lossy(line)));
        transport.write(format!("{}\n", line.len()).as_bytes());
    }

    fn too_long(&mut self, transport: &mut Transport<'_, Told>, told: &mut Told) {
        told.push("too long".to_owned());
        transport.write(b"too long\n");
    }

    fn writable(&mut self, _: &mut Transport<'_, Told>, told: &mut Told) {
        told.push("writable".to_owned());
    }

    fn expired(&mut self, _: &mut Transport<'_, Told>, told: &mut Told, timeout: Timeout) {
        told.push(format!("{timeout} expired"));
    }

    fn notified(&mut self, _: &mut Transport<'_, Told>, told: &mut Told, _: Box<dyn Any + Send>) {
        told.push("notified".to_owned());
    }

    fn closed(&mut self, _: &mut Transport<'_, Told>, told: &mut Told, closed: Closed) {
        told.push(closed.reason.to_string());
    }
}

/// A session that does with each line what a closure says.
fn on_line(
    act: impl Fn(&mut Transport<'_, Told>, &[u8]) + Send + Sync + 'static,
) -> impl Protocol<Told> {
    let mut factory = server(move |transport: &mut Transport<'_, Told>, told: &mut Told, line| {
        told.push(String::from_utf8_lossy(line).into_owned());
        act(transport, line);
    });
    factory(())
}

/// One connection, its desk, what was told and what went out.
struct Rig {
    connection: Connection<Told>,
    desk: Desk<Told>,
    told: Told,
    out: Vec<u8>,
    wire: Wire,
}

#[expect(clippy::disallowed_methods, reason = "there is no other way to some instant")]
fn start() -> Instant {
    Instant::now()
}

impl Rig {
    fn new(limits: Limits, protocol: impl Protocol<Told>) -> Self {
        let mut desk = Desk::new(start(), SystemTime::UNIX_EPOCH);
        let (id, peer) = (ConnectionId::new(0, 0), "127.0.0.1:1".parse().unwrap());
        let origin = Arc::new(Origin::new(limits));
        let mut connection = Connection::new(id, Box::new(protocol), origin, peer, &desk);
        let mut told = Told::new();
        connection.handle_connected(&mut desk, &mut told);
        Self { connection, desk, told, out: Vec::new(), wire: Wire::Keep }
    }

    fn teller() -> Self {
        Self::new(Limits::default(), Line::new(Teller))
    }

    fn receive(&mut self, bytes: impl AsRef<[u8]>) {
        self.connection.handle_received(&mut self.desk, &mut self.told, bytes.as_ref());
    }

    fn end_of_input(&mut self) {
        self.connection.handle_end_of_input(&mut self.desk, &mut self.told);
    }

    fn notify(&mut self, message: impl Send + 'static) {
        self.connection.handle_notified(&mut self.desk, &mut self.told, Box::new(message));
    }

    /// Gives it its turn, if it wants one.
    fn turn(&mut self) -> bool {
        let wants = self.connection.wants_turn();
        if wants {
            self.connection.handle_turn(&mut self.desk, &mut self.told);
        }
        wants
    }

    /// Sends what is there.
    fn flush(&mut self) {
        while let Output::Bytes(bytes) = self.connection.poll_output(&mut self.desk) {
            self.out.extend_from_slice(bytes);
            let count = bytes.len() as u64;
            self.connection.handle_sent(&mut self.desk, &mut self.told, count);
        }
        let wire = self.connection.poll_wire(&self.desk);
        if wire != Wire::Keep {
            self.wire = wire;
        }
    }

    /// Sends and gives turns until there is nothing left to do.
    fn run(&mut self) {
        self.flush();
        while self.turn() {
            self.flush();
        }
    }

    fn told(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let (desk, told) = (&mut self.desk, &mut self.told);
        self.connection.handle_failure(desk, told, CloseReason::Stopped);
        if !std::thread::panicking() {
            assert_eq!(self.desk.held(), 0);
        }
    }
}
