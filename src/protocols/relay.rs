//! A relay: two connections coupled, so that what one receives the other sends.
//!
//! ```no_run
//! use switchboard::EventLoop;
//! use switchboard::protocols::relay;
//!
//! let mut event_loop = EventLoop::new()?;
//! event_loop.listen("127.0.0.1:7000", relay::to("192.0.2.7:80")?)?;
//! event_loop.run(&mut ())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The two directions have nothing to do with each other:
//!
//! * each has its own back-pressure. While more than [`Limits::high_water`] bytes wait for one
//!   end, the other is not read from; reading goes on the other way round, or two programs that
//!   each wait for the other to read would wait for ever. So a direction holds at most its mark
//!   and one read (and [`Limits::output`] must have room for both);
//! * each is closed on its own. The end of one end's input is, behind the last byte, the end of
//!   the other's output, and the answer still comes through.
//!
//! The end of a connection is passed on as it was: a reset, a timeout that resets, or a connection
//! that could not be opened resets the other end; what was finished in order, or ran out of time
//! in silence, finishes it. While the loop drains, a relay goes on until its ends are done or the
//! drain's deadline comes: what was begun is known to them alone.
//!
//! A relay never looks at the bytes, and never keeps any: they go from the read buffer into the
//! other end's output, copied once.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::sansio::{
    CloseReason, Closed, Closing, ConnectionId, Destination, Error, Limits, Protocol, Timeout,
    Transport, WhenFull,
};

/// A factory of relays: for each peer that connects, a connection to `to` is opened, an address or
/// a name, and coupled with the peer's. Nothing is read from the peer before it is established.
///
/// The connections that it opens live under the default [`Limits`], but may stay silent at first
/// for as long as later: it was not they who called.
///
/// # Errors
///
/// [`Error::Misuse`] for an address that does not parse.
pub fn to<T, A>(to: A) -> Result<impl FnMut(T) -> Relay + Clone + Send + 'static, Error>
where
    A: TryInto<Destination>,
    Error: From<A::Error>,
{
    let limits = Limits::default();
    let idle = limits.idle;
    to_with(to, limits.first_byte(idle))
}

/// As [`to`], with `limits` for the connections that it opens. Those of the peers are given to
/// the listener.
///
/// # Errors
///
/// As [`to`], and for limits that cannot work.
pub fn to_with<T, A>(
    to: A,
    limits: Limits,
) -> Result<impl FnMut(T) -> Relay + Clone + Send + 'static, Error>
where
    A: TryInto<Destination>,
    Error: From<A::Error>,
{
    limits.check()?;
    let way_out = WayOut { to: to.try_into()?, limits };
    Ok(move |_| {
        let [mut near, far] = pair();
        near.way_out = Some(Box::new((way_out.clone(), far)));
        near
    })
}

/// Couples the connection of `transport` with `other`, whose protocols are dropped without a
/// further call. Input that they left unused is relayed, and output that is queued goes out
/// first. Where `other` is gone, this connection is reset; and so is one that is coupled with
/// itself.
pub fn couple<S>(transport: &mut Transport<'_, S>, other: ConnectionId) {
    let [here, there] = pair();
    transport.become_protocol(here);
    transport.hand_over(other, there);
}

/// Two protocols that relay to each other, for two connections of one event loop: accepted,
/// adopted, opened, or [handed over](crate::Control::hand_over). Each waits for the other to be
/// established.
///
/// An end that is dropped before it was given to a connection has ended by a reset.
#[must_use]
pub fn pair() -> [Relay; 2] {
    let link = Arc::new(Mutex::new([End::Absent; 2]));
    let relay = |side| Relay { link: Arc::clone(&link), side, partner: None, way_out: None };
    [relay(0), relay(1)]
}

/// One end of a relay.
#[derive(Debug)]
pub struct Relay {
    /// Looked at when an end begins or ends, and not in between.
    link: Link,
    /// Which of the two ends this is.
    side: usize,
    /// The other end's connection, once both are established.
    partner: Option<ConnectionId>,
    /// Where the other end is to be opened, and who it will be.
    way_out: Option<Box<(WayOut, Self)>>,
}

#[derive(Clone, Debug)]
struct WayOut {
    to: Destination,
    limits: Limits,
}

/// What one end knows of the other.
#[derive(Clone, Copy, Debug)]
enum End {
    /// It is not established yet.
    Absent,
    There(ConnectionId),
    /// Its peer has finished. The other was told, if it was there.
    Finished(ConnectionId),
    /// It has ended, and the other is to be closed like this.
    Gone(Closing),
}

