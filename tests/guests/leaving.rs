//! A guest that leaves, in whatever moment, leaves its host as it was, and may come back.

use switchboard::Config;

use crate::hosts::{Host, Turns as _};
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
