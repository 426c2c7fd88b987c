//! may_minihttp on one worker thread of may, as its front page writes it.
//!
//! It binds by itself and does not say where, so its port is taken beforehand; it cannot be asked
//! for a backlog (it has 1024) nor for TCP_NODELAY. Neither matters to a client that waits for its
//! replies: each batch of replies leaves in one write when nothing else is under way.

use std::io;
use std::net::SocketAddr;

use may_minihttp::{HttpServer, HttpService, Request, Response};

use super::{HELLO, Outcome};
use crate::listener;

const CONTENT_TYPE: &str = "Content-Type: text/plain; charset=utf-8";

#[derive(Clone)]
struct Hello;

impl HttpService for Hello {
    fn call(&mut self, _: Request<'_, '_, '_>, response: &mut Response<'_>) -> io::Result<()> {
        response.header(CONTENT_TYPE).body(HELLO);
        Ok(())
    }
}

/// Answers every request with `Hello, World!`.
pub(super) fn hello(address: SocketAddr) -> Outcome {
    may::config().set_workers(1);
    let (_port, address) = listener::reserve(address)?;
    let server = HttpServer(Hello).start(address)?;
    listener::say_http(address);
    server.join().map_err(|_| "may_minihttp: its listener has panicked")?;
    Ok(())
}
