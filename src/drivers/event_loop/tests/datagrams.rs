//! Datagram sockets in the real engine on the scripted network.

mod budgets;
mod coherence;
mod lives;
mod panics;
mod sending;

use super::*;
use crate::net::BindOptions;
use crate::sansio::{DatagramCounts, DatagramLimits, DatagramProtocol, DatagramTransport};

/// One call of a datagram protocol.
enum Told<'a> {
    Opened,
    Received(&'a Address, &'a [u8]),
    Writable,
    Expired,
    Notified(Box<dyn Any + Send>),
    Stopping,
    Closed(Closed),
}

impl Told<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Received(..) => "received",
            Self::Writable => "writable",
            Self::Expired => "expired",
            Self::Notified(_) => "notified",
            Self::Stopping => "stopping",
            Self::Closed(_) => "closed",
        }
    }
}

type On<'a> = DatagramTransport<'a, Seen>;

/// A datagram protocol that is one function. Finishing, when the loop drains, is left to it.
struct Post<F> {
    act: F,
    /// What each call takes, in virtual time.
    cost: Option<(ManualClock, Duration)>,
}

fn post<F>(act: F) -> Post<F>
where
    F: FnMut(Told<'_>, &mut On<'_>, &mut Seen) + Send + 'static,
{
    Post { act, cost: None }
}

impl<F> Post<F>
where
    F: FnMut(Told<'_>, &mut On<'_>, &mut Seen) + Send + 'static,
{
    fn costing(mut self, clock: &ManualClock, cost: Duration) -> Self {
        self.cost = Some((clock.clone(), cost));
        self
    }

    fn call(&mut self, told: Told<'_>, on: &mut On<'_>, seen: &mut Seen) {
        seen.calls.push((on.id(), told.name()));
        if let Told::Closed(closed) = &told {
            seen.reasons.push(closed.reason);
        }
        if let Some((clock, cost)) = &self.cost {
            clock.advance(*cost);
        }
        (self.act)(told, on, seen);
    }
}

impl<F> DatagramProtocol<Seen> for Post<F>
where
    F: FnMut(Told<'_>, &mut On<'_>, &mut Seen) + Send + 'static,
{
    fn opened(&mut self, on: &mut On<'_>, seen: &mut Seen) {
        self.call(Told::Opened, on, seen);
    }

    fn received(&mut self, on: &mut On<'_>, seen: &mut Seen, from: &Address, bytes: &[u8]) {
        self.call(Told::Received(from, bytes), on, seen);
    }

    fn writable(&mut self, on: &mut On<'_>, seen: &mut Seen) {
        self.call(Told::Writable, on, seen);
    }

    fn expired(&mut self, on: &mut On<'_>, seen: &mut Seen) {
        self.call(Told::Expired, on, seen);
    }

    fn notified(&mut self, on: &mut On<'_>, seen: &mut Seen, message: Box<dyn Any + Send>) {
        self.call(Told::Notified(message), on, seen);
    }

    fn stopping(&mut self, on: &mut On<'_>, seen: &mut Seen) {
        self.call(Told::Stopping, on, seen);
    }

    fn closed(&mut self, on: &mut On<'_>, seen: &mut Seen, closed: Closed) {
        self.call(Told::Closed(closed), on, seen);
    }
}

/// Gives back what it gets, and finishes when it should.
fn answering() -> impl DatagramProtocol<Seen> {
    post(|told, on, _| match told {
        Told::Received(_, bytes) => _ = on.reply(bytes),
        Told::Stopping => on.finish(),
        _ => {}
    })
}

impl Rig {
    fn bind(&mut self, limits: DatagramLimits, post: impl DatagramProtocol<Seen>) -> ConnectionId {
        self.try_bind(limits, post).unwrap()
    }

    fn try_bind(
        &mut self,
        limits: DatagramLimits,
        post: impl DatagramProtocol<Seen>,
    ) -> Result<ConnectionId, crate::Error> {
        let address = "udp://192.0.2.100:53".parse().unwrap();
        self.engine.bind(&address, &BindOptions::from(limits), Box::new(post))
    }

    /// A rig with one socket that answers.
    fn answering() -> Self {
        let mut rig = Self::new();
        rig.bind(DatagramLimits::default(), answering());
        rig.settle();
        rig
    }

    fn counts(&self) -> DatagramCounts {
        self.engine.stats().datagrams
    }

    fn receives(&self, port: usize) -> usize {
        self.net.world().ports[port].receives
    }

    fn sends(&self, port: usize) -> usize {
        self.net.world().ports[port].sends
    }

    /// From now on there is always a datagram more.
    fn flood(&mut self, port: usize) {
        self.net.deliver(port, &sender(66), "flood");
        self.net.world().ports[port].is_flooded = true;
    }
}

fn sender(number: u16) -> Address {
    format!("udp://192.0.2.1:{}", 1000 + number).parse().unwrap()
}
