//! The protocols that every driver is tested with. A new one joins by one line of [`run`].

use std::any::Any;
use std::env;
use std::error::Error;
use std::fs::File;
use std::thread;
use std::time::Duration;

use switchboard::{Closed, FileRange, Protocol, Timeout, Transport, WhenFull};

use super::{Options, serve};

/// Serves the protocol called `service`.
pub(crate) fn run(service: &str, options: Options) -> Result<(), Box<dyn Error>> {
    match service {
        "echo" => serve(options, |_| Echo),
        "upper" => serve(options, |_| Upper::default()),
        "length" => serve(options, |_| Length(0)),
        "farewell" => serve(options, |_| Farewell),
        "flood" => serve(options, |_| Flood(0)),
        "file" => serve(options, |_| SendsFile),
        "abort" => serve(options, |_| Aborts),
        "panic" => serve(options, |_| Panics),
        "stubborn" => serve(options, |_| Stubborn),
        "later" => serve(options, |_| Later),
        "shout" => serve(options, |_| Shout),
        "stuck" => serve(options, |_| Stuck),
        "steps" => serve(options, |_| Steps),
        _ => Err("no such service".into()),
    }
}

type Bytes<'a> = &'a [u8];

/// Sends back what comes.
struct Echo;

impl Protocol<()> for Echo {
    fn received(
        &mut self,
        transport: &mut Transport<'_, ()>,
        (): &mut (),
        bytes: Bytes<'_>,
    ) -> usize {
        transport.write(bytes);
        bytes.len()
    }
}

/// Answers each whole line in capitals. A line that was begun is still answered in a drain.
#[derive(Default)]
struct Upper {
    is_last: bool,
    has_begun: bool,
}

impl Protocol<()> for Upper {
    fn received(
        &mut self,
        transport: &mut Transport<'_, ()>,
        (): &mut (),
        bytes: Bytes<'_>,
    ) -> usize {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.has_begun = whole < bytes.len();
        if whole > 0 {
            transport.write(&bytes[..whole].to_ascii_uppercase());
            if self.is_last {
                transport.finish();
            }
        }
        whole
    }

    fn expired(&mut self, transport: &mut Transport<'_, ()>, (): &mut (), timeout: Timeout) {
        transport.write(format!("{timeout}\n").as_bytes());
    }

    fn stopping(&mut self, transport: &mut Transport<'_, ()>, (): &mut ()) {
        self.is_last = true;
        if !self.has_begun {
            transport.finish();
        }
    }

    fn finished(&mut self, transport: &mut Transport<'_, ()>, (): &mut (), rest: Bytes<'_>) {
        transport.write(&rest.to_ascii_uppercase());
        transport.finish();
    }
}

/// Says how much came, when nothing more will.
struct Length(usize);

impl Protocol<()> for Length {
    fn received(&mut self, _: &mut Transport<'_, ()>, (): &mut (), bytes: Bytes<'_>) -> usize {
        self.0 += bytes.len();
        bytes.len()
    }

    fn finished(&mut self, transport: &mut Transport<'_, ()>, (): &mut (), _: Bytes<'_>) {
        transport.write(self.0.to_string().as_bytes());
        transport.finish();
    }
}

/// Says all it has to say, closes its side, and goes on listening.
struct Farewell;

impl Protocol<()> for Farewell {
    fn connected(&mut self, transport: &mut Transport<'_, ()>, (): &mut ()) {
        transport.write(b"that is all");
        transport.finish_writing();
    }

    fn received(&mut self, _: &mut Transport<'_, ()>, (): &mut (), bytes: Bytes<'_>) -> usize {
        println!("heard: {}", bytes.escape_ascii());
        bytes.len()
    }
}

/// Sends as many bytes as it is asked for, no faster than they are taken.
struct Flood(usize);

impl Flood {
    const PIECE: [u8; 4096] = [b'~'; 4096];

    fn produce(&mut self, transport: &mut Transport<'_, ()>) {
        while self.0 > 0 && !transport.is_backpressured() {
            let piece = self.0.min(Self::PIECE.len());
            transport.write(&Self::PIECE[..piece]);
            self.0 -= piece;
        }
    }
}

impl Protocol<()> for Flood {
    fn received(
        &mut self,
        transport: &mut Transport<'_, ()>,
        (): &mut (),
        bytes: Bytes<'_>,
    ) -> usize {
        let Some(line) = bytes.strip_suffix(b"\n") else { return 0 };
        self.0 = String::from_utf8_lossy(line).parse().expect("the test asks for a number");
        transport.set_timeout(Duration::from_millis(120));
        self.produce(transport);
        bytes.len()
    }

    fn writable(&mut self, transport: &mut Transport<'_, ()>, (): &mut ()) {
        self.produce(transport);
    }

    fn expired(&mut self, transport: &mut Transport<'_, ()>, (): &mut (), _: Timeout) {
        println!("stuck: {}", transport.is_backpressured());
    }
}

/// Sends the middle of a file, its own program, between two words.
struct SendsFile;

