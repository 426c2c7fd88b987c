//! A server's connection and its client, joined in memory.

use std::any::Any;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::reader::{self, To};
use super::*;
use crate::sansio::{
    Address, Connection, ConnectionId, Desk, MAX_SLICES, Origin, Output, Post, PostError, Wire,
};

/// What handlers are given.
#[derive(Default)]
pub(super) struct World {
    /// The method and target of each request that was handled.
    pub(super) calls: Vec<String>,
    pub(super) owed: Vec<Deferred>,
    pub(super) alarms: Vec<Alarm>,
    /// What sources and handlers want to tell.
    pub(super) notes: Vec<String>,
}

/// What the client saw of the connection's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is open.
    Open,
    /// The server said FIN.
    Fin,
    /// The server closed.
    Closed,
    /// The server reset.
    Reset,
}

/// A client and the server's side of its connection.
pub(super) struct Talk {
    pub(super) connection: Connection<World>,
    pub(super) desk: Desk<World>,
    pub(super) world: World,
    pub(super) mailbox: Arc<Mailbox>,
    start: Instant,
    /// What the client sent that the server has not read.
    inbox: VecDeque<u8>,
    /// Whether the client has finished, and whether the server has read so.
    has_hung_up: bool,
    is_hang_up_read: bool,
    /// What the client read.
    pub(super) wire: Vec<u8>,
    /// How many bytes more the client reads.
    pub(super) appetite: usize,
    /// How many it takes at once.
    pub(super) gulp: usize,
    pub(super) end: End,
    /// How many times the client was written to.
    pub(super) writes: usize,
    /// The most bytes that were ever unsent, and held.
    pub(super) most_unsent: u64,
    pub(super) most_held: usize,
    /// Whether messages wait for the test to have them delivered.
    pub(super) holds_mail: bool,
}

/// Messages that were posted to the connection.
#[derive(Default)]
pub(super) struct Mailbox {
    messages: Mutex<VecDeque<Box<dyn Any + Send>>>,
    /// How many it refuses before it takes one.
    pub(super) refusals: Mutex<usize>,
}

impl Mailbox {
    /// How many messages were posted and not delivered.
    pub(super) fn waiting(&self) -> usize {
        self.messages.lock().unwrap().len()
    }
}

impl Post for Mailbox {
    fn post(&self, _: ConnectionId, message: Box<dyn Any + Send>) -> Result<(), PostError> {
        let mut refusals = self.refusals.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Err(PostError::Full(message));
        }
        self.messages.lock().unwrap().push_back(message);
        Ok(())
    }
}

/// When every talk begins: Sun, 06 Nov 1994 08:49:37 GMT.
fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(784_111_777)
}

/// More steps than any talk here takes to come to rest.
const STEPS: usize = 100_000;

#[expect(clippy::disallowed_methods, reason = "an Instant has no other source")]
fn instant() -> Instant {
    Instant::now()
}

impl Talk {
    pub(super) fn new<F>(handler: F) -> Self
    where
        F: Fn(&Request<'_>, Reply<'_, World>, &mut World) + Send + Sync + 'static,
    {
        Self::with(Config::default(), Limits::default(), handler)
    }

    pub(super) fn with<F>(config: Config, limits: Limits, handler: F) -> Self
    where
        F: Fn(&Request<'_>, Reply<'_, World>, &mut World) + Send + Sync + 'static,
    {
        let start = instant();
        let mailbox = Arc::new(Mailbox::default());
        let mut desk = Desk::with_post(start, wall(), Arc::clone(&mailbox) as Arc<dyn Post>);
        let mut world = World::default();
        let peer: Address = "192.0.2.1:5000".parse().unwrap();
        let protocol = config.server(
            move |request: &Request<'_>, reply: Reply<'_, World>, world: &mut World| {
                world.calls.push(format!("{} {}", request.method(), request.target()));
                handler(request, reply, world);
            },
        )(());
        let origin = Arc::new(Origin::new(limits));
        let id = ConnectionId::new(0, 0);
        let mut connection = Connection::new(id, Box::new(protocol), origin, peer, &desk);
        connection.handle_connected(&mut desk, &mut world);
        Self {
            connection,
            desk,
            world,
            mailbox,
            start,
            inbox: VecDeque::new(),
            has_hung_up: false,
            is_hang_up_read: false,
            wire: Vec::new(),
            appetite: usize::MAX,
            gulp: usize::MAX,
            end: End::Open,
            writes: 0,
            most_unsent: 0,
            most_held: 0,
            holds_mail: false,
        }
    }

