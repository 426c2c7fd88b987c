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
        #[cfg(not(mio_unsupported_force_poll_poll))]
        "poll" => serve.under::<Poll>(),
        #[cfg(not(mio_unsupported_force_poll_poll))]
        "epoll-level" => serve.under::<Epoll<Level>>(),
        #[cfg(not(mio_unsupported_force_poll_poll))]
        "epoll-edge" => serve.under::<Epoll<Edge>>(),
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
