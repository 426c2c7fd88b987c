//! Placeholder
/// x
#[derive(Debug)]
pub struct Files;
/// x
pub fn files() {}
