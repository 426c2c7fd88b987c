//! Servers of other Rust libraries, each as its own documentation writes one, to be measured
//! beside Switchboard's.
//!
//! ```text
//! cargo build --release --manifest-path bench/peers/Cargo.toml --target-dir target/peers
//! P=target/peers/release/switchboard-bench-peers
//!
//! $P tokio echo 127.0.0.1:0           # `listening on tcp://127.0.0.1:41234`, until it is killed
//! $P actix-web file 127.0.0.1:0 PATH  # `listening on http://127.0.0.1:41235/`
//! $P net-io echo 127.0.0.1:0 1000     # room for so many connections: a thread each
//! $P hyper --version                  # one line; without a name, one line about all
//! ```
//!
//! What is the same for all: one thread that serves, a backlog of 4096 and TCP_NODELAY where the
//! library lets one ask for them, the system's allocator, and the same build profile. What a
//! library cannot be asked for, and what part of the work it leaves out, is in `README.md`.
//!
//! Whatever is not served or not available ends with exit status 2 and one line on standard error
//! that says so; nothing is served by something else instead.

mod listener;
mod peers;
mod request;
mod versions;

use std::process::ExitCode;

use request::Request;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match Request::parse(&arguments) {
        Ok(Request::Serve { peer, service }) => peers::serve(peer, &service),
        Ok(Request::Version(peer)) => {
            println!("{}", versions::line(peer));
            Ok(())
        }
        Err(fault) => Err(fault.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switchboard-bench-peers: {error}");
            ExitCode::from(2)
        }
    }
}
