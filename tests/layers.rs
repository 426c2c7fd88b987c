//! The rooms of `src/` and the arrows between them, read from the source itself.
//!
//! A new arrow, a socket in a conversation, a clock outside `net`, or a file that outgrew its
//! idea fails here, with the file and the line.

use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms each room may import, its own apart.
const ARROWS: &[(&str, &[&str])] = &[
    ("sansio", &[]),
    ("net", &["sansio"]),
    ("protocols", &["sansio"]),
    ("drivers", &["sansio", "net"]),
    ("embed", &["drivers", "net", "sansio"]),
];

/// What may be named only in some places: the text, the places, and why.
const BANS: &[(&str, &[&str], &str)] = &[
    ("mio::", &["net/", "embed/guest.rs"], "mio is behind the Network, but for its guest"),
    ("socket2::", &["net/"], "sockets are behind the Network"),
    ("rustix::", &["net/"], "system calls are behind the Network"),
    ("cfg(target_os", &["net/"], "what differs between systems has a name in net"),
    ("target_os =", &["net/"], "what differs between systems has a name in net"),
    ("raw_os_error", &["net/"], "errno ends in net"),
    ("WouldBlock", &["net/"], "would-block ends in net"),
    ("Interrupted", &["net/"], "interruptions end in net"),
    ("Instant::now", &["net/clock.rs"], "time is an argument"),
    ("SystemTime::now", &["net/clock.rs"], "time is an argument"),
    ("thread::", THREAD_PLACES, "no hidden threads"),
    ("std::fs", FILE_PLACES, "files are opened by protocols/http/files alone"),
    ("std::net", NET_PLACES, "no sockets elsewhere"),
    ("static mut", &[], "no globals"),
];

/// Addresses are plain values, and some sockets that somebody else opened are taken over.
const NET_PLACES: &[&str] = &[
    "net/",
    "sansio/address.rs",
    "sansio/destination.rs",
    "drivers/blocking/",
    "drivers/event_loop/",
    "drivers/resolver.rs",
];

/// `file_range.rs` and each network pass an open file through.
const FILE_PLACES: &[&str] =
    &["protocols/http/files", "sansio/file_range.rs", "net/", "drivers/simulation/network.rs"];

/// Who owns threads, and says so.
const THREAD_PLACES: &[&str] = &["drivers/resolver.rs", "drivers/threads/"];

/// One line of code, for a message.
struct Line {
    file: String,
    number: usize,
    text: String,
}

#[test]
fn arrows_between_rooms_point_one_way() {
    let wrong: Vec<_> = code().iter().filter_map(wrong_arrow).collect();
    assert!(wrong.is_empty(), "arrows that DESIGN does not allow:\n{}", wrong.join("\n"));
}

#[test]
fn a_wrong_arrow_is_found_however_it_is_written() {
    let found = |file: &str, text: &str| {
        let line = Line { file: file.to_owned(), number: 1, text: text.to_owned() };
        wrong_arrow(&line).is_some()
    };
    assert!(found("sansio/limits.rs", "use crate::net::Clock;"));
    assert!(found("sansio/limits.rs", "use super::super::net::Clock;"));
    assert!(found("sansio/connection/wire.rs", "let x = super::super::super::net::now();"));
    assert!(found("protocols/line.rs", "use crate::{net::Clock, sansio::Limits};"));
    assert!(found("protocols/line.rs", "use crate::EventLoop;"));
    assert!(found("net/mod.rs", "use super::drivers::EventLoop;"));
    assert!(found("drivers/event_loop/mod.rs", "use crate::protocols::http;"));
    assert!(!found("drivers/event_loop/mod.rs", "use crate::net::{Clock, sansio_like};"));
    assert!(!found("sansio/connection/wire.rs", "use super::super::desk::Desk;"));
}

#[test]
fn what_belongs_to_one_place_is_named_only_there() {
    let mut wrong = Vec::new();
    for line in code() {
        for (text, places, why) in BANS {
            let is_allowed = places.iter().any(|place| line.file.starts_with(place));
            if line.text.contains(text) && !is_allowed {
                let Line { file, number, text, .. } = &line;
                wrong.push(format!("src/{file}:{number}: {why}: {}", text.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_is_one_idea_and_an_example_shows_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut long = Vec::new();
    let folders = [
        ("src", 400),
        ("cli/src", 400),
        ("forks/src", 400),
        ("forks/served", 400),
        ("fuzz/src", 400),
        ("bench/src", 400),
        ("bench/served", 400),
        ("tests", 400),
        ("forks/tests", 400),
        ("examples", 50),
        ("forks/examples", 50),
    ];
    for (folder, most) in folders {
        for file in sources(&root.join(folder)) {
            let count = fs::read_to_string(&file).expect("a source is text").lines().count();
            if count > most {
                long.push(format!("{}: {count} lines, {most} at most", file.display()));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// Says what is wrong with the rooms that a line imports.
fn wrong_arrow(line: &Line) -> Option<String> {
    let room = line.file.split(['/', '.']).next().unwrap_or_default();
    let (_, allowed) = ARROWS.iter().find(|(name, _)| *name == room)?;
    let complaint = |target: &str| {
        let Line { file, number, text } = line;
        format!("src/{file}:{number}: {room} -> {target}: {}", text.trim())
    };
    for target in targets(line) {
        if target != room && !allowed.contains(&target.as_str()) {
            return Some(complaint(&target));
        }
    }
    None
}

/// The first steps of all paths in a line that leave the room by `crate::` or by `super::`.
fn targets(line: &Line) -> Vec<String> {
    let mut paths = Vec::new();
    let depth = line.file.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count();
    let out = "super::".repeat(depth);
    for prefix in ["crate::", out.as_str()] {
        for (at, _) in line.text.match_indices(prefix) {
            let is_whole = !line.text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let rest = &line.text[at + prefix.len()..];
            if is_whole && !rest.starts_with("super::") {
                paths.extend(first_steps(rest));
            }
        }
    }
    paths
}

/// `net::Clock` gives `net`; `{net::Clock, sansio}` gives both.
fn first_steps(path: &str) -> Vec<String> {
    let word = |text: &str| {
        text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    };
    match path.strip_prefix('{') {
        None => vec![word(path)],
        Some(group) => {
            let mut depth = 0;
            let pieces = group.split(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                c == ',' && depth == 0
            });
            pieces.map(word).filter(|word| !word.is_empty()).collect()
        }
    }
}

/// Every line of `src/` that is code of the library: no comments, no tests.
fn code() -> Vec<Line> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut lines = Vec::new();
    for path in sources(&root) {
        let file = path.strip_prefix(&root).expect("it was found there").display().to_string();
        if file == "lib.rs" || file.contains("/tests/") || file.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source is text");
        let body = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (index, text) in body.lines().enumerate() {
            if !text.trim_start().starts_with("//") {
                let text = text.to_owned();
                lines.push(Line { file: file.clone(), number: index + 1, text });
            }
        }
    }
    assert!(lines.len() > 1000, "the sources were found");
    lines
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
