//! `switchboard http`: a folder, or the built-in page, over HTTP.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use switchboard::http::{self, Handler, Reply, Request};
use switchboard::{Address, Config, Ended, Error, EventLoop, Limits, OnPanic};

use crate::failure::Failure;
use crate::options::HttpOptions;
use crate::page;

/// Serves until a signal ends it.
pub(crate) fn run(options: &HttpOptions) -> Result<ExitCode, Failure> {
    match &options.dir {
        Some(dir) => serve(http::files(dir).map_err(|error| no_folder(&error))?, options),
        None => serve(page::answer, options),
    }
}

fn serve(handler: impl Handler<()>, options: &HttpOptions) -> Result<ExitCode, Failure> {
    // No state is shared that a panic could leave half-changed.
    let config = Config::default().on_panic(OnPanic::Close);
    let mut event_loop = EventLoop::with_config(config).map_err(|error| no_start(&error))?;
    event_loop.drain_on_signals(options.drain_timeout).map_err(|error| no_start(&error))?;
    let connections =
        http::Config::default().body_timeout(options.body_timeout).serve(Logged(handler));
    let listener = event_loop
        .listen_with(options.listen.clone(), limits(options), connections)
        .map_err(|error| no_start(&error))?;
    if let Some(address) = event_loop.local_address(listener) {
        announce(address)
            .map_err(|error| Failure::at_start(format!("cannot say that it listens: {error}")))?;
    }
    let ended = event_loop
        .run(&mut ())
        .map_err(|error| Failure::while_running(format!("cannot wait for clients: {error}")))?;
    Ok(report(ended))
}

fn limits(options: &HttpOptions) -> Limits {
    let connections = usize::try_from(options.max_connections).unwrap_or(usize::MAX);
    Limits::default()
        .connections(connections)
        .connections_per_address(connections)
        .first_byte(options.first_byte_timeout)
        .idle(options.idle_timeout)
        .message(options.head_timeout)
        .write_stall(options.write_stall_timeout)
        .closing(options.closing_timeout)
}

/// The one line on standard output. Scripts wait for it.
fn announce(address: &Address) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match address.socket() {
        Some(socket) => writeln!(output, "listening on http://{socket}/")?,
        None => writeln!(output, "listening on {address}")?,
    }
    output.flush()
}

/// Says how the connections ended.
fn report(ended: Ended) -> ExitCode {
    let Ended::Drained(drained) = ended else {
        log::warn!("stopped before the drain was done: begun replies were cut off");
        return ExitCode::FAILURE;
    };
    log::info!(
        "drained: {} connections finished, {} aborted, {} ended otherwise",
        drained.finished,
        drained.aborted,
        drained.otherwise
    );
    ExitCode::SUCCESS
}

/// Has the log name each request.
struct Logged<H>(H);

impl<H: Handler<()>> Handler<()> for Logged<H> {
    fn handle(&self, request: &Request<'_>, reply: Reply<'_, ()>, state: &mut ()) {
        log::debug!("{} {} from {}", request.method(), request.target(), request.peer());
        self.0.handle(request, reply, state);
    }
}

fn no_folder(error: &io::Error) -> Failure {
    Failure::at_start(format!(
        "{error}; name a folder that can be read, or none for the built-in page"
    ))
}

fn no_start(error: &Error) -> Failure {
    let advice = if let Error::Io { source, .. } = error { advice(source.kind()) } else { "" };
    Failure::at_start(format!("{error}{advice}"))
}

/// What whoever typed the command can do about it.
fn advice(kind: ErrorKind) -> &'static str {
    if kind == ErrorKind::AddrInUse {
        "; stop what listens there, or give another address with --listen (port 0 takes a free one)"
    } else if kind == ErrorKind::PermissionDenied {
        "; ports below 1024 are privileged: give a higher one with --listen"
    } else if kind == ErrorKind::AddrNotAvailable {
        "; give an address of this machine with --listen, such as 127.0.0.1:8000"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::options::{Command, Options};

    fn limits_of(arguments: &str) -> Limits {
        let options = Options::try_parse_from(arguments.split_whitespace()).unwrap();
        let Command::Http(options) = options.command;
        limits(&options)
    }

    #[test]
    fn each_option_sets_its_limit() {
        let limits = limits_of(
            "switchboard http --max-connections 7 --first-byte-timeout 1s --idle-timeout 2s \
             --head-timeout 3s --write-stall-timeout 4s --closing-timeout 5s",
        );
        let expected = Limits::default()
            .connections(7)
            .connections_per_address(7)
            .first_byte(Duration::from_secs(1))
            .idle(Duration::from_secs(2))
            .message(Duration::from_secs(3))
            .write_stall(Duration::from_secs(4))
            .closing(Duration::from_secs(5));
        assert_eq!(limits, expected);
    }

    #[test]
    fn without_options_only_the_idle_timeout_is_not_the_librarys_default() {
        let expected = Limits::default().idle(Duration::from_secs(75));
        assert_eq!(limits_of("switchboard http"), expected);
    }
}
