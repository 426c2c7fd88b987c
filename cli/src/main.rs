//! The `switchboard` command: servers on one thread.
//!
//! | exit status | when |
//! | --- | --- |
//! | 0 | SIGINT or SIGTERM came and the server drained |
//! | 1 | a second signal cut the drain short, or the poll itself failed |
//! | 2 | it could not start: one line on standard error says why and what to do |

mod failure;
mod http;
mod options;
mod page;
mod time;

use std::process::ExitCode;

use failure::Failure;
use options::{Command, Options};

fn main() -> ExitCode {
    match Options::from_command_line().and_then(|options| run(&options)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(options: &Options) -> Result<ExitCode, Failure> {
    simple_logger::SimpleLogger::new()
        .with_level(options.log_level())
        .init()
        .map_err(|error| Failure::at_start(format!("cannot log: {error}")))?;
    match &options.command {
        Command::Http(options) => http::run(options),
    }
}
