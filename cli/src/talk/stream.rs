//! The client's side of a connection.

use std::any::Any;

use switchboard::drivers::event_loop::Handle;
use switchboard::{Closed, Protocol, Timeout, Transport};

use super::input::{self, Asker, Piece, Reading, Text, Words};
use super::{Ended, Talk};

/// Says its words and prints what it hears, independent of each other.
pub(super) struct Client {
    words: Words,
    /// Who reads standard input, as long as there is more of it.
    asker: Option<Asker>,
    /// Ends the loop with the conversation.
    handle: Handle<Talk>,
}

impl Client {
    pub(super) fn new(words: Words, handle: Handle<Talk>) -> Self {
        Self { words, asker: None, handle }
    }
}

impl Protocol<Talk> for Client {
    fn connected(&mut self, transport: &mut Transport<'_, Talk>, talk: &mut Talk) {
        // A server that says back what it hears would wait for us to read, and we for it.
        transport.read_on();
        match &mut self.words {
            Words::Text(text) => say(text, transport),
            Words::Input => match Asker::start(transport.remote(), Reading::Anything) {
                Ok(asker) => self.asker.insert(asker).ask(),
                Err(error) => {
                    talk.end(Ended::no_input(&error));
                    transport.abort();
                }
            },
        }
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_, Talk>,
        talk: &mut Talk,
        bytes: &[u8],
    ) -> usize {
        if !talk.print(bytes) {
            transport.abort();
        }
        bytes.len()
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, Talk>,
        talk: &mut Talk,
        message: Box<dyn Any + Send>,
    ) {
        let Ok(piece) = message.downcast::<Piece>() else { return };
        match *piece {
            Piece::Bytes(bytes) => {
                transport.write_shared(bytes);
                if !transport.is_backpressured() {
                    self.ask();
                }
            }
            Piece::End => {
                self.asker = None;
                transport.finish_writing();
            }
            Piece::Failed(error) => {
                talk.end(Ended::no_input(&error));
                transport.abort();
            }
        }
    }

    fn writable(&mut self, transport: &mut Transport<'_, Talk>, _: &mut Talk) {
        match &mut self.words {
            Words::Text(text) if text.every.is_none() => say(text, transport),
            Words::Text(_) => {}
            Words::Input => self.ask(),
        }
    }

    fn finished(&mut self, transport: &mut Transport<'_, Talk>, _: &mut Talk, _: &[u8]) {
        // A server may have said everything and listen on.
        if !self.has_an_end_to_say() {
            transport.finish();
        }
    }

    fn expired(&mut self, transport: &mut Transport<'_, Talk>, _: &mut Talk, timeout: Timeout) {
        if let (Timeout::Own, Words::Text(text)) = (timeout, &mut self.words) {
            say(text, transport);
        }
    }

    fn closed(&mut self, _: &mut Transport<'_, Talk>, talk: &mut Talk, closed: Closed) {
        talk.end(Ended::Closed(closed.reason));
        // It fails only where the loop is gone, which is calling.
        let _ = self.handle.stop();
    }
}

impl Client {
    /// Whether there is more to be said, of which the end is known to come.
    fn has_an_end_to_say(&self) -> bool {
        match &self.words {
            Words::Text(text) => text.every.is_none() && !text.is_over(),
            Words::Input => self.asker.is_some() && input::is_file(),
        }
    }

    fn ask(&self) {
        if let Some(asker) = &self.asker {
            asker.ask();
        }
    }
}

/// Says the text as often as may be now.
fn say(text: &mut Text, transport: &mut Transport<'_, Talk>) {
    while !transport.is_backpressured()
        && let Some(bytes) = text.next()
    {
        transport.write_shared(bytes);
        if text.every.is_some() {
            break;
        }
    }
    if let Some(time) = text.every {
        transport.set_timeout(time);
    }
    if text.is_over() {
        transport.clear_deadline();
        transport.finish_writing();
    }
}