/// Where the two ends find each other.
type Link = Arc<Mutex<[End; 2]>>;

/// Tells an end that the other is there. The link says who that is, and that it is meant: the
/// connection may have been handed over to an end of another relay since.
struct Joined(Link);

impl Relay {
    fn ends(&self) -> MutexGuard<'_, [End; 2]> {
        // Nothing that can panic runs while it is held.
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the other end was dropped: after its last call, or without one, because its
    /// connection was handed over or something in it panicked.
    fn is_alone(&self) -> bool {
        Arc::strong_count(&self.link) == 1
    }

    /// This end is gone, and the other is to be closed like this. Gives the other's connection,
    /// if that does not follow from what it knows. The first word counts.
    fn leave(&self, closing: Closing) -> Option<ConnectionId> {
        let mut ends = self.ends();
        let before = ends[self.side];
        if !matches!(before, End::Gone(_)) {
            ends[self.side] = End::Gone(closing);
        }
        match (before, ends[1 - self.side]) {
            (_, End::Absent | End::Gone(_)) => None,
            (End::Finished(_), End::Finished(_)) if closing == Closing::Finish => None,
            (_, End::There(other) | End::Finished(other)) => Some(other),
        }
    }

    /// The other end is there.
    fn meet<S>(&mut self, transport: &mut Transport<'_, S>, partner: ConnectionId) {
        self.partner = Some(partner);
        transport.resume_reading();
        if let End::Finished(_) = self.ends()[self.side] {
            // There was nobody to tell.
            transport.close(partner, Closing::FinishWriting);
        }
    }
}

impl<S> Protocol<S> for Relay {
    fn connected(&mut self, transport: &mut Transport<'_, S>, _: &mut S) {
        transport.read_on();
        let mut ends = self.ends();
        ends[self.side] = End::There(transport.id());
        let other = ends[1 - self.side];
        drop(ends);
        match other {
            End::There(other) | End::Finished(other) => {
                transport.notify(other, Box::new(Joined(Arc::clone(&self.link))));
                self.meet(transport, other);
            }
            End::Absent => transport.pause_reading(),
            End::Gone(closing) => transport.close(transport.id(), closing),
        }
        if let Some(way_out) = self.way_out.take() {
            let (WayOut { to, limits }, far) = *way_out;
            transport.connect(to, far, limits);
        }
    }

    fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        let Some(partner) = self.partner else { return 0 };
        if self.is_alone() {
            // Else what comes now would reach whoever converses there instead.
            if let End::Gone(closing) = self.ends()[1 - self.side] {
                transport.close(transport.id(), closing);
            }
            return bytes.len();
        }
        transport.send(partner, Bytes::copy_from_slice(bytes), WhenFull::PauseSource);
        bytes.len()
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, S>,
        _: &mut S,
        message: Box<dyn Any + Send>,
    ) {
        let is_ours =
            |message: &Joined| self.partner.is_none() && Arc::ptr_eq(&message.0, &self.link);
        if message.downcast_ref().is_some_and(is_ours) {
            let other = self.ends()[1 - self.side];
            if let End::There(other) | End::Finished(other) = other {
                self.meet(transport, other);
            }
        }
    }

    fn expired(&mut self, transport: &mut Transport<'_, S>, _: &mut S, _: Timeout) {
        // This connection finishes for want of time; the other need not wait for its last byte.
        if let Some(partner) = self.leave(Closing::Finish) {
            transport.close(partner, Closing::Finish);
        }
    }

    fn stopping(&mut self, _: &mut Transport<'_, S>, _: &mut S) {}

    fn finished(&mut self, transport: &mut Transport<'_, S>, _: &mut S, _: &[u8]) {
        self.ends()[self.side] = End::Finished(transport.id());
        if let Some(partner) = self.partner {
            transport.close(partner, Closing::FinishWriting);
        }
    }

    fn closed(&mut self, transport: &mut Transport<'_, S>, _: &mut S, closed: Closed) {
        if let End::Absent = self.ends()[self.side] {
            log::debug!("nothing is relayed to {}: {}", transport.peer(), closed.reason);
        }
        // What a layer refused must not look whole to the other end.
        let is_cut = closed.reason.resets() || closed.reason == CloseReason::Layer;
        let closing = if is_cut { Closing::Abort } else { Closing::Finish };
        if let Some(partner) = self.leave(closing) {
            transport.close(partner, closing);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.leave(Closing::Abort);
    }
}
