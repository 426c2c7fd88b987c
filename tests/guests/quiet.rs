//! Where nothing happens a guest costs nothing, and where a host waits nothing was forgotten.

use std::time::Duration;

use switchboard::{Budget, Config};

use crate::hosts::{Host, Turns as _};
use crate::is_long;
use crate::protocols::{Aloof, Heard, hours};
use crate::stage::{House, Stage};

/// Long enough for what was begun to be done with, on most machines: where it is not, a test
/// looks a little too early, and still finds nothing.
pub(crate) const A_MOMENT: Duration = Duration::from_millis(30);

/// How long nothing must happen. A host that spins comes round a thousand times in it.
const A_WHILE: Duration = Duration::from_millis(100);

pub(crate) fn a_thousand_idle_clients_wake_nobody<H: Host<Heard> + 'static>() {
    let stage = Stage::<H>::set(Config::default());
    let clients = stage.clients(1000);
    stage.wakes_until_quiet(A_MOMENT);
    let a_while = if is_long() { Duration::from_secs(10) } else { 3 * A_WHILE };
    assert_eq!(stage.wakes_until_quiet(a_while), 0);
    drop(clients);
    stage.stops();
}

pub(crate) fn bytes_that_are_not_to_be_read_wake_nobody<H: Host<Heard> + 'static>() {
    let stage = House::<H>::new().takes_in(Config::default(), hours(), || Aloof);
    let mut clients = stage.clients(20);
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&"unread".repeat(1000));
        if number % 2 == 0 {
            client.finish_writing();
        }
    }
    stage.wakes_until_quiet(A_MOMENT);
    assert_eq!(stage.wakes_until_quiet(A_WHILE), 0);
    assert_eq!(stage.stops(), 20 * 5, "nothing of it was read");
}

pub(crate) fn a_wake_up_is_for_something<H: Host<Heard> + 'static>() {
    let stage = Stage::<H>::set(Config::default());
    let mut client = stage.clients(1).remove(0);
    stage.wakes_until_quiet(A_MOMENT);
    let wakes = stage.wakes_during(|| {
        for _ in 0..200 {
            client.send("hello");
            assert_eq!(client.bytes(5), b"hello");
        }
    });
    // One to serve it; and for those who hear of edges one that finds that there is no more, and
    // one in between in which others have their turn.
    assert!((1..=600).contains(&wakes), "{wakes} wake-ups for 200 messages");
    stage.stops();
}

pub(crate) fn where_a_host_waits_a_turn_does_nothing_and_does_not_block<
    H: Host<Heard> + 'static,
>() {
    let mut stage = Stage::<H>::set(Config::default().events(4));
    let address = stage.address;
    let mut clients = Vec::new();
    for round in 1..=5 {
        clients.extend(stage.clients(10));
        clients.truncate(15); // And some have gone.
        stage.wakes_until_quiet(A_MOMENT);
        let (house, mut guest) = stage.leaves();
        let before = guest.server.next_deadline();
        // On its own thread, so that one that blocks is found out.
        let (guest, turn) = house.does(move |_| {
            let turn = H::Poll::turn(&mut guest, Budget::default()).unwrap();
            (guest, turn)
        });
        let done = (turn.events, turn.callbacks, turn.closed, turn.bytes_in, turn.bytes_out);
        assert_eq!((done, turn.more), ((0, 0, 0, 0, 0), false), "round {round}");
        assert_eq!(turn.next, before);
        stage = house.resumes(guest, address);
    }
    stage.stops();
}
