//! What this machine and this build are, in the words of the system.
//!
//! Whatever cannot be found out is `unknown`: a report is worth having without it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::report::model::Machine;

/// Looks at the machine and at the commit that this program was built from.
pub(crate) fn describe() -> Machine {
    let cpu = read("/proc/cpuinfo");
    let memory = read("/proc/meminfo");
    let system = read("/etc/os-release");
    let kibibytes: u64 = labelled(&memory, "MemTotal", ':')
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(0);
    Machine {
        cpu: known(labelled(&cpu, "model name", ':')),
        cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u32),
        memory_bytes: kibibytes * 1024,
        kernel: known(Some(read("/proc/sys/kernel/osrelease").trim().to_owned())),
        system: known(labelled(&system, "PRETTY_NAME", '=')),
        rustc: known(said_by("rustc", &["--version"])),
        commit: known(said_by(
            "git",
            &["describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"],
        )),
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The value of the first line `LABEL SEPARATOR VALUE`, without quotes.
fn labelled(text: &str, label: &str, separator: char) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(separator)?;
        (name.trim() == label).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// The first line that a program prints, run among the sources.
fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(program).args(arguments).current_dir(sources).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.lines().next().unwrap_or("").to_owned())
}

fn known(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_labelled_value_loses_its_quotes() {
        let text = "NAME=x\nPRETTY_NAME=\"A system 7\"\n";
        assert_eq!(labelled(text, "PRETTY_NAME", '='), Some("A system 7".to_owned()));
        let cpu = "model\t\t: 85\nmodel name\t: A processor: fast\n";
        assert_eq!(labelled(cpu, "model name", ':'), Some("A processor: fast".to_owned()));
        assert_eq!(labelled(cpu, "stepping", ':'), None);
    }

    #[test]
    fn what_is_not_known_is_said_to_be_unknown() {
        assert_eq!(known(Some(String::new())), "unknown");
        assert_eq!(known(None), "unknown");
    }
}
