//! `report.json`: written by `compare`, read back and checked before anything
//! is computed from it.

use std::fs;
use std::path::Path;

use super::model::{Outcome as RowOutcome, Report, Round, VERSION};
use crate::failure::{Attempt, Failure, Outcome};

/// Writes a report, whole or not at all.
pub(crate) fn write(report: &Report, path: &Path) -> Outcome<()> {
    let what = || format!("cannot write {}", path.display());
    let mut text = serde_json::to_string_pretty(report).attempt(what())?;
    text.push('\n');
    replace(path, &text)
}

/// Reads a report and checks that every figure can be computed from it.
pub(crate) fn read(path: &Path) -> Outcome<Report> {
    let what = || format!("cannot read {}", path.display());
    let text = fs::read_to_string(path).attempt(what())?;
    let report: Report = serde_json::from_str(&text).attempt(what())?;
    check(&report).map_err(|failure| Failure::because(what(), failure))?;
    Ok(report)
}

/// Replaces a file in one step, so that whoever reads it meanwhile, or after
/// this process was ended, finds the old text or the new one. A link stays one,
/// and what is no file, such as a terminal, is written to.
pub(super) fn replace(path: &Path, text: &str) -> Outcome<()> {
    let what = || format!("cannot write {}", path.display());
    if fs::metadata(path).is_ok_and(|its| !its.is_file()) {
        return fs::write(path, text).attempt(what());
    }
    // Nothing is there yet where this fails, or the next step says why.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut beside = target.as_os_str().to_owned();
    beside.push(".new");
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, &target));
    if written.is_err() {
        // It may not be there, and that it cannot be written is what has to be said.
        let _ = fs::remove_file(&beside);
    }
    written.attempt(what())
}

fn check(report: &Report) -> Outcome<()> {
    if report.version != VERSION {
        let found = report.version;
        return Err(Failure::new(format!("it is of version {found}, this reads {VERSION}")));
    }
    for scenario in &report.scenarios {
        for row in &scenario.rows {
            let at = || format!("{} in {}", row.server, scenario.name);
            if !report.servers.iter().any(|server| server.name == row.server) {
                return Err(Failure::new(format!("{}: no such server", at())));
            }
            let RowOutcome::Measured(figures) = &row.outcome else { continue };
            if figures.rounds.is_empty() || !figures.rounds.iter().all(can_be_divided) {
                return Err(Failure::new(format!("{}: a round without figures", at())));
            }
        }
    }
    Ok(())
}

fn can_be_divided(round: &Round) -> bool {
    let ratios = [round.ratio_to_limit, round.ratio_to_ours];
    round.units > 0
        && round.elapsed_ns > 0
        && round.server_cpu_ns > 0
        && ratios.into_iter().flatten().all(|ratio| ratio.is_finite() && ratio > 0.0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::super::samples;
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("report.json");
        let report = samples::report();
        write(&report, &path).expect("it can be written");
        assert_eq!(read(&path).expect("it can be read"), report);
        let files = fs::read_dir(folder.path()).expect("the folder is there").count();
        assert_eq!(files, 1, "nothing else is left behind");
    }

    #[test]
    fn a_link_stays_one_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").expect("it can be written");
        symlink(&file, &link).expect("it can be linked");
        replace(&link, "new").expect("it can be replaced");
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).expect("it can be read"), "new");
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).expect("it can be bound");
        replace(&socket, "text").expect_err("a socket cannot be opened");
        assert!(!socket.is_file());
    }

    #[test]
    fn a_report_that_cannot_be_computed_with_is_refused() {
        assert!(check(&samples::report()).is_ok());
        let refused = |change: fn(&mut Report)| {
            let mut report = samples::report();
            change(&mut report);
            check(&report).expect_err("it must be refused").to_string()
        };
        assert!(refused(|report| report.version += 1).contains("version"));
        assert!(refused(|report| report.servers.clear()).contains("no such server"));
        for change in [
            |round: &mut Round| round.units = 0,
            |round: &mut Round| round.elapsed_ns = 0,
            |round: &mut Round| round.server_cpu_ns = 0,
            |round: &mut Round| round.ratio_to_limit = Some(f64::NAN),
        ] {
            let mut report = samples::report();
            let RowOutcome::Measured(figures) = &mut report.scenarios[0].rows[0].outcome else {
                panic!("the sample's first row is measured");
            };
            change(&mut figures.rounds[0]);
            assert!(check(&report).is_err());
        }
    }
}
