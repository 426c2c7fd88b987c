//! Clients that connect, ask once, and close.

use switchboard::{CloseReason, Closed, Protocol, Transport};

use super::world::World;

/// One connection: it asks when it is connected, closes in order when it has its reply, and its
/// lane goes on when the server has closed, too.
#[derive(Debug)]
pub(super) struct Once {
    lane: usize,
    /// Bytes of the reply that have not come.
    awaited: usize,
}

impl Once {
    /// The next connection of a lane.
    pub(super) fn new(lane: usize, world: &World) -> Self {
        Self { lane, awaited: world.traffic.batch_reply_bytes() }
    }
}

impl Protocol<World> for Once {
    fn connected(&mut self, transport: &mut Transport<'_, World>, world: &mut World) {
        transport.write(&world.traffic.batch);
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_, World>,
        world: &mut World,
        bytes: &[u8],
    ) -> usize {
        match world.receive(bytes, self.awaited) {
            None => transport.abort(),
            Some(awaited) => {
                self.awaited = awaited;
                if awaited == 0 {
                    world.run.time(self.lane);
                    transport.finish();
                }
            }
        }
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, World>, world: &mut World, closed: Closed) {
        if closed.reason != CloseReason::Finished || self.awaited > 0 {
            world.fail_for(closed.reason);
        } else if world.run.is_to_ask_again(self.lane, 1) {
            world.wanting.push_back(self.lane);
        }
    }
}
