//! Running servers: listen everywhere, say so, and go on until a signal.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use switchboard::drivers::blocking;
use switchboard::{
    Address, Config, DatagramProtocol, Ended, Error, EventLoop, Limits, OnPanic, Peer, Protocol,
    Threads,
};
use switchboard_forks::Forks;

use crate::failure::Failure;
use crate::options::{Driver, ServerOptions};

/// What a server says that it is, in its ready lines.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ready {
    /// `listening on tcp://127.0.0.1:7007`
    Address,
    /// `listening on http://127.0.0.1:8000/`
    Http,
}

/// Serves with a driver of blocking calls: two types that have the same methods.
macro_rules! blocking {
    ($Driver:ident, $options:expr, $ready:expr, $factory:expr) => {{
        let config = blocking::Config::default().on_panic(OnPanic::Close);
        let mut server = $Driver::with_config(config, || ());
        for address in &$options.listen {
            if is_datagram(address) {
                return Err(no_blocking_datagrams(address));
            }
            server = server
                .listen_with(address.clone(), $options.limits(), $factory.clone())
                .map_err(|error| no_listen(address, &error))?;
        }
        let server =
            server.drain_on_signals($options.drain_timeout).map_err(|error| no_start(&error))?;
        announce($ready, &server.local_addresses().cloned().collect::<Vec<_>>())?;
        finish(server.run())
    }};
}

/// Serves streams, each with a conversation of `factory`, and under the event loop datagrams
/// with `datagrams`, where that is given.
pub(crate) fn serve<P, F, D>(
    options: &ServerOptions,
    ready: Ready,
    factory: F,
    datagrams: Option<D>,
) -> Result<ExitCode, Failure>
where
    P: Protocol,
    F: FnMut(Peer) -> P + Clone + Send + 'static,
    D: DatagramProtocol + Clone,
{
    match options.driver {
        Driver::EventLoop => on_event_loop(options, ready, &mut (), |event_loop, address| {
            if !is_datagram(address) {
                return listen(event_loop, address, options.limits(), factory.clone());
            }
            let protocol = datagrams.clone().ok_or_else(|| no_datagrams(address))?;
            let socket = event_loop
                .bind(address.clone(), protocol)
                .map_err(|error| no_listen(address, &error))?;
            Ok(event_loop.datagram_socket(socket).map(|socket| socket.local().clone()))
        }),
        Driver::Threads => blocking!(Threads, options, ready, factory),
        Driver::Forks => blocking!(Forks, options, ready, factory),
    }
}

/// Serves on the event loop: `open` opens a socket and says what its address became.
pub(crate) fn on_event_loop<S: 'static>(
    options: &ServerOptions,
    ready: Ready,
    state: &mut S,
    mut open: impl FnMut(&mut EventLoop<S>, &Address) -> Result<Option<Address>, Failure>,
) -> Result<ExitCode, Failure> {
    // No state is shared that a panic could leave half-changed.
    let config = Config::default().on_panic(OnPanic::Close);
    let mut event_loop = EventLoop::with_config(config).map_err(|error| no_start(&error))?;
    event_loop.drain_on_signals(options.drain_timeout).map_err(|error| no_start(&error))?;
    let mut places = Vec::new();
    for address in &options.listen {
        places.extend(open(&mut event_loop, address)?);
    }
    announce(ready, &places)?;
    finish(event_loop.run(state))
}

/// Listens for streams on `address`.
pub(crate) fn listen<S, P, F>(
    event_loop: &mut EventLoop<S>,
    address: &Address,
    limits: Limits,
    factory: F,
) -> Result<Option<Address>, Failure>
where
    S: 'static,
    P: Protocol<S>,
    F: FnMut(Peer) -> P + Send + 'static,
{
    if is_datagram(address) {
        return Err(no_datagrams(address));
    }
    let listener = event_loop
        .listen_with(address.clone(), limits, factory)
        .map_err(|error| no_listen(address, &error))?;
    Ok(event_loop.local_address(listener).cloned())
}

/// A server that needs the event loop, since its connections need each other.
pub(crate) fn only_event_loop(name: &str, options: &ServerOptions) -> Result<(), Failure> {
    if options.driver == Driver::EventLoop {
        return Ok(());
    }
    Err(Failure::at_start(format!(
        "{name} runs under the event loop alone, where one connection can reach another: leave \
         out --driver"
    )))
}

/// A line on standard output for each socket, when all are open. Scripts wait for it.
fn announce(ready: Ready, places: &[Address]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let mut write = || {
        for address in places {
            match (ready, address) {
                (Ready::Http, Address::Tcp(socket)) => {
                    writeln!(output, "listening on http://{socket}/")?;
                }
                _ => writeln!(output, "listening on {address}")?,
            }
        }
        output.flush()
    };
    write().map_err(|error| Failure::at_start(format!("cannot say that it listens: {error}")))
}

/// Says how the connections ended.
fn finish(ended: io::Result<Ended>) -> Result<ExitCode, Failure> {
    let ended = ended
        .map_err(|error| Failure::while_running(format!("cannot wait for clients: {error}")))?;
    let Ended::Drained(drained) = ended else {
        log::warn!("stopped before the drain was done: what was begun was cut off");
        return Ok(ExitCode::FAILURE);
    };
    log::info!(
        "drained: {} finished, {} aborted, {} ended otherwise",
        drained.finished,
        drained.aborted,
        drained.otherwise
    );
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn is_datagram(address: &Address) -> bool {
    matches!(address, Address::Udp(_) | Address::UnixDatagram(_))
}

fn no_datagrams(address: &Address) -> Failure {
    Failure::at_start(format!(
        "cannot serve datagrams on {address}: this server converses with those who connect; \
         give it a tcp:// or unix: address with --listen"
    ))
}

fn no_blocking_datagrams(address: &Address) -> Failure {
    Failure::at_start(format!(
        "cannot serve datagrams on {address}: nobody connects, so there is nothing to give a \
         thread or a process to; leave out --driver, or give a tcp:// or unix: address with \
         --listen"
    ))
}

/// Why a server cannot start.
pub(crate) fn no_start(error: &Error) -> Failure {
    Failure::at_start(error.to_string())
}

/// Why a server cannot listen on `address`, and what can be done about it.
fn no_listen(address: &Address, error: &Error) -> Failure {
    let mut advised = "";
    if let Error::Io { source, .. } = error {
        advised = advice(address, source.kind());
    }
    Failure::at_start(format!("{error}{advised}"))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "there are forty, and ever more")]
fn advice(address: &Address, kind: ErrorKind) -> &'static str {
    if address.unix().is_some() {
        match kind {
            ErrorKind::AddrInUse => "; stop what listens there, or give another path with --listen",
            ErrorKind::PermissionDenied => {
                "; give a path that is yours, in a folder that you may write to, with --listen"
            }
            ErrorKind::NotFound => "; make the folder first, or give another path with --listen",
            _ => "; give another path with --listen, such as unix:///tmp/server.sock",
        }
    } else {
        match kind {
            ErrorKind::AddrInUse => {
                "; stop what listens there, or give another address with --listen (port 0 takes a \
                 free one)"
            }
            ErrorKind::PermissionDenied => {
                "; ports below 1024 are privileged: give a higher one with --listen"
            }
            ErrorKind::AddrNotAvailable => {
                "; give an address of this machine with --listen, such as 127.0.0.1:8000"
            }
            _ => "",
        }
    }
}
