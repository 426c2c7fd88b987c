//! The network of a simulation, as the engine sees it.
//!
//! It does what the world lets it do. That the engine asks for nothing else is watched in
//! `books.rs`.

use std::cell::{RefCell, RefMut};
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::datagrams::PortSocket;
use super::faults::Fault;
use super::link::{DIALER, Owner};
use super::trace::Who;
use super::world::{Door, Source, World};
use crate::net::{
    Accept, BindOptions, ListenOptions, Network, PolledNetwork, Read, Readiness, Receive, SendTo,
    Wake, Write, read_at,
};
use crate::sansio::Address;

/// The network. Clones are the same network: the engine has one, the simulation another.
#[derive(Clone, Debug)]
pub(super) struct Simulated {
    world: Rc<RefCell<World>>,
}

/// The engine's end of a stream. Dropping it closes it, as it does with a real one.
#[derive(Debug)]
pub(super) struct Socket {
    net: Simulated,
    link: usize,
    side: usize,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.net.close_stream(self.link, self.side, false);
    }
}

impl Simulated {
    pub(super) fn new(world: World) -> Self {
        Self { world: Rc::new(RefCell::new(world)) }
    }

    pub(super) fn world(&self) -> RefMut<'_, World> {
        self.world.borrow_mut()
    }

    /// For a drop. A panic of the world itself leaves it borrowed; then nothing matters any more.
    pub(super) fn with_world(&self, change: impl FnOnce(&mut World)) {
        if let Ok(mut world) = self.world.try_borrow_mut() {
            change(&mut world);
        }
    }

    fn close_stream(&self, link: usize, side: usize, by_reset: bool) {
        self.with_world(|world| {
            if !world.links[link].ends[side].is_closed {
                world.open -= 1;
                world.close(link, side, by_reset);
            }
        });
    }

    fn write_to(&self, stream: &Socket, bytes: &[u8]) -> Write {
        let (link, side) = (stream.link, stream.side);
        let mut world = self.world();
        world.pass(Duration::ZERO);
        let who = Who::Link(link, side);
        world.watch_write(link, side);
        if let Owner::Client(_) = world.links[link].ends[1 - side].owner
            && !world.links[link].ends[side].is_broken
            && world.strikes(Fault::BrokenPipe, who)
        {
            world.links[link].is_hurt = true;
            world.break_end(link, side, ErrorKind::BrokenPipe);
            world.send_reset(link, side);
        }
        if let Some(kind) = world.trouble(link, side) {
            let kind = kind.unwrap_or(ErrorKind::BrokenPipe);
            world.note(who, "write fails", None);
            return Write::Failed(kind);
        }
        if world.strikes(Fault::BlockedWrite, who) {
            world.block_writing(link, side);
            return Write::Blocked;
        }
        let room = world.links[link].flows[side].room();
        let is_cut = bytes.len().min(room) > 1 && world.strikes(Fault::CutWrite, who);
        let most = if is_cut { world.dice.between(1, bytes.len().min(room) - 1) } else { room };
        let count = world.take(link, side, bytes, most);
        world.note(who, "write", count as u64);
        world.book_write(link, side, count);
        let is_blocked = count < bytes.len();
        if is_blocked {
            world.block_writing(link, side);
        }
        match count {
            0 => Write::Blocked,
            count => Write::Took { count, is_blocked },
        }
    }

    fn read_from(&self, stream: &Socket, buffer: &mut [u8]) -> Read {
        let (link, side) = (stream.link, stream.side);
        let mut world = self.world();
        world.pass(Duration::ZERO);
        let who = Who::Link(link, side);
        world.watch_read(link, side);
        let inbox = world.links[link].flows[1 - side].inbox.len();
        if inbox == 0 {
            return world.read_nothing(link, side);
        }
        if world.strikes(Fault::BlockedRead, who) {
            world.announce_late(Source::End(link, side));
            world.links[link].ends[side].may_read = false;
            return Read::Blocked;
        }
        let most = inbox.min(buffer.len());
        let is_cut = most > 1 && world.strikes(Fault::CutRead, who);
        let most = if is_cut { world.dice.between(1, most - 1) } else { most };
        let bytes = world.give(link, side, most);
        let count = bytes.len();
        buffer[..count].copy_from_slice(&bytes);
        world.note(who, "read", count as u64);
        world.book_read(link, side, &bytes);
        // A short read of TCP is to be trusted: what is left came after it, and has an edge. A
        // Unix stream may give less than there is.
        let is_trusted = world.links[link].ends[side].address.unix().is_none();
        let is_last = is_trusted && count < buffer.len() && (!is_cut || world.dice.one_in(2));
        if is_last && is_cut {
            world.announce(Source::End(link, side));
        }
        Read::Bytes { count, is_last }
    }
}

