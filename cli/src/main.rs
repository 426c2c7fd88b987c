//! The `switchboard` command: servers on one thread, and a client.
//!
//! | exit status | when |
//! | --- | --- |
//! | 0 | SIGINT or SIGTERM came and the server drained |
//! | 1 | a second signal cut the drain short, or the poll itself failed |
//! | 2 | it could not start: one line on standard error says why and what to do |

mod chat;
mod escape;
mod failure;
mod http;
mod options;
mod page;
mod print;
mod proxy;
mod server;
mod services;
mod talk;
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
        Command::Echo(options) => services::echo(options),
        Command::Discard(options) => services::discard(options),
        Command::Chargen(options) => services::chargen(options),
        Command::Daytime(options) => services::daytime(options),
        Command::Time(options) => services::time(options),
        Command::Greet(options) => services::greet(options),
        Command::Reply(options) => services::reply(options),
        Command::Chat(options) => chat::run(options),
        Command::Print(options) => print::run(options),
        Command::Proxy(options) => proxy::run(options),
        Command::Talk(options) => talk::run(options),
    }
}
