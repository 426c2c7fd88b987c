//! What was found out, shown: on the terminal, as a page, in the documentation.
//!
//! [`model`] holds what `compare` measured; the rest of this room reads it and
//! measures nothing. `judge` decides what may be concluded, `grid` and
//! `gallery` which tables and charts there are, `words` what is said about
//! them; `page` and `marked` put these together.

mod chart;
mod file;
mod gallery;
mod grid;
mod judge;
mod marked;
pub(crate) mod model;
mod page;
#[cfg(test)]
mod samples;
mod units;
mod words;

use std::path::{Path, PathBuf};

use clap::Args;

use self::grid::Grid;
use self::model::Report;
use crate::failure::Outcome;

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
}

/// Reads raw figures and shows them.
pub(crate) fn show(options: &Options) -> Outcome<()> {
    let report = file::read(&options.file)?;
    print(&report);
    if let Some(path) = &options.page {
        file::replace(path, &page::of(&report)?)?;
    }
    if let Some(path) = &options.performance {
        marked::renew(&report, path)?;
    }
    Ok(())
}

/// Prints the tables of a report to standard output.
pub(crate) fn print(report: &Report) {
    for (name, value) in words::circumstances(report) {
        println!("{name}: {value}");
    }
    for scenario in &report.scenarios {
        println!("\n{}: {}", scenario.name, scenario.title);
        Grid::of_scenario(&judge::judge(report, scenario)).print();
    }
    println!();
    Grid::of_summary(report).print();
    let (all, noisy) = judge::noisy_rankings(report);
    println!("\n{}", words::reliability(all, noisy));
    for server in &report.servers {
        if let Some(why) = &server.absent {
            println!("{} is absent: {why}", server.name);
        }
    }
}

/// Writes `report.json` and `report.html` into a folder that is there.
#[allow(dead_code, reason = "for compare")]
pub(crate) fn write(report: &Report, folder: &Path) -> Outcome<()> {
    file::write(report, &folder.join("report.json"))?;
    file::replace(&folder.join("report.html"), &page::of(report)?)
}
