//! The process that a load is: orders in, answers out.

use std::io::{self, Write};

use clap::Args;

use super::Job;
use super::order::{Answer, Order};
use super::runner::Runner;
use super::tally::nanoseconds;
use crate::failure::{Attempt, Outcome};
use crate::process::pin_to;
use crate::server::die_with_parent;

/// Options of the hidden command that a load is.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    job: Job,
    /// Core to run on
    #[arg(long)]
    core: usize,
}

/// Connects, then does as it is told until its input ends.
pub(crate) fn serve(options: &Options) -> Outcome<()> {
    match work(options) {
        Ok(()) => Ok(()),
        Err(failure) => say(&Answer::Error(failure.to_string())),
    }
}

fn work(options: &Options) -> Outcome<()> {
    pin_to(options.core)?;
    die_with_parent()?;
    let mut runner = Runner::connect(&options.job)?;
    say(&Answer::Ready { connected_ns: nanoseconds(runner.connected) })?;
    for line in io::stdin().lines() {
        let order = line.attempt("cannot read orders")?.parse()?;
        if order == Order::Quit {
            break;
        }
        say(&Answer::Done(runner.carry_out(order)?))?;
    }
    Ok(())
}

fn say(answer: &Answer) -> Outcome<()> {
    let line = serde_json::to_string(answer).attempt("cannot write an answer down")?;
    let mut output = io::stdout().lock();
    writeln!(output, "{line}").and_then(|()| output.flush()).attempt("cannot answer")
}
