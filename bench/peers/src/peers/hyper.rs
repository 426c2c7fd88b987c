//! hyper on tokio's one thread, as its example `hello` writes it, its timer included: without one
//! its deadline for a head is silently off. The file is streamed as its example `send_file` does,
//! in pieces of 64 KiB rather than of 4.
//!
//! By default each of many pipelined replies is a system call of its own. `pipeline_flush`, which
//! its documentation calls experimental, sends them together, but holds replies back while part of
//! a next head has come, loses its replies to faults, and seldom stops for a client that does not
//! read. So it is a second server, for who asks for it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use futures_util::TryStreamExt;
use http_body_util::{Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::{HELLO, IDLE, Outcome, PLAIN_TEXT, tokio as on_tokio};
use crate::listener;

const PIECE_BYTES: usize = 64 * 1024;

/// Answers every request with `Hello, World!`, pipelined ones together or each on its own.
pub(super) fn hello(address: SocketAddr, pipeline_flush: bool) -> Outcome {
    let mut builder = http1::Builder::new();
    builder.pipeline_flush(pipeline_flush);
    serve(address, builder, |_request| async { Ok::<_, Infallible>(hello_reply()) })
}

/// The reply of hyper's servers here, whichever runtime they are on.
pub(super) fn hello_reply() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(HELLO.as_bytes())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PLAIN_TEXT));
    response
}

/// Answers every request with a file.
pub(super) fn file(address: SocketAddr, path: &Path) -> Outcome {
    std::fs::metadata(path)?;
    let path = path.to_owned();
    serve(address, http1::Builder::new(), move |_request| file_reply(path.clone()))
}

async fn file_reply(
    path: impl AsRef<Path>,
) -> io::Result<Response<impl Body<Data = Bytes, Error = io::Error>>> {
    let file = File::open(path).await?;
    let length = file.metadata().await?.len();
    let pieces = ReaderStream::with_capacity(file, PIECE_BYTES);
    let mut response = Response::new(StreamBody::new(pieces.map_ok(Frame::data)));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

fn serve<H, F, B, E>(address: SocketAddr, mut builder: http1::Builder, handler: H) -> Outcome
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>, Data: Send> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    builder.timer(TokioTimer::new()).header_read_timeout(IDLE);
    on_tokio::runtime()?.block_on(async {
        let listener = on_tokio::listen(address)?;
        listener::say_http(listener.local_addr()?);
        loop {
            let stream = TokioIo::new(on_tokio::accept(&listener).await?);
            let connection = builder.serve_connection(stream, service_fn(handler.clone()));
            // How a client leaves is no matter of the server's.
            tokio::spawn(async { drop(connection.await) });
        }
    })
}
