//! Where a server's time goes: a flame graph, and the part of each system call.
//!
//! perf samples the server while a load keeps it busy, by the clock and not by
//! a counter of the processor, so that it works on a virtual machine, too. It
//! needs `perf` and the right to look into the kernel: without, it would sample
//! the program alone, and that is refused. A release build has line tables but
//! no frame pointers, so stacks are unwound from copies of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use clap::Args;
use inferno::collapse::Collapse;
use inferno::collapse::perf::{Folder, Options as FolderOptions};
use inferno::flamegraph;

use crate::Cores;
use crate::asked::Asked;
use crate::failure::{Attempt, Failure, Outcome};
use crate::load::Load;
use crate::output::say;
use crate::process::{Family, pin_to};
use crate::server::{ALL_ARE_IN, Guarded, Server, pinned};
use crate::table::Table;
use crate::traffic::{ECHO_BYTES, Kind};

const WARM_UP: Duration = Duration::from_millis(500);
/// What perf needs to begin, and to end.
const AROUND: Duration = Duration::from_secs(1);
/// Samples in a second: a prime, so that they do not keep step with anything.
const FREQUENCY: &str = "1999";

/// Options of `flame`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Command of the server to look into
    #[arg(long, value_name = "COMMAND")]
    server: String,
    #[command(flatten)]
    asked: Asked,
    /// Bytes of an echoed message
    #[arg(long, default_value_t = ECHO_BYTES)]
    bytes: u32,
    /// Connect for each request, and close
    #[arg(long)]
    churn: bool,
    /// Seconds to sample
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=30))]
    seconds: u64,
    /// Where the flame graph is written
    #[arg(long, value_name = "FILE", default_value = "target/flame.svg")]
    out: PathBuf,
    #[command(flatten)]
    cores: Cores,
}

/// Samples, draws, and prints the table of parts.
pub(crate) fn measure(options: &Options) -> Outcome<()> {
    pin_to(options.cores.load_core)?;
    // Now, and not when the samples are taken.
    let cannot = || format!("cannot write {}", options.out.display());
    fs::File::options().append(true).create(true).open(&options.out).attempt(cannot())?;
    let server = Server::start(&options.server, options.cores.server_core)?;
    let job = options.asked.job(server.address).bytes(options.bytes);
    let mut load =
        Load::start(&if options.churn { job.churn() } else { job }, options.cores.load_core)?;
    // A listener that is not in yet would wait for a line that was sent before.
    thread::sleep(ALL_ARE_IN);
    load.slice(WARM_UP)?;
    let data = std::env::temp_dir().join(format!("switchboard-flame-{}", std::process::id()));
    let script = sampled(options, &server.family(), &mut load, &data);
    // What cannot be removed is left to whoever cleans the temporary folder.
    let _ = fs::remove_file(&data);
    let folded = folded(&script?)?;
    let parts = parts(&folded)?;
    fs::write(&options.out, drawn(&folded, &title(options))?).attempt(cannot())?;
    print_parts(parts)?;
    say(format_args!("flame graph: {}", options.out.display()))
}

/// Has perf sample a server while its load is at work. Gives what it saw, as text.
fn sampled(options: &Options, family: &Family, load: &mut Load, data: &Path) -> Outcome<Vec<u8>> {
    let pids: Vec<_> = family.pids().iter().map(u32::to_string).collect();
    let record = format!(
        "perf record --quiet --event=cpu-clock --freq={FREQUENCY} --call-graph=dwarf --pid={} \
         --output={} -- sleep {}",
        pids.join(","),
        data.display(),
        options.seconds
    );
    let mut record = pinned(&record, options.cores.load_core, None)?;
    record.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut recorder = Guarded(record.spawn().attempt("cannot start perf")?);
    load.slice(Duration::from_secs(options.seconds) + AROUND)?;
    let mut complaint = String::new();
    if let Some(errors) = &mut recorder.0.stderr {
        errors.read_to_string(&mut complaint).attempt("perf record")?;
    }
    let ended = recorder.0.wait().attempt("perf record")?;
    checked(ended, &complaint, "perf record (Debian has it in linux-perf)")?;
    // Inlined calls would be looked up by a process for each address, for minutes.
    let mut script = Command::new("perf");
    script.args(["script", "--no-inline", "--input"]).arg(data).stdin(Stdio::null());
    let output = script.output().attempt("perf script")?;
    checked(output.status, &String::from_utf8_lossy(&output.stderr), "perf script")?;
    Ok(output.stdout)
}

fn checked(ended: ExitStatus, complaint: &str, what: &str) -> Outcome<()> {
    if ended.success() {
        return Ok(());
    }
    let line = complaint.lines().find(|line| !line.trim().is_empty()).unwrap_or("it failed");
    Err(Failure::because(what, line.trim()))
}

