//! Made-up reports for the tests of this room.

use super::model::{
    Family, Figures, Latency, Machine, Outcome, Report, Round, Row, ScenarioResult, ServerInfo,
    VERSION,
};

/// Servers of all families, one absent, and two scenarios with every kind of row.
pub(super) fn report() -> Report {
    let mut servers = Vec::new();
    let mut first = scenario(&mut servers, vec![figures(&[1.0; 5]), figures(&[1.03; 5])]);
    first.rows.push(refused(&servers[1].name, "the limit of processes (4096)"));
    servers[0].family = Family::Limit;
    servers.push(server("missing"));
    servers[2].absent = Some("missing is not installed".to_owned());
    let mut waited = figures(&[1.0, 1.2, 1.4]);
    waited.latency = Some(latency(200_000));
    waited.latency_alone = Some(latency(90_000));
    let mut second = scenario(&mut servers, vec![figures(&[1.0; 3]), waited]);
    second.name = "slow-reader".to_owned();
    Report {
        version: VERSION,
        machine: Machine {
            cpu: "A <fast> processor".to_owned(),
            cores: 2,
            memory_bytes: 8 << 30,
            kernel: "6.18.0".to_owned(),
            system: "Debian 13".to_owned(),
            rustc: "rustc 1.95.0".to_owned(),
            commit: "0123456789ab".to_owned(),
        },
        command: "switchboard-bench compare --quick".to_owned(),
        began: "2026-11-21T10:00:00Z".to_owned(),
        took_seconds: 59,
        interrupted: false,
        servers,
        scenarios: vec![first, second],
    }
}

/// A scenario in which servers did this, called `a`, `b` and so on. Servers
/// that are not there yet are added.
pub(super) fn scenario(servers: &mut Vec<ServerInfo>, figures: Vec<Figures>) -> ScenarioResult {
    let mut rows = Vec::new();
    for (name, figures) in ('a'..='z').zip(figures) {
        let name = name.to_string();
        if !servers.iter().any(|server| server.name == name) {
            servers.push(server(&name));
        }
        rows.push(Row { server: name, outcome: Outcome::Measured(figures) });
    }
    ScenarioResult {
        name: "echo-64".to_owned(),
        title: "echo, 64 connections".to_owned(),
        unit: "request".to_owned(),
        connections: 64,
        message_bytes: None,
        rows,
    }
}

/// The figures of a busy server with a round for each ratio to the limit.
pub(super) fn figures(ratios: &[f64]) -> Figures {
    let round = |&ratio: &f64| Round {
        units: 100_000,
        elapsed_ns: (1e8 * ratio) as u64,
        server_cpu_ns: (1e8 * ratio) as u64,
        load_cpu_ns: (1e8 * ratio) as u64,
        load_idle_ns: (5e7 * ratio) as u64,
        ratio_to_limit: Some(ratio),
        ratio_to_ours: None,
    };
    Figures {
        rounds: ratios.iter().map(round).collect(),
        system_calls_per_unit: Some(2.03),
        peak_memory_bytes: Some(3 << 20),
        bytes_per_connection: None,
        processes: 1,
        threads: 1,
        latency: None,
        latency_alone: None,
    }
}

fn server(name: &str) -> ServerInfo {
    ServerInfo {
        name: name.to_owned(),
        family: Family::Ours,
        version: "0.1.0".to_owned(),
        how: format!("{name} echo 127.0.0.1:0"),
        skips: None,
        absent: None,
    }
}

fn refused(server: &str, why: &str) -> Row {
    Row { server: server.to_owned(), outcome: Outcome::Refused { why: why.to_owned() } }
}

fn latency(p50_ns: u64) -> Latency {
    Latency {
        rate_per_second: 10_000,
        p50_ns,
        p99_ns: 3 * p50_ns,
        p999_ns: 9 * p50_ns,
        max_ns: 20 * p50_ns,
    }
}
