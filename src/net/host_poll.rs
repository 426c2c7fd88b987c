//! Being registered in a poll that belongs to the program around us.
//!
//! It never waits on that poll, never uses a token that it was not given, and leaves no source
//! behind. Which source has which token is a table, so that any number of sources, of any kind,
//! come and go in one small range. A token is free again when its source is gone: what a poll
//! fetched for the one before is at worst a hint to the next that proves wrong, which readiness
//! may always be.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use mio::event::Event;
use mio::{Registry, Token};
use slab::Slab;

use super::Wake;
use super::poller::{Poller, sealed};
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::wake_descriptor::WakeDescriptor;
use crate::sansio::Misuse;

/// How a guest wakes its host from another thread. A poll has one waker, and that is the host's.
#[non_exhaustive]
pub enum WakeUp {
    /// This is called, on the thread that posts: it wakes the host's poll, and the host then ends
    /// a round of the guest. It may be called when the host is awake, and by the guest itself in
    /// the middle of a round. It is not called again before the next round has begun, so one that
    /// panics leaves what was posted, and what is posted then, to a round that comes by itself.
    Callback(Box<dyn Fn() + Send + Sync>),
    /// The guest has an eventfd(2) of its own in the host's poll, under one token of the range.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Descriptor,
}

impl WakeUp {
    /// Wakes by a call, such as of the host's `mio::Waker`.
    pub fn callback(call: impl Fn() + Send + Sync + 'static) -> Self {
        Self::Callback(Box::new(call))
    }
}

impl fmt::Debug for WakeUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Callback(_) => "Callback",
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Self::Descriptor => "Descriptor",
        })
    }
}

/// The loop is a guest: its sources are in a poll that somebody else waits on.
#[derive(Debug)]
pub struct HostPoll {
    registry: Registry,
    tokens: Range<usize>,
    /// What the engine calls the source of each token, by its place in the range.
    names: Slab<usize>,
    /// The place of each name.
    places: HashMap<usize, usize>,
    /// Whether the host's last wait left events behind, as it said.
    pub(super) is_more_expected: bool,
    /// Until it was made use of.
    wake_up: Option<WakeUp>,
    /// It is in the poll until this is dropped; those who post may keep it longer.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    descriptor: Option<Arc<WakeDescriptor>>,
}

impl HostPoll {
    pub(crate) fn new(
        registry: &Registry,
        tokens: Range<usize>,
        wake_up: WakeUp,
    ) -> io::Result<Self> {
        Ok(Self {
            registry: registry.try_clone()?,
            tokens,
            names: Slab::new(),
            places: HashMap::new(),
            is_more_expected: false,
            wake_up: Some(wake_up),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            descriptor: None,
        })
    }

    pub(crate) fn tokens(&self) -> &Range<usize> {
        &self.tokens
    }

    /// The name of the source that an event is about, if that is still there.
    pub(super) fn name_of(&self, event: &Event) -> Result<Option<usize>, Misuse> {
        let token = event.token();
        if !self.tokens.contains(&token.0) {
            return Err(Misuse::ForeignToken { token: token.0, tokens: self.tokens.clone() });
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(descriptor) = &self.descriptor {
            descriptor.arm_if(token, &self.registry);
        }
        Ok(self.names.get(token.0 - self.tokens.start).copied())
    }
}

impl Poller for HostPoll {}

impl sealed::Register for HostPoll {
    const IS_FOREIGN: bool = true;

    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn take_token(&mut self, name: usize) -> io::Result<Token> {
        let place = match self.places.get(&name) {
            Some(place) => *place,
            None if self.room() == 0 => {
                let misuse = Misuse::TokensInUse { tokens: self.tokens.clone() };
                return Err(io::Error::new(io::ErrorKind::QuotaExceeded, misuse));
            }
            None => {
                let place = self.names.insert(name);
                self.places.insert(name, place);
                place
            }
        };
        Ok(Token(self.tokens.start + place))
    }

    fn give_token_back(&mut self, name: usize) {
        if let Some(place) = self.places.remove(&name) {
            self.names.remove(place);
        }
    }

    fn room(&self) -> usize {
        self.tokens.len() - self.names.len()
    }

    fn waker(&mut self, name: usize) -> io::Result<Arc<dyn Wake>> {
        match self.wake_up.take() {
            None => Err(io::ErrorKind::AlreadyExists.into()),
            Some(WakeUp::Callback(call)) => Ok(Arc::new(Call(call))),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Some(WakeUp::Descriptor) => {
                let token = self.take_token(name)?;
                let descriptor = Arc::new(WakeDescriptor::new(&self.registry, token)?);
                self.descriptor = Some(Arc::clone(&descriptor));
                Ok(descriptor)
            }
        }
    }
}

impl Drop for HostPoll {
    fn drop(&mut self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(descriptor) = &self.descriptor {
            descriptor.leave(&self.registry);
        }
    }
}

/// Wakes by a call.
struct Call(Box<dyn Fn() + Send + Sync>);

impl Wake for Call {
    fn wake(&self) {
        (self.0)();
    }
}
