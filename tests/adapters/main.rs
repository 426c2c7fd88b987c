//! What each adapter promises beyond what every way in does (that is in `tests/guests`): what is
//! particular to its host.

#![cfg(all(unix, not(mio_unsupported_force_poll_poll)))]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod calloop;
#[path = "../programs/mod.rs"]
mod programs;
mod tokio;

use std::net::SocketAddr;

use programs::Client;
use switchboard::{EventLoop, Protocol, Transport};

/// The state that is lent: how many bytes came.
type Heard = usize;

/// Sends back what comes.
struct Echo;

impl Protocol<Heard> for Echo {
    fn received(
        &mut self,
        on: &mut Transport<'_, Heard>,
        heard: &mut Heard,
        bytes: &[u8],
    ) -> usize {
        *heard += bytes.len();
        on.write(bytes);
        bytes.len()
    }
}

/// A server of echoes.
fn server() -> (EventLoop<Heard>, SocketAddr) {
    let mut server = EventLoop::new().unwrap();
    let listener = server.listen("127.0.0.1:0", |_| Echo).unwrap();
    let address = server.local_address(listener).unwrap().socket().unwrap();
    (server, address)
}
