//! A client: says one thing, prints what comes back, and ends with the conversation.
//!
//! Run `cargo run --example yes_server` and then, elsewhere, `cargo run --example yes_client`:
//! it prints `reply is: Yes`. The server's address may be given.

use std::error::Error;

use switchboard::{Budget, CloseReason, Closed, EventLoop, Limits, Protocol, Transport, Wait};

/// What there is to know when it is over.
#[derive(Default)]
struct Talk {
    reply: Vec<u8>,
    ended: Option<CloseReason>,
}

struct Asker;

impl Protocol<Talk> for Asker {
    fn connected(&mut self, transport: &mut Transport<'_, Talk>, _: &mut Talk) {
        transport.write(b"can you hear me?");
    }

    fn received(&mut self, _: &mut Transport<'_, Talk>, talk: &mut Talk, bytes: &[u8]) -> usize {
        talk.reply.extend_from_slice(bytes);
        bytes.len()
    }

    fn closed(&mut self, _: &mut Transport<'_, Talk>, talk: &mut Talk, closed: Closed) {
        talk.ended = Some(closed.reason);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let (mut event_loop, mut talk) = (EventLoop::new()?, Talk::default());
    event_loop.connect(&*address, Asker, Limits::default())?;
    while talk.ended.is_none() {
        event_loop.turn(Wait::Forever, Budget::default(), &mut talk)?;
    }
    match talk.ended {
        Some(CloseReason::Finished) => {
            println!("reply is: {}", String::from_utf8_lossy(&talk.reply));
            Ok(())
        }
        other => Err(format!("no reply: {other:?}").into()),
    }
}
