//! A network in memory and in virtual time, which does what a test tells it to.
//!
//! Readiness is edge-triggered as epoll's is: a source goes on the ready list when something
//! about it changes and leaves it when a poll fetches it, and what the poll reports is how the
//! source stands at that moment. Nothing really waits: a poll that finds nothing moves the clock
//! on by its timeout, and one that would wait for ever fails the test.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice};
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::super::tokens;
use super::ports::PortSocket;
use super::world::{Fate, Pipe, World};
use crate::net::{
    Accept, BindOptions, ListenOptions, ManualClock, Network, PolledNetwork, Read, Readiness,
    Receive, SendTo, Wake, Write as Written,
};
use crate::sansio::Address;

/// The network. Clones are the same network: the engine has one, the test another.
#[derive(Clone)]
pub(super) struct Scripted {
    world: Rc<RefCell<World>>,
    pub(super) clock: ManualClock,
    pub(super) bell: Arc<Bell>,
}

/// Rings from another thread.
#[derive(Debug, Default)]
pub(super) struct Bell {
    pub(super) count: AtomicUsize,
    is_rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.is_rung.store(true, Ordering::SeqCst);
    }
}

/// The engine's end of a stream. Dropping it closes it, as it does with a real one.
pub(super) struct Socket {
    net: Scripted,
    number: usize,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.net.world().pipes[self.number].close(false);
    }
}

impl Scripted {
    pub(super) fn new() -> Self {
        Self { world: Rc::default(), clock: ManualClock::new(), bell: Arc::default() }
    }

    /// What there is, to be looked at and tampered with.
    pub(super) fn world(&self) -> RefMut<'_, World> {
        self.world.borrow_mut()
    }

    /// A client connects to the first listener.
    pub(super) fn dial(&self) -> Client {
        self.dial_from("192.0.2.1", 0)
    }

    /// A client at `ip` connects to the listener `number`.
    pub(super) fn dial_from(&self, ip: &str, number: usize) -> Client {
        let mut world = self.world();
        let peer = world.new_peer(ip);
        world.listeners[number].backlog.push_back(peer);
        world.announce_listener(number);
        drop(world);
        self.client(peer)
    }

    /// The far end of the stream `number`, in the order in which they were made.
    pub(super) fn client(&self, number: usize) -> Client {
        Client { net: self.clone(), number }
    }

    /// A stop signal comes.
    pub(super) fn signal(&self) {
        let token = tokens::SIGNALS;
        let mut world = self.world();
        world.signals += 1;
        world.inject(Readiness { token, readable: true, writable: false, hung_up: false });
    }

    /// Every call takes its time.
    fn pass(&self) {
        self.clock.advance(self.world().call_time);
    }

    fn write_to(&self, number: usize, bytes: &[u8]) -> Written {
        self.pass();
        let mut world = self.world();
        world.tally.writes += 1;
        let pipe = &mut world.pipes[number];
        match pipe.fate() {
            Err(kind) => Written::Failed(kind),
            Ok(()) => {
                let count = pipe.take(bytes);
                if count < bytes.len() && pipe.free() > 0 {
                    // It was cut for its own sake: there is room, and the system says so.
                    pipe.wants_room = false;
                    world.announce(number);
                }
                world.tally.bytes_out += count;
                match count {
                    0 => Written::Blocked,
                    count => Written::Took { count, is_blocked: count < bytes.len() },
                }
            }
        }
    }
}

/// The far end of a stream.
#[derive(Clone)]
pub(super) struct Client {
    net: Scripted,
    pub(super) number: usize,
}

impl Client {
    pub(super) fn pipe(&self) -> RefMut<'_, Pipe> {
        RefMut::map(self.net.world(), |world| &mut world.pipes[self.number])
    }

    /// Changes the stream, and lets the system announce it.
    pub(super) fn change(&self, change: impl FnOnce(&mut Pipe)) {
        let mut world = self.net.world();
        change(&mut world.pipes[self.number]);
        world.announce(self.number);
    }

    pub(super) fn send(&self, bytes: impl AsRef<[u8]>) {
        self.change(|pipe| pipe.inbound.extend(bytes.as_ref()));
    }

    /// Says FIN.
    pub(super) fn finish(&self) {
        self.change(|pipe| pipe.is_finished = true);
    }

    pub(super) fn reset(&self) {
        self.change(|pipe| pipe.is_reset = true);
    }

    /// Takes everything that has arrived.
    pub(super) fn take(&self) -> Vec<u8> {
        let mut world = self.net.world();
        let pipe = &mut world.pipes[self.number];
        let bytes = std::mem::take(&mut pipe.outbound);
        let is_news = std::mem::take(&mut pipe.wants_room) && !bytes.is_empty();
        if is_news {
            world.announce(self.number);
        }
        bytes
    }

    /// How the other side ended this stream, if it has.
    pub(super) fn fate(&self) -> Option<Fate> {
        self.pipe().closed
    }

    pub(super) fn is_closed(&self) -> bool {
        self.fate().is_some()
    }
}

impl Network for Scripted {
    type Stream = Socket;
    type Listener = usize;
    type Socket = PortSocket;

    fn now(&mut self) -> Instant {
        self.pass();
        self.clock.now()
    }

    fn wall_time(&mut self) -> SystemTime {
        self.clock.wall_time()
    }

    fn waker(&mut self, _token: usize) -> io::Result<Arc<dyn Wake>> {
        Ok(Arc::clone(&self.bell) as _)
    }

    fn listen(
        &mut self,
        address: &Address,
        _: &ListenOptions,
        token: usize,
    ) -> io::Result<(usize, Address)> {
        let number = self.world().add_listener(token);
        Ok((number, address.clone()))
    }

