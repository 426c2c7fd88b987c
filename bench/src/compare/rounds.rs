//! One scenario over all its servers: rounds, and in each the slices take turns.
//!
//! First one server goes first and then the next, so none is always behind the
//! same neighbour. A server that fails is out; what it did in whole rounds
//! stays, and with none it is refused with the reason.

use std::time::Instant;

use indicatif::ProgressBar;

use super::cost::Accounts;
use super::part::{Part, Roles};
use super::plan::{Scenario, Starts};
use super::sample::{Slices, quarter};
use super::stop::Stop;
use crate::Cores;
use crate::report::model::ScenarioResult;

/// Where bytes are counted, a unit is so many.
const MEBIBYTE: u64 = 1 << 20;
/// What disturbed clients ask in a second, all together: little, so that what
/// they wait is due to who disturbs them.
pub(crate) const DISTURBED_RATE: u64 = 1_000;

/// What all scenarios of a run share.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) accounts: Accounts,
    pub(crate) cores: Cores,
    pub(crate) stop: Stop,
}

/// Measures one scenario. None when it was stopped before a round was whole.
pub(crate) fn measure(
    scenario: &Scenario,
    mut parts: Vec<Part>,
    run: &mut Run,
    bar: &ProgressBar,
) -> Option<ScenarioResult> {
    bar.set_length(u64::from(scenario.rounds) * parts.len() as u64 * u64::from(scenario.slices));
    let roles = Roles::of(&parts);
    let mut rate = None;
    let budget = scenario.budget_each * parts.len() as u32;
    let mut began = Instant::now();
    for round in 0..scenario.rounds {
        if round == 0 || scenario.starts == Starts::EachRound {
            start_all(scenario, &mut parts, run, bar);
        }
        if round == 0 {
            began = Instant::now(); // Ten thousand processes take their time to start.
        }
        let slices = take_turns(scenario, &mut parts, round, run, bar);
        if run.stop.is_asked() {
            break;
        }
        let rate = *rate.get_or_insert_with(|| rate_of(scenario, &slices, &roles));
        let is_late = began.elapsed() > budget && round + 1 >= scenario.fewest_rounds;
        let is_last = is_late || round + 1 == scenario.rounds;
        finish_round(scenario, &mut parts, &slices, &roles, rate);
        if is_last || scenario.starts == Starts::EachRound {
            for part in &mut parts {
                part.weigh();
                part.end();
            }
        }
        if is_last {
            break;
        }
    }
    for part in &mut parts {
        part.end();
        if !run.stop.is_asked() {
            bar.set_message(format!("{}: counting system calls", part.name()));
            part.trace(scenario, run);
        }
    }
    if parts.iter().all(Part::has_no_round) && run.stop.is_asked() {
        return None;
    }
    let rows: Vec<_> = parts.into_iter().filter_map(Part::into_row).collect();
    (!rows.is_empty()).then(|| ScenarioResult {
        name: scenario.name.to_owned(),
        title: scenario.title.clone(),
        unit: scenario.work.unit().to_owned(),
        connections: scenario.connections.into(),
        message_bytes: scenario.work.message_bytes().map(u64::from),
        rows,
    })
}

fn start_all(scenario: &Scenario, parts: &mut [Part], run: &mut Run, bar: &ProgressBar) {
    for part in parts {
        if run.stop.is_asked() {
            return;
        }
        bar.set_message(format!("{}: starting", part.name()));
        part.start(scenario, run);
    }
}

/// The slices of every part in one round; none for one that is out.
fn take_turns(
    scenario: &Scenario,
    parts: &mut [Part],
    round: u32,
    run: &Run,
    bar: &ProgressBar,
) -> Vec<Slices> {
    let count = parts.len();
    let began = Instant::now();
    let mut all = vec![Slices::default(); count];
    bar.set_message(format!("round {} of {}", round + 1, scenario.rounds));
    for slice in 0..scenario.slices as usize {
        for turn in 0..count {
            if run.stop.is_asked() {
                return all;
            }
            let index = (round as usize + slice + turn) % count;
            let before = began.elapsed();
            if let Some(mut sample) = parts[index].slice(scenario.slice) {
                let middle = (before + began.elapsed()) / 2;
                sample.at_ns = middle.as_nanos() as u64;
                all[index].0.push(sample);
            }
            bar.inc(1);
        }
    }
    all
}

fn finish_round(
    scenario: &Scenario,
    parts: &mut [Part],
    slices: &[Slices],
    roles: &Roles,
    rate: u64,
) {
    let per_unit = if scenario.work.unit() == "MiB" { MEBIBYTE } else { 1 };
    for (part, its) in parts.iter_mut().zip(slices) {
        let limit = roles.limit.map(|index| &slices[index]);
        let ours = roles.ours.map(|index| &slices[index]);
        part.finish_round(its.round(per_unit, limit, ours));
        if let Some(time) = scenario.paced {
            part.pace(rate, time, scenario.work.disturbs());
        }
    }
}

/// The rate at which waits are measured, the same for all: what the limit, or
/// else the fastest, did in the first round decides it.
fn rate_of(scenario: &Scenario, slices: &[Slices], roles: &Roles) -> u64 {
    if scenario.work.disturbs() {
        return DISTURBED_RATE;
    }
    let limit = roles.limit.map(|index| slices[index].throughput()).filter(|&rate| rate > 0.0);
    let fastest = || slices.iter().map(Slices::throughput).fold(0.0, f64::max);
    quarter(limit.unwrap_or_else(fastest))
}
