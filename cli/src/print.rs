//! `switchboard print`: who connects, what they say, and who hangs up, in the log.

use std::process::ExitCode;

use switchboard::{
    Address, CloseReason, Closed, DatagramProtocol, DatagramTransport, Protocol, Transport,
};

use crate::escape::Escaped;
use crate::failure::Failure;
use crate::options::ServerOptions;
use crate::server::{self, Ready};

pub(crate) fn run(options: &ServerOptions) -> Result<ExitCode, Failure> {
    server::serve(options, Ready::Address, |_peer| Print, Some(Print))
}

/// Logs everything, and says nothing.
#[derive(Clone, Copy)]
struct Print;

impl Protocol for Print {
    fn connected(&mut self, transport: &mut Transport<'_, ()>, _: &mut ()) {
        log::info!("{} connected", transport.peer());
    }

    fn received(&mut self, transport: &mut Transport<'_, ()>, _: &mut (), bytes: &[u8]) -> usize {
        print(transport.peer(), bytes);
        bytes.len()
    }

    fn closed(&mut self, transport: &mut Transport<'_, ()>, _: &mut (), closed: Closed) {
        if closed.reason == CloseReason::Finished {
            log::info!("{} hung up", transport.peer());
        } else {
            log::info!("{} is gone: {}", transport.peer(), closed.reason);
        }
    }
}

impl DatagramProtocol for Print {
    fn received(
        &mut self,
        _: &mut DatagramTransport<'_, ()>,
        _: &mut (),
        from: &Address,
        bytes: &[u8],
    ) {
        print(from, bytes);
    }
}

/// Logs what a peer said, which may be anything. A line of the log has a reasonable length.
fn print(peer: &Address, bytes: &[u8]) {
    if bytes.is_empty() {
        return log::info!("{peer} says \"\"");
    }
    for piece in bytes.chunks(1024) {
        log::info!("{peer} says \"{}\"", Escaped(piece));
    }
}
