//! `switchboard http` on a Unix socket, with curl and Python as its clients.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod support;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use support::{Program, SWITCHBOARD, send_signal, skip};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.sock");
    (folder, path)
}

/// The server on `address`, once it listens.
fn serving(address: &str) -> Program {
    started(Command::new(SWITCHBOARD).args(["http", "--listen", address]), address)
}

fn started(command: &mut Command, address: &str) -> Program {
    let mut program = Program::start(command);
    assert_eq!(program.ready_at("listening on ", ""), address);
    program
}

/// What a client prints, or nothing where there is no such client.
fn client<A: AsRef<OsStr>>(test: &str, name: &str, arguments: &[A]) -> Option<String> {
    match Command::new(name).args(arguments).output() {
        Ok(output) => {
            assert!(output.status.success(), "{output:?}");
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) => {
            skip(test, &format!("there is no {name}: {error}"));
            None
        }
    }
}

fn curl(test: &str, option: &str, name: &Path, target: &str) -> Option<String> {
    let name = name.to_str().unwrap();
    let url = format!("http://host{target}");
    client(test, "curl", &["--silent", "--show-error", option, name, &url])
}

#[test]
fn curl_is_served_at_a_path_which_is_there_as_long_as_the_server_and_survives_its_murder() {
    let (_folder, path) = folder();
    let test = "curl over a Unix socket";
    for _ in 0..2 {
        let program = serving(&format!("unix://{}", path.display()));
        let Some(page) = curl(test, "--unix-socket", &path, "/") else { return };
        assert!(page.contains("<html"), "{page}");
        // Killed, it cannot remove the file, and the next server replaces it.
        drop(program);
        assert!(path.exists());
    }
    let program = serving(&format!("unix://{}", path.display()));
    send_signal(&program, Signal::TERM);
    assert_eq!(program.ended().status.code(), Some(0));
    assert!(!path.exists());
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn curl_is_served_at_an_abstract_name() {
    let (_folder, path) = folder();
    let _program = serving(&format!("unix:@{}", path.display()));
    let Some(page) = curl("curl at an abstract name", "--abstract-unix-socket", &path, "/") else {
        return;
    };
    assert!(page.contains("<html"), "{page}");
}

#[test]
fn a_file_of_megabytes_comes_whole() {
    let (folder, path) = folder();
    let text: String = (0..400_000).map(|number| format!("{number:07}\n")).collect();
    fs::write(folder.path().join("large.txt"), &text).unwrap();
    let address = format!("unix://{}", path.display());
    let mut command = Command::new(SWITCHBOARD);
    let command = command.arg("http").arg(folder.path()).args(["--listen", &address]);
    let _program = started(command, &address);
    let Some(received) = curl("a file by curl", "--unix-socket", &path, "/large.txt") else {
        return;
    };
    assert!(received == text, "{} of {} bytes", received.len(), text.len());
}

/// Binds the longest of names, sends a head in three pieces with a descriptor along with each,
/// half-closes, and prints the status line.
const HOSTILE: &str = r#"
import array, socket, sys
path = sys.argv[1].encode()
peer = socket.socket(socket.AF_UNIX)
peer.bind(b"\0" + path.ljust(107, b"x"))
peer.connect(path)
passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))]
for piece in (b"GET / HT", b"TP/1.1\r\nhost: a\r\n", b"connection: close\r\n\r\n"):
    peer.sendmsg([piece], passed)
peer.shutdown(socket.SHUT_WR)
print(peer.makefile("rb").readline().decode().strip())
"#;

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn a_peer_that_sends_descriptors_along_is_served_and_leaves_none_with_the_server() {
    let (_folder, path) = folder();
    let program = serving(&format!("unix://{}", path.display()));
    let before = descriptors(&program);
    for _ in 0..3 {
        let arguments = ["-c", HOSTILE, path.to_str().unwrap()];
        let Some(line) = client("a hostile peer", "python3", &arguments) else { return };
        assert_eq!(line.trim_end(), "HTTP/1.1 200 OK");
    }
    // Its connections may not be closed yet; nine descriptors were passed.
    assert!(descriptors(&program) <= before + 3, "{before} before");
}

fn descriptors(program: &Program) -> usize {
    fs::read_dir(format!("/proc/{}/fd", program.child().id())).unwrap().count()
}

#[test]
fn a_path_in_use_and_one_that_is_no_socket_are_refused_in_one_line() {
    let (folder, path) = folder();
    let _first = serving(&format!("unix://{}", path.display()));
    let file = folder.path().join("file");
    fs::write(&file, "precious").unwrap();
    for (path, part) in [(&path, "somebody answers on it"), (&file, "not a socket")] {
        let address = format!("unix://{}", path.display());
        let mut command = Command::new(SWITCHBOARD);
        let ended = Program::start(command.args(["http", "--listen", &address])).ended();
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        let [line] = &ended.log[..] else { panic!("{ended:?}") };
        assert!(line.contains(part) && line.contains(&address), "{line}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}
