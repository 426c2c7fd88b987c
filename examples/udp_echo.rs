//! Echo over UDP: many peers, one socket, no connection.
//!
//! Run `cargo run --example udp_echo` and then, elsewhere, `socat - udp:127.0.0.1:7000`: each
//! line that you type comes back, and the server prints who sent it. An address may be given.

use std::error::Error;

use switchboard::{Address, DatagramProtocol, DatagramTransport, EventLoop};

struct Echo;

impl<S> DatagramProtocol<S> for Echo {
    fn opened(&mut self, transport: &mut DatagramTransport<'_, S>, _: &mut S) {
        println!("listening on {}", transport.local());
    }

    fn received(
        &mut self,
        transport: &mut DatagramTransport<'_, S>,
        _: &mut S,
        from: &Address,
        bytes: &[u8],
    ) {
        println!("{} bytes from {from}", bytes.len());
        transport.reply(bytes);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "udp://127.0.0.1:7000".to_owned());
    let mut event_loop = EventLoop::new()?;
    event_loop.bind(&*address, Echo)?;
    event_loop.run(&mut ())?;
    Ok(())
}
