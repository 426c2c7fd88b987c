//! What the kernel counts about a process and its children, read from /proc.
//!
//! CPU time is the scheduler's own count of nanoseconds (`schedstat`). It is
//! brought up to date when a thread leaves the core, so it is read while the
//! server has nothing to do. Memory is read from `smaps_rollup`, which walks
//! the page table: the counters in `status` are kept per core in batches and
//! can be off by some hundred KiB, which is tens of bytes per connection.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::failure::{Attempt, Failure, Outcome};

/// A process and the descendants it had when it was looked at.
#[derive(Clone, Debug)]
pub(crate) struct Family(Vec<u32>);

impl Family {
    /// Looks at all processes for those that descend from this one.
    pub(crate) fn of(pid: u32) -> Self {
        // The kernel's own list of children is a build option that this
        // machine's kernel lacks.
        let parents: Vec<(u32, u32)> = numbers_in("/proc")
            .into_iter()
            .filter_map(|child| Some((child, parent_of(child)?)))
            .collect();
        let mut all = vec![pid];
        let mut next = 0;
        while let Some(&parent) = all.get(next) {
            next += 1;
            let children = parents.iter().filter(|&&(_, its)| its == parent);
            all.extend(children.map(|&(child, _)| child));
        }
        Self(all)
    }

    /// Those that somebody else has listed.
    pub(crate) fn listed(pids: Vec<u32>) -> Self {
        Self(pids)
    }

    /// The processes, the eldest first.
    pub(crate) fn pids(&self) -> &[u32] {
        &self.0
    }

    /// How many threads they have now.
    pub(crate) fn threads(&self) -> usize {
        self.0.iter().map(|&pid| threads(pid).len()).sum()
    }

    /// Nanoseconds that all their living threads have spent on a core.
    pub(crate) fn cpu_nanoseconds(&self) -> Outcome<u64> {
        let mut total = 0;
        for &pid in &self.0 {
            for thread in threads(pid) {
                let path = format!("/proc/{pid}/task/{thread}/schedstat");
                // A thread that ended since it was listed has no file.
                let Ok(text) = fs::read_to_string(&path) else {
                    continue;
                };
                let first = text.split_whitespace().next().unwrap_or("");
                total += first.parse::<u64>().attempt(&path)?;
            }
        }
        if total == 0 {
            return Err(Failure::new("the server's process is gone"));
        }
        Ok(total)
    }

    /// Their memory. A page that several share is counted once for each.
    pub(crate) fn memory(&self) -> Outcome<Memory> {
        let mut total = Memory::default();
        for &pid in &self.0 {
            let path = format!("/proc/{pid}/smaps_rollup");
            // A child that ended has no memory, and this process may not be its parent.
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let resident = kibibytes(&text, "Rss:");
            let anonymous = kibibytes(&text, "Anonymous:");
            let (Some(resident), Some(anonymous)) = (resident, anonymous) else {
                return Err(Failure::new(format!("{path} has no Rss or Anonymous line")));
            };
            total.resident += resident;
            total.anonymous += anonymous;
            total.proportional += kibibytes(&text, "Pss:").unwrap_or(resident);
        }
        if total.resident == 0 {
            return Err(Failure::new("the server's memory cannot be read"));
        }
        Ok(total)
    }
}

impl Family {
    /// What it holds now, a page that several of its processes share counted once.
    pub(crate) fn footprint(&self) -> Outcome<u64> {
        let memory = self.memory()?;
        Ok(if self.0.len() == 1 { memory.resident } else { memory.proportional })
    }

    /// The most that one process ever held, as the kernel remembers it; of
    /// several, what they hold now, because nobody remembers that sum.
    pub(crate) fn peak(&self) -> Outcome<u64> {
        let [pid] = self.0.as_slice() else {
            return self.footprint();
        };
        let path = format!("/proc/{pid}/status");
        let text = fs::read_to_string(&path).attempt(&path)?;
        let peak = kibibytes(&text, "VmHWM:");
        peak.ok_or_else(|| Failure::new(format!("{path} has no VmHWM line")))
    }
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// All resident pages: VmRSS of /proc/PID/status, counted exactly.
    pub(crate) resident: u64,
    /// Those that belong to no file: RssAnon, counted exactly.
    pub(crate) anonymous: u64,
    /// Resident pages, each divided by how many processes share it.
    pub(crate) proportional: u64,
}

/// Keeps the calling thread, and what it starts, on one core.
pub(crate) fn pin_to(core: usize) -> Outcome<()> {
    // rustix panics when a core's number is past the size of its set.
    if core >= CpuSet::MAX_CPU {
        return Err(Failure::new(format!("there is no core {core}")));
    }
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None::<Pid>, &cores).attempt(format!("cannot run on core {core}"))
}

/// CPU time of the children of a process that ended and were waited for, and of
/// theirs: exact in the kernel, but shown in ticks of a hundredth of a second.
pub(crate) fn ended_children(pid: u32) -> Outcome<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).attempt(&path)?;
    ended_ticks(&text)
        .map(|ticks| Duration::from_millis(10 * ticks))
        .ok_or_else(|| Failure::new(format!("{path} has no time of children")))
}

/// `cutime` and `cstime`, the 16th and 17th field of proc_pid_stat(5). The tick
/// is a hundredth of a second on every system that Rust's `std` knows as Linux.
fn ended_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_whitespace().skip(13);
    let user: u64 = words.next()?.parse().ok()?;
    let system: u64 = words.next()?.parse().ok()?;
    Some(user + system)
}

/// Lets this process, and what it starts, open as many descriptors as it may
/// allow itself: a shell often gives 1024.
pub(crate) fn allow_all_descriptors() -> Outcome<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).attempt("cannot allow more descriptors")
}

/// Whether the first thread of a process runs, or would if it had a core.
pub(crate) fn is_runnable(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('R'))
}

fn threads(pid: u32) -> Vec<u32> {
    numbers_in(&format!("/proc/{pid}/task"))
}

fn numbers_in(folder: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // `PID (NAME) STATE PARENT`, and a name may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// The figure of a line such as `Rss:    1234 kB`, in bytes.
fn kibibytes(text: &str, label: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
    let number: u64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_labelled_line_is_read_in_bytes() {
        let text = "5580-7ffd ---p 00000000 [rollup]\nRss:    1724 kB\nAnonymous: 12 kB\n";
        assert_eq!(kibibytes(text, "Rss:"), Some(1724 * 1024));
        assert_eq!(kibibytes(text, "Anonymous:"), Some(12 * 1024));
        assert_eq!(kibibytes(text, "Swap:"), None);
    }

    #[test]
    fn the_time_of_children_is_found_behind_any_name() {
        let stat = "7 (a b) 1) S 1 7 7 0 -1 4194304 1 2 0 0 10 20 30 40 20 0 1 0 5 6 7";
        assert_eq!(ended_ticks(stat), Some(70));
        assert_eq!(ended_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_threads_and_memory() {
        let family = Family::of(std::process::id());
        assert!(family.threads() >= 1);
        assert!(family.memory().expect("own memory is readable").resident > 0);
    }

    #[test]
    fn a_child_belongs_to_the_family() {
        // It ends when its input does, at the latest with this process.
        let child = Command::new("cat").stdin(Stdio::piped()).spawn();
        let mut child = child.expect("cat is everywhere");
        let family = Family::of(std::process::id());
        assert!(family.pids().contains(&child.id()));
        drop(child.stdin.take());
        child.wait().expect("a child can be waited for");
    }
}
