//! Ready-made conversations. Each imports the sansio room alone, so each runs under any driver.

pub mod line;
pub mod relay;
pub mod services;

#[cfg(feature = "http")]
pub mod http;

mod date;
#[cfg(test)]
mod tests;
