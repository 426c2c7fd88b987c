//! net-io: a handler that blocks, on its pool of threads, as its front page writes it.
//!
//! Each connection holds a thread, so the pool must be as large as the number of clients; the
//! default of 128 is kept where no number is given. More than 4096 it refuses. Its reactor, for
//! thousands a thread, is announced for a later version.

use std::net::SocketAddr;

use net_io::{
    AllowAll, Limits, ListenOptions, ListenerSpec, NetError, PrefixPolicy, ServerBuilder,
    TcpConnection,
};

use super::{IDLE, Outcome};
use crate::listener;

const ECHO_BUFFER_BYTES: usize = 4 * 1024;
const DEFAULT_CONNECTIONS: u16 = 128;
/// What net-io wants to be allowed for each thread: two buffers of its largest size.
const POOL_BYTES_PER_THREAD: u64 = 2 * 64 * 1024;

/// Sends back what comes, to so many clients at once.
pub(super) fn echo(address: SocketAddr, connections: Option<u16>) -> Outcome {
    let connections = connections.unwrap_or(DEFAULT_CONNECTIONS);
    let most = u32::from(connections);
    let limits = Limits::builder()
        .max_connections(most)
        .max_per_source(most, PrefixPolicy::default())
        .backlog(listener::BACKLOG.unsigned_abs())
        .idle_timeout(IDLE)
        .buffer_budget(POOL_BYTES_PER_THREAD * u64::from(connections))
        .build()?;
    let server = ServerBuilder::new()
        .listener(ListenerSpec::tcp_with(address, ListenOptions::default()))
        .workers(connections)
        .limits(limits)
        .handler(echo_one)
        .gate(AllowAll)
        .build()?;
    server.open_door()?;
    for listener in server.listeners() {
        println!("listening on tcp://{}", listener.local);
    }
    server.wait_for_stop();
    Ok(())
}

fn echo_one(connection: &mut TcpConnection) -> Result<(), NetError> {
    let mut buffer = [0; ECHO_BUFFER_BYTES];
    loop {
        let count = connection.recv(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        connection.send_all(&buffer[..count])?;
    }
}
