//! actix-web with one worker, as its front page writes it; the file by actix-files.
//!
//! Its other threads accept and hand over; at load they have nothing to do.

use std::future::ready;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use actix_files::NamedFile;
use actix_web::{App, HttpServer, Route, rt, web};

use super::{HELLO, IDLE, Outcome};
use crate::listener;

/// For how long a client may take for the head of its first request, as with Switchboard; the
/// default of 5 seconds would end connections that a load opens long before it uses them.
const FIRST_REQUEST: Duration = Duration::from_secs(60);

/// Answers every request with `Hello, World!`.
pub(super) fn hello(address: SocketAddr) -> Outcome {
    serve(address, || web::to(|| async { HELLO }))
}

/// Answers every request with a file.
pub(super) fn file(address: SocketAddr, path: &Path) -> Outcome {
    std::fs::metadata(path)?;
    let path = path.to_owned();
    serve(address, move || {
        let path = path.clone();
        web::to(move || ready(NamedFile::open(&path)))
    })
}

fn serve(address: SocketAddr, route: impl Fn() -> Route + Clone + Send + 'static) -> Outcome {
    let listener = listener::bind(address)?;
    let address = listener.local_addr()?;
    rt::System::new().block_on(async {
        let server = HttpServer::new(move || App::new().default_service(route()))
            .workers(1)
            .keep_alive(IDLE)
            .client_request_timeout(FIRST_REQUEST)
            .disable_signals()
            .listen(listener)?;
        listener::say_http(address);
        server.run().await?;
        Ok(())
    })
}
