//! What listens in the mixed scenario: HTTP, a chat, and a tool that does what a line says.

use std::any::Any;
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use switchboard::http::{self, BodyWriter, Flow, Source};
use switchboard::line::{Line, Session};
use switchboard::sansio::CloseReason;
use switchboard::{
    Address, Bytes, Closed, ConnectionId, DatagramProtocol, DatagramTransport, FileRange, Limits,
    Peer, Protocol, Timeout, Transport, WhenFull,
};

/// What all connections share.
#[derive(Debug, Default)]
pub(crate) struct Hall {
    /// Guests of the chat who are there, and how many are expected.
    pub(crate) guests: Vec<ConnectionId>,
    pub(crate) expected_guests: usize,
    /// What has still to be said before the chat is over.
    pub(crate) lines_left: usize,
    /// Why connections to the back ended.
    pub(crate) back: Vec<CloseReason>,
    /// How often a protocol's own deadline came.
    pub(crate) own_deadlines: u64,
    /// What the chat does with guests that are too slow.
    pub(crate) when_full: Option<WhenFull>,
    /// The tool's connections that still live, the oldest first.
    pub(crate) tools: Vec<ConnectionId>,
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// Where a scripted server answers those whom the tool lets dial.
pub(crate) const BACK: &str = "10.9.0.1:90";
/// Where a scripted server answers those whom the relay brings.
pub(crate) const FAR: &str = "10.9.0.3:90";
/// Where nobody is.
pub(crate) const NOWHERE: &str = "10.9.0.2:90";
pub(crate) const BIG: usize = 150_000;

/// Files to be sent: one that is whole, and one that is shorter than it is said to be.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    file: Arc<File>,
}

impl Files {
    pub(crate) fn new() -> Self {
        let mut file = tempfile::tempfile().expect("a temporary file can be made");
        file.write_all(&pattern(20_000)).expect("it can be written");
        Self { file: Arc::new(file) }
    }
}

/// Bytes of which no two stretches look alike.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

pub(crate) fn http_limits() -> Limits {
    Limits::default().connections_per_address(3).backlog(16)
}

/// The pages.
#[derive(Debug)]
pub(crate) struct Site {
    files: Files,
    big: Bytes,
}

pub(crate) fn web(files: &Files) -> impl FnMut(Peer) -> http::Http<Hall, Site> + Send + use<> {
    let site = Site { files: files.clone(), big: Bytes::from(pattern(BIG)) };
    http::Config::default().requests_per_turn(3).serve(site)
}

impl http::Handler<Hall> for Site {
    fn handle(&self, request: &http::Request<'_>, reply: http::Reply<'_, Hall>, _: &mut Hall) {
        let file = |length| FileRange::new(Arc::clone(&self.files.file), 10_000, length);
        match request.path() {
            "/" => reply.text("hello"),
            "/big" => reply.shared(self.big.clone()),
            "/echo" => reply.bytes(request.body()),
            "/file" => reply.file(file(9000)),
            "/torn" => reply.file(file(15_000)),
            "/later" => reply.defer().text("later").expect("the mailbox takes it"),
            "/dropped" => drop(reply.defer()),
            "/ticks" => reply.stream(None, Ticks(5)),
            _ => reply.status(http::StatusCode::NOT_FOUND).text("no such page"),
        }
    }
}

/// So many pieces, one every 10 ms.
struct Ticks(u32);

impl Source<Hall> for Ticks {
    fn produce(&mut self, body: &mut BodyWriter<'_>, hall: &mut Hall) -> Flow {
        hall.own_deadlines += 1;
        body.write(format!("tick {}\n", self.0).as_bytes());
        self.0 -= 1;
        if self.0 == 0 { Flow::End } else { Flow::At(body.now() + Duration::from_millis(10)) }
    }
}

pub(crate) fn chat_limits() -> Limits {
    Limits::default().input(2000).high_water(3000).low_water(500)
}

/// A guest says nothing before all are there, and leaves when all is said.
#[derive(Debug)]
pub(crate) struct Guest;

pub(crate) fn chat(_: Peer) -> Line<Guest> {
    Line::new(Guest)
}

impl Session<Hall> for Guest {
    fn connected(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall) {
        hall.guests.push(transport.id());
        if hall.guests.len() == hall.expected_guests {
            transport.write(b"begin\n");
            transport.broadcast("begin\n".into(), WhenFull::Close);
        }
    }

    fn line(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall, line: &[u8]) {
        let when_full = hall.when_full.unwrap_or(WhenFull::PauseSource);
        transport.broadcast(Bytes::from([line, b"\n"].concat()), when_full);
        hall.lines_left = hall.lines_left.saturating_sub(1);
        if hall.lines_left == 0 {
            // Asked for, and not written here: what others asked for before comes first.
            for guest in &hall.guests {
                transport.send(*guest, "bye\n".into(), WhenFull::PauseSource);
                transport.notify(*guest, Box::new(()));
            }
        }
    }

