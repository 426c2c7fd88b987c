//! Echo over TCP: the smallest server.
//!
//! Run `cargo run --example echo` and then, elsewhere, `nc 127.0.0.1 7000`: each line that you
//! type comes back. An address may be given; port 0 takes a free one.

use std::error::Error;

use switchboard::{EventLoop, Protocol, Transport};

struct Echo;

impl<S> Protocol<S> for Echo {
    fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        transport.write(bytes);
        bytes.len()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let mut event_loop = EventLoop::new()?;
    let listener = event_loop.listen(&*address, |_peer| Echo)?;
    if let Some(address) = event_loop.local_address(listener) {
        println!("listening on {address}");
    }
    event_loop.run(&mut ())?;
    Ok(())
}
