//! The event loop on a network made of one seed.

mod books;
mod client;
mod dice;
mod driver;
mod failure;
mod faults;
mod ledger;
mod link;
mod network;
mod recorder;
mod script;
#[cfg(test)]
mod tests;
mod trace;
mod traffic;
mod watch;
mod world;

pub use client::Seen;
pub use dice::Dice;
pub use driver::{ClientId, Simulation};
pub use failure::{Failure, Seeds, seeds};
pub use faults::{Fault, Faults, Struck};
pub use script::{Script, Step, script};
