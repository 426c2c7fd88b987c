//! How cost, memory and waits grow: with connections, and with the bytes of a message.
//!
//! A kind of work has such charts where it was measured at three sizes or more.

use super::chart::{self, Line};
use super::gallery::Chart;
use super::judge::{Standing, judge};
use super::model::{Family, Report, ScenarioResult, ServerInfo};
use super::units::{bytes_tick, count, time_tick};
use crate::failure::Outcome;

/// All charts of growth.
pub(super) fn charts(report: &Report) -> Outcome<Vec<Chart>> {
    let mut charts = Vec::new();
    for axis in AXES {
        for kind in kinds(report, axis) {
            for figure in FIGURES {
                add(&mut charts, report, (axis, &kind, figure))?;
            }
        }
    }
    Ok(charts)
}

/// What a figure grows with.
struct Axis {
    with: &'static str,
    /// What is alike in scenarios that are points of one line, and where on it this one is.
    place: fn(&ScenarioResult) -> Option<(String, f64)>,
    tick: Show,
}

const AXES: &[Axis] = &[
    Axis { with: "connections", place: by_connections, tick: count },
    Axis { with: "bytes of a message", place: by_bytes, tick: bytes_tick },
];

/// What is drawn over it.
struct Figure {
    name: &'static str,
    title: &'static str,
    of: fn(&Standing<'_>) -> Option<f64>,
    tick: Show,
}

type Show = fn(f64) -> String;

const FIGURES: &[Figure] = &[
    Figure {
        name: "cost",
        title: "CPU time of the server for each request",
        of: |its| Some(its.cost.median),
        tick: time_tick,
    },
    Figure {
        name: "memory",
        title: "peak memory",
        of: |its| its.figures.peak_memory_bytes.map(|peak| peak as f64),
        tick: bytes_tick,
    },
    Figure {
        name: "waits",
        title: "p99 wait",
        of: |its| its.figures.latency.map(|waits| waits.p99_ns as f64),
        tick: time_tick,
    },
];

type Belongs = fn(usize, &ServerInfo) -> bool;

/// The drivers beside the limit, and the first of them beside the field: all
/// in one chart would be a tangle.
const GROUPS: [(&str, &str, Belongs); 2] = [
    ("drivers", "our drivers", |_, its| its.family != Family::Peer),
    ("field", "the field", |number, its| its.family != Family::Ours || number == 0),
];

/// One figure of a kind of work: the drivers', and where there is one the field's.
fn add(
    charts: &mut Vec<Chart>,
    report: &Report,
    (axis, kind, figure): (&Axis, &str, &Figure),
) -> Outcome<()> {
    let lines = lines(report, axis, kind, figure);
    let has_peers = report.servers.iter().any(|its| its.family == Family::Peer);
    for (group, words, belongs) in GROUPS {
        let of_group = |line: &&Line| belongs(line.color, &report.servers[line.color]);
        let lines: Vec<_> = lines.iter().filter(of_group).cloned().collect();
        if lines.is_empty() || (group == "field" && !has_peers) {
            continue;
        }
        let title = format!("{kind}, {words}: {}, by {}", figure.title, axis.with);
        let svg = chart::growth(&title, &lines, axis.tick, figure.tick)?;
        charts.push(Chart { name: format!("{kind}-{}-{group}", figure.name), title, svg });
    }
    Ok(())
}

/// `echo` for `echo-1`, `echo-64` and their like.
fn by_connections(scenario: &ScenarioResult) -> Option<(String, f64)> {
    let (kind, size) = scenario.name.rsplit_once('-')?;
    Some((kind.to_owned(), f64::from(size.parse::<u32>().ok()?)))
}

/// `echo-64` for itself, `echo-64-1k` and their like.
fn by_bytes(scenario: &ScenarioResult) -> Option<(String, f64)> {
    let work = scenario.name.split('-').next()?;
    let bytes = scenario.message_bytes? as f64;
    Some((format!("{work}-{}", scenario.connections), bytes))
}

/// The kinds that there are three sizes of.
fn kinds(report: &Report, axis: &Axis) -> Vec<String> {
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for (kind, _) in report.scenarios.iter().filter_map(axis.place) {
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, sizes)) => *sizes += 1,
            None => kinds.push((kind, 1)),
        }
    }
    kinds.into_iter().filter(|(_, sizes)| *sizes >= 3).map(|(kind, _)| kind).collect()
}

/// A line for each server with a figure at two sizes or more.
fn lines(report: &Report, axis: &Axis, kind: &str, figure: &Figure) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (color, server) in report.servers.iter().enumerate() {
        let mut points = Vec::new();
        for scenario in &report.scenarios {
            let Some((its, size)) = (axis.place)(scenario) else { continue };
            let judged = judge(report, scenario);
            let standing = judged.standings.iter().find(|its| its.server.name == server.name);
            if let Some(value) = standing.and_then(figure.of).filter(|_| its == kind) {
                points.push((size, value));
            }
        }
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        if points.len() >= 2 {
            lines.push(Line { name: server.name.clone(), color, points });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    /// The names of the charts of a report whose scenarios are called so, with so many bytes.
    fn drawn(scenarios: &[(&str, u64)]) -> Vec<String> {
        let mut report = samples::report();
        let sample = report.scenarios[0].clone();
        let named = |&(name, bytes): &(&str, u64)| ScenarioResult {
            name: name.to_owned(),
            message_bytes: Some(bytes),
            ..sample.clone()
        };
        report.scenarios = scenarios.iter().map(named).collect();
        let charts = charts(&report).expect("they can be drawn");
        charts.into_iter().map(|chart| chart.name).collect()
    }

    #[test]
    fn growth_is_shown_for_three_sizes_of_a_kind_alone() {
        let two = [("echo-64", 64), ("echo-1", 64)];
        assert!(drawn(&two).is_empty());
        let connections = [("echo-64", 64), ("echo-1", 64), ("echo-10000", 64)];
        let expected = ["echo-cost-drivers", "echo-memory-drivers"];
        assert_eq!(drawn(&connections)[..2], expected);
    }

    #[test]
    fn growth_with_bytes_joins_messages_of_several_sizes() {
        let bytes = [("echo-64", 64), ("echo-64-1k", 1 << 10), ("echo-64-16k", 16 << 10)];
        assert_eq!(drawn(&bytes), ["echo-64-cost-drivers", "echo-64-memory-drivers"]);
    }
}
