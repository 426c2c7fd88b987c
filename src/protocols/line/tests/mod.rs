//! Lines, on a connection with no driver: each test sees what is said and what goes out.

use std::any::Any;

use super::{Line, Session, server};

use crate::sansio::{Closed, Limits, Protocol, Timeout, Transport};

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

/// One connection, and what its session was told.
type Rig = super::super::tests::Rig<Told>;

impl Rig {
    fn teller() -> Self {
        Self::new(Limits::default(), Line::new(Teller))
    }

    fn told(&mut self) -> Told {
        std::mem::take(&mut self.state)
    }
}
