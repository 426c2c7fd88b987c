//! What a server on select or poll does by hand: it prints who connects, what they say, and who
//! hangs up. Here the loop keeps the lists, and forgets who is gone.
//!
//! Run `cargo run --example select_server` and then, elsewhere, `nc 127.0.0.1 1234`, twice: both
//! are heard. An address may be given; port 0 takes a free one.

use std::error::Error;

use switchboard::{Closed, EventLoop, Protocol, Transport};

/// How many are connected: state that all connections share, with no lock.
type Count = usize;

struct Printer;

impl Protocol<Count> for Printer {
    fn connected(&mut self, transport: &mut Transport<'_, Count>, count: &mut Count) {
        *count += 1;
        println!("got connection from {}, number {count} now", transport.peer());
    }

    fn received(&mut self, _: &mut Transport<'_, Count>, _: &mut Count, bytes: &[u8]) -> usize {
        println!("{}", bytes.escape_ascii());
        bytes.len()
    }

    fn closed(&mut self, transport: &mut Transport<'_, Count>, count: &mut Count, closed: Closed) {
        *count -= 1;
        println!("{} disconnected ({}), {count} left", transport.peer(), closed.reason);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:1234".to_owned());
    let mut event_loop = EventLoop::new()?;
    let listener = event_loop.listen(&*address, |_peer| Printer)?;
    if let Some(address) = event_loop.local_address(listener) {
        println!("listening on {address}");
    }
    event_loop.run(&mut 0)?;
    Ok(())
}
