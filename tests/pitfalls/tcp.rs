//! Resets, half-closes, and peers that do not read.

use std::time::Duration;

use super::*;
use switchboard::{ConnectionId, Timeout};

// mio's poll(2) takes as many events as there are, whatever room there was.
#[cfg(not(mio_unsupported_force_poll_poll))]
#[test]
fn p02_rule_5_the_event_buffer_grows_when_it_comes_back_full_and_nobody_waits_long() {
    let mut rig = Rig::with(Config::default().events(8));
    let address = rig.listen(Limits::default(), |_| Echo);
    let mut clients: Vec<_> = (0..20).flat_map(|_| rig.clients(address, 1)).collect();
    rig.settle();
    clients.iter_mut().for_each(|client| client.send("abc"));
    let first = rig.turn();
    assert!(first.events == 8 && first.more, "{first:?}");
    let second = rig.turn();
    assert_eq!(second.events, 12, "the buffer has grown");
    for client in &mut clients {
        rig.receive(client, 3);
        assert_eq!(client.received, b"abc");
    }
}

#[test]
fn p07_a_client_that_resets_in_the_middle_of_a_reply_ends_alone() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Answer { bytes: 8 << 20, finishes: false });
    let mut victim = Client::with_small_buffer(address);
    let mut other = Client::connect(address);
    victim.send("go");
    rig.receive(&mut victim, 1);
    victim.reset();
    rig.until("the reset was noticed", |rig| !rig.ends.is_empty());
    let [CloseReason::Io(kind)] = rig.ends[..] else { panic!("{:?}", rig.ends) };
    let is_reset =
        matches!(kind, std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe);
    assert!(is_reset, "{kind}");
    other.send("go");
    rig.receive(&mut other, 8 << 20);
    assert_eq!((other.received.len(), rig.event_loop.stats().open), (8 << 20, 1));
}

#[test]
fn p10_unsent_data_and_a_peer_that_never_reads_end_by_the_clock_with_nothing_spinning() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Answer { bytes: 12 << 20, finishes: true });
    let mut client = Client::with_small_buffer(address);
    client.send("go");
    rig.until("the system takes no more", |rig| {
        let turn = rig.turn();
        turn.callbacks == 0 && turn.bytes_out == 0 && rig.event_loop.stats().held > 0
    });
    let before = rig.event_loop.stats().turns;
    for _ in 0..5 {
        let turn = rig.turn();
        assert_eq!((turn.events, turn.more), (0, false), "it waits");
    }
    assert_eq!(rig.event_loop.stats().turns, before + 5);
    rig.clock.advance(Limits::default().write_stall);
    rig.until("it ended", |rig| rig.event_loop.stats().open == 0);
    assert_eq!(rig.ends, [CloseReason::TimedOut(Timeout::WriteStall)]);
    assert_eq!(rig.event_loop.stats().held, 0);
}

#[test]
fn p12_a_client_that_closes_its_side_first_still_gets_everything() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Echo);
    let mut client = Client::connect(address);
    let mut sent = 0;
    let all = vec![7; 3 << 20];
    while sent < all.len() {
        sent += client.send_some(&all[sent..]);
        rig.turn();
        client.receive();
    }
    client.finish_writing();
    rig.receive(&mut client, usize::MAX);
    assert_eq!((client.received.len(), client.end), (3 << 20, Some(Ok(()))));
    rig.until("it ended", |rig| rig.ends == [CloseReason::Finished]);
}

#[test]
fn p12_bytes_and_the_end_that_come_as_one_event_are_both_noticed() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Echo);
    for _ in 0..20 {
        let mut client = rig.clients(address, 1).remove(0);
        rig.settle();
        client.send("last words");
        client.finish_writing();
        rig.receive(&mut client, usize::MAX);
        assert_eq!((client.text().as_str(), client.end), ("last words", Some(Ok(()))));
    }
}

#[test]
fn rule_2_a_reset_of_an_idle_connection_is_a_reason_to_read() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Echo);
    let client = rig.clients(address, 1).remove(0);
    rig.settle();
    client.reset();
    rig.until("it ended", |rig| rig.event_loop.stats().open == 0);
    assert_eq!(rig.ends, [CloseReason::Io(std::io::ErrorKind::ConnectionReset)]);
}

#[test]
fn p18_a_drain_waits_for_those_who_have_not_said_their_end_and_not_for_ever() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Echo);
    let mut clients = rig.clients(address, 3);
    clients[0].send("the last thing");
    rig.settle();
    rig.event_loop.drain(5 * SECOND);
    rig.settle();
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody is accepted");
    for client in &mut clients {
        client.receive();
        assert_eq!(client.end, Some(Ok(())), "each was told");
    }
    assert_eq!(clients[0].text(), "the last thing");
    clients.truncate(1);
    rig.settle();
    rig.clock.advance(5 * SECOND);
    let Ended::Drained(drained) = rig.ended() else { panic!("it was drained") };
    assert_eq!((drained.finished, drained.aborted, drained.otherwise), (2, 1, 0));
}

#[test]
fn p21_bytes_that_came_while_the_host_was_away_are_read_before_any_clock_ends_their_sender() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Echo);
    let mut clients = rig.clients(address, 3);
    clients.iter_mut().for_each(|client| client.send("hello"));
    rig.settle();
    clients[0].send("again");
    rig.clock.advance(Duration::from_secs(6 * 3600));
    let turn = rig.turn();
    assert!(turn.late > Duration::from_secs(5 * 3600), "{turn:?}");
    rig.settle();
    clients.iter_mut().for_each(Client::receive);
    assert_eq!((clients[0].text().as_str(), clients[0].end), ("helloagain", None));
    assert!(clients[1..].iter().all(|client| client.end == Some(Ok(()))));
}

/// Connects out, and says hello when it is established.
struct Caller;

impl Protocol<Ends> for Caller {
    fn connected(&mut self, on: &mut Transport<'_, Ends>, _: &mut Ends) {
        assert!(on.now() == on.now() && on.id() == on.remote().connection());
        on.write(b"hello");
    }

    fn received(&mut self, on: &mut Transport<'_, Ends>, _: &mut Ends, bytes: &[u8]) -> usize {
        assert_eq!(bytes, b"hello");
        on.finish();
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, Ends>, ends: &mut Ends, closed: Closed) {
        ends.push(closed.reason);
    }
}

#[test]
fn a_loop_may_call_itself_and_a_port_where_nobody_listens() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Echo);
    rig.event_loop.connect(address, Caller, Limits::default()).unwrap();
    rig.until("both sides ended", |rig| rig.ends.len() == 2);
    assert_eq!(rig.ends, [CloseReason::Finished; 2]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let id: Result<ConnectionId, _> = rig.event_loop.connect(nobody, Caller, Limits::default());
    assert!(id.is_ok(), "how it went is told to the protocol");
    rig.until("it was refused", |rig| rig.ends.len() == 3);
    assert_eq!(rig.ends[2], CloseReason::Io(std::io::ErrorKind::ConnectionRefused));
}
