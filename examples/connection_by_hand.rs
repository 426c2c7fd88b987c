//! A conversation with no driver and no socket: bytes and time go in by hand.
//!
//! Run `cargo run --example connection_by_hand`. A line that comes in two pieces is answered
//! once; then five silent minutes end the conversation, in no time at all.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use switchboard::sansio::{Desk, Origin, Output};
use switchboard::{Connection, ConnectionId, Error, Limits, Protocol, Transport};

struct Shout;

impl<S> Protocol<S> for Shout {
    fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') else { return 0 };
        transport.write(&bytes[..=last].to_ascii_uppercase());
        last + 1
    }
}

#[expect(clippy::disallowed_methods, reason = "here we are the driver, who reads the clock")]
fn main() -> Result<(), Error> {
    let mut desk = Desk::new(Instant::now(), SystemTime::now());
    let (id, peer) = (ConnectionId::new(0, 0), "127.0.0.1:7000".try_into()?);
    let origin = Arc::new(Origin::new(Limits::default()));
    let mut connection = Connection::new(id, Box::new(Shout), origin, peer, &desk);

    connection.handle_connected(&mut desk, &mut ());
    for piece in ["hello, wor", "ld\nand good-bye\n"] {
        println!("in: {piece:?}");
        connection.handle_received(&mut desk, &mut (), piece.as_bytes());
        while let Output::Bytes(bytes) = connection.poll_output(&mut desk) {
            println!("out: {:?}", String::from_utf8_lossy(bytes));
            let count = bytes.len() as u64;
            connection.handle_sent(&mut desk, &mut (), count);
        }
    }

    let begin = desk.now();
    if let Some(deadline) = connection.poll_deadline() {
        desk.set_time(deadline, SystemTime::now());
        connection.handle_deadlines(&mut desk, &mut ());
        println!("after {:?}: {:?}", deadline - begin, connection.poll_wire(&desk));
    }
    connection.handle_end_of_input(&mut desk, &mut ()); // The peer closes its side too.
    println!("then: {:?}, {:?}", connection.poll_wire(&desk), connection.close_reason());
    Ok(())
}
