//! The command line.
//!
//! Whatever is wrong with it is said in one line: clap's own answer has several, of which the
//! first says what is wrong and a tip, if there is one, what was meant.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use log::LevelFilter;
use switchboard::Address;

use crate::failure::Failure;
use crate::time;

/// Servers on one thread
#[derive(Debug, Parser)]
#[command(name = "switchboard", version)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Log more: once for each request, twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// What to serve.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Http(HttpOptions),
}

/// Serve a folder over HTTP, or a built-in page
///
/// When it is ready it prints one line, `listening on http://127.0.0.1:8000/` with the real
/// port. SIGINT and SIGTERM let begun replies finish; a second one stops at once.
///
/// Times are written 500ms, 30s, 2m or 1h. None can be switched off.
///
/// Exit status: 0 after a drain, 1 when that was cut short, 2 when it could not start.
#[derive(Debug, Args)]
pub(crate) struct HttpOptions {
    /// Folder to serve; without one, a page with a picture
    pub(crate) dir: Option<PathBuf>,

    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    pub(crate) listen: Address,

    /// Connections at once; further clients wait
    #[arg(long, value_name = "NUMBER", default_value = "65536",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,

    /// From connecting to the first byte
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time::parse)]
    pub(crate) first_byte_timeout: Duration,

    /// Silence between requests
    #[arg(long, value_name = "TIME", default_value = "75s", value_parser = time::parse)]
    pub(crate) idle_timeout: Duration,

    /// From the first byte of a request to the end of its head
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::parse,
        alias = "message-timeout")]
    pub(crate) head_timeout: Duration,

    /// From the end of a request's head to the end of its body
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time::parse)]
    pub(crate) body_timeout: Duration,

    /// A client that takes nothing of its reply
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::parse)]
    pub(crate) write_stall_timeout: Duration,

    /// From the last reply to the connection's end
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time::parse)]
    pub(crate) closing_timeout: Duration,

    /// From SIGINT or SIGTERM to the end, for replies that were begun
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::parse)]
    pub(crate) drain_timeout: Duration,
}

impl Options {
    /// The options of this process. Help and the version are shown here, and end the process.
    pub(crate) fn from_command_line() -> Result<Self, Failure> {
        Self::try_parse().map_err(|error| {
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
    use clap::CommandFactory;

    use super::*;

    fn refusal(arguments: &[&str]) -> String {
        let arguments = [&["switchboard", "http"], arguments].concat();
        one_line(&Options::try_parse_from(arguments).unwrap_err().to_string())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
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
            (&["a", "b"], "unexpected argument 'b'"),
        ] {
            let line = refusal(arguments);
            assert!(line.contains(part), "{arguments:?}: {line}");
            assert!(!line.contains('\n'), "{line}");
            assert!(!line.contains("error:"), "{line}");
        }
    }
}
