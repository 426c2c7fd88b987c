//! A world of 500 players at 60 frames a second, and what serving them costs a frame.
//!
//! Run `cargo run --release --example game_world`: for ten seconds each it prints the time that a
//! frame takes without a server and with one, to which 500 players are connected over TCP. Each
//! is sent every frame as a line and steers with ten lines a second; they play in a process of
//! their own. The number of frames may be given.

mod crowd;
mod frames;
mod player;
mod world;

use std::error::Error;

use switchboard::line::Line;
use switchboard::{Budget, EventLoop, Wait, WhenFull};

use player::Player;

const PLAYERS: usize = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "600".to_owned());
    if argument.starts_with("tcp://") {
        return crowd::play(&argument);
    }
    let count = argument.parse()?;
    let mut world = world::World::new(PLAYERS);
    let alone = frames::run(count, |_| {
        world.step();
        Ok(())
    })?;
    println!("without a server: {alone}");

    let mut event_loop = EventLoop::new()?;
    let listener = event_loop.listen("127.0.0.1:0", |_| Line::new(Player::default()))?;
    let mut crowd = crowd::start(event_loop.local_address(listener).ok_or("it just listened")?)?;
    while !world.seats.is_empty() {
        event_loop.turn(Wait::UpTo(frames::FRAME), Budget::default(), &mut world)?;
        crowd.try_wait()?.map_or(Ok(()), |status| Err(format!("nobody plays: {status}")))?;
    }
    let served = frames::run(count, |frame_end| {
        world.step();
        event_loop.control().broadcast(listener, world.snapshot(), WhenFull::Drop);
        event_loop.turn(Wait::No, Budget::until(frame_end), &mut world).map(drop)
    })?;
    println!("with {PLAYERS} players: {served}; they steered {} times", world.steered);
    drop(event_loop); // Their lines end, and so do they.
    if crowd.wait()?.success() { Ok(()) } else { Err("the players failed".into()) }
}
