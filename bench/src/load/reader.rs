//! Clients that read a file and throw it away.
//!
//! The event loop reads the beginning of what has come, which is checked; the rest the reader
//! discards itself, on a descriptor of its own for the same socket: tcp(7), MSG_TRUNC, takes
//! bytes without copying them. A server that uses sendfile(2) never touches the file's bytes,
//! and a reader that copied them all would be several times as busy as the server that is to be
//! measured.

use std::any::Any;
use std::net::TcpStream;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use switchboard::{CloseReason, Closed, Protocol, Transport};

use super::client::Pause;
use super::world::World;

/// What the event loop reads of what has come: a reply's head, and a little of the file.
pub(super) const SAMPLE_BYTES: usize = 4 * 1024;
/// What is discarded in one turn, so that each reader has its turn.
pub(super) const DISCARD_BYTES: usize = 1024 * 1024;

/// Asks for a file again and again, and may be stopped in the middle of one.
#[derive(Debug)]
pub(super) struct Reader {
    lane: usize,
    /// Bytes of the reply that have not come.
    awaited: usize,
    /// The connection's socket.
    socket: TcpStream,
}

impl Reader {
    /// The client of a lane, on this socket.
    pub(super) const fn new(lane: usize, socket: TcpStream) -> Self {
        Self { lane, awaited: 0, socket }
    }

    fn ask(&mut self, transport: &mut Transport<'_, World>, world: &World) {
        self.awaited = world.traffic.batch_reply_bytes();
        transport.write(&world.traffic.batch);
    }

    /// Discards what has come, as far as it belongs to this reply.
    fn discard(&mut self, world: &mut World) -> Result<(), Errno> {
        let most = self.awaited.min(DISCARD_BYTES);
        let flags = RecvFlags::TRUNC | RecvFlags::DONTWAIT;
        match recv(&self.socket, &mut world.discarded[..most], flags) {
            Ok((_, count)) => {
                self.awaited -= count;
                world.run.bytes += count as u64;
                Ok(())
            }
            // The event loop says when there is more.
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Protocol<World> for Reader {
    fn connected(&mut self, _: &mut Transport<'_, World>, world: &mut World) {
        world.connected += 1;
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, World>,
        world: &mut World,
        message: Box<dyn Any + Send>,
    ) {
        if message.is::<Pause>() {
            transport.pause_reading();
            return;
        }
        transport.resume_reading();
        if self.awaited == 0 {
            self.ask(transport, world);
        }
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_, World>,
        world: &mut World,
        bytes: &[u8],
    ) -> usize {
        let Some(awaited) = world.receive(bytes, self.awaited) else {
            transport.abort();
            return bytes.len();
        };
        self.awaited = awaited;
        if awaited > 0
            && let Err(error) = self.discard(world)
        {
            world.fail_for(CloseReason::Io(error.kind()));
            transport.abort();
        }
        if self.awaited == 0 {
            world.run.time(self.lane);
            let requests = world.traffic.pipeline as u64;
            if world.run.is_to_ask_again(self.lane, requests) {
                self.ask(transport, world);
            }
        }
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, World>, world: &mut World, closed: Closed) {
        world.fail_for(closed.reason);
    }
}
