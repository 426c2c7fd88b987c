//! Running a program as a person would, and talking to it: shared by the tests of the examples
//! and those of the command. Nothing here sleeps; every wait ends with what is waited for, or
//! fails after [`PATIENCE`].

#![allow(dead_code, unused_imports, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod client;
mod program;

use std::time::Duration;

pub(crate) use client::Client;
pub(crate) use program::Program;

/// Longer than anything here takes on a loaded machine, shorter than a server's usual timeouts.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
