//! A descriptor and a timer of the program's own, on our loop: what a command prints, all hear.
//!
//! Run `cargo run --example watch` and, elsewhere, `nc 127.0.0.1 7000`: it tells the date every
//! second. An address may be given, whose port 0 takes a free one, and a command after it.

use std::error::Error;
use std::io::Read;
use std::ops::ControlFlow::{Break, Continue};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use switchboard::drivers::event_loop::Interest;
use switchboard::{EventLoop, WhenFull, services::Discard};

const MINUTE: Duration = Duration::from_secs(60);

#[expect(clippy::disallowed_methods, reason = "a timer is set for a time")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let mut command: Vec<_> = arguments.collect();
    if command.is_empty() {
        command = ["sh", "-c", "while sleep 1; do date; done"].map(String::from).into();
    }
    let child = Command::new(&command[0]).args(&command[1..]).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.ok_or("it is a pipe")?;

    let mut event_loop = EventLoop::new()?;
    let listener = event_loop.listen(&*address, |_peer| Discard)?;
    println!("listening on {}", event_loop.local_address(listener).ok_or("it just listened")?);
    event_loop.watch(output, Interest::Readable, move |output, _ready, control, _| {
        let mut news = [0; 4096];
        match output.read(&mut news) {
            Ok(count) if count > 0 => {
                control.broadcast(listener, news[..count].to_vec(), WhenFull::Drop);
                Continue(())
            }
            _ => {
                control.drain(MINUTE);
                Break(())
            }
        }
    })?;
    event_loop.call_at(Instant::now(), |control, _| {
        println!("{} clients are here", control.stats().open);
        Continue(control.now() + MINUTE)
    });
    event_loop.run(&mut ())?;
    Ok(())
}
