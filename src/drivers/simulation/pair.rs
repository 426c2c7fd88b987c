//! Conversations in memory, with no loop and no network: for a protocol's unit tests.
//!
//! [`Talk`] is one protocol against bytes, [`Pair`] is two protocols wired to each other. Time
//! passes when it is told to. What a protocol asks of other connections is dropped: there are
//! none.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::net::{ManualClock, read_at};
use crate::sansio::{
    CloseReason, Connection, ConnectionId, Desk, Limits, MAX_SLICES, Origin, Output, Protocol, Wire,
};

/// One protocol against bytes.
///
/// ```
/// use switchboard::line;
/// use switchboard::simulation::Talk;
///
/// let mut server = line::server(|transport, count: &mut u32, line| {
///     *count += 1;
///     transport.write(format!("{count}: {}\n", line.len()).as_bytes());
/// });
/// let mut count = 0;
/// let mut talk = Talk::new(server(()), &mut count);
/// assert_eq!(talk.say("hel", &mut count), b"");
/// assert_eq!(talk.say("lo\nyou\n", &mut count), b"1: 5\n2: 3\n");
/// talk.finish(&mut count);
/// assert!(talk.close_reason().is_some());
/// ```
pub struct Talk<S> {
    desk: Desk<S>,
    connection: Connection<S>,
    /// Said to it, and it wants no input now.
    unheard: Vec<u8>,
    /// The other side has finished. The protocol is told behind what is unheard.
    is_ended: bool,
    is_end_told: bool,
    /// Its own side said FIN.
    is_shut: bool,
}

impl<S: 'static> Talk<S> {
    /// A conversation with `protocol`, which has been told that it is connected.
    #[must_use]
    pub fn new(protocol: impl Protocol<S>, state: &mut S) -> Self {
        Self::with_limits(protocol, Limits::default(), state)
    }

    /// The same, under `limits`.
    #[must_use]
    pub fn with_limits(protocol: impl Protocol<S>, limits: Limits, state: &mut S) -> Self {
        let mut desk = Desk::new(ManualClock::new().now(), SystemTime::UNIX_EPOCH);
        let (id, origin) = (ConnectionId::new(0, 0), Arc::new(Origin::new(limits)));
        let peer = "192.0.2.1:1024".parse().expect("it is an address");
        let mut connection = Connection::new(id, Box::new(protocol), origin, peer, &desk);
        connection.handle_connected(&mut desk, state);
        let (unheard, is_ended, is_end_told, is_shut) = (Vec::new(), false, false, false);
        Self { desk, connection, unheard, is_ended, is_end_told, is_shut }
    }

    /// Says `bytes` to the protocol. Gives what it says to that. While it wants no input, they
    /// wait.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>, state: &mut S) -> Vec<u8> {
        self.unheard.extend(bytes.as_ref());
        self.take(state)
    }

    /// Says that no more will be said. Gives what the protocol says to that.
    pub fn finish(&mut self, state: &mut S) -> Vec<u8> {
        self.is_ended = true;
        self.take(state)
    }

    /// Lets `time` pass, with every deadline in it. Gives what the protocol says meanwhile.
    pub fn wait(&mut self, time: Duration, state: &mut S) -> Vec<u8> {
        let until = self.desk.now() + time;
        let mut said = Vec::new();
        while let Some(deadline) = self.connection.poll_deadline()
            && deadline <= until
        {
            self.desk.set_time(deadline, SystemTime::UNIX_EPOCH);
            self.connection.handle_deadlines(&mut self.desk, state);
            said.extend(self.take(state));
        }
        self.desk.set_time(until, SystemTime::UNIX_EPOCH);
        said
    }

    /// What the protocol has said and nobody has taken.
    pub fn take(&mut self, state: &mut S) -> Vec<u8> {
        let mut said = Vec::new();
        while self.step(&mut said, state) {}
        while self.desk.poll_request().is_some() {}
        said
    }

    /// Does one thing that is to be done. Says whether there was one.
    fn step(&mut self, said: &mut Vec<u8>, state: &mut S) -> bool {
        let taken = self.take_some(said);
        let (connection, desk) = (&mut self.connection, &mut self.desk);
        let heard = connection.wants_bytes().min(self.unheard.len());
        if taken > 0 {
            connection.handle_sent(desk, state, taken as u64);
        } else if connection.poll_wire(desk) == Wire::ShutdownWrite {
            self.is_shut = true;
        } else if connection.wants_turn() {
            connection.handle_turn(desk, state);
        } else if heard > 0 {
            let bytes: Vec<u8> = self.unheard.drain(..heard).collect();
            connection.handle_received(desk, state, &bytes);
        } else if self.unheard.is_empty() && self.is_ended && !self.is_end_told {
            self.is_end_told = true;
            connection.handle_end_of_input(desk, state);
        } else {
            return false;
        }
        true
    }

    /// One write to a wire that takes everything.
    fn take_some(&mut self, said: &mut Vec<u8>) -> usize {
        let before = said.len();
        match self.connection.poll_output(&mut self.desk) {
            Output::Nothing => {}
            Output::Bytes(bytes) => said.extend(bytes),
            Output::Slices => {
                let mut slices = [std::io::IoSlice::new(&[]); MAX_SLICES];
                let count = self.connection.gather(&mut slices);
                slices[..count].iter().for_each(|slice| said.extend(&**slice));
            }
            Output::File { range, .. } => {
                let length = usize::try_from(range.length()).unwrap_or(usize::MAX);
                let mut bytes = vec![0; length.min(MOST_OF_FILE)];
                let count = read_at(range.file(), range.offset(), &mut bytes).unwrap_or(0);
                said.extend(&bytes[..count]);
            }
        }
        said.len() - before
    }

    /// Whether the protocol's side has said FIN.
    #[must_use]
    pub fn has_finished_writing(&self) -> bool {
        self.is_shut || self.close_reason().is_some()
    }

    /// Why the connection ended, if it has.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.connection.close_reason()
    }

    /// The connection itself.
    #[must_use]
    pub fn connection(&self) -> &Connection<S> {
        &self.connection
    }
}

