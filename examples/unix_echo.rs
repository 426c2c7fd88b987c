//! Echo on a Unix socket: the same conversation, and only the address differs.
//!
//! Run `cargo run --example unix_echo` and then, elsewhere, `nc -U /tmp/switchboard-echo.sock`:
//! each line that you type comes back. An address may be given, such as `unix:@echo`, which is
//! in no folder. The socket's file goes with the loop, and one that a killed server left behind
//! is replaced.

use std::error::Error;

use switchboard::EventLoop;
use switchboard::services::Echo;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "unix:///tmp/switchboard-echo.sock".to_owned());
    let mut event_loop = EventLoop::new()?;
    let listener = event_loop.listen(&*address, |_peer| Echo)?;
    if let Some(address) = event_loop.local_address(listener) {
        println!("listening on {address}");
    }
    event_loop.run(&mut ())?;
    Ok(())
}
