//! Whose poll a loop's sources are in: its own, or one that belongs to the program around it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Registry, Token, Waker};

use super::{Clock, Wake};

/// Whose poll the sources of a loop are in: [`OwnPoll`] or
/// [`HostPoll`](super::HostPoll). Nobody else can implement it.
pub trait Poller: sealed::Register {}

pub(super) mod sealed {
    use super::{Arc, Registry, Token, Wake, fmt, io};

    /// What a network needs of a poll, other than to wait on it.
    ///
    /// The engine knows a source by its name, the poll knows it by its token.
    #[expect(unnameable_types, reason = "that is what seals the trait above it")]
    pub trait Register: fmt::Debug {
        /// Whether the poll outlives the network.
        const IS_FOREIGN: bool;

        /// Where sources are registered.
        fn registry(&self) -> &Registry;

        /// The token for the source of that name: the one it has, or a new one.
        fn take_token(&mut self, name: usize) -> io::Result<Token>;

        /// There is no source of that name any more.
        fn give_token_back(&mut self, name: usize);

        /// How many more sources can have a token.
        fn room(&self) -> usize;

        /// What wakes the loop from another thread.
        fn waker(&mut self, name: usize) -> io::Result<Arc<dyn Wake>>;
    }
}

/// The loop has a poll of its own, and waits on it.
#[derive(Debug)]
pub struct OwnPoll {
    poll: Poll,
    events: Events,
}

impl OwnPoll {
    pub(super) fn new(event_capacity: usize) -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, events: Events::with_capacity(event_capacity) })
    }

    /// Waits once, however often it is interrupted. The wait is real whatever clock the loop has,
    /// so what is left of it is told by the system's.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<&Events> {
        let is_zero = timeout.is_none_or(|timeout| timeout.is_zero());
        let began = (!is_zero).then(|| Clock::System.now());
        let mut left = timeout;
        loop {
            match self.poll.poll(&mut self.events, left) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    let waited = began.map(|began| Clock::System.now() - began);
                    left =
                        timeout.map(|timeout| timeout.saturating_sub(waited.unwrap_or_default()));
                }
                result => return result.map(|()| &self.events),
            }
        }
    }

    /// Whether a wait that found so many events may have left some behind. The rest comes with
    /// the next; a larger batch makes that the last time.
    pub(super) fn was_full(&mut self, found: usize) -> bool {
        let is_full = found >= self.events.capacity();
        if is_full && self.events.capacity() < MOST_EVENTS {
            self.events = Events::with_capacity(self.events.capacity() * 2);
        }
        is_full
    }
}

/// The event buffer grows to this and no further: 12 bytes each, and by then a turn is long.
const MOST_EVENTS: usize = 16_384;

impl Poller for OwnPoll {}

impl sealed::Register for OwnPoll {
    const IS_FOREIGN: bool = false;

    #[inline]
    fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    #[inline]
    fn take_token(&mut self, name: usize) -> io::Result<Token> {
        Ok(Token(name))
    }

    #[inline]
    fn give_token_back(&mut self, _: usize) {}

    #[inline]
    fn room(&self) -> usize {
        usize::MAX
    }

    fn waker(&mut self, name: usize) -> io::Result<Arc<dyn Wake>> {
        Ok(Arc::new(Waker::new(self.poll.registry(), Token(name))?))
    }
}

impl Wake for Waker {
    fn wake(&self) {
        if let Err(error) = Self::wake(self) {
            log::error!("the loop could not be woken: {error}");
        }
    }
}
