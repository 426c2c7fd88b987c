//! Why the command ends without having done its work.

use std::process::ExitCode;

/// One line for whoever typed the command, and the exit status that goes with it.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    /// It could not start: `message` says why and what to do.
    pub(crate) fn at_start(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 2 }
    }

    /// It failed after it had started.
    pub(crate) fn while_running(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 1 }
    }

    /// Says so on standard error, in one line whatever the message holds.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("switchboard: {}", self.message.replace(['\n', '\r'], " "));
        ExitCode::from(self.status)
    }
}
