//! What a comparison found out, as plain values: `report.json` and back.
//!
//! `compare` fills these in, and everything else in this room reads them. Only
//! what was measured or asked for is kept here. What can be computed from it
//! (cost per request, which figures are noisy, who is ahead) is computed by
//! the readers, so that an old file profits from a better judgement. Nothing
//! here may need the machine that the figures were taken on.
//!
//! All times are whole nanoseconds and all sizes bytes unless a name says
//! otherwise.

use serde::{Deserialize, Serialize};

/// The version of this model. It grows when an older reader would be wrong
/// about a newer file.
pub(crate) const VERSION: u32 = 1;

/// One run of `compare`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// [`VERSION`] of the program that wrote it.
    pub(crate) version: u32,
    /// Where it ran.
    pub(crate) machine: Machine,
    /// The command line, without the folder that the program lies in.
    pub(crate) command: String,
    /// When it began: UTC, as RFC 3339 writes it, to the second.
    pub(crate) began: String,
    /// How long it took.
    pub(crate) took_seconds: u64,
    /// Whether it was ended before all scenarios were done.
    pub(crate) interrupted: bool,
    /// The servers that were asked for, absent ones included, in the order in
    /// which they are shown.
    pub(crate) servers: Vec<ServerInfo>,
    /// The scenarios that were finished, in the order in which they ran.
    pub(crate) scenarios: Vec<ScenarioResult>,
}

/// The machine that a comparison ran on, each in the words of its system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) cpu: String,
    /// How many processors may be used.
    pub(crate) cores: u32,
    /// All of its memory.
    pub(crate) memory_bytes: u64,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The distribution's name and version.
    pub(crate) system: String,
    /// The compiler's version.
    pub(crate) rustc: String,
    /// The commit that was measured, with `+` behind it if files differed.
    pub(crate) commit: String,
}

/// A server that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServerInfo {
    /// What it is called in rows, on the command line and in charts.
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) family: Family,
    /// Its version, as one line.
    pub(crate) version: String,
    /// The command that ran it, or builds it where none ran.
    pub(crate) how: String,
    /// Which part of the work it leaves out, if any: `deadlines; the Date header`.
    pub(crate) skips: Option<String>,
    /// Why it could not be measured at all, if so: `nginx is not installed`.
    pub(crate) absent: Option<String>,
}

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Family {
    /// Switchboard under one of its drivers.
    Ours,
    /// The bare epoll loop in C.
    Limit,
    /// What one would use instead.
    Peer,
}

/// What one scenario found about each server that has a part in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScenarioResult {
    /// What it is called on the command line: `echo-64`.
    pub(crate) name: String,
    /// What it is, for people: `echo, 64 connections`.
    pub(crate) title: String,
    /// What is counted, in the singular: `request`, `connection`, `delivery`, `MiB`.
    pub(crate) unit: String,
    /// How many connections a server has during it.
    pub(crate) connections: u64,
    /// Bytes of a message, where scenarios of its kind differ in them.
    #[serde(default)]
    pub(crate) message_bytes: Option<u64>,
    /// A row for each server that speaks what the scenario needs.
    pub(crate) rows: Vec<Row>,
}

/// One server in one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// [`ServerInfo::name`].
    pub(crate) server: String,
    /// What came of it.
    pub(crate) outcome: Outcome,
}

/// What came of one server in one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It was measured.
    Measured(Figures),
    /// It could not be.
    Refused {
        /// The resource by name, or the wrong answer that it gave.
        why: String,
    },
}

/// What was measured of one server in one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// At least one; the servers of a scenario took turns in each.
    pub(crate) rounds: Vec<Round>,
    /// System calls for each unit, from a run of its own under strace.
    pub(crate) system_calls_per_unit: Option<f64>,
    /// The most memory that it held; of several processes, what they held
    /// together at the end.
    pub(crate) peak_memory_bytes: Option<u64>,
    /// What an open connection that is idle costs, where that was measured.
    pub(crate) bytes_per_connection: Option<f64>,
    /// How many processes it was at most.
    pub(crate) processes: u32,
    /// How many threads these had together at most.
    pub(crate) threads: u32,
    /// What clients waited at a fixed rate, where that was measured. In the
    /// scenarios with one that disturbs, what the normal clients waited
    /// beside it.
    pub(crate) latency: Option<Latency>,
    /// What the same clients waited with nobody there to disturb.
    pub(crate) latency_alone: Option<Latency>,
}

/// One server's part of one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Round {
    /// How many requests, connections, deliveries or MiB were done.
    pub(crate) units: u64,
    /// How long its slices took together.
    pub(crate) elapsed_ns: u64,
    /// What all its processes spent on a core in them, ended ones included.
    pub(crate) server_cpu_ns: u64,
    /// What the load spent on a core in them. It spins, so this is near to
    /// `elapsed_ns` unless something else ran there.
    pub(crate) load_cpu_ns: u64,
    /// How long the load had nothing to do in them.
    pub(crate) load_idle_ns: u64,
    /// Server CPU for each unit over the limit's: the median over the slices
    /// of this round, if the limit had a part in it.
    pub(crate) ratio_to_limit: Option<f64>,
    /// The same over our event loop's.
    pub(crate) ratio_to_ours: Option<f64>,
}

/// What clients waited when requests were due at a fixed rate, counted from
/// when each was due (so one that could not be sent in time counts in full).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Latency {
    /// The rate, over all clients.
    pub(crate) rate_per_second: u64,
    /// Half waited no longer than this.
    pub(crate) p50_ns: u64,
    /// All but one in a hundred.
    pub(crate) p99_ns: u64,
    /// All but one in a thousand.
    pub(crate) p999_ns: u64,
    /// The longest wait.
    pub(crate) max_ns: u64,
}
