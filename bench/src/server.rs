//! A server under measurement: a child process on its own core, known by the
//! line it prints when it is ready, and ended on every path.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};

use crate::compare::group;
use crate::failure::{Attempt, Failure, Outcome};
use crate::process::{Family, pin_to};
use crate::traffic::Kind;

/// A server that is quiet for so long has taken every connection that waits.
/// Nothing else tells: to a client one in the queue looks like one taken.
pub(crate) const ALL_ARE_IN: Duration = Duration::from_millis(200);
const READY_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a server's standard error that are remembered.
const KEPT_COMPLAINTS: usize = 4096;

/// A child that is killed and waited for when dropped.
#[derive(Debug)]
pub(crate) struct Guarded(pub(crate) Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // Both fail only for a child that was already waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A child that leads a process group of its own, which ends with it: a server
/// may have children.
#[derive(Debug)]
struct Group(Guarded);

impl Drop for Group {
    fn drop(&mut self) {
        // The id is still its own: the child has not been waited for.
        let leader = i32::try_from(self.0.0.id()).ok().and_then(Pid::from_raw);
        if let Some(leader) = leader {
            // Fails only when all have ended.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    group: Group,
    complaints: Complaints,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a command on a core and waits for its ready line.
    pub(crate) fn start(command: &str, core: usize) -> Outcome<Self> {
        Self::start_in(command, core, None)
    }

    /// The same, in the control group of a folder if one is given.
    pub(crate) fn start_in(command: &str, core: usize, folder: Option<&Path>) -> Outcome<Self> {
        if command.trim().is_empty() {
            return Err(Failure::new("the server's command is empty"));
        }
        let child = pinned(command, core, folder)?
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .attempt(format!("cannot start `{command}`"))?;
        let mut group = Group(Guarded(child));
        let complaints = Complaints::of(group.0.0.stderr.take());
        let address = first_line(&mut group.0, READY_TIMEOUT).and_then(|line| {
            ready_address(&line)
                .ok_or_else(|| Failure::new(format!("instead of a ready line it printed: {line}")))
        });
        match address {
            Ok(address) => Ok(Self { group, complaints, address }),
            Err(cause) => {
                drop(group);
                let last = complaints.when_all_are_read().map(|last| format!(" ({last})"));
                let cause = format!("{cause}{}", last.unwrap_or_default());
                Err(Failure::because(format!("server `{command}`"), cause))
            }
        }
    }

    /// The last line it printed on standard error so far, if any.
    pub(crate) fn last_complaint(&self) -> Option<String> {
        self.complaints.last()
    }

    /// The process that it was started as, which leads its group.
    pub(crate) fn leader(&self) -> u32 {
        self.group.0.0.id()
    }

    /// Its process and the children it has now.
    pub(crate) fn family(&self) -> Family {
        Family::of(self.group.0.0.id())
    }
}

/// Runs a command to its end, on a core and in the control group of a folder.
pub(crate) fn run_pinned(command: &str, core: usize, folder: &Path) -> Outcome<()> {
    let run = pinned(command, core, Some(folder))?.stdin(Stdio::null()).output();
    let output = run.attempt(format!("cannot start `{command}`"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::because(format!("`{command}`"), String::from_utf8_lossy(&output.stdout)))
}

/// A command that runs on a core and dies with its parent, not started yet.
pub(crate) fn pinned(command: &str, core: usize, folder: Option<&Path>) -> Outcome<Command> {
    let mut pinned = this_program()?;
    pinned.args(["pinned", "--core", &core.to_string()]);
    if let Some(folder) = folder {
        pinned.arg("--group").arg(folder);
    }
    pinned.arg("--").args(command.split_whitespace());
    Ok(pinned)
}

/// The end of what a child complains of. Reading it keeps the child from waiting
/// for a reader, and the terminal for the table.
#[derive(Debug)]
struct Complaints {
    kept: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Complaints {
    fn of(output: Option<ChildStderr>) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&kept);
        let reader = thread::spawn(move || {
            let mut piece = [0; KEPT_COMPLAINTS];
            let Some(mut output) = output else { return };
            while let Ok(count @ 1..) = output.read(&mut piece) {
                let Ok(mut kept) = shared.lock() else { return };
                kept.extend_from_slice(&piece[..count]);
                let surplus = kept.len().saturating_sub(KEPT_COMPLAINTS);
                kept.drain(..surplus);
            }
        });
        Self { kept, reader }
    }

    fn last(&self) -> Option<String> {
        let bytes = self.kept.lock().ok()?;
        let text = String::from_utf8_lossy(&bytes);
        text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned)
    }

    /// For a child that has ended: a process of its own that outlived it would
    /// hold the pipe open, so this does not wait for long.
    fn when_all_are_read(self) -> Option<String> {
        for _ in 0..100 {
            if self.reader.is_finished() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.last()
    }
}

/// This program, to be started again with other arguments.
pub(crate) fn this_program() -> Outcome<Command> {
    let path = std::env::current_exe().attempt("cannot find this program")?;
    Ok(Command::new(path))
}

/// The first line that a child prints. What it prints later is read and
/// dropped, so that it never waits for a reader.
pub(crate) fn first_line(child: &mut Guarded, timeout: Duration) -> Outcome<String> {
    let Some(output) = child.0.stdout.take() else {
        return Err(Failure::new("its output is not connected"));
    };
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut reader = BufReader::new(output);
        let mut line = String::new();
        // A line that cannot be read arrives as an empty one, and the
        // receiver may have given up: neither is this thread's to report.
        let _ = reader.read_line(&mut line);
        let _ = sender.send(line);
        let _ = std::io::copy(&mut reader.by_ref(), &mut std::io::sink());
    });
    let line = receiver
        .recv_timeout(timeout)
        .map_err(|_| Failure::new(format!("printed no line in {timeout:?}")))?;
    if line.is_empty() {
        return Err(Failure::new("ended without printing a line"));
    }
    Ok(line.trim_end().to_owned())
}

fn ready_address(line: &str) -> Option<SocketAddr> {
    let url = line.strip_prefix("listening on ")?;
    let (_scheme, rest) = url.split_once("://")?;
    rest.trim_end_matches('/').parse().ok()
}

/// The command that runs the limit, compiled beside this program.
pub(crate) fn compile_limit(kind: Kind) -> Outcome<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("limit.c");
    let program = std::env::current_exe().attempt("cannot find this program")?;
    let binary: PathBuf = program.with_file_name("switchboard-limit");
    let status = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"])
        .args([&binary, &source])
        .status()
        .attempt("cannot run cc to compile the limit")?;
    if !status.success() {
        return Err(Failure::new(format!("cc could not compile {}", source.display())));
    }
    Ok(format!("{} {} 127.0.0.1:0", binary.display(), kind.name()))
}

