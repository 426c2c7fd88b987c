//! Fuzz targets: each makes of any bytes a conversation, and panics where one of the promises
//! that it knows does not hold.
//!
//! A target is a plain function of bytes. `fuzz/run.sh` puts libFuzzer in front of it; the files
//! in `fuzz/corpus/` that brought it further than others are replayed by an ordinary test. It
//! sees only what any user of the library sees.
//!
//! In the order in which to read them: `choices` makes decisions of bytes, `talk` joins a
//! connection with a client in memory, and each public module is a target.

pub mod chunked;
pub mod connection;
pub mod event_loop;
pub mod http;
pub mod line;

mod choices;
mod talk;

// A client's view of replies: it shares no code with the server.
#[path = "../../src/protocols/http/tests/reader.rs"]
#[allow(dead_code, reason = "its other user asks more of it")]
mod reader;

/// A target: its name, which is also that of its binary and of its corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("chunked", chunked::run),
    ("connection", connection::run),
    ("event_loop", event_loop::run),
    ("http", http::run),
    ("line", line::run),
];

/// Runs `target` on each file that the command line names: for what a fuzzer left behind.
///
/// # Errors
///
/// The first file that cannot be read.
pub fn run_files(target: fn(&[u8])) -> std::io::Result<()> {
    for file in std::env::args_os().skip(1) {
        target(&std::fs::read(file)?);
    }
    Ok(())
}
