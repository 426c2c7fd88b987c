//! The players, in a process of their own: each steers after every sixth frame that it sees.

use std::env;
use std::error::Error;
use std::io;
use std::process::{Child, Command};

use switchboard::line::Line;
use switchboard::{Address, Budget, Closed, EventLoop, Limits, Transport, Wait, line};

struct Player {
    frames: usize,
}

/// How many still play.
type Left = usize;

impl line::Session<Left> for Player {
    fn line(&mut self, transport: &mut Transport<'_, Left>, _: &mut Left, _snapshot: &[u8]) {
        self.frames += 1;
        if self.frames.is_multiple_of(6) {
            let course = [self.frames % 5, self.frames % 7].map(|step| step as i32 - 2);
            transport.write(format!("{} {}\n", course[0], course[1]).as_bytes());
        }
    }

    fn closed(&mut self, _: &mut Transport<'_, Left>, left: &mut Left, _: Closed) {
        *left -= 1;
    }
}

pub(crate) fn start(server: &Address) -> io::Result<Child> {
    Command::new(env::current_exe()?).arg(server.to_string()).spawn()
}

pub(crate) fn play(address: &str) -> Result<(), Box<dyn Error>> {
    let (mut event_loop, mut left) = (EventLoop::new()?, crate::PLAYERS);
    for number in 0..left {
        let player = Line::new(Player { frames: number });
        event_loop.connect(address, player, Limits::default())?;
    }
    while left > 0 {
        event_loop.turn(Wait::Forever, Budget::default(), &mut left)?;
    }
    Ok(())
}
