//! What a stranger sent, for a terminal or a log.

use std::fmt::{self, Write as _};

/// Prints bytes as text on one line: what cannot be printed, or could change how the rest looks
/// (control characters, marks that turn the direction of writing), is escaped, and so is what is
/// no UTF-8.
pub(crate) struct Escaped<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for letter in chunk.valid().chars() {
                // As in Rust's own literals, but quotation marks do no harm.
                match letter {
                    '\'' | '"' => f.write_char(letter)?,
                    _ => write!(f, "{}", letter.escape_debug())?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_and_nothing_else_reaches_the_terminal() {
        for (bytes, expected) in [
            (&b"hello, \"you\""[..], "hello, \"you\""),
            ("你好 é".as_bytes(), "你好 é"),
            (b"line\r\nline\t", "line\\r\\nline\\t"),
            (b"\x1b[2J\x07\0\x7f", "\\u{1b}[2J\\u{7}\\0\\u{7f}"),
            ("\u{202e}txt.exe\u{9b}".as_bytes(), "\\u{202e}txt.exe\\u{9b}"),
            (b"back\\slash", "back\\\\slash"),
            (b"\xff\xc3(", "\\xff\\xc3("),
            (b"cut \xe4\xbd", "cut \\xe4\\xbd"),
        ] {
            assert_eq!(Escaped(bytes).to_string(), expected);
        }
    }
}
