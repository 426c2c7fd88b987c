//! A chat: every line goes to everybody else, through state that all connections share.
//!
//! Run `cargo run --example line_chat` and, twice elsewhere, `nc 127.0.0.1 7000`: what is typed
//! in one appears in the other. An address may be given; port 0 takes a free one.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use switchboard::{Bytes, Closed, ConnectionId, EventLoop, Limits, Protocol, WhenFull};

/// Who is here: lent to every callback, with no lock, because there is one thread.
type Room = BTreeSet<ConnectionId>;
type Transport<'a> = switchboard::Transport<'a, Room>;

struct Guest;

impl Protocol<Room> for Guest {
    fn connected(&mut self, transport: &mut Transport<'_>, room: &mut Room) {
        room.insert(transport.id());
    }

    fn received(&mut self, transport: &mut Transport<'_>, room: &mut Room, bytes: &[u8]) -> usize {
        let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') else { return 0 };
        let lines = Bytes::copy_from_slice(&bytes[..=last]); // The one copy: all are sent this.
        let writer = transport.id();
        for guest in room.iter().filter(|guest| **guest != writer) {
            transport.send(*guest, lines.clone(), WhenFull::Close);
        }
        lines.len()
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
    let listener = event_loop.listen_with(&*address, limits, |_peer| Guest)?;
    if let Some(address) = event_loop.local_address(listener) {
        println!("listening on {address}");
    }
    event_loop.run(&mut Room::new())?;
    Ok(())
}
