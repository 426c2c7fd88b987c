//! *Event loop, threads, forks and the field*, side by side on one machine.
//!
//! Every server of a scenario is started on one core, each with a load of its
//! own on the other, and all stay connected while slices of some milliseconds
//! take turns between them: see [`rounds`]. What a server costs is counted by the
//! kernel for all it ever started: see [`cost`]. Nothing here judges what was
//! found; that is [`crate::report`].
//!
//! Whatever way it ends, no child is left: a server leads a process group and
//! sits in a control group where that is possible, both are ended when it is
//! dropped, and the kernel ends children whose parent is gone.

mod cost;
pub(crate) mod group;
mod machine;
mod part;
mod plan;
mod refusal;
mod rounds;
mod running;
mod sample;
mod stop;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::Cores;
use crate::contenders::{CONTENDERS, Contender, Prepared, Service, Workshop};
use crate::failure::{Attempt, Failure, Outcome};
use crate::process::pin_to;
use crate::report;
use crate::report::model::{Family, Outcome as Result, Report, Row, ScenarioResult, VERSION};
use cost::Accounts;
use part::Part;
use plan::{Pace, Scenario, Work};
use rounds::Run;
use stop::Stop;

/// What [`Work::File`] sends.
const FILE_BYTES: u64 = 1 << 30;

/// Options of `compare`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Take under a minute: fewer rounds and connections, messages of one size, no system calls
    #[arg(long)]
    quick: bool,
    /// Only these scenarios
    #[arg(long, value_name = "SCENARIO", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these servers, peers included
    #[arg(long, value_name = "SERVER", value_delimiter = ',', conflicts_with = "peers")]
    servers: Vec<String>,
    /// Servers of others, too; those of Rust are built, which takes minutes
    #[arg(long)]
    peers: bool,
    /// Folder for report.html and report.json
    #[arg(long, value_name = "DIR", default_value = "target/compare")]
    out: PathBuf,
    #[command(flatten)]
    cores: Cores,
}

/// Runs the comparison, prints its tables and writes its report. What was
/// finished is written after Ctrl-C as well.
pub(crate) fn measure(options: &Options) -> Outcome<()> {
    let scenarios = chosen_scenarios(options)?;
    let contenders = chosen_contenders(options)?;
    fs::create_dir_all(&options.out).attempt(format!("cannot make {}", options.out.display()))?;
    let stop = Stop::on_signals()?;
    let mut workshop = Workshop::open()?;
    let mut servers = Vec::new();
    for contender in contenders {
        if stop.is_asked() {
            return Err(Failure::new("stopped before anything was measured"));
        }
        eprintln!("preparing {}", contender.name);
        servers.push(Prepared::new(contender, &mut workshop));
    }
    let file = workshop.folder().join("file");
    if scenarios.iter().any(|scenario| scenario.work == Work::File) {
        make_file(&file)?;
    }

    // What was built above may use all cores, and the report counts them; what is
    // measured may not.
    let mut report = begin(&servers);
    pin_to(options.cores.load_core)?;
    let mut run =
        Run { accounts: Accounts::find(options.cores.server_core), cores: options.cores, stop };
    if !run.accounts.are_exact() {
        eprintln!("no control group can be made here: children that end are counted in ticks");
    }
    let began = Instant::now();
    for scenario in &scenarios {
        if run.stop.is_asked() {
            break;
        }
        let bar = bar_of(scenario);
        let began = Instant::now();
        let parts = parts_of(scenario, &servers, &file);
        let result = rounds::measure(scenario, parts, &mut run, &bar);
        bar.finish_and_clear();
        if let Some(mut result) = result {
            add_refusals(&mut result, scenario, &servers);
            eprintln!("{}: {:.1} s", result.name, began.elapsed().as_secs_f64());
            report.scenarios.push(result);
        }
    }
    report.took_seconds = began.elapsed().as_secs();
    report.interrupted = run.stop.is_asked();
    // Whoever closes the other end of a pipe early has the files all the same.
    report::write(&report, &options.out)?;
    report::print(&report)
}

