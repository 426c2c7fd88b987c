//! What was found out, shown: on the terminal, as a page, in the documentation.
//!
//! [`model`] holds what `compare` measured; the rest of this room reads it and
//! measures nothing. `judge` decides what may be concluded, `grid`, `gallery`
//! and `growth` which tables and charts there are, `words` what is said about
//! them, `agreement` whether two reports say the same; `page` and `marked` put these together.

mod agreement;
mod chart;
mod file;
mod gallery;
mod grid;
mod growth;
mod judge;
mod marked;
pub(crate) mod model;
mod page;
mod pair;
#[cfg(test)]
mod samples;
mod units;
mod words;

use std::path::{Path, PathBuf};

use clap::Args;

use self::agreement::Agreement;
use self::grid::Grid;
use self::model::Report;
use crate::failure::Outcome;
use crate::output;

/// Options of `report`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Raw figures that `compare` wrote
    file: PathBuf,
    /// Write the HTML page here
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Make the generated parts of this Markdown file anew
    #[arg(long, value_name = "FILE")]
    performance: Option<PathBuf>,
    /// Say instead which rankings of these raw figures, of another run, are the same
    #[arg(long, value_name = "FILE", conflicts_with_all = ["page", "performance"])]
    against: Option<PathBuf>,
}

/// Reads raw figures and shows them.
pub(crate) fn show(options: &Options) -> Outcome<()> {
    let report = file::read(&options.file)?;
    if let Some(other) = &options.against {
        return output::print(Agreement::of(&report, &file::read(other)?)?);
    }
    if let Some(path) = &options.page {
        file::replace(path, &page::of(&report)?)?;
    }
    if let Some(path) = &options.performance {
        marked::renew(&report, path)?;
    }
    print(&report)
}

/// Prints the tables of a report to standard output.
pub(crate) fn print(report: &Report) -> Outcome<()> {
    output::print(tables(report))
}

fn tables(report: &Report) -> String {
    let mut text = String::new();
    for (name, value) in words::circumstances(report) {
        text += &format!("{name}: {value}\n");
    }
    for scenario in &report.scenarios {
        let grid = Grid::of_scenario(&judge::judge(report, scenario));
        text += &format!("\n{}: {}\n{grid}", scenario.name, scenario.title);
    }
    text += &format!("\n{}", Grid::of_summary(report));
    text += &format!("\n{}\n", words::reliability(judge::Doubts::about(report)));
    for server in &report.servers {
        if let Some(why) = &server.absent {
            text += &format!("{} is absent: {why}\n", server.name);
        }
    }
    text
}

/// Writes `report.json` and `report.html` into a folder that is there.
pub(crate) fn write(report: &Report, folder: &Path) -> Outcome<()> {
    file::write(report, &folder.join("report.json"))?;
    file::replace(&folder.join("report.html"), &page::of(report)?)
}
