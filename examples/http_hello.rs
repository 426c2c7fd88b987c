//! A reply in plain text to every request.
//!
//! Run `cargo run --example http_hello` and open <http://127.0.0.1:8000/>: it says `Hello,
//! World!`. An address may be given; port 0 takes a free one.

use std::error::Error;

use switchboard::{EventLoop, http};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let mut event_loop = EventLoop::new()?;
    let hello = http::server(|_request, reply, _state| reply.text("Hello, World!"));
    let listener = event_loop.listen(&*address, hello)?;
    if let Some(address) = event_loop.local_address(listener).and_then(|address| address.socket()) {
        println!("listening on http://{address}/");
    }
    event_loop.run(&mut ())?;
    Ok(())
}
