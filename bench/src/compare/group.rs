//! A control group for each server: what counts the CPU time of everything it
//! ever started.
//!
//! The kernel charges a group for each nanosecond that one of its members spends
//! on a core, and keeps the sum when a thread or a child ends, waited for or not.
//! Nothing else does: the clock of a process forgets its children, what a parent
//! knows of children it waited for is shown in hundredths of a second, and one
//! that nobody waited for yet is in neither. A group needs a folder that this
//! process may write to, so it is found out by trying.
//!
//! Nothing here touches a group that this program did not make, and only
//! processes in a group of its own are ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::failure::{Attempt, Failure, Outcome};
use crate::server::run_pinned;

/// How every group of ours begins; the rest is our process and a number.
const PREFIX: &str = "switchboard-bench-";
/// Ten thousand processes take about a second to end.
const REMOVAL_TRIES: u32 = 1_000;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// A place under which groups can be made, and what they count in.
#[derive(Clone, Debug)]
pub(crate) struct Hierarchy {
    folder: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// `cpuacct.usage`, in nanoseconds.
    One,
    /// `cpu.stat`, in microseconds; there without any controller.
    Two,
}

impl Hierarchy {
    /// The first in which a process can be run and its time be read.
    pub(crate) fn find(core: usize) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/mounts").ok()?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        candidates(&mounts, &own).into_iter().find(|hierarchy| {
            hierarchy.sweep();
            hierarchy.works(core).is_ok()
        })
    }

    /// Makes a group with this number, which no other has that is still alive.
    pub(crate) fn make(&self, number: u64) -> Outcome<ControlGroup> {
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let folder = self.folder.join(name);
        fs::create_dir(&folder).attempt(format!("cannot make {}", folder.display()))?;
        Ok(ControlGroup { folder, version: self.version })
    }

    fn works(&self, core: usize) -> Outcome<()> {
        let group = self.make(0)?;
        run_pinned("true", core, &group.folder)?;
        match group.cpu_nanoseconds()? {
            0 => Err(Failure::new("the group counts nothing")),
            _ => Ok(()),
        }
    }

    /// Removes what an earlier run left that was killed. A group with a process
    /// in it cannot be removed, and one whose maker lives is not tried.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let maker = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
            if maker.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
}

/// A group of processes; those left in it are killed when it is dropped.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    folder: PathBuf,
    version: Version,
}

impl ControlGroup {
    /// Where it is, for the process that joins it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What its members, ended ones included, have spent on a core.
    pub(crate) fn cpu_nanoseconds(&self) -> Outcome<u64> {
        let name = match self.version {
            Version::One => "cpuacct.usage",
            Version::Two => "cpu.stat",
        };
        let path = self.folder.join(name);
        let text = fs::read_to_string(&path).attempt(path.display())?;
        let usage = match self.version {
            Version::One => text.trim().parse().ok(),
            Version::Two => microseconds(&text).map(|number| number * 1_000),
        };
        usage.ok_or_else(|| Failure::new(format!("{} holds no time", path.display())))
    }

    /// The processes in it now.
    pub(crate) fn members(&self) -> Outcome<Vec<u32>> {
        let path = self.folder.join("cgroup.procs");
        let text = fs::read_to_string(&path).attempt(path.display())?;
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    fn end_members(&self) {
        for pid in self.members().unwrap_or_default() {
            // One that has ended meanwhile needs no signal.
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        for _ in 0..REMOVAL_TRIES {
            if fs::remove_dir(&self.folder).is_ok() || !self.folder.exists() {
                return;
            }
            self.end_members();
            thread::sleep(BETWEEN_TRIES);
        }
    }
}

/// Puts the calling process into a group.
pub(crate) fn join(folder: &Path) -> Outcome<()> {
    // Nought stands for who writes it.
    fs::write(folder.join("cgroup.procs"), "0").attempt(format!("cannot join {}", folder.display()))
}

/// Where this process could make groups, given `/proc/mounts` and
/// `/proc/self/cgroup`: the second version first.
fn candidates(mounts: &str, own: &str) -> Vec<Hierarchy> {
    let mut found = Vec::new();
    for line in mounts.lines() {
        let mut words = line.split_whitespace().skip(1);
        let (Some(folder), Some(kind), Some(options)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let version = match kind {
            "cgroup2" => Version::Two,
            "cgroup" if options.split(',').any(|option| option == "cpuacct") => Version::One,
            _ => continue,
        };
        let mount = PathBuf::from(folder);
        // In a container the path may be one that only its host sees.
        let within = own_path(own, version).map(|path| mount.join(path.trim_start_matches('/')));
        let folder = within.filter(|path| path.exists()).unwrap_or(mount);
        found.push(Hierarchy { folder, version });
    }
    found.sort_by_key(|hierarchy| hierarchy.version == Version::One);
    found
}

/// The path in a line `NUMBER:CONTROLLERS:PATH` of `/proc/self/cgroup`.
fn own_path(own: &str, version: Version) -> Option<&str> {
    own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let is_it = match version {
            Version::One => controllers.split(',').any(|name| name == "cpuacct"),
            Version::Two => controllers.is_empty(),
        };
        is_it.then_some(path)
    })
}

/// The line `usage_usec NUMBER` of a `cpu.stat`.
fn microseconds(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "tmpfs /run tmpfs rw 0 0\n\
        cgroup /nowhere/cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n\
        cgroup /nowhere/pids cgroup rw,relatime,pids 0 0\n\
        cgroup2 /nowhere/unified cgroup2 rw,relatime 0 0\n";

    #[test]
    fn the_second_version_is_tried_before_the_first() {
        let found = candidates(MOUNTS, "");
        let folders: Vec<_> = found.iter().map(|hierarchy| hierarchy.folder.as_path()).collect();
        let expected = [Path::new("/nowhere/unified"), Path::new("/nowhere/cpuacct")];
        assert_eq!(folders, expected);
    }

    #[test]
    fn each_version_has_its_own_path() {
        let own = "8:pids:/a\n2:cpu,cpuacct:/b\n0::/c:d\n";
        assert_eq!(own_path(own, Version::One), Some("/b"));
        assert_eq!(own_path(own, Version::Two), Some("/c:d"));
        assert_eq!(own_path("8:pids:/a\n", Version::Two), None);
    }

    #[test]
    fn the_usage_is_read_among_other_figures() {
        let text = "usage_usec 690027\nuser_usec 300000\nsystem_usec 390027\n";
        assert_eq!(microseconds(text), Some(690_027));
        assert_eq!(microseconds("nr_periods 0\n"), None);
    }
}
