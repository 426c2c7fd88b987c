//! One seed of the mixed scenario, and what is asked of it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use switchboard::drivers::event_loop::Ended;
use switchboard::simulation::{ClientId, Dice, Failure, Fault, Faults, Simulation, script};
use switchboard::{Address, Config, Limits, OnPanic, WhenFull, relay};

use crate::acts::{self, Act, Door};
use crate::coverage::Coverage;
use crate::doors::{self, BACK, FAR, Files, Hall, Mirror, SECOND};

type Scene = Simulation<Hall>;

/// What a seed makes of the scenario.
struct Plan {
    faults: Faults,
    config: Config,
    acts: Vec<Act>,
    hall: Hall,
    /// When the drain begins, if that does not wait for the clients.
    drains_after: Option<Duration>,
    grace: Duration,
    /// Nothing is expected to differ from a network without fault.
    is_calm: bool,
}

fn plan(seed: u64) -> Plan {
    let mut dice = Dice::new(seed ^ SCENARIO);
    let is_hostile = seed % 2 == 1;
    let mut faults = if is_hostile { Faults::hostile() } else { Faults::rough() }.varied(seed);
    if dice.one_in(3) {
        faults = faults.buffer(2000);
    }
    let is_scarce = dice.one_in(5);
    if is_scarce {
        faults = faults.descriptors(dice.between(3, 8));
    }
    if dice.one_in(6) {
        faults = faults.during(SECOND / 20..SECOND * 3, Fault::Exhausted);
    }
    let is_tight = dice.one_in(8);
    let memory = if is_tight { 100_000 } else { 256 << 20 };
    let mut acts = acts::crowd(&mut dice, 4 + (seed % 8) as usize);
    let mut hall = Hall::default();
    if dice.one_in(2) {
        let (guests, lines) = (dice.between(2, 6), dice.between(1, 20));
        if lines > 6 {
            // Else the buffers would hold all that is ever said, however slow a guest is.
            faults = faults.buffer(2000);
        }
        (hall.expected_guests, hall.lines_left) = (guests, guests * lines);
        let choices = [WhenFull::Close, WhenFull::Close, WhenFull::Drop, WhenFull::PauseSource];
        hall.when_full = Some(*dice.pick(&choices));
        acts.extend(acts::chat(guests, lines, &mut dice, is_hostile));
    }
    let drains_after = dice.one_in(4).then(|| dice.time_below(SECOND * 2));
    let is_calm = !is_hostile && !is_tight && drains_after.is_none();
    for act in &mut acts {
        act.script = act.script.clone().after(dice.time_below(SECOND / 5));
        // Without a descriptor for its other half a relay gives up.
        act.is_alone &= !(is_scarce && act.door == Door::Relay);
        if !(is_calm && act.is_alone) {
            act.script = act.script.clone().tolerant();
        }
    }
    let config = Config::default().on_panic(OnPanic::Close).memory(memory);
    Plan { faults, config, acts, hall, drains_after, grace: dice.time_below(SECOND * 5), is_calm }
}

fn open(seed: u64, faults: Faults, config: Config) -> Scene {
    let mut scene = Simulation::with_config(seed, faults, config).unwrap().freezing_wall_clock();
    let web = (doors::http_limits(), doors::web(&Files::new()));
    scene.listen_with(address(Door::Web), web.0, web.1).unwrap();
    scene.listen_with(address(Door::Chat), doors::chat_limits(), doors::chat).unwrap();
    scene.listen_with(address(Door::Tool), doors::tool_limits(), doors::tool).unwrap();
    scene.listen_with(address(Door::Relay), Limits::default(), relay::to(FAR).unwrap()).unwrap();
    while scene.bind(MIRROR, Mirror).is_err() {
        // The poll had no memory for it: a fault of this seed.
    }
    let far = script().tolerant().until("ping\n").send(doors::pattern(doors::BIG)).expect_closed();
    scene.server(FAR, far).unwrap();
    scene.server(BACK, script().tolerant().until("who?\n").send("back\n")).unwrap();
    scene
}

const fn address(door: Door) -> &'static str {
    match door {
        Door::Web => "10.0.0.1:80",
        Door::Chat => "10.0.0.1:7000",
        Door::Tool => "10.0.0.1:7001",
        Door::Relay => "10.0.0.1:7002",
    }
}

fn enter(scene: &mut Scene, acts: &[Act]) -> Vec<ClientId> {
    acts.iter().map(|act| scene.client(address(act.door), act.script.clone()).unwrap()).collect()
}

/// Plays one seed to its end, and checks what every client got.
pub(crate) fn mixed(seed: u64, coverage: &mut Coverage) -> Result<(), Failure> {
    let Plan { faults, config, acts, mut hall, drains_after, grace, is_calm } = plan(seed);
    let mut scene = open(seed, faults, config);
    let clients = enter(&mut scene, &acts);
    let questions = ask_mirror(&mut scene);
    run(&mut scene, &mut hall, drains_after, grace, coverage)?;
    check_mirror(&scene, questions, is_calm);
    for (client, act) in clients.iter().zip(&acts) {
        let got = scene.received(*client);
        // Replies given in a drain say that they are the last; a jump of the clock ends a wait.
        let is_timely = drains_after.is_none() && scene.struck().count(Fault::ClockJump) == 0;
        if act.is_alone && is_timely {
            compare(seed, act, &got, is_calm);
        }
        if act.door == Door::Chat {
            check_chat(seed, &got);
        }
        coverage.note_client(&act.name, scene.excuse(*client).is_none());
    }
    if is_calm {
        coverage.note_recovery(&scene);
    }
    coverage.note_scene(&scene, &hall);
    Ok(())
}

