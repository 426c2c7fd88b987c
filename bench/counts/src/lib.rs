//! The paths whose instructions are counted, each as a thing to prepare and a step to count.
//!
//! What the kernel does is no instruction of ours, so it does not show here; nor does what waits
//! for memory. That is the point: a count is the same on a busy machine, and tells a change of
//! one part in a thousand. Nothing here reads a real clock, and no step allocates more the second
//! time than the first, so that counts repeat.

#![forbid(unsafe_code)]

pub mod baseline;
mod crowd;
mod talk;

pub use crowd::{CLIENTS, Crowd};
pub use talk::Talk;
