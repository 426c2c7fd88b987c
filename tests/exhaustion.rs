//! P5 with real descriptors, in a process of its own: the limit is the whole process's.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use switchboard::drivers::event_loop::Trouble;
use switchboard::{
    Budget, Config, EventLoop, Limits, ManualClock, Protocol, Transport, Turn, Wait,
};

struct Echo;

impl Protocol for Echo {
    fn received(&mut self, on: &mut Transport<'_, ()>, (): &mut (), bytes: &[u8]) -> usize {
        on.write(bytes);
        bytes.len()
    }
}

fn turn(event_loop: &mut EventLoop<()>) -> Turn {
    event_loop.turn(Wait::UpTo(Duration::from_millis(5)), Budget::default(), &mut ()).unwrap()
}

/// Sends a word, lets the loop turn, and reads the word back.
fn talk(event_loop: &mut EventLoop<()>, client: &mut TcpStream) {
    client.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    client.write_all(b"hello").unwrap();
    let mut back = [0; 5];
    let is_served = (0..1000).any(|_| {
        turn(event_loop);
        client.read_exact(&mut back).is_ok()
    });
    assert!(is_served && &back == b"hello");
}

#[test]
fn p05_with_no_descriptor_left_the_loop_rests_serves_on_and_resumes_by_itself() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..limit }).unwrap();
    let clock = ManualClock::new();
    let config = Config::default().clock(clock.clone());
    let mut event_loop = EventLoop::with_config(config).unwrap();
    let listener = event_loop.listen_with("127.0.0.1:0", Limits::default(), |_| Echo).unwrap();
    let address = event_loop.local_address(listener).unwrap().socket().unwrap();
    let mut old = TcpStream::connect(address).unwrap();
    talk(&mut event_loop, &mut old);
    let mut waiting: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
    let plugs: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    let mut troubles = Vec::new();
    // Ten seconds of it, a tenth at a time, each with more turns than any wake-up would make.
    for _ in 0..100 {
        for _ in 0..3 {
            troubles.extend(turn(&mut event_loop).trouble);
        }
        clock.advance(Duration::from_millis(100));
    }
    let attempts = event_loop.stats().exhaustions;
    assert!((5..=25).contains(&attempts), "{attempts} attempts in ten seconds");
    assert_eq!(troubles, [Trouble::Exhausted], "told once");
    talk(&mut event_loop, &mut old);
    drop(plugs);
    clock.advance(Duration::from_secs(1));
    for client in &mut waiting {
        talk(&mut event_loop, client);
    }
    assert_eq!(event_loop.stats().accepted, 6);
}
