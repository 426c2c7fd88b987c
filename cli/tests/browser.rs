//! A real browser opens the page, while others hold a line open on the same thread.
//!
//! It needs Chromium and Python 3. With SWITCHBOARD_CI set it may not be skipped; with
//! SWITCHBOARD_LONG set the others are ten thousand.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod support;

use std::net::SocketAddr;
use std::process::Command;

use support::{Client, http, is_long_run, skip};

#[test]
fn a_browser_sees_the_text_and_the_picture() {
    let (mut program, address) = http(&["-v"]);
    let Some(seen) = visit(address, "a_browser_sees_the_text_and_the_picture") else { return };
    assert_page_was_seen(&seen);
    program.logged(" GET / from ");
    program.logged(" GET /test.jpg from ");
}

#[test]
fn a_browser_is_served_while_many_hold_a_line_on_the_same_thread() {
    let count = if is_long_run() { 10_000 } else { 500 };
    // They are silent while the browser starts, which may take long on a busy machine.
    let (program, address) = http(&["--first-byte-timeout", "1h", "--idle-timeout", "1h"]);
    let mut others: Vec<_> = (0..count).map(|_| Client::connect(address)).collect();
    everyone_is_served(&mut others);

    let name = "a_browser_is_served_while_many_hold_a_line_on_the_same_thread";
    if let Some(seen) = visit(address, name) {
        assert_page_was_seen(&seen);
    }

    everyone_is_served(&mut others);
    assert_eq!(program.threads(), 1);
}

/// Has each client ask before any of them is answered to.
fn everyone_is_served(clients: &mut [Client]) {
    for client in &mut *clients {
        client.ask("HEAD", "/");
    }
    for client in clients {
        assert_eq!(client.head().status, 200);
    }
}

/// What the browser saw, as JSON; none where there is no browser.
fn visit(address: SocketAddr, test: &str) -> Option<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/browser/visit.py");
    let Ok(output) = Command::new("python3").arg(script).arg(format!("http://{address}/")).output()
    else {
        skip(test, "there is no python3 here");
        return None;
    };
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(NO_CHROMIUM) {
        skip(test, complaint.trim());
        return None;
    }
    assert!(output.status.success(), "{complaint}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// With this exit status the script says that there is no browser.
const NO_CHROMIUM: i32 = 3;

fn assert_page_was_seen(seen: &str) {
    for part in [
        "\"status\": 200",
        "\"title\": \"Switchboard\"",
        "Many lines, one operator.",
        // The natural size, which is 0 for a picture that did not decode.
        "/test.jpg\", \"width\": 800, \"height\": 500, \"complete\": true",
    ] {
        assert!(seen.contains(part), "the browser saw no {part}: {seen}");
    }
}
