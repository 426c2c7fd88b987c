//! Which charts a report has.

use super::chart::{self, Bar, Line, Wait};
use super::judge::{Judged, Standing, judge};
use super::model::{Family, Latency, Report, ScenarioResult, ServerInfo};
use super::units::{bytes, bytes_tick, time, time_tick};
use crate::failure::Outcome;

/// A chart, drawn.
#[derive(Debug)]
pub(super) struct Chart {
    /// What its file would be called: `echo-64-cost`.
    pub(super) name: String,
    pub(super) title: String,
    /// An SVG element.
    pub(super) svg: String,
}

/// The charts of one scenario: cost, and where measured waits and memory.
pub(super) fn of_scenario(report: &Report, judged: &Judged<'_>) -> Outcome<Vec<Chart>> {
    let scenario = judged.scenario;
    let mut charts = Vec::new();
    let mut standings: Vec<_> = judged.standings.iter().collect();
    standings.sort_by(|one, other| one.cost.median.total_cmp(&other.cost.median));
    let costs: Vec<_> = standings.iter().map(|its| cost(report, its)).collect();
    let title = format!("CPU time of the server for each {}", scenario.unit);
    if !costs.is_empty() {
        charts.push(Chart::new(scenario, "cost", title, chart::bars, &costs)?);
    }
    let waits: Vec<_> = standings.iter().filter_map(|its| wait(report, its)).collect();
    if !waits.is_empty() {
        let is_disturbed = waits.iter().any(|wait| wait.undisturbed.is_some());
        let mut title = "waits: p50, p99 and p99.9".to_owned();
        if is_disturbed {
            title += "; grey: undisturbed";
        }
        charts.push(Chart::new(scenario, "waits", title, chart::waits, &waits)?);
    }
    let memory: Vec<_> = standings.iter().filter_map(|its| memory(report, its)).collect();
    if !memory.is_empty() {
        let title = "memory of an idle connection".to_owned();
        charts.push(Chart::new(scenario, "memory", title, chart::bars, &memory)?);
    }
    Ok(charts)
}

/// How cost, memory and waits grow with the connections, for each kind of
/// scenario that was measured with three numbers of them or more.
pub(super) fn of_growth(report: &Report) -> Outcome<Vec<Chart>> {
    let mut charts = Vec::new();
    for kind in kinds(report) {
        for (name, title, figure, show) in FIGURES {
            let lines = lines(report, &kind, figure);
            for (group, suffix, belongs) in GROUPS {
                let has_peers = report.servers.iter().any(|its| its.family == Family::Peer);
                if group == "field" && !has_peers {
                    continue;
                }
                let of_group = |line: &&Line| belongs(line.color, &report.servers[line.color]);
                let lines: Vec<_> = lines.iter().filter(of_group).cloned().collect();
                if lines.is_empty() {
                    continue;
                }
                let title = format!("{kind}, {suffix}: {title}, by connections");
                let svg = chart::growth(&title, &lines, show)?;
                charts.push(Chart { name: format!("{kind}-{name}-{group}"), title, svg });
            }
        }
    }
    Ok(charts)
}

