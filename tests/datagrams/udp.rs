//! UDP, over IPv4 and IPv6.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::thread;

use super::*;
use switchboard::{CloseReason, Closing, Protocol, Transport};

fn client(of: &Address) -> UdpSocket {
    let server = of.socket().unwrap();
    let host = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let client = UdpSocket::bind(host).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.connect(server).unwrap();
    client
}

fn receive(client: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 70_000];
    let count = client.recv(&mut buffer).unwrap();
    buffer.truncate(count);
    buffer
}

#[test]
fn datagrams_of_every_size_come_back_over_ipv4_and_ipv6() {
    for (address, largest) in [("udp://127.0.0.1:0", 65_507), ("udp://[::1]:0", 65_527)] {
        let (mut event_loop, local) = echo(address, BindOptions::default());
        assert_ne!(local.socket().unwrap().port(), 0);
        let client = client(&local);
        for length in [0, 1, 1472, 1473, 9000, largest] {
            let sent = vec![7; length];
            client.send(&sent).unwrap();
            settle(&mut event_loop);
            assert!(receive(&client) == sent, "{address}: {length} bytes");
        }
        assert_eq!((counts(&event_loop).received, counts(&event_loop).sent), (6, 6));
    }
}

#[test]
fn an_ipv6_socket_on_all_addresses_converses_with_ipv4_peers() {
    let (mut event_loop, local) = echo("udp://[::]:0", BindOptions::default());
    let port = local.socket().unwrap().port();
    let client = client(&Address::udp(SocketAddr::from(([127, 0, 0, 1], port))));
    client.send(b"mapped").unwrap();
    settle(&mut event_loop);
    assert_eq!(receive(&client), b"mapped");
    let plain = Address::udp(client.local_addr().unwrap());
    event_loop.bind("udp://[::]:0", Sends(vec![(plain, b"plain".to_vec())])).unwrap();
    settle(&mut event_loop);
    assert_eq!((counts(&event_loop).sent, counts(&event_loop).failed), (2, 0));
}

#[test]
fn an_ipv6_socket_that_is_told_so_takes_no_ipv4_peers() {
    let options = BindOptions::default().only_v6(true);
    let (_event_loop, local) = echo("udp://[::]:0", options);
    let port = local.socket().unwrap().port();
    let mut other = EventLoop::<()>::new().unwrap();
    other.bind(format!("udp://0.0.0.0:{port}").as_str(), Echo).unwrap();
}

#[test]
fn a_datagram_above_the_limit_is_counted_whole_and_hides_none_behind_it() {
    let (mut event_loop, local) = echo("udp://127.0.0.1:0", limit(100));
    let client = client(&local);
    for length in [101, 5000, 65_507, 100] {
        client.send(&vec![7; length]).unwrap();
    }
    settle(&mut event_loop);
    assert_eq!(receive(&client).len(), 100);
    assert_eq!((counts(&event_loop).truncated, counts(&event_loop).received), (3, 1));
}

#[test]
fn nobody_at_the_other_end_ends_nothing() {
    let vacant = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut event_loop = EventLoop::<()>::new().unwrap();
    let to_nobody = vec![(Address::udp(vacant), b"anybody?".to_vec()); 50];
    let id = event_loop.bind("udp://127.0.0.1:0", Sends(to_nobody)).unwrap();
    settle(&mut event_loop);
    let here = local(&event_loop, id);
    client(&here).send(b"I am").unwrap();
    wait_for(&mut event_loop, |counts| counts.received == 1);
    assert_eq!(event_loop.stats().sockets, 1);
}

#[test]
fn what_the_system_refuses_to_send_is_counted() {
    let mut event_loop = EventLoop::<()>::new().unwrap();
    let refused = ["udp://127.0.0.1:0", "udp://255.255.255.255:9"];
    let to = refused.map(|to| (to.parse().unwrap(), b"x".to_vec()));
    event_loop.bind("udp://127.0.0.1:0", Sends(to.into())).unwrap();
    settle(&mut event_loop);
    assert_eq!((counts(&event_loop).failed, counts(&event_loop).sent), (2, 0));
}

#[test]
fn p01_one_edge_for_a_hundred_datagrams_and_a_budget_of_seven_lose_none() {
    let (mut event_loop, local) = echo("udp://127.0.0.1:0", BindOptions::default());
    let client = client(&local);
    for number in 0..100_u8 {
        client.send(&[number]).unwrap();
    }
    let mut turns = 0;
    while counts(&event_loop).received < 100 {
        let before = counts(&event_loop).received;
        let turn = event_loop.turn(Wait::No, Budget::default().datagrams(7), &mut ()).unwrap();
        let received = counts(&event_loop).received - before;
        assert_eq!(received, (100 - before).min(7));
        assert!(turn.more || before + received == 100);
        turns += 1;
    }
    assert_eq!(turns, 15);
    for number in 0..100_u8 {
        assert_eq!(receive(&client), [number]);
    }
}

struct TcpEcho;

impl<S> Protocol<S> for TcpEcho {
    fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        transport.write(bytes);
        bytes.len()
    }
}

#[test]
fn p16_a_full_udp_socket_costs_a_tcp_client_one_budget_of_datagrams() {
    let (mut event_loop, local) = echo("udp://127.0.0.1:0", BindOptions::default());
    let listener = event_loop.listen("127.0.0.1:0", |_| TcpEcho).unwrap();
    let address = event_loop.local_address(listener).unwrap().socket().unwrap();
    let mut tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    settle(&mut event_loop);
    let flood = client(&local);
    for round in 1..=5 {
        (0..100).for_each(|_| assert_eq!(flood.send(b"flood").unwrap(), 5));
        tcp.write_all(b"x").unwrap();
        let before = counts(&event_loop).received;
        event_loop.turn(Wait::No, Budget::default().datagrams(10), &mut ()).unwrap();
        assert_eq!(counts(&event_loop).received - before, 10);
        assert_eq!(event_loop.stats().bytes_out - counts(&event_loop).sent * 5, round);
        tcp.read_exact(&mut [0]).unwrap();
    }
}

