//! A chat: every line goes to everybody else, through state that all connections share.
//!
//! Run `cargo run --example chat` and, twice elsewhere, `nc 127.0.0.1 7000`: what is typed
//! in one appears in the other. An address may be given; port 0 takes a free one.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use switchboard::line::Line;
use switchboard::{Bytes, Closed, ConnectionId, EventLoop, Limits, WhenFull, line};

/// Who is here: lent to every callback, with no lock, because there is one thread.
type Room = BTreeSet<ConnectionId>;
type Transport<'a> = switchboard::Transport<'a, Room>;

struct Guest;

impl line::Session<Room> for Guest {
    fn connected(&mut self, transport: &mut Transport<'_>, room: &mut Room) {
        room.insert(transport.id());
    }

    fn line(&mut self, transport: &mut Transport<'_>, room: &mut Room, line: &[u8]) {
        let line = Bytes::from([line, b"\n"].concat()); // The one copy: all are sent this.
        let writer = transport.id();
        for guest in room.iter().filter(|guest| **guest != writer) {
            transport.send(*guest, line.clone(), WhenFull::Close);
        }
    }

    fn closed(&mut self, transport: &mut Transport<'_>, room: &mut Room, _: Closed) {
        room.remove(&transport.id());
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    // Somebody who only listens sends nothing for long, and that is fine here.
    let hour = Duration::from_secs(3600);
    let mut event_loop = EventLoop::new()?;
    let limits = Limits::default().first_byte(hour).idle(hour);
    let listener = event_loop.listen_with(&*address, limits, |_peer| Line::new(Guest))?;
    if let Some(address) = event_loop.local_address(listener) {
        println!("listening on {address}");
    }
    event_loop.run(&mut Room::new())?;
    Ok(())
}
