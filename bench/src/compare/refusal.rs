//! Why a server could not take part: the resource that ran out, by name.
//!
//! A failing client only sees that nobody answers, and what ran out is given back
//! when it has gone. So the system is asked while clients connect: a limit of
//! which nearly all is used is the reason if something fails. Memory is watched
//! besides, because a machine that runs out of it ends other people's programs.

use std::fs;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::process::Family;

/// A limit of which this part is used stops a server of many: what asks last
/// gives back a little when it fails.
const NEARLY_ALL: f64 = 0.97;
/// Less memory than this part of the machine's is left to others.
const MEMORY_RESERVE: f64 = 0.06;
const MEMORY_LOOK: Duration = Duration::from_millis(20);
/// Other limits are looked at once in so many times: some are counted by the kernel
/// line by line.
const LOOKS_A_LIMIT: u32 = 20;

/// One limit and what is used of it.
#[derive(Debug, PartialEq)]
struct Resource {
    /// In words, with the setting's own name.
    name: String,
    used: u64,
    limit: u64,
}

impl Resource {
    fn is_used_up(&self) -> bool {
        self.used as f64 >= NEARLY_ALL * self.limit as f64
    }
}

/// The limit that stands in the way of a server, if one does.
fn exhausted(leader: u32) -> Option<String> {
    let all = resources(&Family::listed(vec![leader]));
    let Resource { name, used, limit } = all.into_iter().find(Resource::is_used_up)?;
    Some(format!("{name}: {used} of {limit} are in use"))
}

fn resources(family: &Family) -> Vec<Resource> {
    let mut found = Vec::new();
    let mut add = |name: &str, used: Option<u64>, limit: Option<u64>| {
        if let (Some(used), Some(limit)) = (used, limit) {
            found.push(Resource { name: name.to_owned(), used, limit });
        }
    };
    let tasks = tasks_of_all(&read("/proc/loadavg"));
    add("process ids (kernel.pid_max)", tasks, number("/proc/sys/kernel/pid_max"));
    add("threads (kernel.threads-max)", tasks, number("/proc/sys/kernel/threads-max"));
    if let Some(&pid) = family.pids().first() {
        let limits = read(&format!("/proc/{pid}/limits"));
        let open = fs::read_dir(format!("/proc/{pid}/fd")).map(|all| all.count() as u64).ok();
        add("descriptors of a process (ulimit -n)", open, soft_limit(&limits, "Max open files"));
        let maps = read(&format!("/proc/{pid}/maps")).lines().count() as u64;
        let most = number("/proc/sys/vm/max_map_count");
        add("mappings of a process (vm.max_map_count)", Some(maps), most);
        let held = family.threads() as u64;
        add("processes of a user (ulimit -u)", Some(held), soft_limit(&limits, "Max processes"));
    }
    for folder in pids_groups() {
        let name = format!("processes of a control group ({folder}/pids.max)");
        let used = number(&format!("{folder}/pids.current"));
        add(&name, used, number(&format!("{folder}/pids.max")));
    }
    found
}

/// The groups that limit how many processes this one may have, itself and above.
fn pids_groups() -> Vec<String> {
    let own = read("/proc/self/cgroup");
    let mut folders = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let root = match controllers {
            "" => "/sys/fs/cgroup".to_owned(),
            "pids" => "/sys/fs/cgroup/pids".to_owned(),
            _ => continue,
        };
        let mut path = path.trim_end_matches('/');
        loop {
            folders.push(format!("{root}{path}"));
            let Some((above, _)) = path.rsplit_once('/') else {
                break;
            };
            path = above;
        }
    }
    folders
}

/// Looks for limits that are reached, and ends a server before it takes the last
/// of the machine's memory.
#[derive(Debug)]
pub(crate) struct Watch {
    leader: u32,
    reached: Arc<Mutex<Option<String>>>,
    end: Option<mpsc::Sender<()>>,
    watcher: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches until it is dropped.
    pub(crate) fn over(leader: u32) -> Self {
        let reached = Arc::new(Mutex::new(None));
        let (end, ended) = mpsc::channel();
        let shared = Arc::clone(&reached);
        let watcher = thread::spawn(move || watch(leader, &ended, &shared));
        Self { leader, reached, end: Some(end), watcher: Some(watcher) }
    }