/// Options of the hidden command that servers are started through.
#[derive(Debug, Args)]
pub(crate) struct PinnedOptions {
    /// Core to stay on
    #[arg(long)]
    core: usize,
    /// Folder of a control group to be in
    #[arg(long)]
    group: Option<PathBuf>,
    /// Command to become
    #[arg(required = true, last = true)]
    command: Vec<String>,
}

/// Becomes another program, on one core, that dies with its parent. Returns
/// only a failure. This stands in for work between fork and exec, which would
/// need `unsafe`.
pub(crate) fn become_pinned(options: &PinnedOptions) -> Failure {
    if let Err(failure) = pin_to(options.core) {
        return failure;
    }
    if let Err(failure) = die_with_parent() {
        return failure;
    }
    if let Some(Err(failure)) = options.group.as_deref().map(group::join) {
        return failure;
    }
    let error = Command::new(&options.command[0]).args(&options.command[1..]).exec();
    Failure::because(format!("cannot run `{}`", options.command[0]), error)
}

/// Has the kernel kill this process when the thread that started it ends.
pub(crate) fn die_with_parent() -> Outcome<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).attempt("cannot ask to end with the parent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_ready_line_are_understood() {
        let address: SocketAddr = "127.0.0.1:81".parse().expect("a good address");
        let tcp = ready_address("listening on tcp://127.0.0.1:81");
        let http = ready_address("listening on http://127.0.0.1:81/");
        assert_eq!((tcp, http), (Some(address), Some(address)));
        assert_eq!(ready_address("hello"), None);
    }
}
