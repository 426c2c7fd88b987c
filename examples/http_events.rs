//! Server-sent events: a reply that goes on, one event a second.
//!
//! Run `cargo run --example http_events` and open <http://127.0.0.1:8000/>: a number counts up.
//! `curl -N http://127.0.0.1:8000/events` shows the events themselves. An address may be given;
//! port 0 takes a free one.

use std::error::Error;
use std::time::Duration;

use switchboard::http::{BodyWriter, Flow, Source};
use switchboard::{EventLoop, http};

/// How many events were written: one whenever this is asked, which it wants every second.
struct Ticks(u64);

impl<S> Source<S> for Ticks {
    fn produce(&mut self, body: &mut BodyWriter<'_>, _: &mut S) -> Flow {
        self.0 += 1;
        body.write(format!("data: {}\n\n", self.0).as_bytes());
        Flow::At(body.now() + Duration::from_secs(1))
    }
}

const PAGE: &str = "<h1>0</h1><script>new EventSource('/events').onmessage =
    event => document.querySelector('h1').textContent = event.data</script>";

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let mut event_loop = EventLoop::new()?;
    let handler = http::server(|request, reply, _state| match request.path() {
        "/events" => reply.content_type("text/event-stream").stream(None, Ticks(0)),
        _ => reply.html(PAGE),
    });
    let listener = event_loop.listen(&*address, handler)?;
    if let Some(address) = event_loop.local_address(listener).and_then(|address| address.socket()) {
        println!("listening on http://{address}/");
    }
    event_loop.run(&mut ())?;
    Ok(())
}
