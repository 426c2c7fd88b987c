//! Placeholder front page.
#![forbid(unsafe_code)]
pub mod drivers;
mod net;
pub mod sansio;
pub use drivers::event_loop::*;
pub use net::{ListenOptions, ManualClock};
pub use sansio::*;
