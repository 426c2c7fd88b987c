//! Lines, against the plainest reading of the same bytes.
//!
//! The first three bytes choose the limits, how the client behaves and where its bytes are cut;
//! the rest is what it sends. A session does what the first byte of each line tells it.

use switchboard::protocols::line::{Line, Session};
use switchboard::{Closed, Limits, Transport};

use crate::choices::Choices;
use crate::talk::{Farewell, Manner, Order, Over, talk};

/// The largest input that is kept, and with it the longest line.
const LONGEST: [usize; 4] = [1, 20, 200, 64 << 10];

/// Tells `bytes` to a session, in two manners, and compares with what should come of it.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let longest = LONGEST[choices.below(LONGEST.len())];
    let farewell = if choices.below(2) == 0 { Farewell::HangUp } else { Farewell::Silence };
    let manner = Manner::of(choices.word());
    let input = choices.rest();

    let expected = Heard::expect(input, longest, farewell);
    for manner in [Manner::Plain, manner] {
        let name = format!("{manner:?}");
        let over = tell(input, longest, (manner, farewell));
        let closed = over.state.order.closed.expect("it was told so");
        assert_eq!(over.state.heard, expected, "{name}");
        assert_eq!(over.wire, expected.answers(), "{name}: answers in their order");
        assert_eq!(closed.unsent, 0, "{name}: everything was taken");
        assert!(over.most_held <= longest + MARK + 2 * ANSWER + 16, "{name}: {}", over.most_held);
    }
}

/// Unsent bytes above which there is back-pressure.
const MARK: usize = 300;
/// What a long answer has.
const ANSWER: usize = 250;

fn tell(input: &[u8], longest: usize, how: (Manner, Farewell)) -> Over<State> {
    let limits = Limits::default().input(longest).high_water(MARK).low_water(100);
    let over = talk(Line::new(Listener), limits, State::default(), input, how, |_| false);
    assert!(over.state.order.is_connected);
    over
}

#[derive(Debug, Default)]
struct State {
    heard: Heard,
    order: Order,
}

/// What a session was told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    lines: Vec<Vec<u8>>,
    is_too_long: bool,
    /// The session finished of its own accord.
    has_left: bool,
    is_finished: bool,
}

impl Heard {
    /// The plainest reading: what is between newlines, as long as it is short enough.
    fn expect(input: &[u8], longest: usize, farewell: Farewell) -> Self {
        let mut heard = Self::default();
        let mut rest = input;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            if end >= longest {
                heard.is_too_long = true;
                return heard;
            }
            let line = &rest[..end];
            rest = &rest[end + 1..];
            heard.lines.push(line.strip_suffix(b"\r").unwrap_or(line).to_vec());
            if line.first() == Some(&LEAVE) {
                heard.has_left = true;
                return heard;
            }
        }
        if rest.len() >= longest {
            heard.is_too_long = true;
            return heard;
        }
        if farewell == Farewell::HangUp {
            heard.is_finished = true;
            if !rest.is_empty() {
                heard.lines.push(rest.to_vec());
                heard.has_left = rest.first() == Some(&LEAVE);
            }
        }
        heard
    }

    fn answers(&self) -> Vec<u8> {
        let mut answers = Vec::new();
        for line in &self.lines {
            answers.extend(answer(line));
        }
        if self.is_too_long {
            answers.extend(b"too long");
        }
        answers
    }
}

/// A line that begins so makes the session finish.
const LEAVE: u8 = b'f';

fn answer(line: &[u8]) -> Vec<u8> {
    match line.first() {
        Some(b'w') => vec![line.len() as u8; ANSWER],
        _ => line.len().to_string().into_bytes(),
    }
}

struct Listener;

impl Session<State> for Listener {
    fn connected(&mut self, _: &mut Transport<'_, State>, state: &mut State) {
        state.order.connected();
    }

    fn line(&mut self, transport: &mut Transport<'_, State>, state: &mut State, line: &[u8]) {
        state.order.between();
        assert!(!state.heard.has_left, "nothing is offered to one who finishes");
        state.heard.lines.push(line.to_vec());
        transport.write(&answer(line));
        match line.first() {
            Some(&LEAVE) => {
                state.heard.has_left = true;
                transport.finish();
            }
            Some(b'y') => transport.yield_now(),
            Some(b'p') => {
                transport.pause_reading();
                let remote = transport.remote();
                remote.notify(Box::new(())).expect("the post takes it");
            }
            _ => {}
        }
    }

    fn too_long(&mut self, transport: &mut Transport<'_, State>, state: &mut State) {
        state.order.between();
        assert!(!state.heard.is_too_long, "it is said once");
        state.heard.is_too_long = true;
        transport.write(b"too long");
    }

    fn notified(
        &mut self,
        transport: &mut Transport<'_, State>,
        state: &mut State,
        _: Box<dyn std::any::Any + Send>,
    ) {
        state.order.between();
        transport.resume_reading();
    }

    fn finished(&mut self, transport: &mut Transport<'_, State>, state: &mut State) {
        state.order.finished();
        state.heard.is_finished = true;
        transport.finish();
    }

    fn closed(&mut self, _: &mut Transport<'_, State>, state: &mut State, closed: Closed) {
        state.order.closed(closed);
    }
}
