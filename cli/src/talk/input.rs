//! What to say: text from the command line, or standard input, read by a thread.

use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read};
use std::os::fd::AsFd;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use switchboard::{Bytes, Remote};

use crate::options::TalkOptions;

/// What to say, and when.
#[derive(Debug)]
pub(super) enum Words {
    /// What comes on standard input.
    Input,
    Text(Text),
}

/// One text, said again and again.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) text: Bytes,
    /// How long to wait in between.
    pub(super) every: Option<Duration>,
    /// How often it is still to be said, if that has an end.
    pub(super) left: Option<u32>,
}

impl Words {
    /// What `options` say.
    pub(super) fn of(options: &TalkOptions) -> Self {
        let Some(text) = &options.send else { return Self::Input };
        let left = match (options.every, options.count) {
            (Some(_), count) => count,
            (None, count) => Some(count.unwrap_or(1)),
        };
        let text = Bytes::from(format!("{text}\n"));
        Self::Text(Text { text, every: options.every, left })
    }
}

impl Text {
    /// The text, if it is to be said once more.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        Some(self.text.clone())
    }

    pub(super) fn is_over(&self) -> bool {
        self.left == Some(0)
    }
}

/// What the reading thread posts, each after it was asked.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Bytes),
    End,
    Failed(io::Error),
}

/// How standard input is cut in pieces.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    /// As it comes: for a stream, where pieces mean nothing.
    Anything,
    /// A line each: for datagrams.
    Lines,
}

/// Asks the thread that reads standard input for one piece more. Dropping it ends the thread
/// with the piece that it reads.
#[derive(Debug)]
pub(super) struct Asker {
    requests: Sender<()>,
}

impl Asker {
    /// Starts the thread. Its pieces are posted to `remote`.
    pub(super) fn start(remote: Remote, reading: Reading) -> io::Result<Self> {
        let (requests, asked) = mpsc::channel();
        thread::Builder::new()
            .name("standard input".to_owned())
            .spawn(move || read_when_asked(&asked, &remote, reading))?;
        Ok(Self { requests })
    }

    pub(super) fn ask(&self) {
        // It fails when the thread has ended, after the last piece.
        let _ = self.requests.send(());
    }
}

/// Whether standard input is a file, which ends by itself. A pipe or a terminal may go on for
/// ever.
pub(super) fn is_file() -> bool {
    let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|found| found.is_file())
}

fn read_when_asked(asked: &Receiver<()>, remote: &Remote, reading: Reading) {
    let mut input = io::stdin().lock();
    while asked.recv().is_ok() {
        let piece = match reading {
            Reading::Anything => read_some(&mut input),
            Reading::Lines => read_line(&mut input),
        };
        let is_last = !matches!(piece, Piece::Bytes(_));
        // The loop takes one message, or nobody listens any more.
        if remote.notify(Box::new(piece)).is_err() || is_last {
            return;
        }
    }
}

/// What is there, as soon as anything is.
fn read_some(input: &mut impl BufRead) -> Piece {
    loop {
        match input.fill_buf() {
            Ok([]) => return Piece::End,
            Ok(bytes) => {
                let piece = Bytes::copy_from_slice(bytes);
                input.consume(piece.len());
                return Piece::Bytes(piece);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Piece::Failed(error),
        }
    }
}

/// The next line with its end, or as much of it as fits into a datagram.
fn read_line(input: &mut impl BufRead) -> Piece {
    let mut line = Vec::new();
    match input.take(LONGEST_DATAGRAM).read_until(b'\n', &mut line) {
        Ok(0) => Piece::End,
        Ok(_) => Piece::Bytes(line.into()),
        Err(error) => Piece::Failed(error),
    }
}

/// What is left of 65,535 bytes by the headers of IPv4 and UDP.
const LONGEST_DATAGRAM: u64 = 65_507;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(every: Option<Duration>, count: Option<u32>) -> Option<Text> {
        let arguments = ["switchboard", "talk", "127.0.0.1:1", "--send", "x"];
        let options = crate::options::Options::read(arguments).unwrap();
        let crate::options::Command::Talk(options) = options.command else { return None };
        match Words::of(&TalkOptions { every, count, ..options }) {
            Words::Text(text) => Some(text),
            Words::Input => None,
        }
    }

    #[test]
    fn a_text_is_said_once_unless_a_time_or_a_number_is_given() {
        let second = Some(Duration::from_secs(1));
        for (every, count, expected) in [
            (None, None, Some(1)),
            (None, Some(3), Some(3)),
            (second, Some(3), Some(3)),
            (second, None, None),
        ] {
            assert_eq!(words(every, count).expect("a text").left, expected);
        }
    }

    #[test]
    fn a_text_ends_when_it_was_said_as_often_as_asked() {
        let mut text = words(None, Some(2)).expect("a text");
        assert_eq!(
            [text.next(), text.next()],
            [Some(Bytes::from("x\n")), Some(Bytes::from("x\n"))]
        );
        assert!(text.is_over());
        assert_eq!(text.next(), None);
    }

    fn pieces<'a>(read: fn(&mut &'a [u8]) -> Piece, mut input: &'a [u8]) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        while let Piece::Bytes(piece) = read(&mut input) {
            pieces.push(piece.to_vec());
        }
        pieces
    }

    #[test]
    fn a_datagram_is_a_line_or_as_much_of_it_as_fits() {
        assert_eq!(pieces(read_line, b"one\n\ntwo"), [&b"one\n"[..], b"\n", b"two"]);
        let long = [b'x'; 70_000];
        let lengths: Vec<_> = pieces(read_line, &long).iter().map(Vec::len).collect();
        assert_eq!(lengths, [65_507, 4_493]);
        assert_eq!(pieces(read_some, b"one\ntwo"), [b"one\ntwo"]);
    }
}
