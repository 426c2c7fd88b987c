//! How one comes by a server: built from this repository, or found on the
//! machine.
//!
//! Whatever goes wrong makes the server absent, with the reason in one line;
//! who asked decides whether that matters. What is built lies where cargo built
//! this program, or beside it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::nginx;
use crate::failure::{Attempt, Outcome};

/// How one comes by a server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Make {
    /// The second binary of this package.
    Served { driver: &'static str, on: Poller },
    /// A program in C, of this package.
    C { source: &'static str, library: Option<Library> },
    /// A server of the package in `peers`, which is built only for this.
    Crate { name: &'static str },
    /// A program in `peers/python`.
    Python { script: &'static str },
    /// nginx, with a configuration made for the run.
    Nginx,
}

/// Through what mio waits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Poller {
    /// The best that the system has.
    Best,
    /// poll(2), by a flag that mio has for this.
    Poll,
}

/// A library in C.
#[derive(Clone, Copy, Debug)]
pub(super) struct Library {
    /// What the linker is told.
    pub(super) flag: &'static str,
    /// The package of Debian that has it.
    pub(super) package: &'static str,
}

/// A program that can be run.
#[derive(Debug)]
pub(super) struct Found {
    /// What its command begins with.
    pub(super) words: Vec<String>,
    pub(super) version: String,
}

/// A program, or in one line why there is none.
type Made<T = Found> = Result<T, String>;

impl Make {
    /// How it is made, for a report on one that could not be.
    pub(super) fn recipe(self) -> String {
        match self {
            Self::Served { on: Poller::Best, .. } => {
                format!("cargo build --release --bin {SERVED}")
            }
            Self::Served { on: Poller::Poll, .. } => {
                format!("RUSTFLAGS='{POLL_FLAGS}' cargo build --release --bin {SERVED}")
            }
            Self::C { source, library } => {
                let flag = library.map_or("", |library| library.flag);
                format!("cc -O2 bench/{source} {flag}").trim_end().to_owned()
            }
            Self::Crate { .. } => {
                "cargo build --release --manifest-path bench/peers/Cargo.toml".into()
            }
            Self::Python { script } => format!("python3 bench/{SCRIPTS}/{script}"),
            Self::Nginx => "nginx".to_owned(),
        }
    }
}

/// Where servers are made, and what was made. Its folder for the run is removed
/// when it is dropped.
#[derive(Debug)]
pub(crate) struct Workshop {
    /// This program.
    program: PathBuf,
    /// Where this package's sources are.
    sources: PathBuf,
    /// For what is made for this run alone.
    run: PathBuf,
    /// What several servers share, by its name.
    built: HashMap<String, Made<PathBuf>>,
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans the temporary folder.
        let _ = fs::remove_dir_all(&self.run);
    }
}

impl Workshop {
    /// A workshop for this run of this program.
    pub(crate) fn open() -> Outcome<Self> {
        let program = std::env::current_exe().attempt("cannot find this program")?;
        let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let name = format!("switchboard-bench-{}", std::process::id());
        let run = std::env::temp_dir().join(name);
        fs::create_dir_all(&run).attempt(format!("cannot make {}", run.display()))?;
        Ok(Self { program, sources, run, built: HashMap::new() })
    }

    /// A folder that lasts as long as this value, also for others' files.
    pub(crate) fn folder(&self) -> &Path {
        &self.run
    }

    pub(super) fn make(&mut self, make: Make) -> Made {
        let words = match make {
            Make::Served { driver, on } => vec![self.served(on)?, driver.into()],
            Make::C { source, library } => vec![self.compile(source, library)?],
            Make::Crate { name } => vec![self.peers()?, name.into()],
            Make::Python { script } => vec![python()?, self.sources.join(SCRIPTS).join(script)],
            Make::Nginx => nginx::words(&self.program, &self.run)?,
        };
        let words: Vec<String> = words.iter().map(|word| word.display().to_string()).collect();
        if let Some(word) = words.iter().find(|word| word.contains(char::is_whitespace)) {
            return Err(format!("commands are split at spaces, and `{word}` has one"));
        }
        let version = version_of(&words)?;
        Ok(Found { words, version })
    }

    fn served(&mut self, on: Poller) -> Made<PathBuf> {
        let (folder, flags) = match on {
            Poller::Best => (self.target(), None),
            Poller::Poll => (self.target().join("poll"), Some(POLL_FLAGS)),
        };
        self.build("Cargo.toml", SERVED, folder, flags)
    }

    fn peers(&mut self) -> Made<PathBuf> {
        let folder = self.target().join("peers");
        self.build("peers/Cargo.toml", "switchboard-bench-peers", folder, None)
    }

    /// Where cargo put this program: `TARGET/PROFILE/switchboard-bench`.
    fn target(&self) -> PathBuf {
        self.program.ancestors().nth(2).unwrap_or(&self.sources).to_owned()
    }

    /// Has cargo build a binary, in a folder. Once: a second time is remembered.
    fn build(
        &mut self,
        manifest: &str,
        binary: &str,
        folder: PathBuf,
        flags: Option<&str>,
    ) -> Made<PathBuf> {
        let result = folder.join("release").join(binary);
        let key = result.display().to_string();
        if let Some(made) = self.built.get(&key) {
            return made.clone();
        }
        // cargo says where it is when it runs a program.
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--release", "--quiet", "--bin", binary, "--manifest-path"]);
        cargo.arg(self.sources.join(manifest)).arg("--target-dir").arg(folder);
        if let Some(flags) = flags {
            let others = std::env::var("RUSTFLAGS").unwrap_or_default();
            cargo.env("RUSTFLAGS", format!("{others} {flags}"));
        }
        let made = run("cargo", &mut cargo).map(|_| result);
        self.built.insert(key, made.clone());
        made
    }

    fn compile(&self, source: &str, library: Option<Library>) -> Made<PathBuf> {
        let source = self.sources.join(source);
        let name = source.file_stem().unwrap_or_default().display().to_string();
        let result = self.program.with_file_name(format!("switchboard-{name}"));
        let mut cc = Command::new("cc");
        cc.arg("-O2").arg("-o").arg(&result).arg(&source);
        if let Some(library) = library {
            cc.arg(library.flag);
        }
        let made = run("cc", &mut cc).map(|_| result);
        made.map_err(|why| match library {
            Some(library) => format!("{why} (Debian has it in {})", library.package),
            None => why,
        })
    }
}

const SERVED: &str = "switchboard-bench-served";
const SCRIPTS: &str = "peers/python";
const POLL_FLAGS: &str = "--cfg mio_unsupported_force_poll_poll";

/// The interpreter itself: what is called `python3` may be a script that looks for it.
fn python() -> Made<PathBuf> {
    let mut python = Command::new("python3");
    let output = run("python3", python.args(["-c", "import sys; print(sys.executable)"]))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}

/// The line that a program says about itself.
fn version_of(words: &[String]) -> Made<String> {
    let output = run(&words[0], Command::new(&words[0]).args(&words[1..]).arg("--version"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        Err("it does not say its version".to_owned())
    } else {
        Ok(line.to_owned())
    }
}

/// Runs a command to its end. One that fails is told by its first error.
pub(super) fn run(name: &str, command: &mut Command) -> Made<Output> {
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let lines = || complaint.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(|line| line.contains("error")).or_else(|| lines().next_back());
    Err(format!("{name}: {}", line.map_or_else(|| output.status.to_string(), str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_is_told_by_its_first_error() {
        let script = "echo warned >&2; echo 'error: first' >&2; echo 'error: second' >&2; exit 1";
        let told = run("sh", Command::new("sh").args(["-c", script])).map(|_| ());
        assert_eq!(told, Err("sh: error: first".to_owned()));
        let silent = run("sh", Command::new("sh").args(["-c", "exit 3"])).map(|_| ());
        assert_eq!(silent, Err("sh: exit status: 3".to_owned()));
    }

    #[test]
    fn a_program_that_is_not_there_is_absent_by_name() {
        let told = run("no-such-program", &mut Command::new("no-such-program")).map(|_| ());
        assert!(told.is_err_and(|why| why.starts_with("no-such-program: ")));
    }
}
