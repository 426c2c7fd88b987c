//! Where to connect to.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use super::address::{Address, read_port};
use super::error::{Error, Misuse};

/// Where to connect to: an address, or a name that is looked up first.
///
/// It is written as an [`Address`] is, or with a host name in the place of the IP address:
/// `example.com:80`, `tcp://localhost:8000`. What reads as an address is one: then nothing is
/// looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Destination {
    /// This address.
    Address(Address),
    /// A TCP port of a host. Its addresses are tried in turn.
    Name {
        /// The name: letters, digits, dots, hyphens and underscores.
        host: Box<str>,
        /// The port.
        port: u16,
    },
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

impl From<Address> for Destination {
    fn from(address: Address) -> Self {
        Self::Address(address)
    }
}

impl From<SocketAddr> for Destination {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address.into())
    }
}

impl FromStr for Destination {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        let misuse = match text.parse() {
            Ok(address) => return Ok(Self::Address(address)),
            Err(misuse) => misuse,
        };
        let named = text.strip_prefix("tcp://").unwrap_or(text).rsplit_once(':');
        let Some((host, Some(port))) = named.map(|(host, port)| (host, read_port(port))) else {
            return Err(misuse);
        };
        if is_name(host) {
            return Ok(Self::Name { host: host.into(), port });
        }
        if host.is_empty() || host.contains([':', '/', '[', ']', '@']) {
            // It was meant to be an address, and what is wrong with that says more.
            return Err(misuse);
        }
        let problem = "the host is neither an IP address nor a name";
        Err(Misuse::Address { text: text.to_owned(), problem })
    }
}

impl TryFrom<&str> for Destination {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Ok(text.parse::<Self>()?)
    }
}

/// Whether this may be the name of a host. Underscores are no part of one (RFC 1123, section
/// 2.1), but of many that are in use. Others must come in their encoded form (RFC 5891).
fn is_name(host: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !host.is_empty() && host.len() <= MOST_BYTES && host.bytes().all(is_part)
}

/// The longest name that DNS has, with a dot at the end (RFC 1035, section 2.3.4).
const MOST_BYTES: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_prints_as_it_reads() {
        let texts = ["tcp://example.com:80", "tcp://127.0.0.1:80", "tcp://[::1]:80", "unix:@name"];
        for text in texts {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        }
        let bare: Destination = "my_host-1.example.:0".parse().unwrap();
        assert_eq!(bare, Destination::Name { host: "my_host-1.example.".into(), port: 0 });
    }

    #[test]
    fn what_reads_as_an_address_is_no_name() {
        let address: Address = "[::1]:80".parse().unwrap();
        assert_eq!("[::1]:80".parse(), Ok(Destination::Address(address)));
    }

    #[test]
    fn a_destination_that_does_not_parse_names_the_part_at_fault() {
        let long = format!("{}:80", "x".repeat(255));
        for (text, part) in [
            ("example.com", "port is missing"),
            ("example.com:http", "not a number from 0 to 65535"),
            ("example.com:65536", "not a number from 0 to 65535"),
            ("example.com:+80", "not a number from 0 to 65535"),
            (":80", "host is missing"),
            ("::1:80", "goes in brackets"),
            ("sctp://example.com:80", "kind of socket is not known"),
            ("udp://example.com:80", "names are not looked up"),
            ("two words:80", "neither an IP address nor a name"),
            ("nul\0.example:80", "neither an IP address nor a name"),
            ("bücher.example:80", "neither an IP address nor a name"),
            (&long, "neither an IP address nor a name"),
        ] {
            let message = text.parse::<Destination>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
