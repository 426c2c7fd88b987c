//! A journal on a Unix datagram socket: each datagram is one message, whole or not at all.
//!
//! Run `cargo run --example unix_datagram` and then, elsewhere, as often as you like,
//! `echo hello | socat - unix-sendto:/tmp/switchboard.sock`: the journal numbers what it is
//! told. Who has a name (`,bind=/tmp/me.sock`) is told the number. Another address may be
//! given, such as `unixgram:@journal`. A file that a killed journal left is replaced.

use std::error::Error;

use switchboard::{Address, DatagramProtocol, DatagramTransport, EventLoop};

/// How many messages there were: the state of the program, lent to every call.
type Count = u64;

struct Journal;

impl DatagramProtocol<Count> for Journal {
    fn received(
        &mut self,
        transport: &mut DatagramTransport<'_, Count>,
        count: &mut Count,
        from: &Address,
        bytes: &[u8],
    ) {
        *count += 1;
        println!("{count}: {}", bytes.trim_ascii_end().escape_ascii());
        if transport.reply(format!("{count}\n").as_bytes()).is_queued() {
            println!("{count}: told {from}");
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let usual = "unixgram:///tmp/switchboard.sock".to_owned();
    let address = std::env::args().nth(1).unwrap_or(usual);
    let mut event_loop = EventLoop::new()?;
    event_loop.bind(&*address, Journal)?;
    println!("listening on {address}");
    event_loop.run(&mut 0)?;
    Ok(())
}
