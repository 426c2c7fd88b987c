//! What bounds a driver that gives each connection a thread or a process of its own.

use std::time::Duration;

use super::super::event_loop::OnPanic;
use crate::sansio::Misuse;

/// What bounds a driver of blocking calls as a whole, chained by value and checked when it
/// begins to listen. The bounds of each connection are its listener's
/// [`Limits`](crate::Limits).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Bytes read from a connection at once: 16 KiB. Each connection has a buffer of that size,
    /// of which the system gives as much memory as was used once.
    pub read_size: usize,
    /// Bytes written to a connection, about, before its other affairs are looked at: 256 KiB.
    pub write_size: usize,
    /// Messages that may wait for one connection: 1024.
    pub mailbox: usize,
    /// How long accepting rests when descriptors, memory, threads or processes are out: 500 ms,
    /// or until a connection closes.
    pub accept_rest: Duration,
    /// Bytes of stack of each thread, where there are threads: [`STACK_SIZE`](Self::STACK_SIZE).
    pub stack_size: usize,
    /// What to do when a callback panics: pass it on.
    pub on_panic: OnPanic,
}

impl Config {
    /// Bytes of stack that a thread is given: 256 KiB. A thread of the standard library has
    /// eight times as much; what is needed here is what callbacks take, because every buffer is
    /// elsewhere. The system gives memory for what was used once.
    pub const STACK_SIZE: usize = 256 << 10;
}

impl Default for Config {
    fn default() -> Self {
        Self {
            read_size: 16 << 10,
            write_size: 256 << 10,
            mailbox: 1024,
            accept_rest: Duration::from_millis(500),
            stack_size: Self::STACK_SIZE,
            on_panic: OnPanic::Propagate,
        }
    }
}

setters! {
    Config {
        read_size: usize;
        write_size: usize;
        mailbox: usize;
        accept_rest: Duration;
        stack_size: usize;
        on_panic: OnPanic;
    }
}

impl Config {
    /// Checks that a driver can work so.
    ///
    /// # Errors
    ///
    /// [`Misuse`] names the first field that cannot work.
    pub fn check(&self) -> Result<(), Misuse> {
        Misuse::check_least("read_size", self.read_size, 1)?;
        Misuse::check_least("write_size", self.write_size, 1)?;
        Misuse::check_least("mailbox", self.mailbox, 1)?;
        Misuse::check_least("stack_size", self.stack_size, LEAST_STACK)?;
        Misuse::check_timeout("accept_rest", self.accept_rest)
    }
}

/// With less a thread may not even come to its first callback.
const LEAST_STACK: usize = 64 << 10;
