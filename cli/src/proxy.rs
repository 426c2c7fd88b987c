//! `switchboard proxy`: connects each client with another server.

use std::process::ExitCode;

use switchboard::relay;
use switchboard::{Address, Misuse};

use crate::failure::Failure;
use crate::options::ProxyOptions;
use crate::server::{self, Ready};

pub(crate) fn run(options: &ProxyOptions) -> Result<ExitCode, Failure> {
    let server = &options.server;
    server::only_event_loop("proxy", server)?;
    let to: Address =
        options.to.parse().map_err(|error: Misuse| Failure::at_start(format!("--to {error}")))?;
    // It was not the server who called, so it may be silent at first for as long as later.
    let limits = server.limits();
    let idle = limits.idle;
    let limits = limits.first_byte(idle).connect(options.connect_timeout);
    let relays = relay::to_with(to, limits).map_err(|error| server::no_start(&error))?;
    server::on_event_loop(server, Ready::Address, &mut (), |event_loop, address| {
        server::listen(event_loop, address, server.limits(), relays.clone())
    })
}
