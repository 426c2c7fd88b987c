//! Where what is heard is printed: as it is into a file or a pipe, and to a terminal so that no
//! stranger can steer it.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use crate::escape::Escaped;

/// Standard output.
#[derive(Debug)]
pub(super) struct Screen {
    is_terminal: bool,
    /// The beginning of a letter whose end has not come.
    cut: Vec<u8>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { is_terminal: io::stdout().is_terminal(), cut: Vec::new() }
    }

    pub(super) fn print(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut output = io::stdout().lock();
        self.print_to(&mut output, bytes)?;
        output.flush()
    }

    /// Nothing more comes: what was begun is shown as it is.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let mut output = io::stdout().lock();
        self.finish_to(&mut output)?;
        output.flush()
    }

    fn finish_to(&mut self, output: &mut impl Write) -> io::Result<()> {
        write!(output, "{}", Escaped(&std::mem::take(&mut self.cut)))
    }

    fn print_to(&mut self, output: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        if !self.is_terminal {
            return output.write_all(bytes);
        }
        let mut text = std::mem::take(&mut self.cut);
        text.extend_from_slice(bytes);
        let whole = text.len() - cut_at_end(&text);
        self.cut = text.split_off(whole);
        write!(output, "{}", Shown(&text))
    }
}

/// How many bytes at the end begin a letter that is not whole.
fn cut_at_end(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    match str::from_utf8(last) {
        Err(error) if error.error_len().is_none() => last.len(),
        _ => 0,
    }
}

/// Lines for a terminal: their ends and tabs are left, everything else is escaped that is no
/// plain text.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.split_inclusive(|byte| *byte == b'\n') {
            let (text, end) = match line {
                [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => (text, "\n"),
                text => (text, ""),
            };
            for (count, word) in text.split(|byte| *byte == b'\t').enumerate() {
                let tab = if count > 0 { "\t" } else { "" };
                write!(f, "{tab}{}", Escaped(word))?;
            }
            f.write_str(end)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(is_terminal: bool, pieces: &[&[u8]]) -> Vec<u8> {
        let mut screen = Screen { is_terminal, cut: Vec::new() };
        let mut output = Vec::new();
        for piece in pieces {
            screen.print_to(&mut output, piece).unwrap();
        }
        screen.finish_to(&mut output).unwrap();
        output
    }

    #[test]
    fn a_terminal_gets_lines_and_no_commands() {
        for (heard, shown) in [
            ("one\r\ntwo\n\tthree", "one\ntwo\n\tthree"),
            ("\x1b]0;title\x07\n", "\\u{1b}]0;title\\u{7}\n"),
            ("over\rwritten\n", "over\\rwritten\n"),
            ("你好\n", "你好\n"),
        ] {
            for cut in 0..=heard.len() {
                let (first, second) = heard.as_bytes().split_at(cut);
                // A line end that is cut is two characters, of which the first says nothing.
                if !first.ends_with(b"\r") {
                    assert_eq!(printed(true, &[first, second]), shown.as_bytes(), "cut at {cut}");
                }
            }
        }
        assert_eq!(printed(true, &[b"\xff", b"\xe4x"]), b"\\xff\\xe4x");
        assert_eq!(printed(true, &[b"cut \xe4\xbd"]), b"cut \\xe4\\xbd");
    }

    #[test]
    fn a_file_gets_what_was_heard() {
        assert_eq!(printed(false, &[b"\x1b[2J\xff", b"\r\n"]), b"\x1b[2J\xff\r\n");
    }
}