/// Two protocols wired to each other.
///
/// ```
/// use switchboard::line::{Line, Session, server};
/// use switchboard::simulation::Pair;
/// use switchboard::Transport;
///
/// /// Asks twice, and notes the answers.
/// struct Asker;
///
/// impl Session<Vec<String>> for Asker {
///     fn connected(&mut self, on: &mut Transport<'_, Vec<String>>, _: &mut Vec<String>) {
///         on.write(b"how are you?\nand now?\n");
///     }
///
///     fn line(&mut self, on: &mut Transport<'_, Vec<String>>, heard: &mut Vec<String>, line: &[u8]) {
///         heard.push(String::from_utf8_lossy(line).into_owned());
///         if heard.len() == 2 {
///             on.finish();
///         }
///     }
/// }
///
/// let mut heard = Vec::new();
/// let mut answerer = server(|on, _: &mut Vec<String>, line| {
///     on.write(format!("{} bytes\n", line.len()).as_bytes());
/// });
/// let mut pair = Pair::new(Line::new(Asker), answerer(()), &mut heard);
/// pair.settle(&mut heard);
/// assert_eq!(heard, ["12 bytes", "8 bytes"]);
/// assert!(pair.left().close_reason().is_some() && pair.right().close_reason().is_some());
/// ```
pub struct Pair<S> {
    sides: [Talk<S>; 2],
}

impl<S: 'static> Pair<S> {
    /// Wires `left` and `right` to each other. Both have been told that they are connected.
    #[must_use]
    pub fn new(left: impl Protocol<S>, right: impl Protocol<S>, state: &mut S) -> Self {
        Self { sides: [Talk::new(left, state), Talk::new(right, state)] }
    }

    /// Carries bytes and ends from one to the other until both are silent.
    pub fn settle(&mut self, state: &mut S) {
        let mut is_news = true;
        while std::mem::take(&mut is_news) {
            for from in 0..2 {
                let bytes = self.sides[from].take(state);
                is_news |= !bytes.is_empty();
                self.sides[1 - from].unheard.extend(bytes);
                if self.sides[from].has_finished_writing() && !self.sides[1 - from].is_ended {
                    (self.sides[1 - from].is_ended, is_news) = (true, true);
                }
            }
        }
    }

    /// Lets `time` pass on both sides, then settles.
    pub fn wait(&mut self, time: Duration, state: &mut S) {
        for from in 0..2 {
            let bytes = self.sides[from].wait(time, state);
            self.sides[1 - from].unheard.extend(bytes);
        }
        self.settle(state);
    }

    /// The left one.
    #[must_use]
    pub fn left(&self) -> &Talk<S> {
        &self.sides[0]
    }

    /// The right one.
    #[must_use]
    pub fn right(&self) -> &Talk<S> {
        &self.sides[1]
    }
}

impl<S> fmt::Debug for Talk<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Talk").field(&self.connection).finish()
    }
}

impl<S> fmt::Debug for Pair<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pair").field(&self.sides).finish()
    }
}

/// So much of a file is taken at once.
const MOST_OF_FILE: usize = 64 << 10;
