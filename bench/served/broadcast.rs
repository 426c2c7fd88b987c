//! Every line that any client sends goes to every client, the sender included.
//!
//! On the event loop this is one request, and all clients share the bytes of
//! the line. Between threads it takes what the chapters take: a room under a
//! lock, and a message to each thread. Processes share nothing, so the forking
//! driver cannot do it.
//!
//! A client that does not read is ended rather than waited for or left out.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use switchboard::{Bytes, Closed, ConnectionId, Protocol, Remote, Transport, WhenFull};

/// A client on the event loop.
#[derive(Debug)]
pub(crate) struct Member;

impl Protocol<()> for Member {
    fn received(&mut self, transport: &mut Transport<'_, ()>, (): &mut (), bytes: &[u8]) -> usize {
        let lines = whole_lines(bytes);
        if !lines.is_empty() {
            transport.write(lines);
            transport.broadcast(Bytes::copy_from_slice(lines), WhenFull::Close);
        }
        lines.len()
    }
}

/// Who can be reached, by all threads.
#[derive(Debug, Default)]
pub(crate) struct Room(Mutex<HashMap<ConnectionId, Remote>>);

impl Room {
    fn enter(&self) -> MutexGuard<'_, HashMap<ConnectionId, Remote>> {
        // Nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client with a thread of its own.
#[derive(Debug)]
pub(crate) struct Neighbour;

impl Protocol<Arc<Room>> for Neighbour {
    fn connected(&mut self, transport: &mut Transport<'_, Arc<Room>>, room: &mut Arc<Room>) {
        room.enter().insert(transport.id(), transport.remote());
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_, Arc<Room>>,
        room: &mut Arc<Room>,
        bytes: &[u8],
    ) -> usize {
        let lines = whole_lines(bytes);
        if lines.is_empty() {
            return 0;
        }
        transport.write(lines);
        let (writer, shared) = (transport.id(), Bytes::copy_from_slice(lines));
        // One with a full mailbox has a thousand lines to read, and is told no more.
        room.enter()
            .retain(|&id, member| id == writer || member.notify(Box::new(shared.clone())).is_ok());
        lines.len()
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, Arc<Room>>,
        _: &mut Arc<Room>,
        message: Box<dyn Any + Send>,
    ) {
        if let Ok(lines) = message.downcast::<Bytes>() {
            transport.write_shared(*lines);
        }
    }

    fn closed(
        &mut self,
        transport: &mut Transport<'_, Arc<Room>>,
        room: &mut Arc<Room>,
        _: Closed,
    ) {
        room.enter().remove(&transport.id());
    }
}

/// The part of `bytes` that ends with its last newline.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    &bytes[..end]
}
