//! Ready-made conversations. Each imports the sansio room alone, so each runs under any driver.

#[cfg(feature = "http")]
pub mod http;
