//! Names of hosts, as the system knows them.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// The addresses of `host`, in the order in which they should be tried (getaddrinfo(3), RFC
/// 6724), each with `port`. It waits for whoever has to be asked: seconds, where nobody answers.
pub(crate) fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}