    /// The chat is over.
    fn notified(
        &mut self,
        transport: &mut Transport<'_, Hall>,
        _: &mut Hall,
        _: Box<dyn Any + Send>,
    ) {
        transport.finish();
    }

    fn too_long(&mut self, transport: &mut Transport<'_, Hall>, _: &mut Hall) {
        transport.write(b"too long\n");
    }

    fn closed(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall, _: Closed) {
        hall.guests.retain(|guest| *guest != transport.id());
    }
}

/// Gives every datagram back to who sent it.
#[derive(Debug)]
pub(crate) struct Mirror;

impl DatagramProtocol<Hall> for Mirror {
    fn received(
        &mut self,
        transport: &mut DatagramTransport<'_, Hall>,
        _: &mut Hall,
        _: &Address,
        bytes: &[u8],
    ) {
        transport.reply(bytes);
    }
}

pub(crate) fn tool_limits() -> Limits {
    Limits::default().output(200_000).linger(5000).connections(2)
}

/// Does what a line says.
#[derive(Debug)]
pub(crate) struct Tool;

pub(crate) fn tool(_: Peer) -> Line<Tool> {
    Line::new(Tool)
}

impl Session<Hall> for Tool {
    fn connected(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall) {
        hall.tools.push(transport.id());
    }

    fn line(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall, line: &[u8]) {
        match line {
            b"abort" => transport.abort(),
            b"finish" => transport.finish(),
            b"half" => {
                transport.write(b"half\n");
                transport.finish_writing();
            }
            b"panic" => panic!("it was asked to"),
            b"yield" => transport.yield_now(),
            b"pause" => {
                transport.pause_reading();
                transport.set_timeout(SECOND);
            }
            b"flood" => (0..30).for_each(|_| transport.write(&pattern(10_000))),
            b"much" => transport.write(&pattern(BIG)),
            b"dial" => dial(transport, BACK),
            b"misdial" => dial(transport, NOWHERE),
            b"upgrade" => {
                transport.write(b"upgraded\n");
                transport.become_protocol(Upgraded);
            }
            b"self" => transport.send(transport.id(), "self\n".into(), WhenFull::Close),
            b"dead" => transport.send(ConnectionId::new(9999, 1), "x".into(), WhenFull::Close),
            b"first" => {
                // The oldest is told, and may have gone meanwhile.
                let me = transport.id();
                let first = hall.tools.first().copied().unwrap_or(me);
                transport.notify(first, Box::new(me));
            }
            line => transport.write(&[line, b"!\n"].concat()),
        }
    }

    fn expired(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall, clock: Timeout) {
        if clock == Timeout::Own {
            hall.own_deadlines += 1;
            transport.write(b"resumed\n");
            transport.resume_reading();
        }
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, Hall>,
        _: &mut Hall,
        message: Box<dyn Any + Send>,
    ) {
        if let Ok(from) = message.downcast::<ConnectionId>() {
            transport.send(*from, "first\n".into(), WhenFull::Close);
        }
    }

    fn closed(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall, _: Closed) {
        hall.tools.retain(|tool| *tool != transport.id());
    }
}

fn dial(transport: &mut Transport<'_, Hall>, address: &str) {
    let address: Address = address.parse().expect("it is an address");
    let limits = Limits::default().idle(SECOND * 30);
    transport.connect(address, Back { front: transport.id() }, limits);
}

/// What took the tool's place: it gives back what it gets.
struct Upgraded;

impl Protocol<Hall> for Upgraded {
    fn received(
        &mut self,
        transport: &mut Transport<'_, Hall>,
        _: &mut Hall,
        bytes: &[u8],
    ) -> usize {
        transport.write(bytes);
        bytes.len()
    }
}

/// A connection that we open for somebody: what comes goes to `front`, with how it ended.
struct Back {
    front: ConnectionId,
}

impl Protocol<Hall> for Back {
    fn connected(&mut self, transport: &mut Transport<'_, Hall>, _: &mut Hall) {
        transport.write(b"who?\n");
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_, Hall>,
        _: &mut Hall,
        bytes: &[u8],
    ) -> usize {
        transport.send(self.front, Bytes::copy_from_slice(bytes), WhenFull::PauseSource);
        bytes.len()
    }

    fn closed(&mut self, transport: &mut Transport<'_, Hall>, hall: &mut Hall, closed: Closed) {
        hall.back.push(closed.reason);
        transport.send(self.front, "dialed\n".into(), WhenFull::PauseSource);
    }
}
