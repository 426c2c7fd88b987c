//! `switchboard talk`: a client for every server, on the same event loop that runs those.
//!
//! The one thread beside the loop's reads standard input, which may be a file, a pipe or a
//! terminal, and no poll takes all of them. It reads a piece only when it is asked for one, so
//! nothing piles up for a server that reads slowly.

mod input;
mod screen;
mod stream;

use std::process::ExitCode;

use switchboard::{Address, CloseReason, EventLoop, Limits, Misuse, Timeout};

use crate::failure::Failure;
use crate::options::TalkOptions;
use crate::server::no_start;
use input::Words;
use screen::Screen;
use stream::Client;

/// Talks until one of both ends it.
pub(crate) fn run(options: &TalkOptions) -> Result<ExitCode, Failure> {
    let address: Address =
        options.address.parse().map_err(|error: Misuse| Failure::at_start(error.to_string()))?;
    let mut event_loop = EventLoop::new().map_err(|error| no_start(&error))?;
    // Nobody calls us, so that who is silent at first is idle like anybody else.
    let idle = options.idle_timeout;
    let limits = Limits::default().connect(options.connect_timeout).first_byte(idle).idle(idle);
    let client = Client::new(Words::of(options), event_loop.handle());
    event_loop.connect(address, client, limits).map_err(|error| {
        Failure::while_running(format!("cannot talk to {}: {error}", options.address))
    })?;
    let mut talk = Talk { screen: Screen::new(), ended: None };
    event_loop
        .run(&mut talk)
        .map_err(|error| Failure::while_running(format!("cannot wait for answers: {error}")))?;
    talk.result(&options.address)
}

/// What a conversation leaves behind.
struct Talk {
    screen: Screen,
    /// How it ended. What is noted first is the cause of the rest.
    ended: Option<Ended>,
}

enum Ended {
    Closed(CloseReason),
    /// Nobody reads what we print any more.
    Unread,
    /// Printing or reading failed.
    Broken(String),
}

impl Talk {
    fn end(&mut self, ended: Ended) {
        self.ended.get_or_insert(ended);
    }

    /// Prints what was heard. Returns whether there is any use in hearing more.
    fn print(&mut self, bytes: &[u8]) -> bool {
        let Err(error) = self.screen.print(bytes) else { return true };
        self.end(match error.kind() {
            std::io::ErrorKind::BrokenPipe => Ended::Unread,
            _ => Ended::Broken(format!("cannot write to standard output: {error}")),
        });
        false
    }

    fn result(self, address: &str) -> Result<ExitCode, Failure> {
        match self.ended {
            Some(Ended::Closed(CloseReason::Finished) | Ended::Unread) => Ok(ExitCode::SUCCESS),
            Some(Ended::Closed(reason)) => Err(Failure::while_running(said_of(address, reason))),
            Some(Ended::Broken(message)) => Err(Failure::while_running(message)),
            None => Err(Failure::while_running("stopped before the conversation ended")),
        }
    }
}

/// What became of a conversation with `address` that did not end in order.
fn said_of(address: &str, reason: CloseReason) -> String {
    match reason {
        CloseReason::TimedOut(Timeout::Connect) => format!(
            "cannot talk to {address}: no answer in time; wait longer with --connect-timeout, or \
             see whether it is the right address"
        ),
        CloseReason::Io(std::io::ErrorKind::ConnectionRefused) => format!(
            "cannot talk to {address}: connection refused; see whether the server runs and \
             listens there"
        ),
        CloseReason::TimedOut(Timeout::FirstByte | Timeout::Idle) => format!(
            "the conversation with {address} was cut off: silence on both sides; wait longer \
             with --idle-timeout"
        ),
        _ => format!("the conversation with {address} was cut off: {reason}"),
    }
}
