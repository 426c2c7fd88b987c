//! nginx, with a configuration made for the run.
//!
//! nginx takes no port of the system's choice and does not say when it is
//! ready. So this program opens the listening socket, writes the configuration,
//! prints the ready line, and becomes nginx, which takes the socket over as it
//! does from a predecessor when it is upgraded (the variable `NGINX`). From the
//! ready line on clients can connect, and nothing stands beside nginx.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, ValueEnum};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Resource, geteuid, getrlimit};

use super::making::run;
use crate::failure::{Attempt, Failure, Outcome};
use crate::output::say;

/// More than any scenario has.
const CONNECTIONS: u64 = 20_000;

/// Options of the hidden command that becomes nginx.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where nginx is
    #[arg(long)]
    program: PathBuf,
    /// For its configuration and its temporary files
    #[arg(long)]
    folder: PathBuf,
    /// What to serve
    #[arg(required_unless_present = "version", value_enum)]
    kind: Option<Kind>,
    /// Where to listen
    #[arg(required_unless_present = "version")]
    address: Option<SocketAddr>,
    /// The file to serve
    #[arg(required_if_eq("kind", "file"))]
    path: Option<PathBuf>,
    /// Print nginx's version
    #[arg(long)]
    version: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// `Hello, World!`
    Http,
    /// One file, whatever is asked for
    File,
}

/// The command that becomes nginx; or why there is none.
pub(super) fn words(program: &Path, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let nginx = search().ok_or("nginx is not installed")?;
    let flag = |name: &str, value: &Path| PathBuf::from(format!("--{name}={}", value.display()));
    Ok(vec![program.to_owned(), "nginx".into(), flag("program", &nginx), flag("folder", folder)])
}

/// nginx in the search path, or where servers are that only root should start.
fn search() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin"].map(PathBuf::from);
    let all = std::env::split_paths(&path).chain(usual);
    all.map(|folder| folder.join("nginx")).find(|program| program.is_file())
}

/// Becomes nginx. Returns only a failure, or after it printed the version.
pub(crate) fn become_nginx(options: &Options) -> Outcome<()> {
    let (Some(kind), Some(address)) = (options.kind, options.address) else {
        return print_version(&options.program);
    };
    let listener = TcpListener::bind(address).attempt(address)?;
    listener.set_nonblocking(true).attempt(address)?;
    let address = listener.local_addr().attempt(address)?;
    // Two may be running at once.
    let folder = options.folder.join(format!("nginx-{}", address.port()));
    fs::create_dir_all(&folder).attempt(folder.display())?;
    let configuration = folder.join("nginx.conf");
    let text = configure(kind, address, options.path.as_deref(), &folder)?;
    fs::write(&configuration, text).attempt(configuration.display())?;
    fcntl_setfd(&listener, FdFlags::empty()).attempt("cannot hand a socket over")?;
    let mut output = std::io::stdout();
    writeln!(output, "listening on http://{address}/")
        .and_then(|()| output.flush())
        .attempt("cannot say ready")?;
    let error = Command::new(&options.program)
        .arg("-p")
        .arg(&folder)
        .arg("-c")
        .arg(&configuration)
        .args(["-e", "stderr"])
        .env("NGINX", format!("{};", listener.as_raw_fd()))
        .exec();
    Err(Failure::because(options.program.display(), error))
}

fn print_version(program: &Path) -> Outcome<()> {
    let output = run("nginx", Command::new(program).arg("-v")).map_err(Failure::new)?;
    let line = String::from_utf8_lossy(&output.stderr);
    say(line.trim().trim_start_matches("nginx version: "))
}

/// One worker, no log of accesses, sendfile; and nothing that would end a
/// connection while it is measured.
fn configure(
    kind: Kind,
    address: SocketAddr,
    path: Option<&Path>,
    folder: &Path,
) -> Outcome<String> {
    // It takes memory for all of them at once.
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let connections = allowed.min(CONNECTIONS);
    // Its worker would otherwise be nobody, who may not read the file.
    let user = if geteuid().is_root() { "user root root;" } else { "" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path temporary/{name};\n"))
        .concat();
    let location = match (kind, path) {
        (Kind::File, Some(path)) => {
            format!(
                "root /; try_files {} =404;",
                quoted(&path.canonicalize().attempt(path.display())?)?
            )
        }
        _ => r#"return 200 "Hello, World!";"#.to_owned(),
    };
    fs::create_dir_all(folder.join("temporary")).attempt(folder.display())?;
    Ok(format!(
        "daemon off;\n\
         worker_processes 1;\n\
         {user}\n\
         error_log stderr;\n\
         pid nginx.pid;\n\
         events {{ worker_connections {connections}; }}\n\
         http {{\n\
         {temporary}\
         \x20   access_log off;\n\
         \x20   sendfile on;\n\
         \x20   default_type text/plain;\n\
         \x20   keepalive_timeout 3600s;\n\
         \x20   keepalive_requests 4000000000;\n\
         \x20   server {{\n\
         \x20       listen {address} backlog=4096;\n\
         \x20       location / {{ {location} }}\n\
         \x20   }}\n\
         }}\n"
    ))
}

/// A path in a configuration. What has a meaning there cannot all be escaped.
fn quoted(path: &Path) -> Outcome<String> {
    let text = path.to_str().filter(|text| !text.contains(['"', '\\', '$', '\n']));
    let text = text.ok_or_else(|| {
        Failure::new(format!("{} has a sign that nginx would interpret", path.display()))
    })?;
    Ok(format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_nginx_would_interpret_is_refused() {
        assert_eq!(quoted(Path::new("/a b;{}")).expect("quoted"), "\"/a b;{}\"");
        for sign in ["/a$uri", "/a\"b", "/a\\b", "/a\nb"] {
            assert!(quoted(Path::new(sign)).is_err(), "{sign:?}");
        }
    }
}
