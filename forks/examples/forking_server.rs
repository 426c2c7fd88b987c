//! A process for each client: whatever happens in one, the others do not notice.
//!
//! Run `cargo run --package switchboard-forks --example forking_server` and, in two terminals,
//! `nc 127.0.0.1 7000`: each line comes back with the process that answered it. Type `crash` in
//! one: the other goes on. An address may be given; port 0 takes a free one.

use std::error::Error;
use std::process;

use switchboard::{Transport, line};
use switchboard_forks::Forks;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    // Each process has a count of its own. To share one would take a file, or a pipe.
    let server = Forks::new(|| 0).listen(&*address, line::server(answer))?;
    for address in server.local_addresses() {
        println!("listening on {address}");
    }
    server.run()?;
    Ok(())
}

fn answer(transport: &mut Transport<'_, u64>, count: &mut u64, line: &[u8]) {
    if line == b"crash" {
        process::abort();
    }
    *count += 1;
    transport.write(line);
    transport.write(format!(": line {count}, by process {}\n", process::id()).as_bytes());
}
