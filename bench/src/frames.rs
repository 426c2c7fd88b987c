//! What a server costs the frames of the game that it is a guest in.
//!
//! This process is the game: on its core it draws a frame, which is the same work each time, and
//! gives what the budget allows to the server's clients. Blocks of frames with the server and
//! without it take turns, so what the machine does meanwhile meets both; a client whose server
//! has no turn just waits. The load is a child on the other core, and never stops asking.

use std::hint::black_box;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use switchboard::{Address, Budget, EventLoop, Wait, services};

use crate::Cores;
use crate::failure::{Attempt, Failure, Outcome};
use crate::load::{Job, Load};
use crate::output::say;
use crate::process::pin_to;
use crate::table::Table;
use crate::traffic::{ECHO_BYTES, Kind};

/// Frames in a row that are drawn the same way.
const BLOCK: usize = 30;

/// Options of `frames`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Clients that ask without end
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    clients: u16,
    /// Microseconds of a frame that the server may have
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    budget: u64,
    /// Microseconds that drawing a frame takes, about
    #[arg(long, default_value_t = 6000, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    work: u64,
    /// Frames a second
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Frames to measure, with the server and without
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(100..))]
    frames: u32,
    #[command(flatten)]
    cores: Cores,
}

/// Runs the game and prints what its frames took.
pub(crate) fn measure(options: &Options) -> Outcome<()> {
    let mut server = EventLoop::new().attempt("cannot make an event loop")?;
    let door = server.listen("127.0.0.1:0", |_peer| services::Echo).attempt("cannot listen")?;
    let Some(&Address::Tcp(address)) = server.local_address(door) else {
        return Err(Failure::new("the server listens nowhere"));
    };
    let job = Job::new(address, Kind::Echo, options.clients.into());
    let core = options.cores.load_core;
    let frame = Duration::from_secs(1) / options.rate;
    // Longer than the game lasts.
    let time = frame * options.frames * 2 + Duration::from_secs(60);
    let (ready, connected) = mpsc::channel();
    // A load has to be waited for, and ends with the thread that started it.
    thread::spawn(move || {
        let load = Load::start(&job, core);
        let failed = load.as_ref().err().map(ToString::to_string);
        if ready.send(failed).is_ok()
            && let Ok(mut load) = load
            && let Err(failure) = load.slice(time)
        {
            let _ = ready.send(Some(failure.to_string()));
        }
    });
    let failed = loop {
        server.turn(Wait::UpTo(frame), Budget::default(), &mut ()).attempt("cannot turn")?;
        match connected.try_recv() {
            Ok(failed) => break failed,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => break Some("the load is gone".to_owned()),
        }
    };
    if let Some(failed) = failed {
        return Err(Failure::new(failed));
    }
    pin_to(options.cores.server_core)?;
    let mut game = Game { server, steps: calibrate(Duration::from_micros(options.work)) };
    let played = game.play(options, frame)?;
    if let Ok(Some(failed)) = connected.try_recv() {
        return Err(Failure::new(failed));
    }
    played.report(options)
}

struct Game {
    server: EventLoop<()>,
    /// How much work a frame is.
    steps: u64,
}

/// What the frames took, without the server and with it.
struct Played {
    took: [Histogram<u64>; 2],
    /// The same as time on the core: where somebody else had the core meanwhile does not count.
    worked: [Histogram<u64>; 2],
    /// By how much turns were longer than their budget, by the clock and on the core.
    over: [Histogram<u64>; 2],
    replies: u64,
    /// Turns that the budget ended.
    cut: u32,
    /// How long all the frames together took.
    time: Duration,
}

impl Game {
    fn play(&mut self, options: &Options, frame: Duration) -> Outcome<Played> {
        let histogram = || Histogram::new_with_max(60_000_000_000, 3).attempt("histogram");
        let (took, worked) = ([histogram()?, histogram()?], [histogram()?, histogram()?]);
        let over = [histogram()?, histogram()?];
        let mut played = Played { took, worked, over, replies: 0, cut: 0, time: frame };
        let began = Instant::now();
        let budget = Duration::from_micros(options.budget);
        let mut next = began;
        for number in 0..options.frames as usize * 2 {
            let is_served = number / BLOCK % 2 == 1;
            next += frame;
            let (begins, worked) = (Instant::now(), on_core());
            draw(self.steps);
            if is_served {
                let began = (Instant::now(), on_core());
                let until = Budget::until(began.0 + budget);
                let turn = self.server.turn(Wait::No, until, &mut ()).attempt("cannot turn")?;
                played.replies += turn.bytes_out / u64::from(ECHO_BYTES);
                played.cut += u32::from(turn.more);
                let times = [began.0.elapsed(), on_core().saturating_sub(began.1)];
                for (histogram, time) in played.over.iter_mut().zip(times) {
                    histogram.saturating_record(nanoseconds(time.saturating_sub(budget)));
                }
            }
            let (took, worked) = (begins.elapsed(), on_core().saturating_sub(worked));
            for (histogram, time) in [(&mut played.took, took), (&mut played.worked, worked)] {
                histogram[usize::from(is_served)].saturating_record(nanoseconds(time));
            }
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        played.time = began.elapsed();
        Ok(played)
    }
}

impl Played {
    fn report(&self, options: &Options) -> Outcome<()> {
        say(format_args!(
            "{} frames each way at {} a second, {} clients, a budget of {} us",
            self.took[0].len(),
            options.rate,
            options.clients,
            options.budget
        ))?;
        let figures = |histogram: &Histogram<u64>| {
            [0.5, 0.99, 0.999, 1.0].map(|share| histogram.value_at_quantile(share) as f64)
        };
        let row = |name: &str, figures: [f64; 4]| {
            let cells = figures.iter().map(|figure| format!("{:.0}", figure / 1000.0));
            std::iter::once(name.to_owned()).chain(cells).collect()
        };
        let columns = ["frame", "p50 us", "p99 us", "p99.9 us", "longest us"];
        for (name, histograms) in [("by the clock", &self.took), ("on the core", &self.worked)] {
            say(format_args!("{name}:"))?;
            let mut table = Table::new(&columns);
            let (without, with) = (figures(&histograms[0]), figures(&histograms[1]));
            table.row(row("without the server", without));
            table.row(row("with it", with));
            table.row(row("more", std::array::from_fn(|share| with[share] - without[share])));
            table.print()?;
        }
        say("a turn, past its budget:")?;
        let mut table = Table::new(&["turn", columns[1], columns[2], columns[3], columns[4]]);
        table.row(row("by the clock", figures(&self.over[0])));
        table.row(row("on the core", figures(&self.over[1])));
        table.print()?;
        say(format_args!(
            "{:.0} replies a second while it had turns; {} of {} turns left work over",
            self.replies as f64 * 2.0 / self.time.as_secs_f64(),
            self.cut,
            self.took[1].len()
        ))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// How long this thread has been on a core.
fn on_core() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Work that takes the same number of instructions each time.
fn draw(steps: u64) {
    let mut pixel = 1_u64;
    for step in 0..steps {
        pixel = black_box(pixel.rotate_left(5) ^ step);
    }
}

/// How many steps take that long here, about.
fn calibrate(time: Duration) -> u64 {
    const STEPS: u64 = 10_000_000;
    let began = Instant::now();
    draw(STEPS);
    let each = began.elapsed().as_secs_f64() / STEPS as f64;
    (time.as_secs_f64() / each) as u64
}
