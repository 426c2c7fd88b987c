//! A thread for each client: whoever asks for much waits for it, and nobody else does.
//!
//! Run `cargo run --example threading_server` and, in two terminals, `nc 127.0.0.1 7000`. Type
//! `10000000` in one, which takes seconds to say how many primes there are below that, and `100`
//! in the other. An address may be given; port 0 takes a free one.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use switchboard::{Threads, Transport, line};

/// What the threads share, each having its own state: an event loop would lend it without this.
type Answers = Arc<AtomicU64>;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let answers = Answers::default();
    let server =
        Threads::new(move || Arc::clone(&answers)).listen(&*address, line::server(answer))?;
    for address in server.local_addresses() {
        println!("listening on {address}");
    }
    server.run()?;
    Ok(())
}

/// Works as long as it takes: under an event loop, everybody would wait for it.
fn answer(transport: &mut Transport<'_, Answers>, answers: &mut Answers, line: &[u8]) {
    let end = std::str::from_utf8(line).ok().and_then(|line| line.parse::<u32>().ok());
    let primes = count_primes(end.unwrap_or(0).min(10_000_000));
    let number = answers.fetch_add(1, Ordering::Relaxed) + 1;
    let thread = thread::current();
    let name = thread.name().unwrap_or("nobody");
    transport.write(format!("{primes} primes: answer {number}, by {name}\n").as_bytes());
}

/// Counts them one by one, the slow way.
fn count_primes(end: u32) -> usize {
    let is_prime = |number: &u32| {
        (2..)
            .take_while(|divisor| divisor * divisor <= *number)
            .all(|divisor| !number.is_multiple_of(divisor))
    };
    (2..end).filter(is_prime).count()
}
