//! Placeholder front page.
#![forbid(unsafe_code)]
pub use bytes::Bytes;

pub mod drivers;
mod net;
pub mod protocols;
pub mod sansio;
pub use drivers::event_loop::*;
pub use net::{ListenOptions, ManualClock};
#[cfg(feature = "http")]
pub use protocols::http;
pub use sansio::*;
