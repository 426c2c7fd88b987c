//! The loop as a descriptor in another's hands, and sockets that somebody else holds, too.

#[cfg(not(mio_unsupported_force_poll_poll))]
use std::os::fd::{AsFd as _, AsRawFd as _};

#[cfg(not(mio_unsupported_force_poll_poll))]
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;
use switchboard::Closing;

/// Whether a host that watches the loop's descriptor would be woken.
#[cfg(not(mio_unsupported_force_poll_poll))]
fn is_readable(event_loop: &EventLoop<Ends>) -> bool {
    let mut watched = [PollFd::new(event_loop, PollFlags::IN)];
    poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
}

#[cfg(not(mio_unsupported_force_poll_poll))]
#[test]
fn a_quiet_descriptor_and_nothing_pending_is_nothing_to_do_and_a_readable_one_is_something() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Echo);
    let number = rig.event_loop.as_fd().as_raw_fd();
    let mut client = rig.clients(address, 1).remove(0);
    rig.settle();
    for round in 1..50 {
        assert!(!is_readable(&rig.event_loop) && !rig.event_loop.has_pending());
        let next = rig.event_loop.next_deadline();
        let turn = rig.turn();
        assert_eq!(turn.next, next);
        let Turn { events, callbacks, bytes_in, bytes_out, more, .. } = turn;
        assert_eq!((events, callbacks, bytes_in, bytes_out, more), (0, 0, 0, 0, false));
        client.send("ping");
        assert!(is_readable(&rig.event_loop), "round {round}");
        let turn = rig.turn();
        assert_eq!((turn.events, turn.bytes_in, turn.bytes_out), (1, 4, 4));
        rig.event_loop.handle().wake();
        assert!(is_readable(&rig.event_loop), "a handle is heard through it");
        rig.settle();
    }
    assert_eq!(rig.event_loop.as_fd().as_raw_fd(), number, "the same for life");
}

#[test]
fn work_left_over_is_pending_although_the_descriptor_is_quiet() {
    let mut rig = Rig::with(Config::default().read_size(1000));
    let address = rig.listen(Limits::default(), |_| Echo);
    let mut client = rig.clients(address, 1).remove(0);
    rig.settle();
    client.send([7; 5000]);
    let mut turns = 0;
    while turns == 0 || rig.event_loop.has_pending() {
        rig.turn();
        turns += 1;
    }
    assert!((5..8).contains(&turns), "{turns}");
    rig.receive(&mut client, 5000);
}

#[test]
fn rule_3_a_socket_that_somebody_else_holds_too_is_taken_out_of_the_poll() {
    let mut rig = Rig::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Client::connect(listener.local_addr().unwrap());
    let (ours, _) = listener.accept().unwrap();
    let held = ours.try_clone().unwrap();
    let id = rig.event_loop.adopt_stream(ours, Echo, Limits::default()).unwrap();
    client.send("hello");
    rig.receive(&mut client, 5);
    rig.event_loop.close(id, Closing::Abort);
    rig.settle();
    assert_eq!(rig.event_loop.stats().open, 0);
    client.send("is anybody there?");
    let turn = rig.turn();
    assert_eq!(turn.events, 0, "nobody hears of it any more");
    let shared = listener.try_clone().unwrap();
    let id = rig.event_loop.adopt_listener(shared, Limits::default(), |_| Echo).unwrap();
    rig.clients(listener.local_addr().unwrap(), 1);
    rig.event_loop.stop_listening(id).unwrap();
    let _waiting = Client::connect(listener.local_addr().unwrap());
    rig.settle();
    assert_eq!(rig.event_loop.stats().accepted, 1);
    drop(held);
}

#[test]
fn a_dropped_loop_leaves_nothing_of_its_sockets() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Echo);
    let mut client = rig.clients(address, 1).remove(0);
    let handle = rig.event_loop.handle();
    drop(rig);
    client.receive();
    assert!(client.end.is_some());
    assert!(std::net::TcpStream::connect(address).is_err());
    assert!(handle.stop().is_err());
}

#[test]
fn run_returns_when_another_thread_says_so() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Echo);
    let handle = rig.event_loop.handle();
    let other = std::thread::spawn(move || {
        let stream = std::net::TcpStream::connect(address).unwrap();
        handle.drain(SECOND).unwrap();
        // The loop waits for our side to end: that is what a drain is.
        drop(stream);
        handle
    });
    let Ended::Drained(drained) = rig.event_loop.run(&mut rig.ends).unwrap() else {
        panic!("drained")
    };
    assert!(drained.finished + drained.otherwise <= 1 && drained.aborted == 0, "{drained:?}");
    other.join().unwrap().stop().unwrap();
    assert_eq!(rig.event_loop.run(&mut rig.ends).unwrap(), Ended::Stopped);
}
