//! net-io: a handler that blocks, on its pool of threads, as its front page writes it.
//!
//! Each connection holds a thread until it is wholly closed, so the pool must be larger than the
//! number of clients, and a client that finds it full is reset. It has no more than 4096 threads.
//! Its reactor, for thousands a thread, is announced for a later version.

use std::net::SocketAddr;

use net_io::{
    AllowAll, Limits, ListenOptions, ListenerSpec, NetError, PrefixPolicy, ServerBuilder,
    TcpConnection,
};

use super::{IDLE, Outcome};
use crate::listener;

const ECHO_BUFFER_BYTES: usize = 4 * 1024;
/// Its default, and no less is asked for.
const THREADS_MIN: u32 = 128;
const THREADS_MAX: u32 = 4096;
/// What net-io wants to be allowed for each thread: two buffers of its largest size.
const POOL_BYTES_PER_THREAD: u64 = 2 * 64 * 1024;

/// Sends back what comes, to so many clients at once.
pub(super) fn echo(address: SocketAddr, connections: Option<u32>) -> Outcome {
    let threads = threads(connections.unwrap_or(0))?;
    let most = u32::from(threads);
    let limits = Limits::builder()
        .max_connections(most)
        .max_per_source(most, PrefixPolicy::default())
        .backlog(listener::BACKLOG.unsigned_abs())
        .idle_timeout(IDLE)
        .buffer_budget(POOL_BYTES_PER_THREAD * u64::from(threads))
        .build()?;
    let server = ServerBuilder::new()
        .listener(ListenerSpec::tcp_with(address, ListenOptions::default()))
        .workers(threads)
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

/// A quarter more than there are connections, for those that are closing, if there can be.
fn threads(connections: u32) -> Result<u16, String> {
    if connections > THREADS_MAX {
        return Err(format!(
            "net-io: {connections} connections need as many threads, and its pool has \
             {THREADS_MAX} at most"
        ));
    }
    let threads = (connections + connections / 4).clamp(THREADS_MIN, THREADS_MAX);
    u16::try_from(threads).map_err(|_| "net-io: too many threads".to_owned())
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
