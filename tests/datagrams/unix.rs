//! Unix datagram sockets, by path and by abstract name.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use super::*;
use switchboard::sansio::UnixAddress;
use switchboard::{Config, ManualClock};
use tempfile::TempDir;

fn at(folder: &TempDir, name: &str) -> Address {
    Address::UnixDatagram(UnixAddress::path(folder.path().join(name)).unwrap())
}

fn path(address: &Address) -> &Path {
    address.unix().unwrap().as_path().unwrap()
}

fn client(address: &Address) -> UnixDatagram {
    let client = UnixDatagram::bind(path(address)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn receive(client: &UnixDatagram) -> Vec<u8> {
    let mut buffer = vec![0; 300_000];
    let count = client.recv(&mut buffer).unwrap();
    buffer.truncate(count);
    buffer
}

#[test]
fn datagrams_come_back_by_path_and_the_file_goes_with_the_socket() {
    let folder = TempDir::new().unwrap();
    let server = at(&folder, "server");
    let (mut event_loop, local) = echo(&server.to_string(), BindOptions::default());
    assert_eq!(local, server);
    let client = client(&at(&folder, "client"));
    for length in [0, 1, 1000, 65_535] {
        client.send_to(&vec![7; length], path(&server)).unwrap();
        settle(&mut event_loop);
        assert!(receive(&client) == vec![7; length], "{length} bytes");
    }
    drop(event_loop);
    assert!(!path(&server).exists());
}

#[test]
fn a_file_that_a_dead_socket_left_is_replaced_and_a_living_one_is_in_use() {
    let folder = TempDir::new().unwrap();
    let server = at(&folder, "server");
    drop(UnixDatagram::bind(path(&server)).unwrap());
    assert!(path(&server).exists());
    let (mut event_loop, _) = echo(&server.to_string(), BindOptions::default());
    let refused = event_loop.bind(server, Echo).unwrap_err().to_string();
    assert!(refused.contains("somebody answers on it"), "{refused}");
    fs::write(path(&at(&folder, "file")), "precious").unwrap();
    let refused = event_loop.bind(at(&folder, "file"), Echo).unwrap_err().to_string();
    assert!(refused.contains("not a socket"), "{refused}");
    assert_eq!(fs::read(path(&at(&folder, "file"))).unwrap(), b"precious");
}

#[test]
fn an_adopted_socket_s_file_belongs_to_who_made_it() {
    let folder = TempDir::new().unwrap();
    let server = at(&folder, "server");
    let socket = UnixDatagram::bind(path(&server)).unwrap();
    let mut event_loop = EventLoop::<()>::new().unwrap();
    let id = event_loop.adopt_unix_datagram(socket, Echo, DatagramLimits::default()).unwrap();
    assert_eq!(local(&event_loop, id), server);
    let client = client(&at(&folder, "client"));
    client.send_to(b"hello", path(&server)).unwrap();
    settle(&mut event_loop);
    assert_eq!(receive(&client), b"hello");
    drop(event_loop);
    assert!(path(&server).exists());
}

#[test]
fn one_of_a_pair_hears_and_has_nobody_to_answer() {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    let mut event_loop = EventLoop::<()>::new().unwrap();
    event_loop.adopt_unix_datagram(ours, Echo, DatagramLimits::default()).unwrap();
    theirs.send(b"hello").unwrap();
    settle(&mut event_loop);
    assert_eq!((counts(&event_loop).received, counts(&event_loop).failed), (1, 1));
}

#[test]
fn a_sender_without_a_name_is_heard_and_cannot_be_answered() {
    let folder = TempDir::new().unwrap();
    let server = at(&folder, "server");
    let (mut event_loop, _) = echo(&server.to_string(), BindOptions::default());
    UnixDatagram::unbound().unwrap().send_to(b"who am I?", path(&server)).unwrap();
    settle(&mut event_loop);
    let counts = counts(&event_loop);
    assert_eq!((counts.received, counts.failed, counts.sent), (1, 1, 0));
}

#[test]
fn a_sender_whose_name_fills_the_address_is_heard() {
    use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketType, bind, sendto, socket};
    let folder = TempDir::new().unwrap();
    let server = at(&folder, "server");
    let (mut event_loop, _) = echo(&server.to_string(), BindOptions::default());
    // 108 bytes and no NUL behind them: unix(7) lets it be.
    let mut name = folder.path().join("x").into_os_string().into_string().unwrap();
    name.extend(std::iter::repeat_n('x', 108 - name.len()));
    let hostile = socket(AddressFamily::UNIX, SocketType::DGRAM, None).unwrap();
    bind(&hostile, &SocketAddrUnix::new(&name).unwrap()).unwrap();
    let to = SocketAddrUnix::new(path(&server)).unwrap();
    sendto(&hostile, b"x", SendFlags::empty(), &to).unwrap();
    settle(&mut event_loop);
    let counts = counts(&event_loop);
    assert_eq!((counts.received, counts.sent + counts.failed), (1, 1), "{counts:?}");
}

#[test]
fn who_is_not_there_or_has_gone_is_counted_and_ends_nothing() {
    let folder = TempDir::new().unwrap();
    let gone = at(&folder, "gone");
    drop(UnixDatagram::bind(path(&gone)).unwrap());
    let to = [gone, at(&folder, "nobody")].map(|to| (to, b"x".to_vec()));
    let mut event_loop = EventLoop::<()>::new().unwrap();
    event_loop.bind(at(&folder, "server"), Sends(to.into())).unwrap();
    settle(&mut event_loop);
    assert_eq!((counts(&event_loop).failed, event_loop.stats().sockets), (2, 1));
}

#[test]
fn a_datagram_that_the_system_s_buffer_does_not_hold_is_too_large() {
    let folder = TempDir::new().unwrap();
    let reader = client(&at(&folder, "reader"));
    let mut event_loop = EventLoop::<()>::new().unwrap();
    let large = vec![(at(&folder, "reader"), vec![7; 1 << 20]), (at(&folder, "reader"), vec![7])];
    event_loop
        .bind_with(at(&folder, "server"), limit(1 << 20).queue_bytes(2 << 20), Sends(large))
        .unwrap();
    settle(&mut event_loop);
    assert_eq!((counts(&event_loop).too_large, receive(&reader)), (1, vec![7]));
}

#[test]
fn a_datagram_of_the_system_s_largest_is_received_or_counted_by_the_limit() {
    let folder = TempDir::new().unwrap();
    let server = at(&folder, "server");
    let (mut event_loop, _) = echo(&server.to_string(), BindOptions::default());
    let client = client(&at(&folder, "client"));
    client.send_to(&[7; 65_536], path(&server)).unwrap();
    client.send_to(&[7; 150_000], path(&server)).unwrap();
    settle(&mut event_loop);
    assert_eq!((counts(&event_loop).truncated, counts(&event_loop).received), (2, 0));
}

#[test]
fn a_receiver_that_does_not_read_costs_no_spin_and_holds_up_nobody() {
    let folder = TempDir::new().unwrap();
    let (slow, quick) = (client(&at(&folder, "slow")), client(&at(&folder, "quick")));
    // More than its queue takes (unix(7): net.unix.max_dgram_qlen), with others behind them.
    let mut to: Vec<_> =
        (0..600_u16).map(|number| (at(&folder, "slow"), number.to_be_bytes().to_vec())).collect();
    to.push((at(&folder, "quick"), b"me, too".to_vec()));
    let clock = ManualClock::new();
    let config = Config::default().clock(clock.clone());
    let mut event_loop = EventLoop::<()>::with_config(config).unwrap();
    event_loop.bind(at(&folder, "server"), Sends(to)).unwrap();
    for _ in 0..10 {
        event_loop.turn(Wait::No, Budget::default(), &mut ()).unwrap();
    }
    assert_eq!(receive(&quick), b"me, too");
    // Time stands still, and each failed attempt was announced as room.
    let tries = event_loop.stats().writes;
    for _ in 0..1000 {
        event_loop.turn(Wait::No, Budget::default(), &mut ()).unwrap();
    }
    assert_eq!(event_loop.stats().writes, tries);
    let mut next = 0_u16;
    slow.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2];
    while next < 600 {
        while slow.recv(&mut buffer).is_ok() {
            assert_eq!(buffer, next.to_be_bytes());
            next += 1;
        }
        clock.advance(Duration::from_millis(1));
        event_loop.turn(Wait::No, Budget::default(), &mut ()).unwrap();
        assert_eq!(counts(&event_loop).expired, 0, "after {next}");
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod abstract_names {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::SocketAddr;

    use super::*;

    #[test]
    fn datagrams_come_back_by_abstract_name() {
        // The name is in no file system, so it is made this process's own.
        let name = format!("switchboard test {}", std::process::id());
        let server = Address::UnixDatagram(UnixAddress::abstract_name(&name));
        let (mut event_loop, local) = echo(&server.to_string(), BindOptions::default());
        assert_eq!(local, server);
        let mine = SocketAddr::from_abstract_name(format!("{name}\0client")).unwrap();
        let client = UnixDatagram::bind_addr(&mine).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let server = SocketAddr::from_abstract_name(&name).unwrap();
        client.send_to_addr(b"hello", &server).unwrap();
        settle(&mut event_loop);
        assert_eq!(receive(&client), b"hello");
        let refused = event_loop.bind(local, Echo).unwrap_err().to_string();
        assert!(refused.contains("in use"), "{refused}");
    }
}
