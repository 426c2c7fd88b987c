//! A greeting: the server speaks first, says one thing, and closes.
//!
//! Run `cargo run --example greeting` and then, elsewhere, `nc 127.0.0.1 1234`: it says `Thank
//! you for connecting`, and here you see from where. An address may be given; port 0 takes a
//! free one.

use std::error::Error;

use switchboard::{EventLoop, Protocol, Transport};

struct Greeting;

impl Protocol for Greeting {
    fn connected(&mut self, transport: &mut Transport<'_, ()>, _: &mut ()) {
        println!("got connection from {}", transport.peer());
        transport.write(b"Thank you for connecting");
        transport.finish(); // What was written goes out first, whatever the peer says meanwhile.
    }

    fn received(&mut self, _: &mut Transport<'_, ()>, _: &mut (), bytes: &[u8]) -> usize {
        bytes.len()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:1234".to_owned());
    let mut event_loop = EventLoop::new()?;
    let listener = event_loop.listen(&*address, |_peer| Greeting)?;
    if let Some(address) = event_loop.local_address(listener) {
        println!("listening on {address}");
    }
    event_loop.run(&mut ())?;
    Ok(())
}
