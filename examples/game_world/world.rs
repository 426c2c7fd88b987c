//! The world: everybody moves, and whoever would step on a square that is taken turns back.

use std::collections::HashSet;

const SIZE: i32 = 1000;

struct Body {
    place: [i32; 2],
    course: [i32; 2], // In a frame.
}

pub(crate) struct World {
    bodies: Vec<Body>,
    pub(crate) seats: Vec<usize>, // Of bodies that nobody plays: they just go on.
    pub(crate) steered: u64,
}

impl World {
    pub(crate) fn new(players: usize) -> Self {
        let body = |number: usize| Body {
            place: [number as i32 * 37 % SIZE, number as i32 * 101 % SIZE],
            course: [number as i32 % 5 - 2, number as i32 % 7 - 3],
        };
        Self { bodies: (0..players).map(body).collect(), seats: (0..players).collect(), steered: 0 }
    }

    pub(crate) fn steer(&mut self, seat: usize, course: [i32; 2]) {
        (self.bodies[seat].course, self.steered) = (course, self.steered + 1);
    }

    pub(crate) fn step(&mut self) {
        let square = |place: [i32; 2]| place.map(|at| at.rem_euclid(SIZE) / 4);
        let taken: HashSet<_> = self.bodies.iter().map(|body| square(body.place)).collect();
        for body in &mut self.bodies {
            let to = [0, 1].map(|i| body.place[i] + body.course[i]);
            if square(to) != square(body.place) && taken.contains(&square(to)) {
                body.course = body.course.map(|step| -step);
            } else {
                body.place = to.map(|at| at.rem_euclid(SIZE));
            }
        }
    }

    /// Where everybody is, as a line.
    pub(crate) fn snapshot(&self) -> String {
        self.bodies.iter().map(|Body { place: [x, y], .. }| format!("{x},{y} ")).collect::<String>()
            + "\n"
    }
}