impl Network for Simulated {
    type Stream = Socket;
    type Listener = usize;
    type Socket = PortSocket;

    fn now(&mut self) -> Instant {
        let mut world = self.world();
        world.take_a_moment();
        world.now()
    }

    fn wall_time(&mut self) -> SystemTime {
        self.world().wall_time()
    }

    fn waker(&mut self, token: usize) -> io::Result<Arc<dyn Wake>> {
        let mut world = self.world();
        world.waker_token = token;
        Ok(Arc::clone(&world.bell) as _)
    }

    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: usize,
    ) -> io::Result<(usize, Address)> {
        let mut world = self.world();
        let number = world.doors.len();
        let address = World::with_port(address, 49_152 + number)?;
        if !matches!(address, Address::Tcp(_) | Address::Unix(_)) {
            return Err(ErrorKind::InvalidInput.into());
        }
        if world.doors.iter().any(|door| !door.is_closed && door.address == address) {
            return Err(ErrorKind::AddrInUse.into());
        }
        world.doors.push(Door {
            token,
            address: address.clone(),
            waiting: Default::default(),
            backlog: options.limits.backlog as usize,
            is_closed: false,
            is_listed: false,
        });
        world.note(Who::Listener(number), "listens", None);
        Ok((number, address))
    }

    fn accept(&mut self, listener: &mut usize) -> Accept<Socket> {
        let mut world = self.world();
        let who = Who::Listener(*listener);
        if world.doors[*listener].is_closed {
            world.ledger.find(|| "a closed listener is asked for a peer".to_owned());
        }
        if world.doors[*listener].waiting.is_empty() {
            return Accept::Blocked;
        }
        if let Some(error) = world.is_out_of_descriptors(Fault::Exhausted, who) {
            return Accept::Exhausted(error);
        }
        if world.strikes(Fault::SkippedAccept, who) {
            return Accept::Skipped;
        }
        let Some(link) = world.doors[*listener].waiting.pop_front() else { return Accept::Blocked };
        world.note(who, "accepts link", link as u64);
        world.open += 1;
        let peer = world.links[link].ends[DIALER].address.clone();
        drop(world);
        Accept::Peer(Socket { net: self.clone(), link, side: 1 - DIALER }, peer)
    }

    fn close_listener(&mut self, listener: usize) {
        let mut world = self.world();
        world.doors[listener].is_closed = true;
        world.note(Who::Listener(listener), "closes", None);
        // Who waits is reset by the system, and no fault of the script's.
        for link in std::mem::take(&mut world.doors[listener].waiting) {
            world.links[link].is_hurt = true;
            world.close(link, 1 - DIALER, true);
        }
    }

    fn connect(&mut self, address: &Address) -> io::Result<Option<Socket>> {
        let mut world = self.world();
        if let Some(error) = world.is_out_of_descriptors(Fault::FailedConnect, Who::Loop) {
            return Err(error);
        }
        if world.strikes(Fault::CrowdedConnect, Who::Loop) {
            return Ok(None);
        }
        let port = 20_000 + world.links.len() % 20_000;
        let local = format!("10.2.0.1:{port}").parse::<Address>().map_err(io::Error::other)?;
        let link = world.new_link(Owner::Engine, local, address.clone());
        let who = Who::Link(link, DIALER);
        world.note(who, "connects", None);
        world.open += 1;
        if world.strikes(Fault::RefusedConnect, who) {
            world.refuse(link);
        } else if world.strikes(Fault::SlowConnect, who) {
            world.knock_late(link);
        } else if !world.strikes(Fault::HungConnect, who) {
            world.begin_to_connect(link);
        }
        drop(world);
        Ok(Some(Socket { net: self.clone(), link, side: DIALER }))
    }

    fn is_connected(&mut self, stream: &mut Socket) -> io::Result<bool> {
        let mut world = self.world();
        match world.trouble(stream.link, stream.side) {
            Some(kind) => Err(kind.unwrap_or(ErrorKind::NotConnected).into()),
            None => Ok(!world.links[stream.link].ends[stream.side].is_connecting),
        }
    }

    fn register(&mut self, stream: &mut Socket, token: usize) -> io::Result<()> {
        let (link, side) = (stream.link, stream.side);
        let mut world = self.world();
        if world.strikes(Fault::FailedRegister, Who::Link(link, side)) {
            world.links[link].is_hurt = true;
            return Err(ErrorKind::OutOfMemory.into());
        }
        world.links[link].ends[side].token = Some(token);
        world.ledger.lock().carried.insert(token, Default::default());
        // The system announces how a stream stands when it comes into the poll.
        world.announce(Source::End(link, side));
        Ok(())
    }

    fn local(&mut self, stream: &Socket) -> Option<Address> {
        Some(self.world().links[stream.link].ends[stream.side].address.clone())
    }

    fn read(&mut self, stream: &mut Socket, buffer: &mut [u8]) -> Read {
        self.read_from(stream, buffer)
    }

    fn write(&mut self, stream: &mut Socket, bytes: &[u8], _: bool) -> Write {
        self.write_to(stream, bytes)
    }

    fn write_slices(&mut self, stream: &mut Socket, slices: &[IoSlice<'_>]) -> Write {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.write_to(stream, &bytes)
    }

    fn can_send_file(&self) -> bool {
        self.world().can_send_file
    }

    fn send_file(&mut self, stream: &mut Socket, file: &File, offset: u64, length: usize) -> Write {
        let room = self.world().links[stream.link].flows[stream.side].room();
        // At least one: where there is no room, the write itself finds that out.
        let mut bytes = vec![0; length.min(room.max(1))];
        match read_at(file, offset, &mut bytes) {
            Ok(0) => Write::Took { count: 0, is_blocked: false },
            // A short count may be the file's doing: the next call tells.
            Ok(count) => match self.write_to(stream, &bytes[..count]) {
                Write::Took { count, .. } => {
                    self.world().links[stream.link].ends[stream.side].may_write = true;
                    Write::Took { count, is_blocked: false }
                }
                outcome @ (Write::Blocked | Write::Failed(_)) => outcome,
            },
            Err(error) => Write::Failed(error.kind()),
        }
    }

    fn read_file(&mut self, file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        read_at(file, offset, buffer)
    }

    fn shutdown_write(&mut self, stream: &mut Socket) -> io::Result<()> {
        let (link, side) = (stream.link, stream.side);
        let mut world = self.world();
        if world.links[link].ends[side].is_broken {
            return Err(ErrorKind::NotConnected.into());
        }
        world.note(Who::Link(link, side), "says fin", None);
        world.finish(link, side);
        // The system announces a change of our own making, too.
        world.announce(Source::End(link, side));
        Ok(())
    }

    fn close(&mut self, stream: Socket, by_reset: bool) {
        self.close_stream(stream.link, stream.side, by_reset);
    }

    fn bind(&mut self, address: &Address, _: &BindOptions) -> io::Result<(PortSocket, Address)> {
        self.bind_port(address)
    }

    fn register_socket(&mut self, socket: &mut PortSocket, token: usize) -> io::Result<()> {
        self.world().register_port(socket.number, token)
    }

    fn receive(&mut self, socket: &mut PortSocket, buffer: &mut [u8]) -> Receive {
        self.world().receive(socket.number, buffer)
    }

    fn send_to(&mut self, socket: &mut PortSocket, to: &Address, bytes: &[u8]) -> SendTo {
        self.world().send_to(socket.number, to, bytes)
    }

    fn close_socket(&mut self, socket: PortSocket) {
        drop(socket);
    }

    fn take_stop_signals(&mut self) -> usize {
        0
    }
}

impl PolledNetwork for Simulated {
    fn poll(&mut self, timeout: Option<Duration>, ready: &mut Vec<Readiness>) -> io::Result<bool> {
        Ok(self.world().poll(timeout, ready))
    }
}
