//! A guest in glib owes its host what one owes any other, and its clients too.

#![allow(missing_docs, clippy::unwrap_used, reason = "what surprises a test ends it")]

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use glib::{ControlFlow, MainContext};
use switchboard::drivers::event_loop::Ended;
use switchboard::{Config, EventLoop, Handle, Protocol, Timeout, Transport};
use switchboard_glib::Guest;

const PATIENCE: Duration = Duration::from_secs(20);

type Heard = usize;

/// Answers each piece once some hundredths of a second have passed, or at once.
struct Echo {
    late: Vec<u8>,
    is_late: bool,
}

impl Protocol<Heard> for Echo {
    fn received(
        &mut self,
        on: &mut Transport<'_, Heard>,
        heard: &mut Heard,
        bytes: &[u8],
    ) -> usize {
        *heard += bytes.len();
        if self.is_late {
            self.late.extend_from_slice(bytes);
            on.set_timeout(Duration::from_millis(20));
        } else {
            on.write(bytes);
        }
        bytes.len()
    }

    fn expired(&mut self, on: &mut Transport<'_, Heard>, _: &mut Heard, timeout: Timeout) {
        if timeout == Timeout::Own {
            on.write(&std::mem::take(&mut self.late));
        }
    }
}

/// There is one default context, for one thread at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Stage {
    guest: Guest<Heard>,
    heard: Rc<RefCell<Heard>>,
    ended: Rc<Cell<Option<Ended>>>,
    address: SocketAddr,
    handle: Handle<Heard>,
}

fn serve(config: Config, is_late: bool) -> Stage {
    let mut server = EventLoop::with_config(config).unwrap();
    let make = move |_| Echo { late: Vec::new(), is_late };
    let listener = server.listen("127.0.0.1:0", make).unwrap();
    let address = server.local_address(listener).unwrap().socket().unwrap();
    let handle = server.handle();
    let (heard, ended) = (Rc::new(RefCell::new(0)), Rc::new(Cell::new(None)));
    let guest = Guest::attach(server, Rc::clone(&heard), {
        let ended = Rc::clone(&ended);
        move |outcome| ended.set(Some(outcome.unwrap()))
    });
    Stage { guest, heard, ended, address, handle }
}

/// Goes round until it is so.
fn until(mut is_so: impl FnMut() -> bool) {
    let is_over = Rc::new(Cell::new(false));
    let alarm = glib::timeout_add_local_once(PATIENCE, {
        let is_over = Rc::clone(&is_over);
        move || is_over.set(true)
    });
    while !is_so() {
        assert!(!is_over.get(), "the guest was forgotten");
        MainContext::default().iteration(true);
    }
    alarm.remove();
}

fn client(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn answer(client: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    client.read_exact(&mut bytes).unwrap();
    bytes
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn every_client_that_wrote_while_the_host_was_away_is_answered() {
    let _alone = alone();
    let stage = serve(Config::default().events(4), false);
    let mut clients: Vec<_> = (0..64)
        .map(|number| {
            let mut client = client(stage.address);
            client.write_all(b"first").unwrap();
            until(|| *stage.heard.borrow() == 5 * (number + 1));
            client
        })
        .collect();
    clients.iter_mut().for_each(|client| client.write_all(b"again").unwrap());
    until(|| *stage.heard.borrow() == 64 * 10);
    for client in &mut clients {
        assert_eq!(answer(client, 10), b"firstagain");
    }
}

#[test]
fn a_deadline_is_kept_though_nothing_else_comes() {
    let _alone = alone();
    let stage = serve(Config::default(), true);
    let mut client = client(stage.address);
    for _ in 0..5 {
        client.write_all(b"hello").unwrap();
        client.set_nonblocking(true).unwrap();
        until(|| client.peek(&mut [0; 5]).is_ok_and(|count| count == 5));
        client.set_nonblocking(false).unwrap();
        assert_eq!(answer(&mut client, 5), b"hello");
    }
}

#[test]
fn each_wake_up_from_another_thread_is_heard() {
    let _alone = alone();
    let stage = serve(Config::default(), false);
    let count = if std::env::var_os("SWITCHBOARD_LONG").is_some() { 20_000 } else { 1000 };
    let handle = stage.handle.clone();
    let other = thread::spawn(move || {
        let (heard, is_heard) = mpsc::channel();
        for number in 0..count {
            let heard = heard.clone();
            handle.post(move |_, _| heard.send(number).unwrap()).unwrap();
            assert_eq!(is_heard.recv_timeout(PATIENCE), Ok(number));
        }
        handle.stop().unwrap();
    });
    until(|| stage.ended.get() == Some(Ended::Stopped));
    other.join().unwrap();
}

#[test]
fn an_idle_guest_wakes_nobody() {
    let _alone = alone();
    let stage = serve(Config::default(), false);
    let mut client = client(stage.address);
    client.write_all(b"hello").unwrap();
    until(|| *stage.heard.borrow() == 5);
    while MainContext::default().iteration(false) {}
    let over = Rc::new(Cell::new(false));
    glib::timeout_add_local_once(Duration::from_millis(300), {
        let over = Rc::clone(&over);
        move || over.set(true)
    });
    let mut rounds = 0;
    while !over.get() {
        // It may come round a little early for its own timeout.
        rounds += usize::from(MainContext::default().iteration(true) && !over.get());
    }
    assert_eq!(rounds, 0);
}

#[test]
fn a_guest_dropped_in_a_callback_leaves_nothing_and_another_may_come() {
    let _alone = alone();
    // The context has a descriptor of its own from its first use on, which may be this one.
    let _context = MainContext::default();
    let before = descriptors();
    for _ in 0..3 {
        let Stage { guest, heard, address, .. } = serve(Config::default(), false);
        let mut client = client(address);
        client.write_all(b"hello").unwrap();
        until(|| *heard.borrow() == 5);
        let guest = Rc::new(Cell::new(Some(guest)));
        glib::idle_add_local_once({
            let guest = Rc::clone(&guest);
            move || drop(guest.take())
        });
        let mut all = Vec::new();
        client.set_nonblocking(true).unwrap();
        until(|| client.read_to_end(&mut all).is_ok());
        assert_eq!(all, b"hello", "its sockets went with it");
        drop(client);
        assert_eq!(descriptors(), before);
    }
    let ticks = Rc::new(Cell::new(0));
    glib::timeout_add_local(Duration::from_millis(1), {
        let ticks = Rc::clone(&ticks);
        move || {
            ticks.set(ticks.get() + 1);
            if ticks.get() < 3 { ControlFlow::Continue } else { ControlFlow::Break }
        }
    });
    until(|| ticks.get() == 3);
}
