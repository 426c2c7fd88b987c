//! The whole event loop on a simulated network: anything in any order.
//!
//! All bytes of the input are decisions: which faults the network has, how large everything may
//! be, which clients come and what they do, how much each turn may do, what the host asks of the
//! loop meanwhile, and what the protocols do in each call. The simulation itself watches every
//! turn: the order of callbacks, deadlines, memory, edges, sockets. Here it is driven, and in the
//! end drained: nothing may be left.

use std::time::Duration;

use switchboard::drivers::event_loop::Config;
use switchboard::simulation::{Fault, Faults, Script, Simulation, Step, script};
use switchboard::{Budget, Bytes, Closing, Limits, ListenOptions, ListenerId, Wait, http};

use crate::choices::Choices;

mod guest;

use guest::{Guest, Hall, when_full};

/// Makes a run of `bytes`.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut simulation = build(&mut choices);
    let listeners = listen(&mut simulation, &mut choices);
    let mut hall = Hall { choices, names: Vec::new() };
    for _ in 0..=hall.choices.below(6) {
        add_client(&mut simulation, &mut hall.choices);
    }
    // So many turns that a fuzzer which draws them out gains nothing.
    for _ in 0..500 {
        if hall.choices.is_spent() {
            break;
        }
        if !step(&mut simulation, &mut hall, &listeners) {
            return;
        }
    }
    simulation.drain(Duration::from_secs(hall.choices.below(100) as u64));
    if let Err(failure) = simulation.settle(&mut hall) {
        panic!("{failure}");
    }
}

fn build(choices: &mut Choices) -> Simulation<Hall> {
    let seed = choices.word() as u64;
    let faults = match choices.below(8) {
        0 => Faults::none(),
        1 | 2 => Faults::rough().varied(seed),
        3 | 4 => Faults::hostile().varied(seed),
        _ => (0..choices.below(6)).fold(Faults::none(), |faults, _| {
            let fault = Fault::ALL[choices.below(Fault::ALL.len())];
            let number = choices.below(20) as u32;
            if choices.below(2) == 0 {
                faults.one_in(number, fault)
            } else {
                faults.nth(u64::from(number), fault)
            }
        }),
    };
    let faults = faults.buffer([64 << 10, 1000, 40][choices.below(3)]);
    let config = Config::default()
        .read_size([64 << 10, 100, 1][choices.below(3)])
        .write_size([64 << 10, 100, 1][choices.below(3)])
        .mailbox([1000, 3][choices.below(2)])
        .memory([16 << 20, 5000][choices.below(2)]);
    Simulation::with_config(seed, faults, config).expect("such a configuration can work")
}

/// Ports on which the guests, an HTTP server and nobody can be found.
const GUESTS: &str = "10.0.0.1:7000";
const PAGES: &str = "10.0.0.1:8000";
const SERVER: &str = "10.0.0.2:9000";

pub(crate) fn limits(choices: &mut Choices) -> Limits {
    let limits = Limits::default().input(600).high_water(1000).low_water(200).output(6000);
    let limits = limits.linger(500).connections([100, 2][choices.below(2)]);
    limits.connections_per_address([100, 1][choices.below(2)])
}

fn listen(simulation: &mut Simulation<Hall>, choices: &mut Choices) -> [ListenerId; 2] {
    let options = |choices: &mut Choices| ListenOptions::from(limits(choices));
    let guests = simulation.listen_with(GUESTS, options(choices), |_| Guest);
    let pages = http::Config::default().body(400).requests_per_turn(2).server(
        |request: &http::Request<'_>, reply: http::Reply<'_, Hall>, _: &mut Hall| match request
            .path()
        {
            "/large" => reply.shared(Bytes::from_static(&[b'l'; 3000])),
            _ => reply.bytes(request.body()),
        },
    );
    let pages = simulation.listen_with(PAGES, options(choices), pages);
    simulation.server(SERVER, draw_script(choices)).expect("an address");
    [guests, pages].map(|listener| listener.expect("the address is free"))
}

