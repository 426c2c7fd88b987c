//! Which charts a scenario has.

use super::chart::{self, Bar, Wait};
use super::judge::{Judged, Standing};
use super::model::{Latency, Report, ScenarioResult};
use super::units::{bytes, time};
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
    let standings = judged.in_order();
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
    use super::super::judge::judge;
    use super::super::samples;
    use super::*;

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
