//! Slow work on a thread of its own: its reply is deferred, and nobody else waits.
//!
//! Run `cargo run --example http_slow_work`. <http://127.0.0.1:8000/primes/10000000> takes
//! seconds to say how many primes there are; meanwhile <http://127.0.0.1:8000/> answers at once.
//! An address may be given; port 0 takes a free one.

use std::error::Error;
use std::sync::mpsc;
use std::thread;

use switchboard::http::{Deferred, StatusCode};
use switchboard::{EventLoop, http};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let (work, to_do) = mpsc::sync_channel::<(u32, Deferred)>(64);
    thread::spawn(move || {
        for (end, reply) in to_do {
            // It fails only when the loop is gone, or buried in messages.
            let _ = reply.text(format!("{} primes below {end}\n", count_primes(end)));
        }
    });

    let handler = http::server(move |request, reply, _state| {
        let number = request.path().strip_prefix("/primes/").map(str::parse::<u32>);
        match number {
            // When 64 wait already the reply is dropped here, which answers 500.
            Some(Ok(end)) => drop(work.try_send((end.min(10_000_000), reply.defer()))),
            Some(Err(_)) => reply.status(StatusCode::BAD_REQUEST).text("no such number\n"),
            None => reply.text("try /primes/10000000\n"),
        }
    });
    let mut event_loop = EventLoop::new()?;
    let listener = event_loop.listen(&*address, handler)?;
    if let Some(address) = event_loop.local_address(listener).and_then(|address| address.socket()) {
        println!("listening on http://{address}/");
    }
    event_loop.run(&mut ())?;
    Ok(())
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
