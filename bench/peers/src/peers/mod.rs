//! One file for each peer; what several of them say is here.

mod actix_web;
mod hyper;
mod may_minihttp;
mod monoio;
mod net_io;
mod tokio;

use std::error::Error;
use std::time::Duration;

use crate::request::{Kind, Peer, Service};

/// How a server ends that could not serve.
pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// What every server of HTTP answers.
const HELLO: &str = "Hello, World!";
/// The type of that answer, where the library does not choose one.
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";
/// For how long a client may do nothing: Switchboard's default, where a library has a deadline.
const IDLE: Duration = Duration::from_secs(300);

/// Serves until killed.
pub(crate) fn serve(peer: Peer, service: &Service) -> Outcome {
    let Service { kind, address } = service;
    match (peer, kind) {
        (Peer::Tokio, Kind::Echo { connections: None }) => tokio::echo(*address),
        (Peer::Tokio, Kind::Broadcast) => tokio::broadcast(*address),
        (Peer::Hyper, Kind::Http) => hyper::hello(*address, false),
        (Peer::HyperPipelineFlush, Kind::Http) => hyper::hello(*address, true),
        (Peer::Hyper, Kind::File(path)) => hyper::file(*address, path),
        (Peer::ActixWeb, Kind::Http) => actix_web::hello(*address),
        (Peer::ActixWeb, Kind::File(path)) => actix_web::file(*address, path),
        (Peer::MayMinihttp, Kind::Http) => may_minihttp::hello(*address),
        (Peer::Monoio, Kind::Echo { connections: None }) => monoio::echo(*address),
        (Peer::Monoio, Kind::Http) => monoio::hello(*address),
        (Peer::NetIo, Kind::Echo { connections }) => net_io::echo(*address, *connections),
        (peer, Kind::Echo { connections: Some(_) }) => {
            Err(format!("{} needs no number of connections", peer.name()).into())
        }
        (peer, kind) => Err(format!("{} does not serve {} here", peer.name(), kind.name()).into()),
    }
}
