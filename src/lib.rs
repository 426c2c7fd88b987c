//! Placeholder front page.
#![forbid(unsafe_code)]
pub mod sansio;
pub use sansio::*;
