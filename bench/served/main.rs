//! Switchboard's own servers, for the comparison:
//! `switchboard-bench-served DRIVER KIND ADDRESS [PATH]`.
//!
//! ```text
//! switchboard-bench-served event-loop echo 127.0.0.1:0
//! switchboard-bench-served threads http 127.0.0.1:8000
//! switchboard-bench-served forks file 127.0.0.1:0 /a/large/file
//! ```
//!
//! When ready it prints one line, `listening on tcp://ADDR:PORT` or
//! `listening on http://ADDR:PORT/`. The same protocols run under each driver,
//! with the defaults of the library but for what would end a client that is
//! silent while another one is measured. Built for mio's poll(2) it is the
//! event loop without epoll; `--version` says which it is.

mod broadcast;

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use switchboard::services::Echo;
use switchboard::{Address, EventLoop, FileRange, Limits, Peer, Protocol, Threads, http};
use switchboard_forks::Forks;

use broadcast::{Member, Neighbour, Room};

const USAGE: &str = "usage: switchboard-bench-served event-loop|threads|forks \
                     echo|http|broadcast ADDR:PORT, or … file ADDR:PORT PATH";

/// Nobody is silent for so long while a scenario lasts. The deadlines are kept,
/// and cost what they cost.
const SILENCE: Duration = Duration::from_secs(3600);

const TCP: &str = "tcp";
const HTTP: &str = "http";

/// Through what the event loop waits in this build.
const POLLER: &str = if cfg!(mio_unsupported_force_poll_poll) { "poll(2)" } else { "epoll" };

type Done = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match serve(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switchboard-bench-served: {error}");
            ExitCode::from(2)
        }
    }
}

fn serve(words: &[&str]) -> Done {
    match *words {
        ["--version"] | ["event-loop" | "threads" | "forks", "--version"] => {
            println!("switchboard {} on {POLLER}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        [driver, "echo", address] => run(driver, address, TCP, || (), |_peer| Echo),
        [driver, "http", address] => {
            let hello = http::server(|_request, reply, _state| reply.text("Hello, World!"));
            run(driver, address, HTTP, || (), hello)
        }
        [driver, "file", address, path] => {
            let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
            let (length, file) = (file.metadata()?.len(), Arc::new(file));
            let download = http::server(move |_request, reply, _state| {
                let whole = FileRange::new(Arc::clone(&file), 0, length);
                reply.content_type("application/octet-stream").file(whole);
            });
            run(driver, address, HTTP, || (), download)
        }
        ["event-loop", "broadcast", address] => {
            run("event-loop", address, TCP, || (), |_peer| Member)
        }
        ["threads", "broadcast", address] => {
            let room = Arc::new(Room::default());
            run("threads", address, TCP, move || Arc::clone(&room), |_peer| Neighbour)
        }
        ["forks", "broadcast", _] => {
            Err("processes share no connections, so a line reaches nobody else".into())
        }
        _ => Err(USAGE.into()),
    }
}

/// Listens, says where, and serves until the process is killed.
fn run<S: 'static, P: Protocol<S>>(
    driver: &str,
    address: &str,
    scheme: &str,
    make_state: impl Fn() -> S + Send + Sync + 'static,
    factory: impl FnMut(Peer) -> P + Send + 'static,
) -> Done {
    let limits = Limits::default().first_byte(SILENCE).idle(SILENCE);
    match driver {
        "event-loop" => {
            let mut server = EventLoop::new()?;
            let listener = server.listen_with(address, limits, factory)?;
            announce(scheme, server.local_address(listener))?;
            server.run(&mut make_state())?;
        }
        "threads" => {
            let server = Threads::new(make_state).listen_with(address, limits, factory)?;
            announce(scheme, server.local_addresses().next())?;
            server.run()?;
        }
        "forks" => {
            let server = Forks::new(make_state).listen_with(address, limits, factory)?;
            announce(scheme, server.local_addresses().next())?;
            server.run()?;
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

/// Prints the ready line, at once even into a pipe.
fn announce(scheme: &str, address: Option<&Address>) -> io::Result<()> {
    let mut output = io::stdout();
    if let Some(address) = address.and_then(Address::socket) {
        let end = if scheme == HTTP { "/" } else { "" };
        writeln!(output, "listening on {scheme}://{address}{end}")?;
    }
    output.flush()
}
