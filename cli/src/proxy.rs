//! `switchboard proxy`: connects each client with another server.

use std::net::ToSocketAddrs;
use std::process::ExitCode;

use switchboard::{Destination, Misuse, Resolver, relay};

use crate::failure::Failure;
use crate::options::ProxyOptions;
use crate::server::{self, Ready};

pub(crate) fn run(options: &ProxyOptions) -> Result<ExitCode, Failure> {
    let server = &options.server;
    server::only_event_loop("proxy", server)?;
    let to: Destination =
        options.to.parse().map_err(|error: Misuse| Failure::at_start(format!("--to {error}")))?;
    check(&to)?;
    // It was not the server who called, so it may be silent at first for as long as later.
    let limits = server.limits();
    let idle = limits.idle;
    let limits = limits.first_byte(idle).connect(options.connect_timeout);
    let relays = relay::to_with(to.clone(), limits).map_err(|error| server::no_start(&error))?;
    let mut resolver = None;
    if let Destination::Name { .. } = to {
        resolver = Some(Resolver::new().map_err(|error| server::no_start(&error))?);
    }
    server::on_event_loop(server, Ready::Address, &mut (), |event_loop, address| {
        if let Some(resolver) = resolver.take() {
            event_loop.set_resolver(resolver);
        }
        server::listen(event_loop, address, server.limits(), relays.clone())
    })
}

/// Says at once what could only fail for each client later. A name is looked up here once, and
/// again for each client, since its address may change.
fn check(to: &Destination) -> Result<(), Failure> {
    if let Destination::Address(address) = to
        && server::is_datagram(address)
    {
        return Err(Failure::at_start(format!(
            "cannot relay to {address}: a relay connects streams; give a tcp:// or unix: address \
             with --to"
        )));
    }
    let port = match to {
        Destination::Name { port, .. } => Some(*port),
        Destination::Address(address) => address.socket().map(|socket| socket.port()),
        _ => None,
    };
    if port == Some(0) {
        return Err(Failure::at_start(format!(
            "cannot relay to {to}: nobody listens on port 0; give the server's port with --to"
        )));
    }
    if let Destination::Name { host, port } = to
        && let Err(error) = (&**host, *port).to_socket_addrs()
    {
        return Err(Failure::at_start(format!(
            "cannot relay to {to}: {error}; see how the name is spelt, or give an IP address with \
             --to, such as 127.0.0.1:8000"
        )));
    }
    Ok(())
}
