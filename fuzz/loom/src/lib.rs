//! The mailbox of the event loop, under every order in which its threads' steps can come.
//!
//! `src/drivers/event_loop/mailbox/letterbox.rs` is compiled here a second time, with a lock and
//! a flag that [loom](https://docs.rs/loom) watches. This crate must hold no code of its own but
//! what tells the checker what to do. Run it with
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release --package switchboard-loom --target-dir target/loom
//! ```
//!
//! Without that flag there is nothing here, and nothing is built.
#![cfg(all(test, loom))]

#[path = "../../../src/drivers/event_loop/mailbox/letterbox.rs"]
mod letterbox;

/// What the letterbox locks with here.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, Ordering};
    pub(super) use loom::sync::{Mutex, MutexGuard};
    pub(super) use std::sync::PoisonError;
}

// Said again for clippy, which lets tests unwrap.
#[cfg(test)]
mod tests;
