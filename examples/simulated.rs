//! A server tested on two hundred bad networks, in virtual time.
//!
//! Run `cargo run --example simulated`. It plays three clients on every network
//! and says what they went through; `SWITCHBOARD_SEEDS=2000` in front makes it more.

use std::time::Duration;

use switchboard::simulation::{Check, Failure, Fault, script, seeds};
use switchboard::{Limits, Protocol, Transport};

/// Gives back every line, upside down.
struct Mirror;

impl<S> Protocol<S> for Mirror {
    fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return 0 };
        transport.write(&bytes[..end].iter().rev().copied().collect::<Vec<_>>());
        transport.write(b"\n");
        transport.yield_now(); // There may be another line.
        end + 1
    }
}

fn main() -> Result<(), Failure> {
    let minute = Duration::from_secs(60);
    let many: String = (0..500).map(|number| format!("{number}\n")).collect();
    let clients = [
        script().send("abc\nde").wait(minute / 4).send("f\n").expect("cba\nfed\n").close(),
        script().read_slowly(100, minute / 600).send(many).until("994\n").finish_writing(),
        script().send("never ends").wait(minute).expect_end(),
    ];
    let check =
        Check::new(|| (), || Mirror).limits(Limits::default().high_water(500).low_water(50));
    let report = check.run(clients, seeds(200))?;

    println!("{} runs, {} clients, {} bytes", report.runs, report.clients, report.bytes);
    for fault in Fault::ALL {
        println!("{:>8} {}", report.struck.count(*fault), fault.name());
    }
    Ok(())
}
