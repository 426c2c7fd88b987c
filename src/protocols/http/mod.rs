//! An HTTP/1.1 server, as a protocol.
//!
//! A [`Handler`] (a closure will do) gets a borrowed [`Request`] and writes a [`Reply`] straight
//! towards the wire. Bodies of requests are collected up to a limit; replies are bytes, shared
//! bytes, a range of a file, a [stream](Reply::stream) made under back-pressure, or
//! [deferred](Reply::defer) to whoever answers later, from any thread.
//!
//! ```no_run
//! use switchboard::{EventLoop, http};
//! use switchboard::http::StatusCode;
//!
//! let mut event_loop = EventLoop::new()?;
//! event_loop.listen("127.0.0.1:8000", http::server(|request, reply, _state| match request.path() {
//!     "/" => reply.html("<h1>One thread</h1>"),
//!     _ => reply.status(StatusCode::NOT_FOUND).text("no such page"),
//! }))?;
//! event_loop.run(&mut ())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does, and what it does not
//!
//! It follows RFC 9110 and RFC 9112: HTTP/1.0 and 1.1, keep-alive, pipelining with replies in
//! order, `Expect: 100-continue`, chunked bodies both ways. Where laxness is a hole it is strict,
//! and one fault gets one reply and the end: 400 for framing that two parties could read in two
//! ways, 408, 413, 414, 417, 431, 501 and 505 for what their names say.
//!
//! It speaks no HTTP/2 (a proxy in front does) and is no proxy itself (CONNECT is answered 501),
//! and a handler sees a body only when it is whole.
//!
//! # Deadlines
//!
//! | timeout | set in | at its end |
//! | --- | --- | --- |
//! | silence after connecting | [`Limits::first_byte`](crate::Limits) | closed |
//! | silence between requests | [`Limits::idle`](crate::Limits) | closed |
//! | a head that was begun | [`Limits::message`](crate::Limits) | 408 |
//! | a body that was begun | [`Config::body_timeout`] | 408 |
//! | a deferred reply | [`Config::reply_timeout`] | 503 |
//! | a client that does not take its reply | [`Limits::write_stall`](crate::Limits) | reset |

mod chunked;
mod config;
mod date;
mod deferred;
mod files;
mod head;
mod head_fault;
mod head_lines;
mod head_meaning;
mod reply;
mod reply_lines;
mod request;
mod server;
mod stream;
mod words;

pub use ::http::{HeaderMap, Method, Response, StatusCode, Version, header};
pub use config::{Config, serve, server};
pub use deferred::{Deferred, Undelivered};
pub use files::{Files, files};
pub use reply::{Reply, ReplyHead};
pub use request::Request;
pub use server::{Handler, Http};
pub use stream::{Alarm, BodyWriter, Flow, Source};

#[cfg(test)]
mod tests;
