//! The client's side of a conversation in datagrams: a line each, and no end but silence.

use std::any::Any;
use std::time::Duration;

use switchboard::drivers::event_loop::Handle;
use switchboard::sansio::SendOutcome;
use switchboard::{Address, Bytes, Closed, DatagramProtocol, DatagramTransport};

use super::input::{Asker, Piece, Reading, Text, Words};
use super::{Ended, Talk};

/// Says its words and prints what comes from whom it talks to, and from nobody else.
pub(super) struct Sender {
    words: Words,
    to: Address,
    /// How long to wait for answers after the last word, and after each of them.
    wait: Duration,
    /// Whether everything was said.
    is_over: bool,
    /// Who reads standard input, as long as there is more of it.
    asker: Option<Asker>,
    /// Ends the loop with the conversation.
    handle: Handle<Talk>,
}

type Transport<'a> = DatagramTransport<'a, Talk>;

impl Sender {
    pub(super) fn new(words: Words, to: Address, wait: Duration, handle: Handle<Talk>) -> Self {
        Self { words, to, wait, is_over: false, asker: None, handle }
    }

    /// Says the text as often as may be now.
    fn say(&mut self, transport: &mut Transport<'_>, talk: &mut Talk) {
        let Words::Text(Text { every, .. }) = self.words else { return };
        while !transport.is_backpressured()
            && let Words::Text(text) = &mut self.words
            && let Some(bytes) = text.next()
        {
            self.send(transport, talk, bytes);
            if every.is_some() {
                break;
            }
        }
        if matches!(&self.words, Words::Text(text) if text.is_over()) {
            self.be_over(transport);
        } else if let Some(time) = every {
            transport.set_timeout(time);
        }
    }

    fn send(&self, transport: &mut Transport<'_>, talk: &mut Talk, bytes: Bytes) {
        let length = bytes.len();
        if let SendOutcome::TooLarge { limit } = transport.send_shared_to(&self.to, bytes) {
            let to = &self.to;
            talk.end(Ended::Broken(format!(
                "{length} bytes are too many for one datagram to {to}, which takes {limit}"
            )));
            transport.abort();
        }
    }

    /// Everything was said: what is still heard is heard soon, or never.
    fn be_over(&mut self, transport: &mut Transport<'_>) {
        self.is_over = true;
        transport.set_timeout(self.wait);
    }

    fn ask(&self) {
        if let Some(asker) = &self.asker {
            asker.ask();
        }
    }
}

impl DatagramProtocol<Talk> for Sender {
    fn opened(&mut self, transport: &mut Transport<'_>, talk: &mut Talk) {
        if let Words::Text(_) = self.words {
            return self.say(transport, talk);
        }
        match Asker::start(transport.remote(), Reading::Lines) {
            Ok(asker) => self.asker.insert(asker).ask(),
            Err(error) => {
                talk.end(Ended::no_input(&error));
                transport.abort();
            }
        }
    }

    fn received(
        &mut self,
        transport: &mut Transport<'_>,
        talk: &mut Talk,
        from: &Address,
        bytes: &[u8],
    ) {
        if *from != self.to {
            return log::debug!("a datagram from {from}, who was not asked");
        }
        if !talk.print(bytes) {
            transport.abort();
        } else if self.is_over {
            transport.set_timeout(self.wait);
        }
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_>,
        talk: &mut Talk,
        message: Box<dyn Any + Send>,
    ) {
        let Ok(piece) = message.downcast::<Piece>() else { return };
        match *piece {
            Piece::Bytes(bytes) => {
                self.send(transport, talk, bytes);
                if !transport.is_backpressured() {
                    self.ask();
                }
            }
            Piece::End => self.be_over(transport),
            Piece::Failed(error) => {
                talk.end(Ended::no_input(&error));
                transport.abort();
            }
        }
    }

    fn writable(&mut self, transport: &mut Transport<'_>, talk: &mut Talk) {
        match &self.words {
            Words::Text(text) if text.every.is_none() => self.say(transport, talk),
            Words::Text(_) => {}
            Words::Input => self.ask(),
        }
    }

    fn expired(&mut self, transport: &mut Transport<'_>, talk: &mut Talk) {
        if !self.is_over {
            self.say(transport, talk);
        } else if transport.unsent() > 0 {
            // Not everything was said after all.
            transport.set_timeout(self.wait);
        } else {
            transport.finish();
        }
    }

    fn closed(&mut self, transport: &mut Transport<'_>, talk: &mut Talk, closed: Closed) {
        let counts = transport.counts();
        let lost = counts.failed + counts.dropped + counts.expired + counts.too_large;
        if lost > 0 {
            talk.end(Ended::Broken(format!(
                "{lost} of the datagrams to {} could not be sent; see whether somebody listens there",
                self.to
            )));
        }
        talk.end(Ended::Closed(closed.reason));
        // It fails only where the loop is gone, which is calling.
        let _ = self.handle.stop();
    }
}
