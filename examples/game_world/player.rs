//! The server's side of a player's line: it takes a seat and says how the player steers.

use switchboard::{Closed, Transport, line};

use crate::world::World;

#[derive(Default)]
pub(crate) struct Player {
    seat: Option<usize>,
}

impl line::Session<World> for Player {
    fn connected(&mut self, transport: &mut Transport<'_, World>, world: &mut World) {
        self.seat = world.seats.pop();
        if self.seat.is_none() {
            transport.write(b"all seats are taken\n");
            transport.finish();
        }
    }

    fn line(&mut self, transport: &mut Transport<'_, World>, world: &mut World, line: &[u8]) {
        match (self.seat, course(line)) {
            (Some(seat), Some(course)) => world.steer(seat, course),
            _ => transport.finish(),
        }
    }

    fn closed(&mut self, _: &mut Transport<'_, World>, world: &mut World, _: Closed) {
        world.seats.extend(self.seat);
    }
}

/// `2 -1` is a course.
fn course(line: &[u8]) -> Option<[i32; 2]> {
    let (right, down) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let [right, down] = [right.parse::<i32>().ok()?, down.parse::<i32>().ok()?];
    Some([right, down].map(|step| step.clamp(-5, 5)))
}
