//! Standard output, of which a reader may have seen enough.

use std::fmt;
use std::io::{self, ErrorKind};

use crate::failure::{Attempt as _, Outcome};

/// Prints a line.
///
/// # Errors
///
/// When it cannot be written; but that nobody reads on, as after `| head`, is
/// no failure.
pub(crate) fn say(line: impl fmt::Display) -> Outcome<()> {
    print(format_args!("{line}\n"))
}

/// Prints a text that ends its lines itself. Fails where [`say`] does.
pub(crate) fn print(text: impl fmt::Display) -> Outcome<()> {
    print_to(&mut io::stdout(), text)
}

fn print_to(output: &mut impl io::Write, text: impl fmt::Display) -> Outcome<()> {
    match write!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.attempt("cannot print"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails in one way.
    struct Failing(ErrorKind);

    impl io::Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn that_nobody_reads_on_is_no_failure() {
        assert!(print_to(&mut Failing(ErrorKind::BrokenPipe), "text").is_ok());
    }

    #[test]
    fn a_full_disk_is_one() {
        let full = print_to(&mut Failing(ErrorKind::StorageFull), "text").unwrap_err();
        assert_eq!(full.to_string(), "cannot print: no storage space");
    }
}
