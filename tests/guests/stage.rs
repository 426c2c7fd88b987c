//! A host on a thread of its own, the server that is a guest in it, and what a test tells the two.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use switchboard::drivers::event_loop::Ended;
use switchboard::{Config, Handle, Limits, Protocol};

use crate::hosts::{Aside, Bell, Driven, Host, Next, Round, Visitor};
use crate::programs::{Client, PATIENCE};
use crate::protocols::{Echo, Heard, hours};

/// A host, on its thread, which ends when this is dropped.
pub(crate) struct House<H> {
    acts: Sender<Act<H>>,
}

type Act<H> = Box<dyn FnOnce(&mut H) + Send>;

/// A house with a guest in it.
pub(crate) struct Stage<H: Host<Heard>> {
    house: House<H>,
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle<Heard>,
    bell: Bell,
    orders: Sender<Order>,
    over: Receiver<Driven<Heard, H::Poll>>,
}

/// What a test has the host do between two of its waits.
enum Order {
    /// Something of its own.
    Work(Box<dyn FnOnce() + Send>),
    /// Go on until nothing has woken it for so long, and say how often something did before.
    Quiet(Duration, Sender<usize>),
    /// Wait no longer for that, and say it now.
    Count,
    /// Let the guest go.
    Leave,
}

impl<H: Host<Heard> + 'static> House<H> {
    pub(crate) fn new() -> Self {
        let (acts, to_do) = mpsc::channel::<Act<H>>();
        thread::spawn(move || {
            let mut host = H::new().unwrap();
            to_do.iter().for_each(|act| act(&mut host));
        });
        Self { acts }
    }

    /// Does something on the host's thread.
    pub(crate) fn does<R: Send + 'static>(
        &self,
        act: impl FnOnce(&mut H) -> R + Send + 'static,
    ) -> R {
        self.begins(act).recv_timeout(PATIENCE).expect("it is done")
    }

    fn begins<R: Send + 'static>(
        &self,
        act: impl FnOnce(&mut H) -> R + Send + 'static,
    ) -> Receiver<R> {
        let (done, is_done) = mpsc::channel();
        let act = Box::new(move |host: &mut H| {
            let _ = done.send(act(host)); // Nobody may want to know any more.
        });
        self.acts.send(act).expect("the host's thread goes on");
        is_done
    }

    /// Takes in a guest that serves.
    pub(crate) fn takes_in<P: Protocol<Heard>>(
        self,
        config: Config,
        limits: Limits,
        mut protocol: impl FnMut() -> P + Send + 'static,
    ) -> Stage<H> {
        let (guest, address) = self.does(move |host| {
            let mut guest = host.guest(config, 0).unwrap();
            let listener = guest.server.listen_with("127.0.0.1:0", limits, move |_| protocol());
            let address = guest.server.local_address(listener.unwrap()).unwrap().socket();
            (guest, address.unwrap())
        });
        self.resumes(guest, address)
    }

    /// Takes in a guest that was there before.
    pub(crate) fn resumes(self, guest: Visitor<Heard, H::Poll>, address: SocketAddr) -> Stage<H> {
        let (orders, ordered) = mpsc::channel();
        let (handle, bell) = (guest.server.handle(), self.does(|host| host.bell()));
        let over = self.begins(move |host| host.drive(guest, obeying(ordered)).unwrap());
        Stage { house: self, address, handle, bell, orders, over }
    }
}

impl<H: Host<Heard> + 'static> Stage<H> {
    /// A server of echoes in a new host.
    pub(crate) fn set(config: Config) -> Self {
        House::new().takes_in(config, hours(), || Echo)
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// So many clients, each of whom was answered once.
    pub(crate) fn clients(&self, count: usize) -> Vec<Client> {
        let mut clients: Vec<_> = (0..count).map(|_| self.client()).collect();
        clients.iter_mut().for_each(|client| client.send("hello"));
        clients.iter_mut().for_each(|client| assert_eq!(client.bytes(5), b"hello"));
        clients
    }

    /// Has the host do something besides, on its thread.
    pub(crate) fn works(&self, work: impl FnOnce() + Send + 'static) {
        self.orders(Order::Work(Box::new(work)));
    }

    /// Sends the host away until what is given back is dropped.
    pub(crate) fn goes_away(&self) -> Sender<()> {
        let (left, has_left) = mpsc::channel();
        let (back, is_back) = mpsc::channel();
        self.works(move || {
            left.send(()).unwrap();
            let _ = is_back.recv();
        });
        has_left.recv_timeout(PATIENCE).unwrap();
        back
    }

    /// How often something woke the host before nothing had for so long.
    pub(crate) fn wakes_until_quiet(&self, time: Duration) -> usize {
        let (wakes, counted) = mpsc::channel();
        self.orders(Order::Quiet(time, wakes));
        counted.recv_timeout(time + PATIENCE).expect("it is quiet at last")
    }

    /// How often something woke the host while this went on.
    pub(crate) fn wakes_during(&self, work: impl FnOnce()) -> usize {
        let (wakes, counted) = mpsc::channel();
        self.orders(Order::Quiet(2 * PATIENCE, wakes));
        work();
        self.orders(Order::Count);
        counted.recv_timeout(PATIENCE).unwrap()
    }

    /// Has the host let its guest go. Gives both.
    pub(crate) fn leaves(self) -> (House<H>, Visitor<Heard, H::Poll>) {
        self.orders(Order::Leave);
        let (guest, ended) = self.over.recv_timeout(PATIENCE).unwrap();
        assert_eq!(ended, None, "it did not end, it was let go");
        (self.house, guest)
    }

    /// Waits until the guest has ended of itself.
    pub(crate) fn ends(self) -> Ended {
        let (_, ended) = self.over.recv_timeout(PATIENCE).unwrap();
        ended.expect("nobody told it to leave")
    }

    /// Stops the guest. Gives what it was lent.
    pub(crate) fn stops(self) -> Heard {
        self.handle.stop().unwrap();
        let (guest, ended) = self.over.recv_timeout(PATIENCE).unwrap();
        assert_eq!(ended, Some(Ended::Stopped));
        guest.state
    }

    fn orders(&self, order: Order) {
        self.orders.send(order).unwrap();
        (self.bell)();
    }
}

/// What the host does besides: as it is ordered.
fn obeying(orders: Receiver<Order>) -> Aside {
    let mut quiet: Option<(Duration, Sender<usize>, usize)> = None;
    Box::new(move |round| {
        if let Some((_, _, wakes)) = &mut quiet {
            *wakes += usize::from(round == Round::Woken);
        }
        for order in orders.try_iter() {
            match order {
                Order::Work(work) => work(),
                Order::Quiet(time, counted) => quiet = Some((time, counted, 0)),
                Order::Count => {
                    let (_, counted, wakes) = quiet.take().expect("it was asked for before");
                    counted.send(wakes).unwrap();
                }
                Order::Leave => return Next::Leave,
            }
        }
        // Last, because the next order may come at once, and its ring is to be heard after it.
        if let Some((_, counted, wakes)) = quiet.take_if(|_| round == Round::TimedOut) {
            counted.send(wakes).unwrap();
        }
        quiet.as_ref().map_or(Next::Wait, |(time, ..)| Next::WaitUpTo(*time))
    })
}
