//! monoio on io_uring: echo as its front page writes it, and hyper on it as its example
//! `hyper_server` does.
//!
//! It would fall back to epoll where io_uring is missing; then this is not the server that was
//! asked for, so nothing is served. hyper reads and writes when the ring says that a socket is
//! ready (monoio's `poll-io`), so under HTTP the ring is used as a poller.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt, IntoPollIo};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, RuntimeBuilder};
use monoio_compat::hyper::{MonoioIo, MonoioTimer};

use super::hyper::hello_reply;
use super::{IDLE, Outcome};
use crate::listener;

const ECHO_BUFFER_BYTES: usize = 8 * 1024;

/// Sends back what comes.
pub(super) fn echo(address: SocketAddr) -> Outcome {
    on_the_ring(async {
        let listener = TcpListener::from_std(listener::bind(address)?)?;
        listener::say_tcp(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            // How a client leaves is no matter of the server's.
            monoio::spawn(async { drop(echo_one(stream).await) });
        }
    })
}

async fn echo_one(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(ECHO_BUFFER_BYTES);
    let mut result;
    loop {
        (result, buffer) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        (result, buffer) = stream.write_all(buffer).await;
        result?;
        buffer.clear();
    }
}

/// Answers every request with `Hello, World!`.
pub(super) fn hello(address: SocketAddr) -> Outcome {
    on_the_ring(async {
        let listener = TcpListener::from_std(listener::bind(address)?)?;
        listener::say_http(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            let stream = MonoioIo::new(stream.into_poll_io()?);
            let service = service_fn(|_request| async { Ok::<_, Infallible>(hello_reply()) });
            let connection = http1::Builder::new()
                .timer(MonoioTimer)
                .header_read_timeout(IDLE)
                .serve_connection(stream, service);
            monoio::spawn(async { drop(connection.await) });
        }
    })
}

fn on_the_ring(server: impl Future<Output = Outcome>) -> Outcome {
    if !monoio::utils::detect_uring() {
        return Err("monoio: io_uring is not available here, or lacks what monoio needs".into());
    }
    let runtime = RuntimeBuilder::<IoUringDriver>::new().enable_timer().build();
    let mut runtime = runtime.map_err(|error| format!("monoio: io_uring: {error}"))?;
    runtime.block_on(server)
}
