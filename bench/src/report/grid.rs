//! The tables of a report as text in cells, for the terminal, the page and the
//! documentation alike.

use std::fmt;

use super::judge::{Judged, LEAST_LOAD_IDLE, LEAST_SERVER_BUSY, Place, Standing, is_noisy, judge};
use super::model::{Latency, Report};
use super::units::{bytes, count, percent, three_digits, time};
use super::words::without_folders;
use crate::table::{Spread, Table};

/// What stands behind a noisy figure.
pub(super) const NOISE_MARK: &str = " ~";

/// A table: every row has as many cells as the header.
#[derive(Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// Sentences about single rows.
    pub(super) notes: Vec<String>,
}

impl Grid {
    /// One scenario: its servers, those that are ahead first. Columns that
    /// nobody has a figure for are left out.
    pub(super) fn of_scenario(judged: &Judged<'_>) -> Self {
        let unit = &judged.scenario.unit;
        let standings = judged.in_order();
        let mut header = vec!["server".to_owned()];
        let mut rows: Vec<_> = standings.iter().map(|its| vec![its.server.name.clone()]).collect();
        for (title, cell) in columns(unit) {
            let cells: Vec<_> = standings.iter().map(|its| cell(its)).collect();
            if cells.iter().all(Option::is_none) {
                continue;
            }
            header.push(title);
            for (row, cell) in rows.iter_mut().zip(cells) {
                row.push(cell.unwrap_or_else(|| "–".to_owned()));
            }
        }
        Self { header, rows, notes: notes(judged) }
    }

