//! What a path leads to on disk: links, FIFOs, devices, and the system's errors.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use rustix::io::Errno;

use super::super::*;
use super::{get, send, status, tree};

#[test]
fn links_that_stay_inside_are_followed() {
    let outer = tree();
    let root = outer.path().join("root");
    symlink("page.html", root.join("relative.txt")).unwrap();
    symlink(root.join("page.html"), root.join("absolute.html")).unwrap();
    symlink("relative.txt", root.join("chain.html")).unwrap();
    symlink("../page.html", root.join("folder/up.html")).unwrap();
    symlink("folder", root.join("link")).unwrap();
    for target in ["/relative.txt", "/absolute.html", "/chain.html", "/folder/up.html"] {
        assert_eq!(get(&root, target).body, b"<p>page", "{target}");
    }
    let answer = get(&root, "/relative.txt");
    let declared = answer.header("content-type");
    assert_eq!(declared, Some("text/plain; charset=utf-8"), "by the name asked for");
    assert_eq!(get(&root, "/link/").body, b"<p>folder");
    assert_eq!(get(&root, "/link/deep/file.txt").body, b"deep");
    assert_eq!(get(&root, "/link").header("location"), Some("/link/"));
}

#[test]
fn links_that_lead_out_are_not_found() {
    let outer = tree();
    let root = outer.path().join("root");
    symlink("../secret", root.join("relative")).unwrap();
    symlink(outer.path().join("secret"), root.join("absolute")).unwrap();
    symlink("relative", root.join("chain")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("../root-too", root.join("neighbour")).unwrap();
    symlink("/", root.join("everything")).unwrap();
    symlink("../../secret", root.join("bare/index.html")).unwrap();
    for target in [
        "/relative",
        "/absolute",
        "/chain",
        "/up",
        "/up/",
        "/up/secret",
        "/neighbour",
        "/neighbour/secret",
        "/everything/etc/passwd",
        "/bare/",
        "/bare/index.html",
    ] {
        assert_eq!(status(&root, target), 404, "{target}");
    }
    assert_eq!(get(&root, "/up/root/page.html").body, b"<p>page", "out and in again");
}

#[test]
fn links_that_lead_nowhere_are_not_found() {
    let outer = tree();
    let root = outer.path().join("root");
    symlink("nothing", root.join("dangling")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("pong", root.join("ping")).unwrap();
    symlink("ping", root.join("pong")).unwrap();
    for target in ["/dangling", "/dangling/", "/loop", "/loop/x", "/ping", "/pong/"] {
        assert_eq!(status(&root, target), 404, "{target}");
    }
}

#[test]
fn a_root_that_is_a_link_is_resolved_once() {
    let outer = tree();
    let link = outer.path().join("link");
    symlink("root", &link).unwrap();
    let served = files(&link).unwrap();
    fs::remove_file(&link).unwrap();
    symlink("root-too", &link).unwrap();
    assert_eq!(send(served.clone(), "GET", "/page.html").body, b"<p>page");
    assert_eq!(send(served, "GET", "/secret").status, 404);
}

#[test]
fn the_whole_file_system_can_be_a_root() {
    assert_eq!(get("/", "/etc/passwd").body, fs::read("/etc/passwd").unwrap());
    assert_eq!(status("/", "/etc/../etc/passwd"), 404);
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let outer = tree();
    let root = outer.path().join("root");
    let made = Command::new("mkfifo").arg(root.join("fifo")).status().unwrap();
    assert!(made.success());
    let _listener = UnixListener::bind(root.join("socket")).unwrap();
    symlink("fifo", root.join("to-fifo")).unwrap();
    // To open the FIFO would block for ever: nobody writes to it.
    for target in ["/fifo", "/fifo/", "/to-fifo", "/socket"] {
        assert_eq!(status(&root, target), 404, "{target}");
    }
    for target in ["/null", "/zero", "/tty", "/stdin"] {
        assert_eq!(status("/dev", target), 404, "{target}");
    }
}

#[test]
fn a_file_put_in_the_place_of_the_checked_one_is_refused() {
    let outer = tree();
    let page = outer.path().join("root/page.html");
    let checked = fs::symlink_metadata(&page).unwrap();
    assert!(open(&page, &checked).is_ok());
    // Renamed, not rewritten: the old file is kept so that its number is not used again.
    fs::rename(&page, outer.path().join("root/old.html")).unwrap();
    fs::write(&page, "another").unwrap();
    assert!(matches!(open(&page, &checked), Err(Refusal::NotFound)));
    fs::remove_file(&page).unwrap();
    symlink("../secret", &page).unwrap();
    assert!(matches!(open(&page, &checked), Err(Refusal::NotFound)));
    fs::remove_file(&page).unwrap();
    fs::create_dir(&page).unwrap();
    assert!(matches!(open(&page, &checked), Err(Refusal::NotFound)));
}

#[test]
fn an_error_of_the_system_decides_the_status() {
    for (errno, expected) in [
        (Errno::NOENT, 404),
        (Errno::NOTDIR, 404),
        (Errno::NAMETOOLONG, 404),
        (Errno::ACCESS, 403),
        (Errno::PERM, 403),
        (Errno::MFILE, 503),
        (Errno::NFILE, 503),
        (Errno::IO, 503),
        (Errno::NOMEM, 503),
    ] {
        let refusal = Refusal::from(io::Error::from(errno));
        assert_eq!(refusal.status().as_u16(), expected, "{errno}");
    }
}
