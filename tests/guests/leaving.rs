//! A guest that leaves, in whatever moment, leaves its host as it was, and may come back.

use switchboard::Config;
use switchboard::drivers::event_loop::Ended;

use crate::hosts::{Host, Turns as _};
use crate::programs::PATIENCE;
use crate::protocols::{Echo, Heard, hours};
use crate::stage::{House, Stage};
use crate::traffic::Traffic;

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

pub(crate) fn the_descriptor_is_the_same_for_life<H: Host<Heard> + 'static>() {
    let mut stage = Stage::<H>::set(Config::default().events(4));
    let (address, mut seen) = (stage.address, Vec::new());
    for _ in 0..3 {
        let clients = stage.clients(20);
        let (house, guest) = stage.leaves();
        seen.push(H::Poll::descriptor(&guest));
        stage = house.resumes(guest, address);
        drop(clients);
    }
    // A guest without a poll of its own has none, which is for life, too.
    assert_eq!(seen, [seen[0]; 3]);
    stage.stops();
}

pub(crate) fn what_it_was_asked_while_it_was_out_is_done_when_it_is_back<H>()
where
    H: Host<Heard> + 'static,
{
    let stage = Stage::<H>::set(Config::default());
    let (address, mut client) = (stage.address, stage.clients(1).remove(0));
    let (house, mut guest) = stage.leaves();
    guest.server.drain(PATIENCE);
    let stage = house.resumes(guest, address);
    assert_eq!(client.rest().unwrap(), b"", "it is told good bye");
    drop(client);
    let Ended::Drained(drained) = stage.ends() else { panic!("it was told to drain") };
    assert_eq!((drained.finished, drained.aborted, drained.otherwise), (1, 0, 0));
}
