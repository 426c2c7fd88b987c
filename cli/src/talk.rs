//! `switchboard talk`: a client for every server, on the same event loop that runs those.
//!
//! The one thread beside the loop's (but for those that look a name up) reads standard input,
//! which may be a file, a pipe or a terminal, and no poll takes all of them. It reads a piece
//! only when it is asked for one, so nothing piles up for a server that reads slowly.

mod datagram;
mod input;
mod screen;
mod stream;

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use switchboard::sansio::Unresolved;
use switchboard::{Address, CloseReason, Destination, Error, EventLoop, Limits, Resolver, Timeout};

use crate::failure::Failure;
use crate::options::TalkOptions;
use crate::server::{is_datagram, no_start};
use datagram::Sender;
use input::Words;
use screen::Screen;
use stream::Client;

/// Talks until one of both ends it.
pub(crate) fn run(options: &TalkOptions) -> Result<ExitCode, Failure> {
    let to = destination(&options.address)?;
    let mut event_loop = EventLoop::new().map_err(|error| no_start(&error))?;
    let begun = if let Destination::Address(address) = &to
        && is_datagram(address)
    {
        send_datagrams(&mut event_loop, address, options)
    } else {
        connect(&mut event_loop, to, options)
    };
    begun.map_err(|error| cannot_begin(&options.address, &error))?;
    let mut talk = Talk { screen: Screen::new(), ended: None };
    event_loop
        .run(&mut talk)
        .map_err(|error| Failure::while_running(format!("cannot wait for answers: {error}")))?;
    talk.result(&options.address)
}

fn destination(text: &str) -> Result<Destination, Failure> {
    text.parse().map_err(|error: switchboard::Misuse| Failure::at_start(error.to_string()))
}

/// Why nothing was begun: the cause alone, since what was attempted is known.
fn cannot_begin(address: &str, error: &Error) -> Failure {
    let Error::Io { source, .. } = error else {
        return Failure::while_running(format!("cannot talk to {address}: {error}"));
    };
    let advice = if is_nobody_there(source.kind()) { SEE_WHETHER_IT_RUNS } else { "" };
    Failure::while_running(format!("cannot talk to {address}: {source}{advice}"))
}

fn is_nobody_there(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound)
}

const SEE_WHETHER_IT_RUNS: &str = "; see whether the server runs and listens there";

fn connect(
    event_loop: &mut EventLoop<Talk>,
    to: Destination,
    options: &TalkOptions,
) -> Result<(), Error> {
    if let Destination::Name { .. } = to {
        event_loop.set_resolver(Resolver::new()?);
    }
    // Nobody calls us, so that who is silent at first is idle like anybody else.
    let idle = options.idle_timeout;
    let limits = Limits::default().connect(options.connect_timeout).first_byte(idle).idle(idle);
    let client = Client::new(Words::of(options), event_loop.handle());
    event_loop.connect(to, client, limits)?;
    Ok(())
}

fn send_datagrams(
    event_loop: &mut EventLoop<Talk>,
    to: &Address,
    options: &TalkOptions,
) -> Result<(), Error> {
    // Any free address, as a connection would have: answers need somewhere to go.
    let own = match to.socket() {
        Some(to) if to.is_ipv6() => "udp://[::]:0".to_owned(),
        Some(_) => "udp://0.0.0.0:0".to_owned(),
        None => format!("unixgram:@switchboard-talk-{}", std::process::id()),
    };
    let sender = Sender::new(Words::of(options), to.clone(), options.wait, event_loop.handle());
    event_loop.bind(&*own, sender)?;
    Ok(())
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

impl Ended {
    fn no_input(error: &io::Error) -> Self {
        Self::Broken(format!("cannot read standard input: {error}"))
    }
}

impl Talk {
    fn end(&mut self, ended: Ended) {
        self.ended.get_or_insert(ended);
    }

    /// Prints what was heard. Returns whether there is any use in hearing more.
    fn print(&mut self, bytes: &[u8]) -> bool {
        let printed = self.screen.print(bytes);
        self.note_printed(printed)
    }

    fn note_printed(&mut self, printed: io::Result<()>) -> bool {
        let Err(error) = printed else { return true };
        self.end(if error.kind() == ErrorKind::BrokenPipe {
            Ended::Unread
        } else {
            Ended::Broken(format!("cannot write to standard output: {error}"))
        });
        false
    }

    fn result(mut self, address: &str) -> Result<ExitCode, Failure> {
        let printed = self.screen.finish();
        self.note_printed(printed);
        match self.ended {
            Some(Ended::Closed(CloseReason::Finished) | Ended::Unread) => Ok(ExitCode::SUCCESS),
            Some(Ended::Closed(reason)) => Err(cut_off(address, reason)),
            Some(Ended::Broken(message)) => Err(Failure::while_running(message)),
            None => Err(Failure::while_running("stopped before the conversation ended")),
        }
    }
}

/// What became of a conversation with `address` that did not end in order, and what to do.
fn cut_off(address: &str, reason: CloseReason) -> Failure {
    if reason == CloseReason::Unresolved(Unresolved::NotFound) {
        return Failure::at_start(format!(
            "cannot talk to {address}: {reason}; see how it is spelt, or give an IP address, such \
             as 127.0.0.1:8000"
        ));
    }
    let message = if reason == CloseReason::TimedOut(Timeout::Connect) {
        format!(
            "cannot talk to {address}: no answer in time; wait longer with --connect-timeout, or \
             see whether it is the right address"
        )
    } else if let CloseReason::Io(kind) = reason
        && is_nobody_there(kind)
    {
        format!("cannot talk to {address}: {reason}{SEE_WHETHER_IT_RUNS}")
    } else if [Timeout::FirstByte, Timeout::Idle].map(CloseReason::TimedOut).contains(&reason) {
        format!(
            "the conversation with {address} was cut off: silence on both sides; wait longer with \
             --idle-timeout"
        )
    } else {
        format!("the conversation with {address} was cut off: {reason}")
    };
    Failure::while_running(message)
}
