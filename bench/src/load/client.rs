//! Clients that keep their connection: those that ask, and those that get what one of them sent.

use std::any::Any;

use switchboard::{Closed, Protocol, Transport};

use super::world::World;

/// Tells a client to ask; one that was stopped, to read on.
#[derive(Debug)]
pub(super) struct Ask;

/// Tells a reader to stop where it is.
#[derive(Debug)]
pub(super) struct Pause;

/// A batch from this size on is cheaper shared than copied.
const SHARED_BYTES: usize = 8 * 1024;

/// Sends one batch in one write and takes its replies.
#[derive(Debug)]
pub(super) struct Asker {
    lane: usize,
    /// Bytes of the batch's replies that have not come.
    awaited: usize,
}

impl Asker {
    /// The client of a lane.
    pub(super) const fn new(lane: usize) -> Self {
        Self { lane, awaited: 0 }
    }

    #[inline]
    fn ask(&mut self, transport: &mut Transport<'_, World>, world: &World) {
        self.awaited = world.traffic.batch_reply_bytes();
        let batch = &world.traffic.batch;
        if batch.len() < SHARED_BYTES {
            transport.write(batch);
        } else {
            transport.write_shared(batch.clone());
        }
    }
}

impl Protocol<World> for Asker {
    fn connected(&mut self, transport: &mut Transport<'_, World>, world: &mut World) {
        world.connected += 1;
        // The first bytes of a long message may come back while its last are still to be sent.
        transport.read_on();
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, World>,
        world: &mut World,
        _: Box<dyn Any + Send>,
    ) {
        self.ask(transport, world);
    }

    #[inline]
    fn received(
        &mut self,
        transport: &mut Transport<'_, World>,
        world: &mut World,
        bytes: &[u8],
    ) -> usize {
        match world.receive(bytes, self.awaited) {
            None => transport.abort(),
            Some(0) => {
                self.awaited = 0;
                world.run.time(self.lane);
                let requests = world.traffic.pipeline as u64;
                if world.run.is_to_ask_again(self.lane, requests) {
                    self.ask(transport, world);
                }
            }
            Some(awaited) => self.awaited = awaited,
        }
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, World>, world: &mut World, closed: Closed) {
        world.fail_for(closed.reason);
    }
}

/// Gets every line that is sent to all. One of them is the sender; it sends the next line when
/// all have got the last.
#[derive(Debug)]
pub(super) struct Listener {
    /// How many there are.
    audience: usize,
    /// Bytes of the line that have not come.
    awaited: usize,
}

/// All lines are one lane's: there is one at a time.
pub(super) const ROOM: usize = 0;

impl Listener {
    /// One of an audience of so many.
    pub(super) const fn new(audience: usize) -> Self {
        Self { audience, awaited: 0 }
    }
}

impl Protocol<World> for Listener {
    fn connected(&mut self, _: &mut Transport<'_, World>, world: &mut World) {
        world.connected += 1;
    }

    /// Whoever is told to is the sender.
    fn notified(
        &mut self,
        transport: &mut Transport<'_, World>,
        world: &mut World,
        _: Box<dyn Any + Send>,
    ) {
        world.missing = self.audience;
        transport.write(&world.traffic.batch);
    }

    #[inline]
    fn received(
        &mut self,
        transport: &mut Transport<'_, World>,
        world: &mut World,
        bytes: &[u8],
    ) -> usize {
        if self.awaited == 0 {
            self.awaited = world.traffic.batch_reply_bytes();
        }
        let Some(awaited) = world.receive(bytes, self.awaited) else {
            transport.abort();
            return bytes.len();
        };
        self.awaited = awaited;
        if awaited == 0 {
            world.run.time(ROOM);
            world.run.requests += 1;
            world.missing = world.missing.saturating_sub(1);
            if world.missing == 0 && world.run.is_to_ask_again(ROOM, 0) {
                world.wanting.push_back(ROOM);
            }
        }
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, World>, world: &mut World, closed: Closed) {
        world.fail_for(closed.reason);
    }
}