    fn accept(&mut self, listener: &mut usize) -> Accept<Socket> {
        let mut world = self.world();
        let outcome = world.accept(*listener);
        drop(world);
        match outcome {
            Accept::Peer(number, address) => {
                Accept::Peer(Socket { net: self.clone(), number }, address)
            }
            Accept::Blocked => Accept::Blocked,
            Accept::Skipped => Accept::Skipped,
            Accept::Exhausted(error) => Accept::Exhausted(error),
        }
    }

    fn close_listener(&mut self, listener: usize) {
        self.world().listeners[listener].is_closed = true;
    }

    fn connect(&mut self, address: &Address) -> io::Result<Option<Socket>> {
        let mut world = self.world();
        world.tally.connects += 1;
        world.tally.dialed.push(address.clone());
        if let Some(kind) = world.connects_fail {
            return Err(kind.into());
        }
        if world.unreachable == address.ip() && world.unreachable.is_some() {
            return Err(ErrorKind::NetworkUnreachable.into());
        }
        if world.connects_wait {
            return Ok(None);
        }
        let number = world.new_peer("192.0.2.200");
        world.pipes[number].is_connecting = true;
        drop(world);
        Ok(Some(Socket { net: self.clone(), number }))
    }

    fn is_connected(&mut self, stream: &mut Socket) -> io::Result<bool> {
        let world = self.world();
        let pipe = &world.pipes[stream.number];
        match pipe.refusal {
            Some(kind) => Err(kind.into()),
            None => Ok(!pipe.is_connecting),
        }
    }

    fn register(&mut self, stream: &mut Socket, token: usize) -> io::Result<()> {
        let mut world = self.world();
        if world.registering_fails {
            return Err(ErrorKind::OutOfMemory.into());
        }
        world.pipes[stream.number].token = Some(token);
        world.announce(stream.number);
        Ok(())
    }

    fn local(&mut self, _: &Socket) -> Option<Address> {
        "192.0.2.100:7000".parse().ok()
    }

    fn read(&mut self, stream: &mut Socket, buffer: &mut [u8]) -> Read {
        self.pass();
        let mut world = self.world();
        world.tally.reads += 1;
        let outcome = world.pipes[stream.number].give(buffer);
        if let Read::Bytes { count, .. } = outcome {
            world.tally.bytes_in += count;
        }
        outcome
    }

    fn write(&mut self, stream: &mut Socket, bytes: &[u8], _: bool) -> Written {
        self.write_to(stream.number, bytes)
    }

    fn write_slices(&mut self, stream: &mut Socket, slices: &[IoSlice<'_>]) -> Written {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        self.write_to(stream.number, &bytes)
    }

    fn can_send_file(&self) -> bool {
        self.world().can_send_file
    }

    fn send_file(
        &mut self,
        stream: &mut Socket,
        file: &File,
        offset: u64,
        length: usize,
    ) -> Written {
        self.world().tally.file_sends += 1;
        let room = self.world().pipes[stream.number].free();
        if room == 0 {
            return self.write_to(stream.number, b"?");
        }
        let mut bytes = vec![0; length.min(room)];
        match file.read_at(&mut bytes, offset) {
            Ok(0) => Written::Took { count: 0, is_blocked: false },
            Ok(count) => match self.write_to(stream.number, &bytes[..count]) {
                Written::Took { count, .. } => Written::Took { count, is_blocked: false },
                outcome => outcome,
            },
            Err(error) => Written::Failed(error.kind()),
        }
    }

    fn read_file(&mut self, file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        file.read_at(buffer, offset)
    }

    fn shutdown_write(&mut self, stream: &mut Socket) -> io::Result<()> {
        let mut world = self.world();
        world.pipes[stream.number].is_shut = true;
        // The system announces a state change of our own making, too.
        world.announce(stream.number);
        Ok(())
    }

    fn close(&mut self, stream: Socket, by_reset: bool) {
        self.pass();
        let mut world = self.world();
        world.tally.closes.push((stream.number, by_reset));
        world.pipes[stream.number].close(by_reset);
    }

    fn bind(&mut self, address: &Address, _: &BindOptions) -> io::Result<(PortSocket, Address)> {
        Ok((PortSocket::new(self), address.clone()))
    }

    fn register_socket(&mut self, socket: &mut PortSocket, token: usize) -> io::Result<()> {
        self.world().register_port(socket.number, token)
    }

    fn receive(&mut self, socket: &mut PortSocket, buffer: &mut [u8]) -> Receive {
        self.pass();
        self.world().ports[socket.number].give(buffer)
    }

    fn send_to(&mut self, socket: &mut PortSocket, to: &Address, bytes: &[u8]) -> SendTo {
        self.pass();
        self.world().ports[socket.number].take(to, bytes)
    }

    fn close_socket(&mut self, socket: PortSocket) {
        drop(socket);
    }

    fn take_stop_signals(&mut self) -> usize {
        std::mem::take(&mut self.world().signals)
    }
}

impl PolledNetwork for Scripted {
    fn poll(&mut self, timeout: Option<Duration>, ready: &mut Vec<Readiness>) -> io::Result<bool> {
        let mut world = self.world();
        world.tally.polls.push(timeout);
        if self.bell.is_rung.swap(false, Ordering::SeqCst) {
            let token = tokens::WAKER;
            world.inject(Readiness { token, readable: true, writable: false, hung_up: false });
        }
        let is_full = world.fetch(ready);
        if ready.is_empty() {
            let timeout = timeout.expect("the loop would wait for ever");
            self.clock.advance(timeout);
        }
        Ok(is_full)
    }
}

/// Which sources have something to announce, in the order in which it happened.
pub(super) type ReadyList = VecDeque<Source>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Listener(usize),
    Pipe(usize),
    Port(usize),
}