/// The same, keeping the trace.
pub(crate) fn mixed_with_trace(seed: u64) -> Result<Scene, Failure> {
    let Plan { faults, config, acts, mut hall, drains_after, grace, .. } = plan(seed);
    let mut scene = open(seed, faults, config).keeping_trace();
    enter(&mut scene, &acts);
    ask_mirror(&mut scene);
    run(&mut scene, &mut hall, drains_after, grace, &mut Coverage::default())?;
    Ok(scene)
}

fn run(
    scene: &mut Scene,
    hall: &mut Hall,
    drains_after: Option<Duration>,
    grace: Duration,
    coverage: &mut Coverage,
) -> Result<(), Failure> {
    match drains_after {
        Some(time) => scene.run_for(time, hall)?,
        None => scene.run(hall)?,
    };
    let open = scene.stats().open as u64;
    scene.drain(grace);
    if let Some(Ended::Drained(drained)) = scene.run(hall)? {
        let ended = drained.finished + drained.aborted + drained.otherwise;
        assert!(ended >= open, "{open} were open and {ended} ended in the drain");
        coverage.note_drained(&drained);
    }
    scene.settle(hall)?;
    Ok(())
}

/// Sends datagrams to the mirror. Gives what should come back, and to whom.
fn ask_mirror(scene: &mut Scene) -> Vec<(Address, Vec<u8>)> {
    let questions = (1..30_usize).map(|number| {
        let from = format!("udp://10.5.0.{number}:9");
        let bytes = doors::pattern(number * 40);
        scene.datagram(from.as_str(), MIRROR, &bytes).unwrap();
        (from.parse().unwrap(), bytes)
    });
    questions.collect()
}

/// Each answer is that to a question of who gets it. Where no fault takes any, all come, once.
fn check_mirror(scene: &Scene, questions: Vec<(Address, Vec<u8>)>, is_calm: bool) {
    let mut answers = scene.datagrams();
    // What came after the mirror was closed is nobody's.
    answers.retain(|(to, _)| *to != MIRROR.parse().unwrap());
    for answer in &answers {
        assert!(questions.contains(answer), "seed {}: {answer:?}", scene.seed());
    }
    answers.sort_by_key(|(_, bytes)| bytes.len());
    assert!(!is_calm || answers == questions, "seed {}: {} answers", scene.seed(), answers.len());
}

/// A few clients and their lines, on a rough network: not much that could change.
pub(crate) fn quiet_trace(seed: u64) -> u64 {
    let config = Config::default().on_panic(OnPanic::Close);
    let mut scene = open(seed, Faults::rough(), config);
    for text in ["one\n", "two\nthree\n", "four\n"] {
        let script = script().send(text).finish_writing().expect_closed();
        scene.client(address(Door::Tool), script).unwrap();
    }
    scene.run(&mut Hall::default()).unwrap_or_else(|failure| panic!("{failure}"));
    scene.trace_digest()
}

/// What an act gets on a network without fault and with nobody else there.
pub(crate) fn reference(act: &Act) -> Vec<u8> {
    static KNOWN: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let known = KNOWN.lock().unwrap().get(&act.name).cloned();
    if let Some(known) = known {
        return known;
    }
    let config = Config::default().on_panic(OnPanic::Close);
    let mut scene = open(0, Faults::none(), config);
    let client = scene.client(address(act.door), act.script.clone()).unwrap();
    scene.run(&mut Hall::default()).unwrap_or_else(|failure| panic!("{}: {failure}", act.name));
    let bytes = scene.received(client);
    KNOWN.lock().unwrap().insert(act.name.clone(), bytes.clone());
    bytes
}

fn compare(seed: u64, act: &Act, got: &[u8], is_calm: bool) {
    let expected = reference(act);
    let is_right = if is_calm { got == expected } else { expected.starts_with(got) };
    let same = got.iter().zip(&expected).take_while(|(one, other)| one == other).count();
    let shown = |bytes: &[u8]| bytes[same..].escape_ascii().take(200).collect::<Vec<_>>();
    let (got, expected) = (shown(got), shown(&expected));
    let (got, expected) = (got.escape_ascii(), expected.escape_ascii());
    assert!(is_right, "seed {seed}, {}: after {same} bytes {got} and not {expected}", act.name);
}

/// Each line is whole and was said, and what one guest said comes in its order.
pub(crate) fn check_chat(seed: u64, got: &[u8]) {
    let whole = got.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let text = std::str::from_utf8(&got[..whole]).unwrap();
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    for line in text.lines().filter(|line| !matches!(*line, "begin" | "bye" | "too long")) {
        let words: Vec<_> = line.split(' ').collect();
        let [guest, "says", number, tail] = words[..] else { panic!("seed {seed}: {line:?}") };
        let (guest, number): (usize, usize) = (guest.parse().unwrap(), number.parse().unwrap());
        assert_eq!(tail.len(), guest * 30, "seed {seed}: {line:?}");
        let before = last.insert(guest, number);
        assert!(before.is_none_or(|before| before < number), "seed {seed}: out of order: {line:?}");
    }
}

/// Where datagrams are given back.
const MIRROR: &str = "udp://10.0.0.1:7";
/// So that who comes has nothing to do with what the network does to them.
const SCENARIO: u64 = 0x6a09_e667_f3bc_c908;
