//! A host on poll(2) waits for two things more: the server's descriptor and its deadline.
//!
//! Run `cargo run --example poll_host` and, elsewhere, `nc 127.0.0.1 7000`, which is echoed, and
//! `nc -u 127.0.0.1 7001`: what the host is told there, on a socket of its own, all clients hear.
//! Both addresses may be given; port 0 takes a free one.

use std::error::Error;

#[cfg(not(mio_unsupported_force_poll_poll))]
#[expect(clippy::disallowed_methods, reason = "a host reckons how long it may wait")]
fn main() -> Result<(), Box<dyn Error>> {
    use std::time::Instant;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use switchboard::{Budget, EventLoop, Wait, WhenFull, services::Echo};

    let mut addresses = std::env::args().skip(1);
    let mut next = |usual: &str| addresses.next().unwrap_or_else(|| usual.to_owned());
    let mut event_loop = EventLoop::new()?;
    let listener = event_loop.listen(&*next("127.0.0.1:7000"), |_peer| Echo)?;
    let own = std::net::UdpSocket::bind(next("127.0.0.1:7001"))?;
    own.set_nonblocking(true)?;
    println!("listening on {}", event_loop.local_address(listener).ok_or("it just listened")?);
    println!("listening on udp://{}", own.local_addr()?);
    loop {
        let wait = event_loop.next_deadline().timeout(Instant::now());
        let wait = wait.map(Timespec::try_from).transpose()?;
        let watched = [PollFd::new(&event_loop, PollFlags::IN), PollFd::new(&own, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut watched.clone(), wait.as_ref()))?;
        let mut told = [0; 2048];
        if let Ok(count) = own.recv(&mut told) {
            let news = told[..count].to_vec();
            event_loop.control().broadcast(listener, news, WhenFull::Drop);
        }
        event_loop.turn(Wait::No, Budget::default(), &mut ())?;
    }
}

#[cfg(mio_unsupported_force_poll_poll)]
fn main() -> Result<(), Box<dyn Error>> {
    Err("where mio itself is on poll(2) there is no descriptor to wait for".into())
}