type Figure = fn(&Standing<'_>) -> Option<f64>;
type Show = fn(f64) -> String;

const FIGURES: [(&str, &str, Figure, Show); 3] = [
    ("cost", "CPU time of the server for each request", |its| Some(its.cost.median), time_tick),
    (
        "memory",
        "peak memory",
        |its| its.figures.peak_memory_bytes.map(|peak| peak as f64),
        bytes_tick,
    ),
    ("waits", "p99 wait", |its| its.figures.latency.map(|waits| waits.p99_ns as f64), time_tick),
];

type Belongs = fn(usize, &ServerInfo) -> bool;

/// The drivers beside the limit, and the first of them beside the field: all
/// in one chart would be a tangle.
const GROUPS: [(&str, &str, Belongs); 2] = [
    ("drivers", "our drivers", |_, its| its.family != Family::Peer),
    ("field", "the field", |number, its| its.family != Family::Ours || number == 0),
];

/// `echo` for `echo-1` and its like, where there are three of them.
fn kinds(report: &Report) -> Vec<String> {
    let mut kinds: Vec<&str> = Vec::new();
    for (kind, _) in report.scenarios.iter().filter_map(kind_and_connections) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let sizes = |kind: &str| {
        let all = report.scenarios.iter().filter_map(kind_and_connections);
        all.filter(|(its, _)| *its == kind).count()
    };
    kinds.into_iter().filter(|kind| sizes(kind) >= 3).map(str::to_owned).collect()
}

fn kind_and_connections(scenario: &ScenarioResult) -> Option<(&str, f64)> {
    let (kind, size) = scenario.name.rsplit_once('-')?;
    Some((kind, f64::from(size.parse::<u32>().ok()?)))
}

/// A line for each server with a figure at two sizes or more.
fn lines(report: &Report, kind: &str, figure: Figure) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (color, server) in report.servers.iter().enumerate() {
        let mut points = Vec::new();
        for scenario in &report.scenarios {
            let Some((its, connections)) = kind_and_connections(scenario) else { continue };
            let judged = judge(report, scenario);
            let standing = judged.standings.iter().find(|its| its.server.name == server.name);
            if let Some(value) = standing.and_then(figure).filter(|_| its == kind) {
                points.push((connections, value));
            }
        }
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        if points.len() >= 2 {
            lines.push(Line { name: server.name.clone(), color, points });
        }
    }
    lines
}

impl Chart {
    fn new<T>(
        scenario: &ScenarioResult,
        name: &str,
        title: String,
        draw: fn(&str, &[T]) -> Outcome<String>,
        rows: &[T],
    ) -> Outcome<Self> {
        let svg = draw(&format!("{}: {title}", scenario.title), rows)?;
        Ok(Self { name: format!("{}-{name}", scenario.name), title, svg })
    }
}

fn cost(report: &Report, its: &Standing<'_>) -> Bar {
    Bar {
        name: its.server.name.clone(),
        color: color(report, its),
        value: its.cost.median,
        range: Some((its.cost.min, its.cost.max)),
        text: time(its.cost.median),
    }
}

fn memory(report: &Report, its: &Standing<'_>) -> Option<Bar> {
    let value = its.figures.bytes_per_connection?;
    let name = its.server.name.clone();
    Some(Bar { name, color: color(report, its), value, range: None, text: bytes(value) })
}

fn wait(report: &Report, its: &Standing<'_>) -> Option<Wait> {
    let three = |waits: Latency| [waits.p50_ns, waits.p99_ns, waits.p999_ns].map(|ns| ns as f64);
    Some(Wait {
        name: its.server.name.clone(),
        color: color(report, its),
        waits: three(its.figures.latency?),
        undisturbed: its.figures.latency_alone.map(three),
    })
}

fn color(report: &Report, its: &Standing<'_>) -> usize {
    report.servers.iter().position(|server| server.name == its.server.name).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn growth_is_shown_for_three_sizes_of_a_kind_alone() {
        let mut report = samples::report();
        report.scenarios.truncate(1);
        assert!(of_growth(&report).expect("nothing to draw").is_empty());
        for size in ["echo-1", "echo-10000"] {
            let mut scenario = report.scenarios[0].clone();
            size.clone_into(&mut scenario.name);
            report.scenarios.push(scenario);
        }
        let charts = of_growth(&report).expect("they can be drawn");
        let names: Vec<_> = charts.iter().map(|chart| chart.name.as_str()).collect();
        assert_eq!(names, ["echo-cost-drivers", "echo-memory-drivers"]);
    }

    #[test]
    fn a_scenario_draws_what_was_measured() {
        let report = samples::report();
        let names = |index: usize| {
            let charts = of_scenario(&report, &judge(&report, &report.scenarios[index]));
            let charts = charts.expect("they can be drawn");
            assert!(charts.iter().all(|chart| chart.svg.contains("currentColor")));
            charts.into_iter().map(|chart| chart.name).collect::<Vec<_>>()
        };
        assert_eq!(names(0), ["echo-64-cost"]);
        assert_eq!(names(1), ["slow-reader-cost", "slow-reader-waits"]);
    }
}
