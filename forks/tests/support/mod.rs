//! A server to talk to and clients that block, shared by the tests.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod caller;
#[path = "../../../tests/programs/mod.rs"]
mod programs;
mod stage;

pub(crate) use caller::Caller;
pub(crate) use programs::PATIENCE;
pub(crate) use stage::Stage;
