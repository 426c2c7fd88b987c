//! A Markdown file with parts that are made from a report, and the rest by
//! hand.
//!
//! A part stands between two lines of their own, which stay:
//!
//! ```text
//! <!-- generated: scenario echo-64 -->
//! <!-- end of generated -->
//! ```
//!
//! Parts are `circumstances`, `servers`, `summary`, `growth`, `scenario NAME`,
//! and `counts`, which is the committed baseline of instruction counts. One
//! that is unknown, not closed, or has no figures in this report fails, and
//! then nothing is changed: a table must never outlive its text by accident.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::chart::WIDTH;
use super::file::replace;
use super::gallery::{self, Chart};
use super::grid::Grid;
use super::growth;
use super::judge::{Doubts, judge};
use super::model::Report;
use super::{units, words};
use crate::failure::{Attempt, Failure, Outcome};

const BEGIN: &str = "<!-- generated: ";
const BEGIN_END: &str = " -->";
const END: &str = "<!-- end of generated -->";

/// Makes the generated parts of a file anew, and the drawings that they show,
/// which lie in a folder beside it with its name in lower case.
pub(super) fn renew(report: &Report, path: &Path) -> Outcome<()> {
    let what = || format!("cannot renew {}", path.display());
    let text = fs::read_to_string(path).attempt(what())?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let mut charts = Vec::new();
    let renewed = renewed(&text, |part| self::part(report, part, &stem, &mut charts));
    let renewed = renewed.map_err(|failure| Failure::because(what(), failure))?;
    let folder = path.with_file_name(&stem);
    if !charts.is_empty() {
        fs::create_dir_all(&folder).attempt(format!("cannot make {}", folder.display()))?;
    }
    for chart in &charts {
        replace(&folder.join(format!("{}.svg", chart.name)), &alone(&chart.svg))?;
    }
    replace(path, &renewed)
}

/// The text with every part replaced by what `part` makes of its name.
fn renewed(text: &str, mut part: impl FnMut(&str) -> Outcome<String>) -> Outcome<String> {
    let mut renewed = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        renewed += line;
        renewed.push('\n');
        let name = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(BEGIN_END));
        let Some(name) = name else { continue };
        let mut old = lines.by_ref().take_while(|line| !line.starts_with(BEGIN));
        if !old.any(|line| line == END) {
            return Err(Failure::new(format!("`{name}` is not closed by `{END}`")));
        }
        let _ = write!(renewed, "\n{}\n{END}\n", part(name)?);
    }
    Ok(renewed)
}

fn part(report: &Report, name: &str, folder: &str, all: &mut Vec<Chart>) -> Outcome<String> {
    let mut text = String::new();
    match name.split_once(' ') {
        None if name == "circumstances" => circumstances(&mut text, report),
        None if name == "servers" => {
            let (header, rows) = words::servers(&report.servers);
            table(&mut text, &header, &rows);
        }
        None if name == "summary" => {
            text += &escaped(words::SUMMARY);
            text += "\n\n";
            grid(&mut text, &Grid::of_summary(report));
        }
        None if name == "counts" => table(&mut text, &counts_header(), &counts()),
        None if name == "growth" => {
            show(&mut text, growth::charts(report)?, folder, all);
        }
        Some(("scenario", wanted)) => {
            let found = report.scenarios.iter().find(|scenario| scenario.name == wanted);
            let scenario = found
                .ok_or_else(|| Failure::new(format!("the report has no scenario `{wanted}`")))?;
            let judged = judge(report, scenario);
            grid(&mut text, &Grid::of_scenario(&judged));
            show(&mut text, gallery::of_scenario(report, &judged)?, folder, all);
        }
        _ => return Err(Failure::new(format!("there is no part `{name}`"))),
    }
    Ok(text)
}

/// As `bench/counts/run.sh` wrote them down.
const COUNTS: &str = include_str!("../../counts/baseline.txt");

fn counts_header() -> Vec<String> {
    ["path", "instructions"].map(str::to_owned).to_vec()
}

fn counts() -> Vec<Vec<String>> {
    let lines = COUNTS.lines().filter_map(|line| line.split_once(' '));
    let counts = lines.filter_map(|(path, count)| Some((path, count.parse::<u32>().ok()?)));
    counts.map(|(path, count)| vec![path.to_owned(), units::count(count.into())]).collect()
}

fn circumstances(text: &mut String, report: &Report) {
    for (name, value) in words::circumstances(report) {
        let _ = writeln!(text, "- {name}: {}", escaped(&value));
    }
    let _ = writeln!(text, "\n{}", escaped(&words::reliability(Doubts::about(report))));
}

