//! A client that says `hello` every second and prints what it hears: nobody sleeps, because a
//! deadline is one more thing that the loop waits for.
//!
//! Run `cargo run --example select_server` and then, elsewhere,
//! `cargo run --example hello_every_second`. The server's address may be given.

use std::error::Error;
use std::time::Duration;

use switchboard::{
    Budget, CloseReason, Closed, EventLoop, Limits, Protocol, Timeout, Transport, Wait,
};

struct Hello;
type Ended = Option<CloseReason>;

impl Protocol<Ended> for Hello {
    fn connected(&mut self, transport: &mut Transport<'_, Ended>, ended: &mut Ended) {
        self.expired(transport, ended, Timeout::Own);
    }

    fn expired(&mut self, transport: &mut Transport<'_, Ended>, _: &mut Ended, timeout: Timeout) {
        if timeout == Timeout::Own {
            transport.write(b"hello\n");
            transport.set_timeout(Duration::from_secs(1));
        }
    }

    fn received(&mut self, _: &mut Transport<'_, Ended>, _: &mut Ended, bytes: &[u8]) -> usize {
        println!("{}", String::from_utf8_lossy(bytes));
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, Ended>, ended: &mut Ended, closed: Closed) {
        *ended = Some(closed.reason);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:1234".to_owned());
    let (mut event_loop, mut ended) = (EventLoop::new()?, None);
    event_loop.connect(&*address, Hello, Limits::default())?;
    while ended.is_none() {
        event_loop.turn(Wait::Forever, Budget::default(), &mut ended)?;
    }
    println!("the server is gone: {ended:?}");
    Ok(())
}
