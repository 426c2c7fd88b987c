//! Unix sockets of the real system, each in a folder of its own.

use std::io::{IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::os::unix::net as std_unix;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tempfile::TempDir;

use super::super::Read;
use super::super::stream::Stream;
use super::*;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    (folder, path)
}

fn named(path: &Path) -> UnixAddress {
    UnixAddress::path(path).unwrap()
}

/// A path of so many bytes.
fn long_path(folder: &TempDir, length: usize) -> PathBuf {
    folder.path().join("x".repeat(length - folder.path().as_os_str().len() - 1))
}

fn kind_of_refusal(path: &Path) -> ErrorKind {
    listen(&named(path), 1).map(|_| ()).unwrap_err().kind()
}

/// An abstract name that no other test has, in this process or in another.
fn unique_name() -> Vec<u8> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("switchboard-{}-{number}", process::id()).into_bytes()
}

#[test]
fn a_file_that_a_dead_server_left_is_replaced_and_removed_at_the_end() {
    let (_folder, path) = folder();
    drop(std_unix::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "it was left behind");
    let (socket, file) = listen(&named(&path), 1).unwrap();
    std_unix::UnixStream::connect(&path).expect("we listen");
    drop(file);
    assert!(!path.exists());
    drop(socket);
}

#[test]
fn a_file_that_a_dead_datagram_socket_left_is_replaced_too() {
    let (_folder, path) = folder();
    drop(std_unix::UnixDatagram::bind(&path).unwrap());
    listen(&named(&path), 1).unwrap();
}

#[test]
fn a_socket_that_somebody_answers_on_is_in_use() {
    let (_folder, path) = folder();
    let server = std_unix::UnixListener::bind(&path).unwrap();
    assert_eq!(kind_of_refusal(&path), ErrorKind::AddrInUse);
    server.accept().expect("the server is as it was");
    assert!(path.exists());
}

#[test]
fn a_server_so_busy_that_nobody_more_may_wait_is_alive() {
    let (_folder, path) = folder();
    let (_server, _file) = listen(&named(&path), 1).unwrap();
    let mut waiting = Vec::new();
    while let Some(client) = connect(&named(&path)).unwrap() {
        waiting.push(client);
    }
    assert!(!waiting.is_empty());
    assert_eq!(kind_of_refusal(&path), ErrorKind::AddrInUse);
}

#[test]
fn a_datagram_socket_that_is_alive_is_in_use() {
    let (_folder, path) = folder();
    let _server = std_unix::UnixDatagram::bind(&path).unwrap();
    assert_eq!(kind_of_refusal(&path), ErrorKind::AddrInUse);
}

#[test]
fn what_is_not_a_socket_is_never_touched() {
    let (folder, path) = folder();
    fs::write(&path, "precious").unwrap();
    assert_eq!(kind_of_refusal(&path), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"precious");

    let inner = folder.path().join("folder");
    fs::create_dir(&inner).unwrap();
    assert_eq!(kind_of_refusal(&inner), ErrorKind::AlreadyExists);
    assert!(inner.is_dir());

    // Not even a link to a socket that nobody answers on.
    let (stale, link) = (folder.path().join("stale"), folder.path().join("link"));
    drop(std_unix::UnixListener::bind(&stale).unwrap());
    symlink(&stale, &link).unwrap();
    assert_eq!(kind_of_refusal(&link), ErrorKind::AlreadyExists);
    assert!(link.is_symlink() && stale.exists());
}

#[test]
fn a_file_that_is_somebody_else_s_by_now_stays() {
    let (_folder, path) = folder();
    let (_socket, file) = listen(&named(&path), 1).unwrap();
    fs::remove_file(&path).unwrap();
    let _other = std_unix::UnixListener::bind(&path).unwrap();
    drop(file);
    assert!(path.exists());
}

