//! A guest in a calloop: the host has a timer of its own and a title, and the server's clients
//! change the title, on the same thread and with no lock.
//!
//! Run `cargo run --example calloop`, and then, elsewhere, `nc 127.0.0.1 7000`: what you type
//! becomes the title that is shown every second. An address may be given; port 0 takes a free one.

use std::error::Error;
use std::time::Duration;

use calloop::timer::{TimeoutAction, Timer};
use switchboard::line::{Line, Session};
use switchboard::{EventLoop, Transport};

#[derive(Default)]
struct Desktop {
    title: String,
    seconds: u64,
}

struct Client;

impl Session<String> for Client {
    fn line(&mut self, transport: &mut Transport<'_, String>, title: &mut String, line: &[u8]) {
        transport.write(format!("it was {title:?}\n").as_bytes());
        *title = String::from_utf8_lossy(line).into_owned();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let mut server = EventLoop::new()?;
    let listener = server.listen(&*address, |_peer| Line::new(Client))?;
    println!("listening on {}", server.local_address(listener).ok_or("it has just begun")?);

    let mut host: calloop::EventLoop<'_, Desktop> = calloop::EventLoop::try_new()?;
    #[cfg(not(mio_unsupported_force_poll_poll))] // There the server has no descriptor.
    host.handle().insert_source(
        switchboard::embed::calloop::Source::new(server, calloop::Mode::Level)?,
        // The host's data are its own; the protocols are lent the part that they may have.
        |(), server, desktop| server.turn(Default::default(), &mut desktop.title),
    )?;
    host.handle().insert_source(Timer::immediate(), |_, (), desktop| {
        println!("after {} seconds: {:?}", desktop.seconds, desktop.title);
        desktop.seconds += 1;
        TimeoutAction::ToDuration(Duration::from_secs(1))
    })?;
    Ok(host.run(None, &mut Desktop::default(), |_| {})?)
}