    /// All scenarios at a glance: CPU time for each unit as a ratio to the
    /// limit's, else as a time.
    pub(super) fn of_summary(report: &Report) -> Self {
        let present: Vec<_> =
            report.servers.iter().filter(|server| server.absent.is_none()).collect();
        let mut header = vec!["scenario".to_owned()];
        header.extend(present.iter().map(|server| server.name.clone()));
        let rows = report.scenarios.iter().map(|scenario| {
            let judged = judge(report, scenario);
            let mut row = vec![scenario.name.clone()];
            row.extend(present.iter().map(|server| {
                let has_row = scenario.rows.iter().any(|row| row.server == server.name);
                let standing = judged.standings.iter().find(|its| its.server.name == server.name);
                match standing {
                    Some(standing) => in_summary(standing),
                    None if has_row => "refused".to_owned(),
                    None => String::new(),
                }
            }));
            row
        });
        Self { header, rows: rows.collect(), notes: Vec::new() }
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header: Vec<_> = self.header.iter().map(String::as_str).collect();
        let mut table = Table::new(&header);
        for row in &self.rows {
            table.row(row.clone());
        }
        write!(f, "{table}")?;
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

type Column = fn(&Standing<'_>) -> Option<String>;

fn columns(unit: &str) -> Vec<(String, Column)> {
    let named: [(&str, Column); 17] = [
        ("place", |its| Some(place(its))),
        ("CPU/", |its| Some(cost(its))),
        ("to limit", |its| its.to_limit.map(|ratio| with_range(ratio, show_ratio))),
        ("to ours", |its| its.to_ours.map(|ratio| without_range(ratio, show_ratio))),
        ("per second", |its| Some(count(its.per_second.median))),
        ("calls/", |its| its.figures.system_calls_per_unit.map(three_digits)),
        ("peak memory", |its| its.figures.peak_memory_bytes.map(|peak| bytes(peak as f64))),
        ("idle connection", |its| its.figures.bytes_per_connection.map(bytes)),
        ("p50", |its| waited(its.figures.latency, |waits| waits.p50_ns)),
        ("p99", |its| waited(its.figures.latency, |waits| waits.p99_ns)),
        ("p99.9", |its| waited(its.figures.latency, |waits| waits.p999_ns)),
        ("longest", |its| waited(its.figures.latency, |waits| waits.max_ns)),
        ("p99 undisturbed", |its| waited(its.figures.latency_alone, |waits| waits.p99_ns)),
        ("processes", |its| several(its.figures.processes)),
        ("threads", |its| several(its.figures.threads)),
        ("server busy", |its| Some(percent(its.server_busy))),
        ("load busy", |its| Some(percent(its.load_busy))),
    ];
    let title = |name: &str| match name {
        name if name.ends_with('/') => format!("{name}{unit}"),
        name => name.to_owned(),
    };
    named.into_iter().map(|(name, column)| (title(name), column)).collect()
}

fn place(its: &Standing<'_>) -> String {
    match its.place {
        Place::NotRanked | Place::Unknown => "–".to_owned(),
        Place::Behind { ahead, ties } => {
            let tie = if ties { " =" } else { "" };
            let doubt = if its.is_doubtful { NOISE_MARK } else { "" };
            format!("{}{tie}{doubt}", ahead + 1)
        }
    }
}

/// With its range where no ratio has one: a ratio's is narrower, and both
/// would be more than anybody reads.
fn cost(its: &Standing<'_>) -> String {
    let show = if its.to_limit.is_some() { without_range } else { with_range };
    show(its.cost, time)
}

/// The median with the range of all rounds.
fn with_range(figure: Spread, show: fn(f64) -> String) -> String {
    let noise = noise_mark(figure);
    format!("{} ({}..{}){noise}", show(figure.median), show(figure.min), show(figure.max))
}

fn without_range(figure: Spread, show: fn(f64) -> String) -> String {
    format!("{}{}", show(figure.median), noise_mark(figure))
}

fn noise_mark(figure: Spread) -> &'static str {
    if is_noisy(figure) { NOISE_MARK } else { "" }
}

fn show_ratio(ratio: f64) -> String {
    format!("{ratio:.3}")
}

fn in_summary(its: &Standing<'_>) -> String {
    let noise = if its.is_noisy { NOISE_MARK } else { "" };
    let rank = if its.place.is_known() { "" } else { " ?" };
    match its.to_limit {
        Some(figure) if !its.is_limit() => format!("{:.3}{noise}{rank}", figure.median),
        Some(_) | None => format!("{}{noise}{rank}", time(its.cost.median)),
    }
}

fn waited(latency: Option<Latency>, which: fn(&Latency) -> u64) -> Option<String> {
    latency.map(|latency| time(which(&latency) as f64))
}

/// One process or thread is what everybody expects.
fn several(number: u32) -> Option<String> {
    (number > 1).then(|| count(number.into()))
}

fn notes(judged: &Judged<'_>) -> Vec<String> {
    let refused = judged.refused.iter();
    let mut notes: Vec<_> = refused
        .map(|(server, why)| format!("{server} was not measured: {}", without_folders(why)))
        .collect();
    let rates: Vec<_> = judged.standings.iter().filter_map(|its| its.figures.latency).collect();
    if let Some(first) = rates.first() {
        let rate = count(first.rate_per_second as f64);
        notes.push(if rates.iter().all(|its| its.rate_per_second == first.rate_per_second) {
            format!("waits were taken at {rate} requests a second, counted from when each was due")
        } else {
            "waits were taken at rates that differ: see the raw figures".to_owned()
        });
    }
    for its in &judged.standings {
        let name = &its.server.name;
        match its.place {
            Place::NotRanked => notes.push(format!(
                "{name} is not ranked: the load was the busy side (server under {}, load idle under {})",
                percent(LEAST_SERVER_BUSY),
                percent(LEAST_LOAD_IDLE)
            )),
            Place::Unknown => notes.push(format!(
                "{name} is not ranked: one that could not be ranked seems to be ahead of it"
            )),
            Place::Behind { .. } => {}
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn columns_without_figures_are_left_out() {
        let report = samples::report();
        let titles = |index: usize| {
            Grid::of_scenario(&judge(&report, &report.scenarios[index])).header.join("|")
        };
        assert!(!titles(0).contains("p99"), "{}", titles(0));
        assert!(titles(1).contains("p50|p99|p99.9|longest|p99 undisturbed"), "{}", titles(1));
        assert!(titles(0).contains("CPU/request"), "{}", titles(0));
    }

    #[test]
    fn every_row_has_a_cell_for_each_column() {
        let report = samples::report();
        let mut grids = vec![Grid::of_summary(&report)];
        for scenario in &report.scenarios {
            grids.push(Grid::of_scenario(&judge(&report, scenario)));
        }
        for grid in grids {
            assert!(grid.rows.iter().all(|row| row.len() == grid.header.len()), "{grid:?}");
        }
    }

    #[test]
    fn who_was_refused_is_named_with_the_resource() {
        let report = samples::report();
        let grid = Grid::of_scenario(&judge(&report, &report.scenarios[0]));
        assert_eq!(grid.notes, ["b was not measured: the limit of processes (4096)"]);
    }

    #[test]
    fn a_noisy_figure_is_marked_wherever_it_is_shown() {
        let report = samples::report();
        let grid = Grid::of_scenario(&judge(&report, &report.scenarios[1]));
        let noisy = grid.rows.iter().find(|row| row[0] == "b").expect("b is measured");
        assert!(noisy[3].ends_with('~'), "{noisy:?}");
        assert_eq!(noisy[1], "1 =", "less noise would not put it first");
        let summary = Grid::of_summary(&report);
        assert_eq!(summary.rows[1][2], "1.200 ~");
    }
}