/// A line for each stack that was seen, from its root, with how often.
fn folded(script: &[u8]) -> Outcome<String> {
    let mut options = FolderOptions::default();
    options.annotate_kernel = true;
    let mut folded = Vec::new();
    Folder::from(options).collapse(script, &mut folded).attempt("cannot read perf's samples")?;
    let text = String::from_utf8_lossy(&folded).into_owned();
    if text.is_empty() { Err(Failure::new("perf saw the server do nothing")) } else { Ok(text) }
}

fn drawn(folded: &str, title: &str) -> Outcome<Vec<u8>> {
    let mut options = flamegraph::Options::default();
    title.clone_into(&mut options.title);
    options.deterministic = true;
    options.colors = flamegraph::color::Palette::Multi(flamegraph::color::MultiPalette::Rust);
    let mut svg = Vec::new();
    flamegraph::from_reader(&mut options, Cursor::new(folded), &mut svg)
        .attempt("cannot draw the flame graph")?;
    Ok(svg)
}

fn title(options: &Options) -> String {
    let bytes = match options.asked.kind {
        Kind::Echo => format!(", {} bytes each", options.bytes),
        Kind::Http | Kind::File | Kind::Broadcast => String::new(),
    };
    let name = options.server.split_whitespace().next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    let churn = if options.churn { ", each over a new connection" } else { "" };
    format!("{name}: {}{bytes}{churn}", options.asked)
}

fn print_parts(parts: BTreeMap<String, u64>) -> Outcome<()> {
    let all: u64 = parts.values().sum();
    let mut sorted: Vec<_> = parts.into_iter().collect();
    sorted.sort_by_key(|&(_, samples)| std::cmp::Reverse(samples));
    let mut table = Table::new(&["part", "of its time"]);
    for (part, samples) in sorted {
        table.row(vec![part, format!("{:.1} %", 100.0 * samples as f64 / all as f64)]);
    }
    table.print()
}

/// How often each system call was under way, and how often none was.
fn parts(folded: &str) -> Outcome<BTreeMap<String, u64>> {
    let mut parts = BTreeMap::new();
    let mut has_calls = false;
    for line in folded.lines() {
        let Some((stack, Ok(samples))) =
            line.rsplit_once(' ').map(|(stack, samples)| (stack, samples.parse::<u64>()))
        else {
            continue;
        };
        let call = stack.split(';').find_map(call);
        has_calls |= call.is_some();
        let part = match call {
            Some(call) => call,
            // On the way in and out, and what interrupts.
            None if stack.ends_with(KERNEL) => "the kernel, outside calls",
            None => "the program itself",
        };
        *parts.entry(part.to_owned()).or_default() += samples;
    }
    if has_calls {
        return Ok(parts);
    }
    let why = "perf did not see, or could not name, what the kernel does: see \
               kernel.perf_event_paranoid and kernel.kptr_restrict, or be root";
    Err(Failure::new(why))
}

/// The system call that a frame is the beginning of.
fn call(frame: &str) -> Option<&str> {
    let entries = ["__x64_sys_", "__arm64_sys_", "__riscv_sys_", "__do_sys_"];
    let call = entries.iter().find_map(|entry| frame.strip_prefix(entry))?;
    Some(call.trim_end_matches(KERNEL))
}

/// Behind the name of each frame of the kernel's.
const KERNEL: &str = "_[k]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_belongs_to_the_call_that_was_under_way() {
        let folded = "served;main;run;entry_[k];__x64_sys_sendto_[k];tcp_sendmsg_[k] 60\n\
            served;main;run;entry_[k];__x64_sys_sendto_[k] 10\n\
            served;main;run;entry_[k] 4\n\
            served;main;run;service 26\n";
        let parts = parts(folded).expect("calls were seen");
        let share = |part: &str| parts.get(part).copied();
        assert_eq!(share("sendto"), Some(70));
        assert_eq!(share("the kernel, outside calls"), Some(4));
        assert_eq!(share("the program itself"), Some(26));
        assert_eq!(parts.len(), 3);
        super::parts("served;main;run 7\n").expect_err("the kernel was not seen");
    }

    #[test]
    fn what_perf_saw_is_folded_and_drawn() {
        let script = "served 7 [000] 1.0: 500250 cpu-clock:\n\
            \tffffffff81000000 tcp_sendmsg+0x1 ([kernel.kallsyms])\n\
            \t00005555000000 service+0x2 (/tmp/served)\n\n";
        let folded = folded(script.as_bytes()).expect("it can be read");
        // By the clock a sample weighs what has passed since the last, in nanoseconds.
        assert_eq!(folded, "served;service;tcp_sendmsg_[k] 500250\n");
        let svg = drawn(&folded, "a title").expect("it can be drawn");
        let svg = String::from_utf8(svg).expect("text");
        assert!(svg.contains("a title") && svg.contains("tcp_sendmsg"), "{svg}");
        assert!(super::folded(b"").is_err());
    }
}
