//! The processes of one server: who runs which connection, and who has ended.
//!
//! It waits for its own children by their ids and for nobody else's, so a program may have
//! others. Dropping it kills and reaps whoever is left.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use signal_hook::SigId;
use signal_hook::consts::SIGCHLD;
use signal_hook::low_level::{pipe, unregister};
use switchboard::drivers::blocking::{Operator, Outcome};
use switchboard::{CloseReason, ConnectionId};

use super::reasons;

/// See the module.
#[derive(Debug)]
pub(crate) struct Children {
    connections: HashMap<Pid, ConnectionId>,
    /// How often none ended for some time although they were told to end at once.
    waits: u32,
}

impl Children {
    pub(crate) fn new() -> Self {
        Self { connections: HashMap::new(), waits: 0 }
    }

    /// A child was forked for a connection.
    pub(crate) fn insert(&mut self, child: i32, connection: ConnectionId) {
        if let Some(child) = Pid::from_raw(child) {
            self.connections.insert(child, connection);
        }
    }

    /// Reaps those that have ended, and tells the operator.
    pub(crate) fn reap<S: 'static>(&mut self, operator: &mut Operator<S>) {
        let is_killing = self.waits > MOST_WAITS;
        self.connections.retain(|child, connection| {
            let reason = match waitpid(Some(*child), WaitOptions::NOHANG) {
                Ok(None) => return true,
                Ok(Some((_, status))) if is_killing && status.signaled() => CloseReason::Stopped,
                Ok(Some((_, status))) => reason_of(*connection, status),
                Err(error) => {
                    log::error!("connection {connection}: its process is lost: {error}");
                    CloseReason::Io(io::Error::from(error).kind())
                }
            };
            operator.note_ended(*connection, Outcome::new(reason));
            false
        });
        self.waits = if is_killing { self.waits } else { 0 };
    }

    /// None has ended for [`WAIT`] although all were told to. Kills them when that was so often.
    pub(crate) fn lose_patience(&mut self) {
        self.waits += 1;
        if self.waits > MOST_WAITS {
            log::error!("{} processes do not end and are killed", self.connections.len());
            self.kill();
        }
    }

    fn kill(&self) {
        for child in self.connections.keys() {
            // It fails where the child has ended and was not reaped yet.
            let _ = kill_process(*child, Signal::KILL);
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.kill();
        for child in self.connections.keys() {
            let _ = waitpid(Some(*child), WaitOptions::empty());
        }
    }
}

/// How a conversation ended, from how its process did.
fn reason_of(connection: ConnectionId, status: WaitStatus) -> CloseReason {
    if let Some(reason) = status.exit_status().and_then(reasons::from_code) {
        return reason;
    }
    log::error!("connection {connection}: its process ended of itself: {status:?}");
    CloseReason::Panicked
}

/// So long is waited for those that were told to end, each time.
pub(crate) const WAIT: Duration = Duration::from_millis(100);

/// So often. A callback that takes longer never returns, as far as anybody can tell.
const MOST_WAITS: u32 = 20;

/// Readable when a child, of whomever, has ended.
#[derive(Debug)]
pub(crate) struct ChildExits {
    reader: UnixStream,
    handler: SigId,
}

impl ChildExits {
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        let handler = pipe::register(SIGCHLD, writer)?;
        Ok(Self { reader, handler })
    }

    /// Whether any has ended since this was last asked.
    pub(crate) fn take(&self) -> bool {
        let mut is_any = false;
        while (&self.reader).read(&mut [0; 256]).is_ok_and(|count| count > 0) {
            is_any = true;
        }
        is_any
    }
}

impl AsFd for ChildExits {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for ChildExits {
    fn drop(&mut self) {
        unregister(self.handler);
    }
}
