//! `servers`: all contenders, found or absent, and the commands that run them.

use std::path::Path;

use clap::Args;

use super::{CONTENDERS, Prepared, SERVICES, Workshop};
use crate::failure::Outcome;
use crate::output::say;
use crate::report::model::Family;

/// Options of `servers`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Build and look for the peers, too
    #[arg(long)]
    peers: bool,
}

/// Builds and looks for the servers, and says for each what came of it.
pub(crate) fn list(options: &Options) -> Outcome<()> {
    let mut workshop = Workshop::open()?;
    for contender in CONTENDERS {
        if contender.family == Family::Peer && !options.peers {
            continue;
        }
        let prepared = Prepared::new(contender, &mut workshop);
        let said = prepared.info.absent.as_ref().map(|why| format!("absent: {why}"));
        let said = said.as_ref().unwrap_or(&prepared.info.version);
        say(format_args!("{}: {said}", contender.name))?;
        for service in SERVICES {
            if let Some(command) = prepared.command(service, 64, Path::new("PATH")) {
                say(format_args!("    {command}"))?;
            } else if let Some(why) = contender.refusal(service) {
                say(format_args!("    no {}: {why}", service.name()))?;
            }
        }
        if let Some(skips) = contender.skips {
            say(format_args!("    leaves out: {skips}"))?;
        }
    }
    Ok(())
}
