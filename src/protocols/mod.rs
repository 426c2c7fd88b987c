//! Ready-made conversations. Each imports the sansio room alone, so each runs under any driver.

pub mod line;
pub mod relay;

#[cfg(feature = "http")]
pub mod http;
