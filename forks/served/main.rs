//! A server to be talked to by the tests: `served DRIVER ADDRESS SERVICE [NAME=NUMBER]…`.
//!
//! It says where it listens, then for each connection how its protocol was told that it closed,
//! and after the drain that SIGTERM asks for how many ended how.

#[cfg(feature = "guests")]
mod guests;
#[cfg(feature = "guests")]
#[path = "../../tests/guests/hosts/mod.rs"]
mod hosts;
mod services;

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::time::Duration;

use switchboard::drivers::blocking;
use switchboard::drivers::event_loop::{Ended, Stats};
use switchboard::{Address, Config, EventLoop, Limits, OnPanic, Peer, Protocol, Threads};
use switchboard_forks::Forks;

use services::Told;

/// What the command line says.
struct Options {
    driver: String,
    address: Address,
    limits: Limits,
    grace: Duration,
}

/// Logs to standard error, as every program here does.
struct Log;

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        eprintln!("{}: {}", record.level(), record.args());
    }

    fn flush(&self) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    log::set_logger(&Log).expect("nobody else sets one");
    log::set_max_level(log::LevelFilter::Info);
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: served DRIVER ADDRESS SERVICE [NAME=NUMBER]…");
    let (driver, address, service) = (next()?, next()?.parse()?, next()?);
    let numbers = arguments.map(|argument| {
        let (name, number) = argument.split_once('=').ok_or("not NAME=NUMBER")?;
        Ok((name.to_owned(), number.parse()?))
    });
    let numbers = numbers.collect::<Result<HashMap<_, _>, Box<dyn Error>>>()?;
    let grace = Duration::from_millis(numbers.get("grace").copied().unwrap_or(60_000));
    let options = Options { driver, address, limits: limits(&numbers), grace };
    services::run(&service, options)
}

/// The defaults, but for what is given: times in milliseconds.
fn limits(numbers: &HashMap<String, u64>) -> Limits {
    let mut limits = Limits::default();
    for (name, number) in numbers {
        let (count, time) = (*number as usize, Duration::from_millis(*number));
        limits = match name.as_str() {
            "connections" => limits.connections(count),
            "connections_per_address" => limits.connections_per_address(count),
            "input" => limits.input(count),
            "idle" => limits.idle(time),
            "first_byte" => limits.first_byte(time),
            "message" => limits.message(time),
            "write_stall" => limits.write_stall(time),
            _ => limits,
        };
    }
    limits
}

/// Serves until it is drained, under the driver that the options name.
fn serve<P: Protocol<()>>(
    options: Options,
    mut factory: impl FnMut(Peer) -> P + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    let Options { driver, address, limits, grace } = options;
    let factory = move |peer| Told(factory(peer));
    let config = blocking::Config::default().on_panic(OnPanic::Close);
    let (ended, stats) = match driver.as_str() {
        "event-loop" => {
            let mut server = EventLoop::with_config(Config::default().on_panic(OnPanic::Close))?;
            server.drain_on_signals(grace)?;
            let listener = server.listen_with(address, limits, factory)?;
            announce(server.local_address(listener));
            (server.run(&mut ())?, server.stats())
        }
        "threads" => {
            let server = Threads::with_config(config, || ()).drain_on_signals(grace)?;
            let server = server.listen_with(address, limits, factory)?;
            announce(server.local_addresses().next());
            let handle = server.handle();
            (server.run()?, handle.stats())
        }
        "forks" => {
            let server = Forks::with_config(config, || ()).drain_on_signals(grace)?;
            let server = server.listen_with(address, limits, factory)?;
            announce(server.local_addresses().next());
            let handle = server.handle();
            (server.run()?, handle.stats())
        }
        #[cfg(feature = "guests")]
        host => guests::serve(host, address, limits, grace, factory)?,
        #[cfg(not(feature = "guests"))]
        _ => return Err("there are event-loop, threads and forks".into()),
    };
    report(ended, &stats);
    Ok(())
}

fn announce(address: Option<&Address>) {
    if let Some(address) = address {
        println!("listening on {address}");
    }
}

fn report(ended: Ended, stats: &Stats) {
    match ended {
        Ended::Drained(drained) => println!(
            "drained: {} finished, {} aborted, {} otherwise",
            drained.finished, drained.aborted, drained.otherwise
        ),
        Ended::Stopped | _ => println!("ended: {ended:?}"),
    }
    println!("accepted: {}", stats.accepted);
    println!("refused: {}", stats.refused);
    for (reason, count) in &stats.closed {
        println!("closed: {count} {reason}");
    }
}