fn grid(text: &mut String, grid: &Grid) {
    table(text, &grid.header, &grid.rows);
    if !grid.notes.is_empty() {
        text.push('\n');
    }
    for note in &grid.notes {
        let _ = writeln!(text, "- {}", escaped(note));
    }
}

fn table(text: &mut String, header: &[String], rows: &[Vec<String>]) {
    let line = |cells: &[String]| {
        let cells: Vec<_> = cells.iter().map(|cell| escaped(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    *text += &line(header);
    *text += &format!("| --- |{}\n", " ---: |".repeat(header.len().saturating_sub(1)));
    for row in rows {
        *text += &line(row);
    }
}

fn show(text: &mut String, charts: Vec<Chart>, folder: &str, all: &mut Vec<Chart>) {
    for chart in charts {
        let (title, name) = (escaped(&chart.title), &chart.name);
        let _ = write!(text, "\n![{title}]({folder}/{name}.svg)\n");
        all.push(chart);
    }
}

/// Text that is no markup in a table's cell.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        // `~` strikes out, `*` and `_` set off, `|` ends a cell.
        if matches!(character, '\\' | '|' | '*' | '_' | '~' | '<' | '`' | '[' | ']') {
            safe.push('\\');
        }
        safe.push(if character == '\n' { ' ' } else { character });
    }
    safe
}

/// A drawing as a file of its own, which chooses its ink and size by itself.
fn alone(svg: &str) -> String {
    let style = "<style>svg { color: #1b1f24; font-family: sans-serif; } \
        @media (prefers-color-scheme: dark) { svg { color: #e4e7eb; } }</style>\n";
    let sized = svg.replacen("<svg ", &format!("<svg width=\"{WIDTH}\" "), 1);
    sized.replacen(">\n", &format!(">\n{style}"), 1)
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    const PAGE: &str = "# Title\n\n<!-- generated: summary -->\nold\n<!-- end of generated -->\n\n\
        By hand.\n\n<!-- generated: scenario slow-reader -->\n<!-- end of generated -->\nEnd.\n";

    #[test]
    fn parts_are_made_anew_and_the_rest_stays() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("PERFORMANCE.md");
        fs::write(&path, PAGE).expect("it can be written");
        renew(&samples::report(), &path).expect("it can be renewed");
        let once = fs::read_to_string(&path).expect("it can be read");
        assert!(!once.contains("old"));
        assert!(once.starts_with("# Title\n\n") && once.ends_with("\nEnd.\n"), "{once}");
        assert!(once.contains("\nBy hand.\n"));
        let drawing = folder.path().join("performance/slow-reader-waits.svg");
        assert!(once.contains("(performance/slow-reader-waits.svg)") && drawing.exists());
        renew(&samples::report(), &path).expect("it can be renewed again");
        assert_eq!(fs::read_to_string(&path).expect("it can be read"), once);
    }

    #[test]
    fn a_part_that_cannot_be_made_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("page.md");
        for broken in [
            "<!-- generated: nonsense -->\n<!-- end of generated -->\n",
            "<!-- generated: scenario echo-77 -->\n<!-- end of generated -->\n",
            "<!-- generated: summary -->\nnever closed\n",
            "<!-- generated: summary -->\n<!-- generated: servers -->\n<!-- end of generated -->\n",
        ] {
            fs::write(&path, broken).expect("it can be written");
            renew(&samples::report(), &path).expect_err("it must fail");
            assert_eq!(fs::read_to_string(&path).expect("it can be read"), broken);
        }
    }

    #[test]
    fn the_baseline_of_instruction_counts_has_figures() {
        let counts = counts();
        assert!(counts.iter().any(|row| row[0] == "echo_message"), "{counts:?}");
        assert!(counts.iter().all(|row| row.len() == 2 && row[1] != "0"), "{counts:?}");
    }

    #[test]
    fn the_documentation_asks_for_parts_that_there_are() {
        let page = include_str!("../../../docs/PERFORMANCE.md");
        let mut asked = Vec::new();
        let name = |part: &str| {
            asked.push(part.to_owned());
            Ok(String::new())
        };
        renewed(page, name).expect("every part is closed");
        let known = ["circumstances", "servers", "summary", "growth", "counts"];
        let is_known = |part: &String| known.contains(&&**part) || part.starts_with("scenario ");
        assert!(asked.len() > known.len() && asked.iter().all(is_known), "{asked:?}");
    }

    #[test]
    fn a_cell_cannot_end_its_cell() {
        assert_eq!(escaped("a|b ~ c_d"), "a\\|b \\~ c\\_d");
    }
}
