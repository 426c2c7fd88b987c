//! A program with a `mio::Poll` of its own serves clients from it: its sources and ours share one
//! wait, and its state is ours.
//!
//! Run `cargo run --example guest_on_mio` and, twice elsewhere, `nc 127.0.0.1 7000`: lines are
//! numbered across all clients. The program's own socket, for `nc -u`, prints what it gets.

#![expect(clippy::disallowed_methods, reason = "the host reads the clock")]

use std::{env, io::ErrorKind, time::Instant};

use mio::{Events, Interest, Poll, Token, Waker, net::UdpSocket};
use switchboard::embed::{Guest, WakeUp};
use switchboard::{Budget, line};

const OWN: Token = Token(1);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let mut poll = Poll::new()?;
    let mut own = UdpSocket::bind("127.0.0.1:0".parse()?)?;
    poll.registry().register(&mut own, OWN, Interest::READABLE)?;
    println!("the program itself hears udp://{}", own.local_addr()?);
    let waker = Waker::new(poll.registry(), Token(0))?;
    let wake_up = WakeUp::callback(move || waker.wake().expect("a poll can be woken"));
    let mut guest = Guest::attach(poll.registry(), 1000..2000, wake_up)?;
    let number = line::server(|transport, lines: &mut u64, line| {
        *lines += 1;
        transport.write(&[format!("{lines}: ").as_bytes(), line, b"\n"].concat());
    });
    let door = guest.listen(address.as_str(), number)?;
    println!("listening on {}", guest.local_address(door).ok_or("nowhere")?);
    let (mut lines, mut timeout, mut bytes) = (0_u64, None, [0; 1500]);
    let mut events = Events::with_capacity(256);
    loop {
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {} // By a stop, as Ctrl-Z is.
            outcome => outcome?,
        }
        for event in &events {
            if guest.owns(event.token()) {
                guest.ready(event)?;
            } else if event.token() == OWN {
                while let Ok((count, from)) = own.recv_from(&mut bytes) {
                    println!("{from}: {}", bytes[..count].escape_ascii());
                }
            }
        }
        timeout = guest.end_round(Budget::default(), &mut lines).next.timeout(Instant::now());
    }
}
