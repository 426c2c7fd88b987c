//! `switchboard chat`: each line goes to every other client.

use std::collections::BTreeSet;
use std::process::ExitCode;

use switchboard::line::{Line, Session};
use switchboard::{Bytes, Closed, ConnectionId, Transport, WhenFull};

use crate::failure::Failure;
use crate::options::ServerOptions;
use crate::server::{self, Ready};

pub(crate) fn run(options: &ServerOptions) -> Result<ExitCode, Failure> {
    server::only_event_loop("chat", options)?;
    server::on_event_loop(options, Ready::Address, &mut Room::new(), |event_loop, address| {
        server::listen(event_loop, address, options.limits(), |_peer| Line::new(Guest))
    })
}

/// Who is here, whichever socket they came by.
type Room = BTreeSet<ConnectionId>;

struct Guest;

impl Session<Room> for Guest {
    fn connected(&mut self, transport: &mut Transport<'_, Room>, room: &mut Room) {
        room.insert(transport.id());
    }

    fn line(&mut self, transport: &mut Transport<'_, Room>, room: &mut Room, line: &[u8]) {
        let line = Bytes::from([line, b"\n"].concat());
        let writer = transport.id();
        for guest in room.iter().filter(|guest| **guest != writer) {
            // Nobody waits for somebody who does not read.
            transport.send(*guest, line.clone(), WhenFull::Close);
        }
    }

    fn too_long(&mut self, transport: &mut Transport<'_, Room>, _: &mut Room) {
        transport.write(b"that line is too long\n");
    }

    fn closed(&mut self, transport: &mut Transport<'_, Room>, room: &mut Room, _: Closed) {
        room.remove(&transport.id());
    }
}
