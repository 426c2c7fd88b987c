//! Clients that misbehave, so that one can see what the others feel.

use std::time::Duration;

use switchboard::{Bytes, Closed, Limits, Protocol, Timeout, Transport};

use super::world::{World, limits};

/// What one who asks without end sends at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// What a slow reader takes at a time, and how often.
const SIP_BYTES: usize = 4 * 1024;
const SIP_EVERY: Duration = Duration::from_millis(10);
/// How often a trickling sender sends a byte.
const DRIP_EVERY: Duration = Duration::from_millis(1);

/// Whole requests, as many as one chunk holds.
pub(super) fn chunk(request: &[u8]) -> Bytes {
    request.repeat((CHUNK_BYTES / request.len()).max(1)).into()
}

/// Asks without end; takes all replies, or a sip now and then.
#[derive(Debug)]
pub(super) struct Flood {
    chunk: Bytes,
    is_slow: bool,
}

impl Flood {
    /// Takes all replies.
    pub(super) const fn greedy(chunk: Bytes) -> Self {
        Self { chunk, is_slow: false }
    }

    /// Takes a sip now and then.
    pub(super) const fn slow_reader(chunk: Bytes) -> Self {
        Self { chunk, is_slow: true }
    }

    /// What a connection of this kind must be given: what may be kept is what is read at once.
    pub(super) fn limits(&self) -> Limits {
        if self.is_slow { limits().input(SIP_BYTES) } else { limits() }
    }

    fn send(&self, transport: &mut Transport<'_, World>) {
        while !transport.is_backpressured() {
            transport.write_shared(self.chunk.clone());
        }
    }
}

impl Protocol<World> for Flood {
    fn connected(&mut self, transport: &mut Transport<'_, World>, world: &mut World) {
        world.connected += 1;
        // A server that does not read on until its replies are taken would wait for us, and we
        // for it.
        transport.read_on();
        if self.is_slow {
            transport.pause_reading();
            transport.set_timeout(SIP_EVERY);
        }
        self.send(transport);
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_, World>,
        world: &mut World,
        bytes: &[u8],
    ) -> usize {
        world.others.bytes += bytes.len() as u64;
        if self.is_slow {
            transport.pause_reading();
        }
        bytes.len()
    }

    fn writable(&mut self, transport: &mut Transport<'_, World>, _: &mut World) {
        self.send(transport);
    }

    fn expired(&mut self, transport: &mut Transport<'_, World>, _: &mut World, _: Timeout) {
        transport.resume_reading();
        transport.set_timeout(SIP_EVERY);
    }

    fn closed(&mut self, _: &mut Transport<'_, World>, world: &mut World, _: Closed) {
        world.others.closed += 1;
    }
}

/// Sends its requests a byte at a time.
#[derive(Debug)]
pub(super) struct Trickle {
    request: Bytes,
    /// How much of it is sent.
    sent: usize,
}

impl Trickle {
    /// Sends this again and again.
    pub(super) const fn new(request: Bytes) -> Self {
        Self { request, sent: 0 }
    }
}

impl Protocol<World> for Trickle {
    fn connected(&mut self, transport: &mut Transport<'_, World>, world: &mut World) {
        world.connected += 1;
        transport.set_timeout(DRIP_EVERY);
    }

    fn received(&mut self, _: &mut Transport<'_, World>, world: &mut World, bytes: &[u8]) -> usize {
        world.others.bytes += bytes.len() as u64;
        bytes.len()
    }

    fn expired(&mut self, transport: &mut Transport<'_, World>, _: &mut World, _: Timeout) {
        transport.write(&self.request[self.sent..=self.sent]);
        self.sent = (self.sent + 1) % self.request.len();
        transport.set_timeout(DRIP_EVERY);
    }

    fn closed(&mut self, _: &mut Transport<'_, World>, world: &mut World, _: Closed) {
        world.others.closed += 1;
    }
}
