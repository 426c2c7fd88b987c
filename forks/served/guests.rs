//! The event loop as a guest, under each host that there is.

use std::error::Error;
use std::time::Duration;

use switchboard::drivers::event_loop::{Ended, Stats};
use switchboard::{Address, Config, Limits, OnPanic, Peer, Protocol};

use super::announce;
use super::hosts::*;

/// Serves until it is drained, in the host of this name.
pub(crate) fn serve<P: Protocol<()>>(
    host: &str,
    address: Address,
    limits: Limits,
    grace: Duration,
    factory: impl FnMut(Peer) -> P + Send + 'static,
) -> Result<(Ended, Stats), Box<dyn Error>> {
    let serve = Serve { address, limits, grace, factory };
    match host {
        "game-tick" => serve.under::<GameTick>(),
        "guest-on-poll" => serve.under::<OnPoll<ByWaker>>(),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        "guest-with-its-own-waker" => serve.under::<OnPoll<ByDescriptor>>(),
        #[cfg(not(mio_unsupported_force_poll_poll))]
        _ => serve.by_descriptor(host),
        #[cfg(mio_unsupported_force_poll_poll)]
        _ => Err("no such driver".into()),
    }
}

/// What is served, wherever.
struct Serve<F> {
    address: Address,
    limits: Limits,
    grace: Duration,
    factory: F,
}

impl<P: Protocol<()>, F: FnMut(Peer) -> P + Send + 'static> Serve<F> {
    /// Where the host watches the loop's descriptor.
    #[cfg(not(mio_unsupported_force_poll_poll))]
    fn by_descriptor(self, host: &str) -> Result<(Ended, Stats), Box<dyn Error>> {
        match host {
            "poll" => self.under::<Poll>(),
            "epoll-level" => self.under::<Epoll<Level>>(),
            "epoll-edge" => self.under::<Epoll<Edge>>(),
            "descriptor-alone-level" => self.under::<Epoll<LevelAlone>>(),
            "descriptor-alone-edge" => self.under::<Epoll<EdgeAlone>>(),
            "calloop-level" => self.under::<Calloop<(), ToldWhile>>(),
            "calloop-edge" => self.under::<Calloop<(), ToldEach>>(),
            "calloop-one-shot" => self.under::<Calloop<(), ToldOnce>>(),
            "tokio-current-thread" => self.under::<Tokio<CurrentThread>>(),
            "tokio-multi-thread" => self.under::<Tokio<MultiThread>>(),
            "async-io" => self.under::<AsyncIo>(),
            _ => Err("no such driver".into()),
        }
    }

    fn under<H: Host<()>>(self) -> Result<(Ended, Stats), Box<dyn Error>> {
        let mut host = H::new()?;
        let mut guest = host.guest(Config::default().on_panic(OnPanic::Close), ())?;
        guest.server.drain_on_signals(self.grace)?;
        let listener = guest.server.listen_with(self.address, self.limits, self.factory)?;
        announce(guest.server.local_address(listener));
        let (guest, ended) = host.drive(guest, Box::new(|_| Next::Wait))?;
        Ok((ended.ok_or("nobody told it to leave")?, guest.server.stats()))
    }
}