    /// The limit that was reached, now or at an earlier look, if one was.
    pub(crate) fn verdict(&self) -> Option<String> {
        let earlier = self.reached.lock().ok().and_then(|reached| reached.clone());
        earlier.or_else(|| exhausted(self.leader))
    }
}

fn watch(leader: u32, ended: &mpsc::Receiver<()>, reached: &Mutex<Option<String>>) {
    let note = |limit: String| {
        if let Ok(mut reached) = reached.lock() {
            *reached = Some(limit);
        }
    };
    let mut looks = 0;
    while ended.recv_timeout(MEMORY_LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
        looks += 1;
        let pid = i32::try_from(leader).ok().and_then(Pid::from_raw);
        if let (true, Some(pid)) = (is_memory_short(&read("/proc/meminfo")), pid) {
            let percent = MEMORY_RESERVE * 100.0;
            note(format!("memory: less than {percent:.0} % of the machine's was left"));
            // Fails only when it has ended by itself.
            let _ = kill_process_group(pid, Signal::KILL);
            return;
        }
        if looks % LOOKS_A_LIMIT == 0 {
            exhausted(leader).map(note);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end = None;
        if let Some(watcher) = self.watcher.take() {
            // It only panics if its own thread did, which has been reported.
            let _ = watcher.join();
        }
    }
}

fn is_memory_short(meminfo: &str) -> bool {
    let line = |label: &str| -> Option<f64> {
        let rest = meminfo.lines().find_map(|line| line.strip_prefix(label))?;
        rest.split_whitespace().next()?.parse().ok()
    };
    match (line("MemAvailable:"), line("MemTotal:")) {
        (Some(available), Some(total)) => available < MEMORY_RESERVE * total,
        _ => false,
    }
}

/// All threads of the system: the number behind the stroke in `/proc/loadavg`.
fn tasks_of_all(loadavg: &str) -> Option<u64> {
    let entities = loadavg.split_whitespace().nth(3)?;
    entities.split_once('/')?.1.parse().ok()
}

/// The soft limit in a line of `/proc/PID/limits`; none if there is none.
fn soft_limit(limits: &str, label: &str) -> Option<u64> {
    let rest = limits.lines().find_map(|line| line.strip_prefix(label))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn number(path: &str) -> Option<u64> {
    read(path).trim().parse().ok()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_which_nearly_all_is_used_is_the_reason() {
        let resource = |used| Resource { name: "x".to_owned(), used, limit: 1_000 };
        assert!(resource(975).is_used_up());
        assert!(!resource(900).is_used_up());
    }

    #[test]
    fn the_files_of_the_kernel_are_understood() {
        assert_eq!(tasks_of_all("0.08 0.1 0.2 2/31988 7717"), Some(31_988));
        let limits = "Limit Soft Hard Units\nMax open files    20000   20000   files\n\
            Max processes    unlimited   unlimited   processes\n";
        assert_eq!(soft_limit(limits, "Max open files"), Some(20_000));
        assert_eq!(soft_limit(limits, "Max processes"), None);
        assert!(is_memory_short("MemTotal: 1000 kB\nMemAvailable: 50 kB\n"));
        assert!(!is_memory_short("MemTotal: 1000 kB\nMemAvailable: 70 kB\n"));
    }

    #[test]
    fn limits_of_the_system_and_of_the_process_are_looked_at() {
        let own = Family::listed(vec![std::process::id()]);
        let names: Vec<_> = resources(&own).into_iter().map(|resource| resource.name).collect();
        for name in ["kernel.pid_max", "vm.max_map_count", "ulimit -n"] {
            assert!(names.iter().any(|found| found.contains(name)), "{name} in {names:?}");
        }
    }
}
