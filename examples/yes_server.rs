//! Request and reply: waits for a message, answers `Yes`, and closes.
//!
//! Run `cargo run --example yes_server` and then, elsewhere, `cargo run --example yes_client`,
//! or say something to `nc 127.0.0.1 8000`. An address may be given; port 0 takes a free one.

use std::error::Error;

use switchboard::{EventLoop, Protocol, Transport};

struct Yes;

impl Protocol for Yes {
    fn received(&mut self, transport: &mut Transport<'_, ()>, _: &mut (), bytes: &[u8]) -> usize {
        println!("request from {}: {:?}", transport.peer(), String::from_utf8_lossy(bytes));
        transport.write(b"Yes");
        transport.finish();
        bytes.len()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let mut event_loop = EventLoop::new()?;
    let listener = event_loop.listen(&*address, |_peer| Yes)?;
    if let Some(address) = event_loop.local_address(listener) {
        println!("listening on {address}");
    }
    event_loop.run(&mut ())?;
    Ok(())
}