    /// Sends `bytes`, and lets both sides do what they can.
    pub(super) fn say(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.inbox.extend(bytes.as_ref());
        self.run()
    }

    /// Sends `bytes` one by one.
    pub(super) fn drip(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        for byte in bytes.as_ref() {
            self.say([*byte]);
        }
        self
    }

    /// Sends `bytes` but does nothing yet.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.inbox.extend(bytes);
        self.step_input();
    }

    /// The client finishes sending.
    pub(super) fn hang_up(&mut self) -> &mut Self {
        self.has_hung_up = true;
        self.run()
    }

    /// The client reads `bytes` more and then stops.
    pub(super) fn take(&mut self, bytes: usize) -> &mut Self {
        self.appetite = bytes;
        self.run()
    }

    /// Time goes by. Deadlines fire when they are due.
    pub(super) fn pass(&mut self, time: Duration) -> &mut Self {
        let until = self.desk.now() + time;
        self.run();
        while let Some(due) = self.connection.poll_deadline().filter(|due| *due <= until) {
            self.set_time(due);
            self.run();
        }
        self.set_time(until);
        self.run()
    }

    fn set_time(&mut self, now: Instant) {
        self.desk.set_time(now, wall() + now.saturating_duration_since(self.start));
    }

    /// The driver drains.
    pub(super) fn stop(&mut self) -> &mut Self {
        self.connection.handle_stopping(&mut self.desk, &mut self.world);
        self.run()
    }

    /// Delivers what was posted.
    pub(super) fn deliver(&mut self) -> &mut Self {
        while self.step_mail() {}
        self.run()
    }

    /// Posts `message` as another thread would.
    pub(super) fn notify(&mut self, message: Box<dyn Any + Send>) -> &mut Self {
        self.connection.handle_notified(&mut self.desk, &mut self.world, message);
        self.run()
    }

    /// Everything that can be done without more bytes and more time.
    pub(super) fn run(&mut self) -> &mut Self {
        for _ in 0..STEPS {
            let moved = self.step_input()
                || self.step_output()
                || self.step_wire()
                || (!self.holds_mail && self.step_mail())
                || self.step_turn()
                || self.step_deadline();
            if !moved {
                return self;
            }
        }
        panic!("the connection does not come to rest");
    }

    fn step_input(&mut self) -> bool {
        let room = self.connection.wants_bytes().min(self.inbox.len());
        if room > 0 {
            let bytes: Vec<u8> = self.inbox.drain(..room).collect();
            self.connection.handle_received(&mut self.desk, &mut self.world, &bytes);
        } else if self.has_hung_up
            && !self.is_hang_up_read
            && self.inbox.is_empty()
            && self.connection.wants_bytes() > 0
        {
            self.is_hang_up_read = true;
            self.connection.handle_end_of_input(&mut self.desk, &mut self.world);
        } else {
            return false;
        }
        self.note();
        true
    }

    fn step_output(&mut self) -> bool {
        let room = self.appetite.min(self.gulp);
        let mut bytes = match self.connection.poll_output(&mut self.desk) {
            Output::Nothing => return false,
            Output::Bytes(bytes) => bytes.to_vec(),
            Output::File { range, .. } => {
                let mut bytes = vec![0; room.min(range.length() as usize)];
                range.file().read_exact_at(&mut bytes, range.offset()).unwrap();
                bytes
            }
            Output::Slices => {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let count = self.connection.gather(&mut slices);
                slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
            }
        };
        if bytes.len() > room {
            bytes.truncate(room);
            self.connection.handle_blocked();
        }
        if bytes.is_empty() {
            return false;
        }
        self.appetite -= bytes.len();
        self.writes += 1;
        self.wire.extend_from_slice(&bytes);
        self.connection.handle_sent(&mut self.desk, &mut self.world, bytes.len() as u64);
        self.note();
        true
    }

    fn step_wire(&mut self) -> bool {
        self.end = match self.connection.poll_wire(&self.desk) {
            Wire::Keep => return false,
            Wire::ShutdownWrite => End::Fin,
            _ if matches!(self.end, End::Closed | End::Reset) => return false,
            Wire::Close => End::Closed,
            Wire::Reset => End::Reset,
        };
        true
    }

    fn step_mail(&mut self) -> bool {
        let Some(message) = self.mailbox.messages.lock().unwrap().pop_front() else {
            return false;
        };
        self.connection.handle_notified(&mut self.desk, &mut self.world, message);
        self.note();
        true
    }

    fn step_turn(&mut self) -> bool {
        if !self.connection.wants_turn() {
            return false;
        }
        self.connection.handle_turn(&mut self.desk, &mut self.world);
        self.note();
        true
    }

    fn step_deadline(&mut self) -> bool {
        if self.connection.poll_deadline().is_none_or(|due| due > self.desk.now()) {
            return false;
        }
        self.connection.handle_deadlines(&mut self.desk, &mut self.world);
        self.note();
        true
    }

    fn note(&mut self) {
        self.most_unsent = self.most_unsent.max(self.connection.unsent());
        self.most_held = self.most_held.max(self.connection.held());
    }
}

