//! The built-in page: what is served when no folder is named.

use switchboard::Bytes;
use switchboard::http::{Reply, Request, StatusCode};

const PAGE: &[u8] = include_bytes!("../assets/index.html");
const PICTURE: &[u8] = include_bytes!("../assets/test.jpg");

/// Answers `request` with the page or its picture, neither of which is ever copied.
pub(crate) fn answer(request: &Request<'_>, reply: Reply<'_, ()>, _: &mut ()) {
    if !request.is_read() {
        let reply = reply.status(StatusCode::METHOD_NOT_ALLOWED).header("allow", "GET, HEAD");
        return reply.text("this page can only be read\n");
    }
    match request.path() {
        "/" | "/index.html" => {
            reply.content_type("text/html; charset=utf-8").shared(Bytes::from_static(PAGE));
        }
        "/test.jpg" => reply.content_type("image/jpeg").shared(Bytes::from_static(PICTURE)),
        _ => reply.status(StatusCode::NOT_FOUND).text("no such page\n"),
    }
}
