//! The small services: each is one value that every driver can run.

use std::process::ExitCode;

use switchboard::services::{Chargen, Daytime, Discard, Echo, Greet, Reply, Time};
use switchboard::{DatagramProtocol, Protocol};

use crate::failure::Failure;
use crate::options::ServerOptions;
use crate::server::{self, Ready};

pub(crate) fn echo(options: &ServerOptions) -> Result<ExitCode, Failure> {
    both(options, Echo)
}

pub(crate) fn discard(options: &ServerOptions) -> Result<ExitCode, Failure> {
    both(options, Discard)
}

pub(crate) fn chargen(options: &ServerOptions) -> Result<ExitCode, Failure> {
    both(options, Chargen)
}

pub(crate) fn daytime(options: &ServerOptions) -> Result<ExitCode, Failure> {
    both(options, Daytime)
}

pub(crate) fn time(options: &ServerOptions) -> Result<ExitCode, Failure> {
    both(options, Time)
}

pub(crate) fn reply(options: &ServerOptions) -> Result<ExitCode, Failure> {
    both(options, Reply)
}

pub(crate) fn greet(options: &ServerOptions) -> Result<ExitCode, Failure> {
    server::serve(options, Ready::Address, |_peer| Greet, None::<Discard>)
}

/// Serves streams and datagrams alike.
fn both<P: Protocol + DatagramProtocol + Copy>(
    options: &ServerOptions,
    service: P,
) -> Result<ExitCode, Failure> {
    server::serve(options, Ready::Address, move |_peer| service, Some(service))
}
