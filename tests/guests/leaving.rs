//! A guest that leaves, in whatever moment, leaves its host as it was, and may come back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

use switchboard::Config;

use crate::hosts::Host;
use crate::programs::PATIENCE;
use crate::protocols::{Echo, Heard, hours};
use crate::stage::{House, Stage};

/// Clients that have something to say as long as they are answered, and at most so often.
struct Traffic {
    clients: Vec<JoinHandle<usize>>,
    answers: Receiver<()>,
}

impl Traffic {
    fn to(address: SocketAddr, most: usize) -> Self {
        let (answered, answers) = mpsc::channel();
        let clients = (0..8).map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let answered = answered.clone();
            thread::spawn(move || {
                let is_answered = |_: &usize| {
                    let mut answer = [0; 5];
                    let back =
                        stream.write_all(b"hello").and_then(|()| stream.read_exact(&mut answer));
                    // Nobody may be counting any more.
                    let _ = answered.send(());
                    back.is_ok() && answer == *b"hello"
                };
                (0..most).take_while(is_answered).count()
            })
        });
        Self { clients: clients.collect(), answers }
    }

    /// Waits until so many more answers have come.
    fn flows(&self, count: usize) {
        (0..count).for_each(|_| self.answers.recv_timeout(PATIENCE).unwrap());
    }

    /// How many answers each got, when all are done.
    fn ends(self) -> Vec<usize> {
        self.clients.into_iter().map(|client| client.join().unwrap()).collect()
    }
}

pub(crate) fn a_guest_that_leaves_in_the_middle_of_traffic_may_come_back<H>()
where
    H: Host<Heard> + 'static,
{
    let mut stage = Stage::<H>::set(Config::default().events(4));
    let address = stage.address;
    let traffic = Traffic::to(address, 50);
    for _ in 0..10 {
        traffic.flows(20);
        let (house, guest) = stage.leaves();
        stage = house.resumes(guest, address);
    }
    assert_eq!(traffic.ends(), [50; 8]);
    assert_eq!(stage.stops(), 8 * 50 * 5);
}

pub(crate) fn a_guest_dropped_in_the_middle_of_traffic_is_gone_and_another_may_come<H>()
where
    H: Host<Heard> + 'static,
{
    let mut house = House::<H>::new();
    for _ in 0..3 {
        let stage = house.takes_in(Config::default(), hours(), || Echo);
        let traffic = Traffic::to(stage.address, usize::MAX);
        traffic.flows(20);
        let (back, guest) = stage.leaves();
        drop(guest);
        let counts = traffic.ends();
        assert!(counts.iter().sum::<usize>() >= 20, "it was in the middle: {counts:?}");
        // The host hears its own sources as before.
        back.does(|host| {
            let ring = host.bell();
            ring();
            host.alone().unwrap();
        });
        house = back;
    }
}