#[test]
fn an_address_in_use_says_so_unless_both_share_the_port() {
    let (mut event_loop, local) = echo("udp://127.0.0.1:0", BindOptions::default());
    let refused = event_loop.bind(local.clone(), Echo).unwrap_err().to_string();
    assert!(refused.starts_with(&format!("cannot bind {local}: ")), "{refused}");
    let shared = BindOptions::default().reuse_port(true);
    let (mut event_loop, local) = echo("udp://127.0.0.1:0", shared.clone());
    event_loop.bind_with(local, shared, Echo).unwrap();
    assert_eq!(event_loop.stats().sockets, 2);
}

#[test]
fn an_address_of_streams_cannot_be_bound() {
    let mut event_loop = EventLoop::<()>::new().unwrap();
    for streams in ["127.0.0.1:0", "unix:@streams"] {
        let refused = event_loop.bind(streams, Echo).unwrap_err().to_string();
        assert!(refused.contains("listen there"), "{refused}");
    }
    let refused = event_loop.bind("udp://127.0.0.1", Echo).unwrap_err().to_string();
    assert!(refused.contains("one that works is udp://127.0.0.1:8000"), "{refused}");
}

#[test]
fn buffers_of_the_system_are_set_and_one_of_nothing_is_refused() {
    let options = BindOptions::default().receive_buffer(Some(1 << 16)).send_buffer(Some(1 << 16));
    let (mut event_loop, local) = echo("udp://127.0.0.1:0", options);
    client(&local).send(b"x").unwrap();
    wait_for(&mut event_loop, |counts| counts.received == 1);
    let nothing = BindOptions::default().receive_buffer(Some(0));
    let refused = event_loop.bind_with("udp://127.0.0.1:0", nothing, Echo).unwrap_err();
    assert_eq!(refused.to_string(), "receive_buffer is 0, but must be at least 1");
}

/// Finishes when it gets a message.
struct Waits;

impl<S> DatagramProtocol<S> for Waits {
    fn received(&mut self, _: &mut DatagramTransport<'_, S>, _: &mut S, _: &Address, _: &[u8]) {}

    fn notified(
        &mut self,
        on: &mut DatagramTransport<'_, S>,
        _: &mut S,
        _: Box<dyn std::any::Any + Send>,
    ) {
        on.finish();
    }
}

#[test]
fn a_socket_is_reached_from_another_thread_and_its_port_is_free_when_it_has_ended() {
    let mut event_loop = EventLoop::<()>::new().unwrap();
    let id = event_loop.bind("udp://127.0.0.1:0", Waits).unwrap();
    let address = local(&event_loop, id);
    let handle = event_loop.handle();
    let other = thread::spawn(move || handle.notify(id, Box::new(())).unwrap());
    while event_loop.stats().sockets > 0 {
        event_loop.turn(Wait::UpTo(PATIENCE), Budget::default(), &mut ()).unwrap();
    }
    other.join().unwrap();
    assert_eq!(event_loop.stats().closed_for(CloseReason::Finished), 1);
    event_loop.bind(address, Echo).unwrap();
    event_loop.drain(PATIENCE);
    event_loop.run(&mut ()).unwrap();
    assert_eq!(event_loop.stats().sockets, 0);
}

#[test]
fn an_adopted_socket_is_served_and_leaves_the_poll_although_somebody_else_has_it_too() {
    let mut event_loop = EventLoop::<()>::new().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let kept = socket.try_clone().unwrap();
    let id = event_loop.adopt_udp_socket(socket, Echo, DatagramLimits::default()).unwrap();
    let client = client(&local(&event_loop, id));
    client.send(b"hello").unwrap();
    settle(&mut event_loop);
    assert_eq!(receive(&client), b"hello");
    event_loop.close(id, Closing::Finish);
    settle(&mut event_loop);
    // It would be announced, if it were still there.
    client.send(b"who hears this?").unwrap();
    assert_eq!(event_loop.turn(Wait::No, Budget::default(), &mut ()).unwrap().events, 0);
    assert_eq!(kept.recv(&mut [0; 100]).unwrap(), 15);
}

#[test]
fn what_was_sent_before_and_found_nobody_is_no_error_of_a_connected_socket() {
    let vacant = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // To a connected socket the system tells of an ICMP error, with its next call.
    socket.connect(vacant).unwrap();
    let mut event_loop = EventLoop::<()>::new().unwrap();
    let to = vec![(Address::udp(vacant), b"anybody?".to_vec()); 10];
    event_loop.adopt_udp_socket(socket, Sends(to), DatagramLimits::default()).unwrap();
    settle(&mut event_loop);
    let counts = counts(&event_loop);
    assert_eq!((counts.sent, counts.failed, event_loop.stats().sockets), (10, 0, 1));
}

#[test]
fn dropping_the_loop_frees_the_port() {
    let (event_loop, local) = echo("udp://127.0.0.1:0", BindOptions::default());
    drop(event_loop);
    UdpSocket::bind(local.socket().unwrap()).unwrap();
    let (mut event_loop, local) = echo("udp://127.0.0.1:0", BindOptions::default());
    let id = event_loop.datagram_sockets().next().unwrap().id();
    event_loop.close(id, Closing::Abort);
    settle(&mut event_loop);
    UdpSocket::bind(local.socket().unwrap()).unwrap();
}