fn chosen_scenarios(options: &Options) -> Outcome<Vec<Scenario>> {
    let all = plan::scenarios(if options.quick { Pace::Quick } else { Pace::Full });
    known(&options.only, all.iter().map(|scenario| scenario.name), "scenario")?;
    let is_chosen = |scenario: &Scenario| {
        options.only.is_empty() || options.only.iter().any(|name| name == scenario.name)
    };
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// In the order of the registry, whatever order they are named in.
fn chosen_contenders(options: &Options) -> Outcome<Vec<&'static Contender>> {
    known(&options.servers, CONTENDERS.iter().map(|contender| contender.name), "server")?;
    let is_chosen = |contender: &&Contender| {
        if options.servers.is_empty() {
            options.peers || contender.family != Family::Peer
        } else {
            options.servers.iter().any(|name| name == contender.name)
        }
    };
    Ok(CONTENDERS.iter().filter(is_chosen).collect())
}

/// Refuses a name that nothing has, with those that there are.
fn known<'a>(
    asked: &[String],
    names: impl Iterator<Item = &'a str> + Clone,
    what: &str,
) -> Outcome<()> {
    let unknown = asked.iter().find(|name| !names.clone().any(|known| known == name.as_str()));
    unknown.map_or(Ok(()), |name| {
        let all: Vec<_> = names.clone().collect();
        Err(Failure::new(format!("there is no {what} `{name}`; there are {}", all.join(", "))))
    })
}

/// A file without blocks of its own, read once: then it is in memory, and no
/// disk is part of what is measured.
fn make_file(path: &Path) -> Outcome<()> {
    let what = || format!("cannot make {}", path.display());
    let file = File::create(path).attempt(what())?;
    file.set_len(FILE_BYTES).attempt(what())?;
    let mut file = File::open(path).attempt(what())?;
    std::io::copy(&mut file, &mut std::io::sink()).attempt(what())?;
    Ok(())
}

fn service_of(work: Work) -> Service {
    match work {
        Work::Echo { .. } | Work::Churn | Work::IdleEcho => Service::Echo,
        Work::Http { .. } | Work::IdleHttp => Service::Http,
        Work::SlowReader | Work::Trickle | Work::Greedy => Service::Http,
        Work::File => Service::File,
        Work::Broadcast => Service::Broadcast,
    }
}

fn parts_of(scenario: &Scenario, servers: &[Prepared], file: &Path) -> Vec<Part> {
    let part = |server: &Prepared| {
        let connections = scenario.connections as usize;
        let command = server.command(service_of(scenario.work), connections, file)?;
        Some(Part::new(server.contender.name, server.contender.family, command))
    };
    servers.iter().filter_map(part).collect()
}

/// Rows for those that say why they have no part in it.
fn add_refusals(result: &mut ScenarioResult, scenario: &Scenario, servers: &[Prepared]) {
    for server in servers.iter().filter(|server| server.info.absent.is_none()) {
        if let Some(why) = server.contender.refusal(service_of(scenario.work)) {
            let outcome = Result::Refused { why: why.to_owned() };
            result.rows.push(Row { server: server.contender.name.to_owned(), outcome });
        }
    }
}

fn begin(servers: &[Prepared]) -> Report {
    let mut words = std::env::args();
    let program = words.next().unwrap_or_default();
    let name = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    Report {
        version: VERSION,
        machine: machine::describe(),
        command: std::iter::once(name).chain(words).collect::<Vec<_>>().join(" "),
        began: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        took_seconds: 0,
        interrupted: false,
        servers: servers.iter().map(|server| server.info.clone()).collect(),
        scenarios: Vec::new(),
    }
}

fn bar_of(scenario: &Scenario) -> ProgressBar {
    let bar = ProgressBar::new(1).with_prefix(scenario.name);
    // A template that cannot be read leaves the bar plain.
    let style = ProgressStyle::with_template("{prefix:18} {bar:30} {percent:>3} % {eta:>4} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
