//! A relay: what comes in on one connection goes out on another, and back.
//!
//! Run `cargo run --example relay` while some server listens on 127.0.0.1:8000, and talk to
//! 127.0.0.1:7000 instead: it is as if you had called the server. Where that is, by address or by
//! name, and where to listen may be given; port 0 takes a free one. A slow end slows the other
//! down, nothing piles up here, and each direction ends on its own.

use std::error::Error;

use switchboard::{EventLoop, Resolver, relay};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let mut event_loop = EventLoop::new()?;
    event_loop.set_resolver(Resolver::new()?);
    let listener = event_loop.listen(&*address, relay::to(&*server)?)?;
    if let Some(address) = event_loop.local_address(listener) {
        println!("listening on {address}");
    }
    event_loop.run(&mut ())?;
    Ok(())
}
