//! A time server: several listeners on one loop, each with a ready-made service of its own.
//!
//! Run `cargo run --example time_server` and then, elsewhere, `nc 127.0.0.1 7013`, which gets
//! the time in words, or `rdate -p -o 7037 127.0.0.1`, which reads four bytes and puts them into
//! words. Two addresses may be given; port 0 takes a free one.

use std::error::Error;

use switchboard::EventLoop;
use switchboard::services::{Daytime, Time};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut address = |usual: &str| arguments.next().unwrap_or_else(|| usual.to_owned());
    let mut event_loop = EventLoop::new()?;
    let words = event_loop.listen(&*address("127.0.0.1:7013"), |_peer| Daytime)?;
    let bytes = event_loop.listen(&*address("127.0.0.1:7037"), |_peer| Time)?;
    for listener in [words, bytes] {
        if let Some(address) = event_loop.local_address(listener) {
            println!("listening on {address}");
        }
    }
    event_loop.run(&mut ())?;
    Ok(())
}
