//! A game serves its clients in what is left of each frame, on its own thread.
//!
//! Run `cargo run --example game_tick` and, elsewhere, `nc 127.0.0.1 7000`: `left`, `right` and
//! `stop` steer the ball, and the answer says where it is. An address may be given; port 0 takes
//! a free one.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use switchboard::{Budget, EventLoop, Transport, Wait, line};

const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 60);

#[derive(Default)]
struct World {
    ball: f64,
    speed: f64,
}

impl World {
    fn step(&mut self) {
        self.ball += self.speed * FRAME.as_secs_f64();
    }
}

/// Is lent the world, like every callback: there is one thread, and no lock.
fn steer(transport: &mut Transport<'_, World>, world: &mut World, line: &[u8]) {
    world.speed = match line {
        b"left" => -10.0,
        b"right" => 10.0,
        b"stop" => 0.0,
        _ => world.speed,
    };
    transport.write(format!("the ball is at {:.2}\n", world.ball).as_bytes());
}

#[expect(clippy::disallowed_methods, reason = "a game has a clock, and waits for its display")]
fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let (mut event_loop, mut world) = (EventLoop::new()?, World::default());
    let listener = event_loop.listen(&*address, line::server(steer))?;
    println!("listening on {}", event_loop.local_address(listener).ok_or("it just listened")?);
    loop {
        let frame_end = Instant::now() + FRAME;
        world.step();
        event_loop.turn(Wait::No, Budget::until(frame_end), &mut world)?;
        thread::sleep(frame_end.saturating_duration_since(Instant::now()));
    }
}