/// Adds a client of one of the listeners.
fn add_client(simulation: &mut Simulation<Hall>, choices: &mut Choices) {
    let address = if choices.below(4) == 3 { PAGES } else { GUESTS };
    let mut client = draw_script(choices);
    if address == PAGES {
        let request = "GET /large HTTP/1.1\r\nhost: a\r\n\r\n".repeat(1 + choices.below(3));
        client = script().send(request).then(Step::Take(3000 * choices.below(3))).tolerant();
    }
    let delay = Duration::from_millis(choices.byte().into());
    simulation.client(address, client.after(delay)).expect("an address");
}

/// A client that does anything, and then goes.
fn draw_script(choices: &mut Choices) -> Script {
    let mut client = script().tolerant();
    for _ in 0..choices.below(8) {
        client = match choices.below(12) {
            0..4 => client.send(vec![b'x'; 1 + 4 * choices.below(256)]),
            4 => client.wait(Duration::from_millis(choices.word() as u64 * 4)),
            5 => client
                .read_slowly(1 + choices.below(200), Duration::from_millis(choices.byte().into())),
            6 => client.stop_reading(),
            7 => client.read_on(),
            8 => client.finish_writing(),
            9 => client.reset(),
            10 => client.vanish(),
            _ => client.take(choices.below(200)),
        };
    }
    match choices.below(3) {
        0 => client.expect_closed(),
        1 => client.stay(),
        _ => client,
    }
}

/// One thing that the host does. Says whether the loop goes on.
fn step(simulation: &mut Simulation<Hall>, hall: &mut Hall, listeners: &[ListenerId; 2]) -> bool {
    let handle = simulation.handle();
    let name = hall.draw_name();
    let size = hall.choices.below(256);
    match hall.choices.below(20) {
        0 => {
            // What has no room is told, and that is all that can be asked.
            let _ = handle.send(name, vec![b'h'; size], when_full(&mut hall.choices));
        }
        1 => {
            let when_full = when_full(&mut hall.choices);
            let _ = handle.broadcast(listeners[0], vec![b'b'; size], when_full);
        }
        2 => drop(handle.notify(name, Box::new(()))),
        3 => drop(handle.close(name, Closing::Finish)),
        4 => drop(handle.close(name, Closing::Abort)),
        5 => drop(handle.post(|control, hall| {
            let name = hall.draw_name();
            control.notify(name, Box::new(()));
        })),
        6 => handle.wake(),
        7 => simulation.be_away(Duration::from_millis(hall.choices.word() as u64)),
        8 => {
            let address = [GUESTS, SERVER, "10.0.0.3:1"][hall.choices.below(3)];
            let limits = limits(&mut hall.choices);
            // It may have been refused at once, which is a fault like others.
            let _ = simulation.connect(address, Guest, limits);
        }
        9 => add_client(simulation, &mut hall.choices),
        10 if hall.choices.below(8) == 7 => drop(simulation.stop_listening(listeners[1])),
        11 if hall.choices.below(8) == 7 => {
            simulation.drain(Duration::from_millis(hall.choices.word() as u64));
        }
        _ => return turn(simulation, hall),
    }
    true
}

fn turn(simulation: &mut Simulation<Hall>, hall: &mut Hall) -> bool {
    let choices = &mut hall.choices;
    let wait = match choices.below(4) {
        0 => Wait::No,
        1 => Wait::UpTo(Duration::from_millis(choices.byte().into())),
        // For ever may be just that, where nobody is left.
        _ => Wait::UpTo(Duration::from_secs(3600)),
    };
    let budget = match choices.below(4) {
        0 => Budget::default(),
        1 => Budget::until(simulation.now() + Duration::from_micros(choices.byte().into())),
        _ => Budget::default()
            .connections(choices.below(4))
            .accepts(choices.below(3))
            .deadlines(choices.below(3))
            .requests(choices.below(4)),
    };
    match simulation.turn(wait, budget, hall) {
        Ok(turn) => turn.ended.is_none(),
        Err(failure) => panic!("{failure}"),
    }
}