/// What came of it.
impl Talk {
    /// All replies since the last look, none of them to HEAD. Panics if the last is not whole.
    pub(super) fn replies(&mut self) -> Vec<Response> {
        self.replies_to(&[])
    }

    /// All replies since the last look. `methods` are what they answer, GET where none is left.
    pub(super) fn replies_to(&mut self, methods: &[&str]) -> Vec<Response> {
        let wire = std::mem::take(&mut self.wire);
        let to = |n: usize| match methods.get(n) {
            Some(&"HEAD") => To::Head,
            Some(_) | None => To::Other,
        };
        let (replies, rest) = reader::read(&wire, to, self.end != End::Open);
        assert!(rest.is_empty(), "not a whole reply: {}", rest.escape_ascii());
        let closes = replies.last().is_some_and(Response::closes);
        assert!(!closes || self.end != End::Open, "it says close and stays open");
        replies
    }

    /// The one reply since the last look.
    pub(super) fn reply(&mut self) -> Response {
        let mut replies = self.replies();
        assert_eq!(replies.len(), 1, "one reply");
        replies.remove(0)
    }

    /// Sends `bytes` and reads the one reply.
    pub(super) fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Response {
        self.say(bytes).reply()
    }

    /// Checks all that the client ever read, when the connection is over: each request that was
    /// handled has its reply, and there is at most one refusal, at the end.
    pub(super) fn check_replies(&self, at: &str) {
        let calls = &self.world.calls;
        let to = |n: usize| match calls.get(n) {
            Some(call) if call.starts_with("HEAD ") => To::Head,
            Some(_) => To::Other,
            None => To::Unknown,
        };
        let (replies, rest) = reader::read(&self.wire, to, true);
        assert_eq!(rest, b"", "{at}");
        let finals: Vec<_> = replies.iter().filter(|reply| !reply.is_interim()).collect();
        assert!((calls.len()..=calls.len() + 1).contains(&finals.len()), "{at}");
        let is_refused = finals.len() > calls.len();
        assert!(!is_refused || finals.last().is_some_and(|last| last.closes()), "{at}");
    }

    /// What the client read since the last look, as text.
    pub(super) fn heard(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.wire)).expect("these tests send text")
    }

    /// How many requests were handled.
    pub(super) fn handled(&self) -> usize {
        self.world.calls.len()
    }
}