impl Protocol<()> for SendsFile {
    fn received(
        &mut self,
        transport: &mut Transport<'_, ()>,
        (): &mut (),
        bytes: Bytes<'_>,
    ) -> usize {
        let file = env::current_exe().and_then(File::open).expect("a program is a file");
        transport.write(b"begin ");
        transport.write_file(FileRange::new(file, 5, 1 << 20));
        transport.write(b" end");
        transport.finish();
        bytes.len()
    }
}

/// Hangs up on whatever comes, without its answer.
struct Aborts;

impl Protocol<()> for Aborts {
    fn received(
        &mut self,
        transport: &mut Transport<'_, ()>,
        (): &mut (),
        bytes: Bytes<'_>,
    ) -> usize {
        transport.write(b"never sent");
        transport.abort();
        bytes.len()
    }
}

/// Echoes, and panics at an `x`.
struct Panics;

impl Protocol<()> for Panics {
    fn received(
        &mut self,
        transport: &mut Transport<'_, ()>,
        (): &mut (),
        bytes: Bytes<'_>,
    ) -> usize {
        assert!(bytes != b"x", "as the test wants it");
        transport.write(bytes);
        bytes.len()
    }
}

/// Echoes, and takes no notice of a drain.
struct Stubborn;

impl Protocol<()> for Stubborn {
    fn received(
        &mut self,
        transport: &mut Transport<'_, ()>,
        (): &mut (),
        bytes: Bytes<'_>,
    ) -> usize {
        transport.write(bytes);
        bytes.len()
    }

    fn stopping(&mut self, _: &mut Transport<'_, ()>, (): &mut ()) {}
}

/// Has another thread think about the answer; `p` says to read nothing meanwhile.
struct Later;

impl Protocol<()> for Later {
    fn received(
        &mut self,
        transport: &mut Transport<'_, ()>,
        (): &mut (),
        bytes: Bytes<'_>,
    ) -> usize {
        let remote = transport.remote();
        if bytes == b"p" {
            transport.pause_reading();
        }
        let answer = bytes.to_ascii_uppercase();
        thread::spawn(move || remote.notify(Box::new(answer)));
        bytes.len()
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, ()>,
        (): &mut (),
        message: Box<dyn Any + Send>,
    ) {
        let answer = message.downcast::<Vec<u8>>().expect("nothing else is posted");
        transport.write(&answer);
        transport.resume_reading();
    }
}

/// Says everything to everybody.
struct Shout;

impl Protocol<()> for Shout {
    fn received(
        &mut self,
        transport: &mut Transport<'_, ()>,
        (): &mut (),
        bytes: Bytes<'_>,
    ) -> usize {
        transport.broadcast(bytes.to_vec().into(), WhenFull::Drop);
        bytes.len()
    }
}

/// Answers a byte at a time, giving way after each; at a `!` it becomes [`Upper`].
struct Steps;

impl Protocol<()> for Steps {
    fn received(
        &mut self,
        transport: &mut Transport<'_, ()>,
        (): &mut (),
        bytes: Bytes<'_>,
    ) -> usize {
        transport.write(&[bytes[0], b'.']);
        if bytes[0] == b'!' {
            transport.become_protocol(Told(Upper::default()));
        }
        transport.yield_now();
        1
    }
}

/// Never comes back from its first call.
struct Stuck;

impl Protocol<()> for Stuck {
    fn received(&mut self, _: &mut Transport<'_, ()>, (): &mut (), _: Bytes<'_>) -> usize {
        println!("stuck");
        loop {
            thread::park();
        }
    }
}

/// Does as its protocol, and says how that was told of the end.
pub(crate) struct Told<P>(pub(crate) P);

impl<P: Protocol<()>> Protocol<()> for Told<P> {
    fn connected(&mut self, transport: &mut Transport<'_, ()>, state: &mut ()) {
        self.0.connected(transport, state);
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_, ()>,
        state: &mut (),
        bytes: Bytes<'_>,
    ) -> usize {
        self.0.received(transport, state, bytes)
    }

    fn writable(&mut self, transport: &mut Transport<'_, ()>, state: &mut ()) {
        self.0.writable(transport, state);
    }

    fn expired(&mut self, transport: &mut Transport<'_, ()>, state: &mut (), timeout: Timeout) {
        self.0.expired(transport, state, timeout);
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, ()>,
        state: &mut (),
        message: Box<dyn Any + Send>,
    ) {
        self.0.notified(transport, state, message);
    }

    fn stopping(&mut self, transport: &mut Transport<'_, ()>, state: &mut ()) {
        self.0.stopping(transport, state);
    }

    fn finished(&mut self, transport: &mut Transport<'_, ()>, state: &mut (), rest: Bytes<'_>) {
        self.0.finished(transport, state, rest);
    }

    fn closed(&mut self, transport: &mut Transport<'_, ()>, state: &mut (), closed: Closed) {
        self.0.closed(transport, state, closed);
        println!("told: {}", closed.reason);
    }
}
