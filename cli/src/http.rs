//! `switchboard http`: a folder, or the built-in page, over HTTP.

use std::io;
use std::process::ExitCode;

use switchboard::http::{self, Handler, Reply, Request};
use switchboard::services::Discard;

use crate::failure::Failure;
use crate::options::HttpOptions;
use crate::page;
use crate::server::{self, Ready};

/// Serves until a signal ends it.
pub(crate) fn run(options: &HttpOptions) -> Result<ExitCode, Failure> {
    match &options.dir {
        Some(dir) => serve(http::files(dir).map_err(|error| no_folder(&error))?, options),
        None => serve(page::answer, options),
    }
}

fn serve(handler: impl Handler<()>, options: &HttpOptions) -> Result<ExitCode, Failure> {
    let connections =
        http::Config::default().body_timeout(options.body_timeout).serve(Logged(handler));
    server::serve(&options.server, Ready::Http, connections, None::<Discard>)
}

/// Has the log name each request.
struct Logged<H>(H);

impl<H: Handler<()>> Handler<()> for Logged<H> {
    fn handle(&self, request: &Request<'_>, reply: Reply<'_, ()>, state: &mut ()) {
        log::debug!("{} {} from {}", request.method(), request.target(), request.peer());
        self.0.handle(request, reply, state);
    }
}

fn no_folder(error: &io::Error) -> Failure {
    Failure::at_start(format!(
        "{error}; name a folder that can be read, or none for the built-in page"
    ))
}
