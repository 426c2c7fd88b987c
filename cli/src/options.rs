//! The command line.
//!
//! Whatever is wrong with it is said in one line: clap's own answer has several, of which the
//! first says what is wrong and a tip, if there is one, what was meant.

mod server;

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use log::LevelFilter;

use crate::failure::Failure;
use crate::time;

pub(crate) use server::{Driver, ServerOptions};

/// Servers on an event loop, in threads or in processes, and a client
///
/// When a server is ready it prints a line for each socket, such as `listening on
/// tcp://127.0.0.1:7007` with the real port. SIGINT and SIGTERM let what was begun finish; a
/// second one stops at once.
///
/// Exit status: 0 after a drain, 1 when that was cut short, 2 when it could not start.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Log more: once for each request, twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// What to serve, or whom to talk to.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Http(HttpOptions),
    /// Say back what is heard (RFC 862)
    Echo(ServerOptions),
    /// Listen, and say nothing (RFC 863)
    Discard(ServerOptions),
    /// Never stop talking (RFC 864)
    Chargen(ServerOptions),
    /// Say the time in words (RFC 867)
    Daytime(ServerOptions),
    /// Say the time in four bytes (RFC 868)
    Time(ServerOptions),
    /// Say `Thank you for connecting`, and close
    Greet(ServerOptions),
    /// Wait for a message, say `Yes`, and close
    Reply(ServerOptions),
    /// Pass each line on to every other client
    Chat(ServerOptions),
    /// Log who connects, what they say, and who hangs up
    Print(ServerOptions),
    Proxy(ProxyOptions),
    Talk(TalkOptions),
}

/// Serve a folder over HTTP, or a built-in page
///
/// When it is ready it prints `listening on http://127.0.0.1:8000/` with the real port, for each
/// address. SIGINT and SIGTERM let begun replies finish; a second one stops at once.
///
/// Times are written 500ms, 30s, 2m or 1h. None can be switched off.
///
/// Exit status: 0 after a drain, 1 when that was cut short, 2 when it could not start.
#[derive(Debug, Args)]
pub(crate) struct HttpOptions {
    /// Folder to serve; without one, a page with a picture
    pub(crate) dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) server: ServerOptions,

    /// From the end of a request's head to the end of its body
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time::parse)]
    pub(crate) body_timeout: Duration,
}

/// Connect each client with another server
///
/// Each direction is passed on and closed on its own, at the pace of whoever reads slowest.
#[derive(Debug, Args)]
pub(crate) struct ProxyOptions {
    /// The server: an address, or a name and a port
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: String,

    #[command(flatten)]
    pub(crate) server: ServerOptions,

    /// To establish a connection to the server
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time::parse)]
    pub(crate) connect_timeout: Duration,
}

/// Talk to a server: a client for all of them
///
/// It says what comes on standard input, or TEXT and a line feed, and prints what it hears. At
/// the end of the input it closes its own direction and listens on until the server closes. When
/// the server closes first it ends, but a file on standard input is said to its end. Of datagrams
/// each is a line, and nothing says that there will be no more: it waits for a while.
///
/// Exit status: 0 when both sides closed in order, 1 when the conversation was cut off or could
/// not begin, 2 when ADDRESS makes no sense or its name is not known.
#[derive(Debug, Args)]
pub(crate) struct TalkOptions {
    /// Whom to talk to: an address such as udp://127.0.0.1:7007, or a name and a port
    pub(crate) address: String,

    /// Say this, once, instead of what comes on standard input
    #[arg(long, value_name = "TEXT")]
    pub(crate) send: Option<String>,

    /// Say it again after each of these times, until the server closes
    #[arg(long, value_name = "TIME", requires = "send", value_parser = time::parse)]
    pub(crate) every: Option<Duration>,

    /// Say it so many times
    #[arg(long, value_name = "NUMBER", requires = "send",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: Option<u32>,

    /// To establish the connection
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time::parse)]
    pub(crate) connect_timeout: Duration,

    /// Silence in both directions
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time::parse)]
    pub(crate) idle_timeout: Duration,

    /// For an answer to the last datagram, and after that for more
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time::parse)]
    pub(crate) wait: Duration,
}

impl Options {
    /// The options of this process. Help and the version are shown here, and end the process.
    pub(crate) fn from_command_line() -> Result<Self, Failure> {
        Self::read(std::env::args_os()).map_err(|error| {
            let is_question = matches!(
                error.kind(),
                ErrorKind::DisplayHelp
                    | ErrorKind::DisplayVersion
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            );
            if is_question {
                error.exit();
            }
            Failure::at_start(one_line(&error.to_string()))
        })
    }

    /// Reads `arguments`, of which the first is the command's own name.
    pub(crate) fn read<T>(arguments: impl IntoIterator<Item = T>) -> Result<Self, clap::Error>
    where
        T: Into<std::ffi::OsString> + Clone,
    {
        let matches = server::with_defaults(Self::command()).try_get_matches_from(arguments)?;
        Self::from_arg_matches(&matches)
    }

    pub(crate) const fn log_level(&self) -> LevelFilter {
        match self.verbose {
            0 => LevelFilter::Info,
            1 => LevelFilter::Debug,
            _ => LevelFilter::Trace,
        }
    }
}

/// What clap says about a mistake, in one line.
fn one_line(answer: &str) -> String {
    let mut paragraphs = answer.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let mut line = words(first.strip_prefix("error: ").unwrap_or(first));
    for tip in paragraphs.filter_map(|text| text.trim_start().strip_prefix("tip: ")) {
        line.push_str("; ");
        line.push_str(&words(tip));
    }
    line.push_str("; --help shows every option");
    line
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(arguments: &[&str]) -> String {
        let arguments = [&["switchboard", "http"], arguments].concat();
        one_line(&Options::read(arguments).unwrap_err().to_string())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        server::with_defaults(Options::command()).debug_assert();
    }

    #[test]
    fn a_mistake_is_one_line_that_says_what_was_meant() {
        for (arguments, part) in [
            (&["--lissten", "x"][..], "a similar argument exists: '--listen'"),
            (&["--listen"], "a value is required for '--listen <ADDRESS>'"),
            (&["--listen", "localhost:80"], "names are not looked up"),
            (&["--listen", "127.0.0.1"], "the port is missing"),
            (&["--idle-timeout", "30"], "the unit is missing"),
            (&["--max-connections", "0"], "0 is not in 1.."),
            (&["--driver", "fork"], "a similar value exists: 'forks'"),
            (&["a", "b"], "unexpected argument 'b'"),
        ] {
            let line = refusal(arguments);
            assert!(line.contains(part), "{arguments:?}: {line}");
            assert!(!line.contains('\n'), "{line}");
            assert!(!line.contains("error:"), "{line}");
        }
    }
}
