//! What bounds a loop as a whole.

use std::time::Duration;

use crate::net::{CAN_HOLD_TIMER, Clock, ManualClock};
use crate::sansio::Misuse;

/// What a loop does when a callback panics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnPanic {
    /// The panic leaves the turn: the program's state may be half-changed, and only the program
    /// can know. The loop itself stays sound, and may be turned again.
    #[default]
    Propagate,
    /// That connection is reset and the loop goes on. For servers whose connections share no
    /// state that a callback could leave half-changed.
    Close,
}

/// What bounds a loop as a whole, chained by value and checked when the loop is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Bytes in memory that all connections together may hold, kept and unsent: 256 MiB. Above
    /// it nothing more is accepted or read, and the connection that holds most without making
    /// progress is ended.
    pub memory: usize,
    /// Readiness events fetched at once: 1024. It doubles when it comes back full.
    pub events: usize,
    /// Bytes read from one connection in a turn: 64 KiB, in one read.
    pub read_size: usize,
    /// Bytes written to one connection in a turn, about: 256 KiB.
    pub write_size: usize,
    /// Messages from other threads that may wait: 65,536.
    pub mailbox: usize,
    /// How long accepting rests when descriptors or memory are out: 500 ms, or until one of our
    /// own connections closes.
    pub accept_rest: Duration,
    /// Whether the loop's descriptor ([`AsFd`](std::os::fd::AsFd)) is readable, too, when a
    /// deadline has come, when a budget left work over, and when the host asked for something
    /// between two turns: no. With it a host may wait for the descriptor alone. It costs a system
    /// call when the earliest deadline moves earlier, and when a turn leaves work over. The time
    /// that it waits is real, whatever [`clock`](Self::clock) the loop has. Linux only.
    pub timer_in_descriptor: bool,
    /// What to do when a callback panics: pass it on.
    pub on_panic: OnPanic,
    pub(crate) clock: Clock,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            events: 1024,
            read_size: 64 << 10,
            write_size: 256 << 10,
            mailbox: 65_536,
            accept_rest: Duration::from_millis(500),
            timer_in_descriptor: false,
            on_panic: OnPanic::Propagate,
            clock: Clock::System,
        }
    }
}

setters! {
    Config {
        memory: usize;
        events: usize;
        read_size: usize;
        write_size: usize;
        mailbox: usize;
        accept_rest: Duration;
        timer_in_descriptor: bool;
        on_panic: OnPanic;
    }
}

impl Config {
    /// Takes the time from `clock`, for tests.
    #[must_use]
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.clock = Clock::Manual(clock);
        self
    }

    /// Checks that a loop can work so.
    ///
    /// # Errors
    ///
    /// [`Misuse`] names the first field that cannot work.
    pub fn check(&self) -> Result<(), Misuse> {
        if self.timer_in_descriptor && !CAN_HOLD_TIMER {
            return Err(Misuse::NoDescriptor);
        }
        Misuse::check_least("memory", self.memory, 1)?;
        Misuse::check_least("events", self.events, 1)?;
        Misuse::check_least("read_size", self.read_size, 1)?;
        Misuse::check_least("write_size", self.write_size, 1)?;
        Misuse::check_least("mailbox", self.mailbox, 1)?;
        Misuse::check_timeout("accept_rest", self.accept_rest)
    }
}