#[test]
fn a_server_whose_file_was_taken_before_it_listened_says_so_and_leaves_the_other_s_alone() {
    let (_folder, path) = folder();
    let early = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    let file = bind(&early, &named(&path)).unwrap();
    let (_late, _file) = listen(&named(&path), 1).expect("nobody answers yet");
    let error = begin_to_listen(&early, file.as_ref(), 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    drop(file);
    std_unix::UnixStream::connect(&path).expect("the late one listens");
}

#[test]
fn a_fork_does_not_remove_the_file_of_its_parent() {
    let (_folder, path) = folder();
    let (_socket, file) = listen(&named(&path), 1).unwrap();
    let mut file = file.unwrap();
    file.process += 1;
    drop(file);
    assert!(path.exists());
}

#[test]
fn a_name_as_long_as_the_system_takes_works_and_a_longer_one_says_how_long_it_is() {
    let name = |length: usize| {
        let mut name = unique_name();
        name.resize(length, b'x');
        UnixAddress::abstract_name(name)
    };
    listen(&name(107), 1).unwrap();
    let error = listen(&name(108), 1).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("108 bytes"), "{error}");
    let long = named(Path::new(&format!("/tmp/{}", "x".repeat(200))));
    let error = connect(&long).unwrap_err();
    assert!(error.to_string().contains("205 bytes"), "{error}");
}

#[test]
fn without_a_name_nobody_listens_and_nobody_is_connected_to() {
    for error in [
        listen(&UnixAddress::unnamed(), 1).map(|_| ()).unwrap_err(),
        connect(&UnixAddress::unnamed()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("no name"), "{error}");
    }
}

#[test]
fn a_peer_is_known_by_whatever_name_it_has() {
    let (folder, path) = folder();
    let (server, _file) = listen(&named(&path), 8).unwrap();
    let system = to_system(&named(&path)).unwrap();
    let own = folder.path().join("own");
    let longest = long_path(&folder, 107);
    let abstract_name = unique_name();
    let names = [
        (Some(named(&own)), named(&own)),
        (Some(named(&longest)), named(&longest)),
        (
            Some(UnixAddress::abstract_name(&abstract_name)),
            UnixAddress::abstract_name(&abstract_name),
        ),
        (None, UnixAddress::unnamed()),
    ];
    for (name, expected) in names {
        let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        if let Some(name) = name {
            client.bind(&to_system(&name).unwrap()).unwrap();
        }
        client.connect(&system).unwrap();
        let (_stream, peer) = accept(&server).unwrap();
        assert_eq!(peer, Address::Unix(expected));
    }
}

/// Linux gives such a name one byte longer than sun_path is: mio 1.2.4 and rustix 1.1.6 panic
/// where they read it.
#[cfg(target_os = "linux")]
#[test]
fn a_peer_whose_name_fills_the_whole_of_sun_path_is_accepted_like_any_other() {
    let (folder, path) = folder();
    let (server, _file) = listen(&named(&path), 8).unwrap();
    let own = long_path(&folder, 108);
    let name = rustix::net::SocketAddrUnix::new(&own).unwrap();
    let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    rustix::net::bind(&client, &name).unwrap();
    client.connect(&to_system(&named(&path)).unwrap()).unwrap();
    let (_stream, peer) = accept(&server).unwrap();
    assert_eq!(peer.unix().and_then(UnixAddress::as_path), Some(own.as_path()));
}

/// Sends `bytes` and `descriptor` along.
fn pass(client: &std_unix::UnixStream, bytes: &[u8], descriptor: impl AsFd) {
    let descriptors = [descriptor.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(client, &[IoSlice::new(bytes)], &mut control, SendFlags::empty()).unwrap();
}

#[test]
fn descriptors_that_a_peer_sends_unasked_are_closed_and_cut_no_message_off() {
    let (ours, mut client) = std_unix::UnixStream::pair().unwrap();
    let ours = Stream::adopt_unix(ours).unwrap();
    let (mut witness, passed) = std_unix::UnixStream::pair().unwrap();
    client.write_all(b"before ").unwrap();
    pass(&client, b"with ", &passed);
    pass(&client, b"with ", &passed);
    client.write_all(b"after").unwrap();
    drop(passed);
    let mut received = Vec::new();
    let mut reads = 0;
    loop {
        let mut buffer = [0; 1024];
        match ours.read(&mut buffer) {
            Read::Bytes { count, is_last } => {
                assert!(!is_last, "a short read is never the end");
                received.extend_from_slice(&buffer[..count]);
                reads += 1;
            }
            Read::Blocked => break,
            outcome @ (Read::End | Read::Failed(_)) => panic!("{outcome:?}"),
        }
    }
    assert_eq!(received, b"before with with after");
    assert!(reads > 1, "the system did cut the reads");
    witness.set_nonblocking(true).unwrap();
    let end = witness.read(&mut [0]).expect("whoever held the other end has closed it");
    assert_eq!(end, 0);
}
