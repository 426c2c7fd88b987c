//! Reading and printing are inverse, whatever a peer is called.

use std::path::Path;

use proptest::prelude::*;

use super::*;

#[test]
fn an_address_prints_as_it_reads() {
    for text in [
        "tcp://127.0.0.1:8000",
        "tcp://[::1]:1",
        "tcp://0.0.0.0:0",
        "udp://127.0.0.1:53",
        "udp://[fe80::1%3]:53",
        "unix:///run/server.sock",
        "unix:relative/server.sock",
        "unix:%40not-abstract",
        "unix:////two/slashes",
        "unix:///a%20name%25",
        "unix:@name",
        "unix:@",
        "unix:@nul%00inside/and@more",
        "unix:",
        "unixgram:///run/log",
        "unixgram:@%FF",
        "unixgram:",
    ] {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
    }
    assert_eq!("[::1]:80".parse::<Address>().unwrap().to_string(), "tcp://[::1]:80");
    assert_eq!("unix:/a b".parse::<Address>().unwrap().to_string(), "unix:///a%20b");
}

#[test]
fn an_address_that_does_not_parse_names_the_part_at_fault() {
    for (text, part) in [
        ("127.0.0.1", "port is missing"),
        ("127.0.0.1:70000", "not a number from 0 to 65535"),
        ("127.0.0.1:http", "not a number from 0 to 65535"),
        ("127.0.0.1:+80", "not a number from 0 to 65535"),
        ("127.0.0.1:", "not a number from 0 to 65535"),
        ("[::1]", "port is missing"),
        ("::1", "goes in brackets"),
        (":80", "host is missing"),
        ("::1:80", "goes in brackets"),
        ("localhost:80", "names are not looked up"),
        ("sctp://127.0.0.1:80", "kind of socket is not known"),
        ("udp://127.0.0.1", "port is missing"),
        ("udp://:53", "host is missing"),
        ("unix://", "path is missing"),
        ("unix://run/x", "third slash"),
        ("unix://@name", "no // before @"),
        ("unix:///a%2", "two hexadecimal digits"),
        ("unix:///a%+1", "two hexadecimal digits"),
        ("unix:///a%00b", "cannot contain a NUL"),
        ("unixgram:@%zz", "two hexadecimal digits"),
    ] {
        let message = text.parse::<Address>().unwrap_err().to_string();
        assert!(message.contains(part), "{text}: {message}");
        let example = message.rsplit(' ').next().unwrap();
        let shown = example.parse::<Address>().unwrap();
        let kind = shown.to_string();
        let kind = kind.split(':').next().unwrap();
        assert!(text.starts_with(kind) || kind == "tcp", "shows one that does: {message}");
        assert_eq!(example.contains('['), text.contains("::1"), "of the same family: {message}");
    }
}

#[test]
fn a_path_that_no_socket_can_have_is_refused() {
    for (path, part) in [("", "path is missing"), ("/a\0b", "cannot contain a NUL")] {
        let message = UnixAddress::path(path).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_mapped_peer_is_known_by_its_ipv4_address() {
    let address: Address = "[::ffff:192.0.2.7]:9".parse().unwrap();
    assert_eq!(address.ip(), Some("192.0.2.7".parse().unwrap()));
}

#[test]
fn an_address_is_no_larger_than_an_ip_address_and_port() {
    assert_eq!(size_of::<Address>(), size_of::<SocketAddr>());
}

#[test]
fn a_hostile_name_prints_as_one_word() {
    let name = UnixAddress::abstract_name("\n\x1b[2J\u{202e}fake line");
    assert_eq!(Address::Unix(name).to_string(), "unix:@%0A%1B[2J%E2%80%AEfake%20line");
}

#[cfg(unix)]
#[test]
fn a_path_need_not_be_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let path = Path::new(OsStr::from_bytes(b"/tmp/\xff"));
    let address = Address::Unix(UnixAddress::path(path).unwrap());
    assert_eq!(address.to_string(), "unix:///tmp/%FF");
    let read: Address = "unix:///tmp/%ff".parse().unwrap();
    assert_eq!(read.unix().and_then(UnixAddress::as_path), Some(path));
}

proptest! {
    #[test]
    fn any_abstract_name_reads_back(name: Vec<u8>) {
        let address = Address::UnixDatagram(UnixAddress::abstract_name(&name));
        prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
    }

    #[test]
    fn any_path_reads_back(path in "[^\0]+") {
        let address = Address::Unix(UnixAddress::path(&path).unwrap());
        let read = address.to_string().parse::<Address>().unwrap();
        prop_assert_eq!(read.unix().and_then(UnixAddress::as_path), Some(Path::new(&path)));
    }

    #[test]
    fn any_udp_address_is_kept_whole(ip: u128, port: u16, flow: u32, scope: u32, is_ipv4: bool) {
        let whole: SocketAddr = if is_ipv4 {
            ([ip as u8, 1, 2, 3], port).into()
        } else {
            SocketAddrV6::new(ip.into(), port, flow, scope).into()
        };
        prop_assert_eq!(Address::udp(whole).socket(), Some(whole));
    }

    #[test]
    fn no_text_makes_reading_panic(text: String) {
        for kind in ["", "tcp://", "udp://", "unix:", "unixgram:"] {
            let text = format!("{kind}{text}");
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
            }
        }
    }
}
