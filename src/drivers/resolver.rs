//! Looking names up, which the system does by waiting: so it is done on threads.
//!
//! They are the only threads that an event loop has to do with, and it has none unless it is
//! [given](super::event_loop::EventLoop::set_resolver) a [`Resolver`]. Their number and the queue
//! before them are bounded. A lookup never holds the loop up, and its answer comes back through
//! the loop's own mailbox, where there is always room for it.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::net;
use crate::sansio::{Error, Misuse, Unresolved};

/// What is told of a lookup: the addresses, in the order in which they should be tried.
pub(crate) type Answer = Box<dyn FnOnce(io::Result<Vec<SocketAddr>>) + Send>;

/// Whatever looks names up.
pub(crate) trait Resolve: Send {
    /// Begins to look up `host` and returns at once. `answer` is called once, from any thread,
    /// unless this is dropped before.
    fn look_up(&self, host: &str, port: u16, answer: Answer) -> Result<(), Unresolved>;
}

/// How many lookups a [`Resolver`] makes at once, and how many more may wait.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Threads, each of which makes one lookup at a time: 4. Where a name server does not answer,
    /// a lookup takes half a minute, and others should get past it.
    pub threads: usize,
    /// Lookups that wait for a thread: 256. Further ones are refused.
    pub waiting: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { threads: 4, waiting: 256 }
    }
}

setters! {
    Config {
        threads: usize;
        waiting: usize;
    }
}

/// Looks names up, on a few threads of its own. A loop that has one connects by name:
///
/// ```no_run
/// use switchboard::{EventLoop, Limits, Resolver, relay};
///
/// let mut event_loop = EventLoop::new()?;
/// event_loop.set_resolver(Resolver::new()?);
/// event_loop.listen("127.0.0.1:7000", relay::to("example.com:80")?)?;
/// event_loop.run(&mut ())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Dropping it, alone or with its loop, ends its threads and waits for them. A lookup that is
/// under way cannot be broken off: the wait may take as long as the system waits for a name
/// server, which is half a minute at most where nothing else was configured.
pub struct Resolver {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

struct Shared {
    queue: Mutex<Queue>,
    is_news: Condvar,
    waiting: usize,
    lookup: Box<Lookup>,
}

#[derive(Default)]
struct Queue {
    questions: VecDeque<Question>,
    is_closed: bool,
}

struct Question {
    host: Box<str>,
    port: u16,
    answer: Answer,
}

impl Resolver {
    /// A resolver that asks the system, with the default [`Config`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where no thread can be started.
    pub fn new() -> Result<Self, Error> {
        Self::with_config(Config::default())
    }

    /// A resolver that asks the system.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for a configuration that cannot work, else as [`new`](Self::new).
    pub fn with_config(config: Config) -> Result<Self, Error> {
        Self::with_lookup(config, net::look_up)
    }

    /// A resolver that asks `lookup` for the addresses of a host, each with the port that is
    /// given: for a cache, for a list of names that are known, for a test. It is called on
    /// several threads at once, and may take its time. A panic in it counts as a failure.
    ///
    /// # Errors
    ///
    /// As [`with_config`](Self::with_config).
    pub fn with_lookup(
        config: Config,
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        Misuse::check_least("threads", config.threads, 1)?;
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            is_news: Condvar::new(),
            waiting: config.waiting,
            lookup: Box::new(lookup),
        });
        let mut resolver = Self { shared, threads: Vec::new() };
        for number in 0..config.threads {
            let shared = Arc::clone(&resolver.shared);
            let thread = thread::Builder::new()
                .name(format!("resolver-{number}"))
                .spawn(move || shared.work())
                .map_err(|error| Error::io("cannot start a thread to look names up", error))?;
            resolver.threads.push(thread);
        }
        Ok(resolver)
    }
}

impl Resolve for Resolver {
    fn look_up(&self, host: &str, port: u16, answer: Answer) -> Result<(), Unresolved> {
        let mut queue = self.shared.lock();
        if queue.questions.len() >= self.shared.waiting {
            return Err(Unresolved::Busy);
        }
        queue.questions.push_back(Question { host: host.into(), port, answer });
        drop(queue);
        self.shared.is_news.notify_one();
        Ok(())
    }
}

impl Shared {
    /// What each thread does.
    fn work(&self) {
        while let Some(Question { host, port, answer }) = self.next() {
            let lookup = AssertUnwindSafe(|| (self.lookup)(&host, port));
            let found = panic::catch_unwind(lookup)
                .unwrap_or_else(|_| Err(io::Error::other("the lookup panicked")));
            answer(found);
        }
    }

    /// Waits for a question. None when it is over.
    fn next(&self) -> Option<Question> {
        let mut queue = self.lock();
        loop {
            if queue.is_closed {
                return None;
            }
            if let Some(question) = queue.questions.pop_front() {
                return Some(question);
            }
            queue = self.is_news.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing that can panic runs while it is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.is_closed = true;
        let unasked = std::mem::take(&mut queue.questions);
        drop(queue);
        drop(unasked);
        self.shared.is_news.notify_all();
        for thread in self.threads.drain(..) {
            // It fails where the thread panicked, which is told on standard error already.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}
