//! What a server costs: CPU time of all it ever ran, and memory of what it runs.
//!
//! A control group counts everything; see [`super::group`]. Where none can be
//! made, each process that the server had when it was connected is asked by its
//! own clock (which knows ended threads, to the nanosecond), and children that
//! ended and were waited for are added from `/proc/PID/stat`. That adds no error
//! to servers that only end threads; for one that ends processes it is as coarse
//! as the kernel's tick, a hundredth of a second a reading.

use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

use super::group::{ControlGroup, Hierarchy};
use crate::failure::{Failure, Outcome};
use crate::process::{Family, ended_children};

/// How CPU time is counted in this run.
#[derive(Debug)]
pub(crate) struct Accounts {
    hierarchy: Option<Hierarchy>,
    made: u64,
}

impl Accounts {
    /// Finds the best way that this system offers.
    pub(crate) fn find(core: usize) -> Self {
        Self { hierarchy: Hierarchy::find(core), made: 0 }
    }

    /// Whether children that ended are counted to the microsecond or finer.
    pub(crate) fn are_exact(&self) -> bool {
        self.hierarchy.is_some()
    }

    /// A group for the next server, if groups can be made.
    pub(crate) fn open(&mut self) -> Outcome<Option<ControlGroup>> {
        self.made += 1;
        self.hierarchy.as_ref().map(|hierarchy| hierarchy.make(self.made)).transpose()
    }
}

/// Reads the CPU time of one server, from its start on.
#[derive(Debug)]
pub(crate) enum Meter {
    /// A group that the server was started in.
    Group(ControlGroup),
    /// The clocks of the processes that it had, and the eldest of them.
    Clocks(Vec<ClockId>, u32),
}

impl Meter {
    /// The clocks of a family, as it is now.
    pub(crate) fn of_clocks(family: &Family) -> Outcome<Self> {
        let Some(&eldest) = family.pids().first() else {
            return Err(Failure::new("the server has no process"));
        };
        // A process that ended since it was listed has no clock.
        let clock = |&pid: &u32| {
            let pid = i32::try_from(pid).ok()?;
            clock_getcpuclockid(Pid::from_raw(pid)).ok()
        };
        Ok(Self::Clocks(family.pids().iter().filter_map(clock).collect(), eldest))
    }

    /// Nanoseconds on a core so far. Exact while nothing of the server runs:
    /// what runs is accounted when it leaves its core, or at the next tick.
    pub(crate) fn cpu_nanoseconds(&self) -> Outcome<u64> {
        let (clocks, eldest) = match self {
            Self::Group(group) => return group.cpu_nanoseconds(),
            Self::Clocks(clocks, eldest) => (clocks, *eldest),
        };
        let ended = ended_children(eldest)?;
        let living = clocks.iter().filter_map(|clock| clock.now().ok());
        let sum = living.map(|time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64);
        Ok(ended.as_nanos() as u64 + sum.sum::<u64>())
    }

    /// The processes of the server now.
    pub(crate) fn family(&self) -> Outcome<Family> {
        match self {
            Self::Group(group) => Ok(Family::listed(group.members()?)),
            Self::Clocks(_, eldest) => Ok(Family::of(*eldest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use rustix::time::{ClockId, clock_gettime};

    use super::*;

    const SPENT: i64 = 2_000_000;

    #[test]
    fn the_clock_of_a_process_counts_threads_that_ended() {
        let own = Family::listed(vec![std::process::id()]);
        let meter = Meter::of_clocks(&own).expect("this process has a clock");
        let before = meter.cpu_nanoseconds().expect("a clock can be read");
        let burner = thread::spawn(|| {
            while clock_gettime(ClockId::ThreadCPUTime).tv_nsec < SPENT {
                std::hint::spin_loop();
            }
        });
        burner.join().expect("it only spins");
        let after = meter.cpu_nanoseconds().expect("a clock can be read");
        assert!(after - before >= SPENT as u64, "{before} to {after}");
    }

    #[test]
    fn a_family_without_processes_has_no_meter() {
        assert!(Meter::of_clocks(&Family::listed(Vec::new())).is_err());
    }
}
