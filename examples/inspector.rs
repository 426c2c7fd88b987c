//! A program with a loop of its own shows in a page what it is doing right now.
//!
//! Run `cargo run --example inspector` and open <http://127.0.0.1:8000/>: the game of life that
//! it plays, a generation every 50 ms. An address may be given; port 0 takes a free one.

use std::error::Error;
use std::time::{Duration, Instant};

use switchboard::{Budget, EventLoop, Wait, http};

/// Which cells are alive, row by row.
type Board = Vec<bool>;

const WIDTH: usize = 64;
const SIZE: usize = WIDTH * 24;

fn next_generation(board: &Board) -> Board {
    let lives = |at: usize| board[at % SIZE];
    let ways = [1, WIDTH - 1, WIDTH, WIDTH + 1].into_iter().flat_map(|way| [way, SIZE - way]);
    let near = |at: usize| ways.clone().filter(|way| lives(at + way)).count();
    (0..SIZE).map(|at| near(at) == 3 || (near(at) == 2 && lives(at))).collect()
}

fn page(board: &Board) -> String {
    let cell = |lives: &bool| if *lives { '#' } else { '.' };
    let rows = board.chunks(WIDTH).flat_map(|row| row.iter().map(cell).chain(['\n']));
    let (alive, rows) = (board.iter().filter(|cell| **cell).count(), rows.collect::<String>());
    format!("<!doctype html><title>Life</title><h1>{alive} are alive</h1><pre>{rows}</pre>")
}

#[expect(clippy::disallowed_methods, reason = "a program with a loop of its own has a clock")]
fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let mut event_loop = EventLoop::new()?;
    let inspector = http::server(|_request, reply, board: &mut Board| {
        reply.header("refresh", "1").html(page(board));
    });
    let listener = event_loop.listen(&*address, inspector)?;
    let bound = event_loop.local_address(listener).and_then(|address| address.socket());
    println!("listening on http://{}/", bound.ok_or("it just listened")?);
    let mut board = (0..SIZE).map(|at| at * at * 31 % 101 < 30).collect();
    loop {
        board = next_generation(&board);
        let next = Instant::now() + Duration::from_millis(50);
        while Instant::now() < next {
            event_loop.turn(Wait::Forever, Budget::until(next), &mut board)?;
        }
    }
}
