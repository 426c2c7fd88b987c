//! HTTP heads and bodies, against what httparse reads in the same bytes and a client's reader.
//!
//! The first three bytes choose the limits, how the client behaves and where its bytes are cut;
//! the rest is what it sends. What must hold:
//!
//! * whatever is handed to the handler is what another reader finds there: method, target,
//!   version, headers, body, and where the next request begins;
//! * a request that is refused is answered once, last, with `connection: close`;
//! * the same bytes cut differently give the same replies and the same end;
//! * no limit is passed.

use switchboard::Limits;
use switchboard::http::Config;
use switchboard::sansio::Wire;

use crate::choices::Choices;
use crate::reader::{self, Response, To};
use crate::talk::{Farewell, Manner, Over, talk};

mod reference;
pub(crate) use reference::check as check_calls;
mod site;

use site::World;

/// Tells `bytes` to a server, in two manners, and compares.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let setting = Setting::of(choices.below(4));
    let farewell = if choices.below(2) == 0 { Farewell::HangUp } else { Farewell::Silence };
    let manner = Manner::of(choices.word());
    let input = choices.rest();

    let expected = setting.tell(input, Manner::Plain, farewell);
    check_calls(&expected.calls, input);
    let name = format!("{manner:?}");
    assert_eq!(setting.tell(input, manner, farewell), expected, "{name}");
}

/// What a server is told to allow.
pub(crate) struct Setting {
    pub(crate) config: Config,
    pub(crate) limits: Limits,
}

impl Setting {
    fn of(number: usize) -> Self {
        let config = Config::default();
        let small = Config::default().head(300).target(60).body(100).requests_per_turn(3);
        let marks = Limits::default().high_water(2000).low_water(500);
        let (config, limits) = match number {
            0 => (config, Limits::default()),
            1 => (small, Limits::default()),
            // Less input is kept than a head may have.
            2 => (small, marks.input(250)),
            _ => (config.requests_per_turn(1), marks),
        };
        Self { config, limits }
    }

    /// Has a client talk to the server, and checks what it read.
    pub(crate) fn tell(&self, input: &[u8], manner: Manner, farewell: Farewell) -> Outcome {
        let protocol = self.config.clone().server(site::answer)(());
        let (limits, world) = (self.limits.clone(), World::default());
        let over = talk(protocol, limits, world, input, (manner, farewell), World::pay_a_debt);
        let most = self.limits.input + self.limits.high_water + self.config.body + site::LARGEST;
        // The head of a request is kept while its body is collected.
        let most = most + self.config.head;
        assert!(over.most_held <= most, "{} held of {most}", over.most_held);
        for call in &over.state.calls {
            assert!(call.target.len() <= self.config.target, "the limit of targets is kept");
            assert!(call.body.len() <= self.config.body, "the limit of bodies is kept");
        }
        Outcome::of(over)
    }
}

/// Everything that the client, and the handler, could tell apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) calls: Vec<site::Call>,
    replies: Vec<Response>,
    closed: Wire,
}

impl Outcome {
    fn of(over: Over<World>) -> Self {
        let calls = over.state.calls;
        let to = |n: usize| match calls.get(n) {
            Some(call) if call.method == "HEAD" => To::Head,
            Some(_) => To::Other,
            None => To::Unknown,
        };
        let (replies, rest) = reader::read(&over.wire, to, true);
        let is_cut = over.closed == Wire::Reset;
        assert!(rest.is_empty() || is_cut, "half a reply: {}", rest.escape_ascii());
        // Whether one is told to go on depends on what has come, and so on the cuts.
        let replies: Vec<_> = replies.into_iter().filter(|reply| !reply.is_interim()).collect();
        let answered = calls.len() - usize::from(is_cut && replies.len() < calls.len());
        assert!(
            (answered..=calls.len() + 1).contains(&replies.len()),
            "{} calls, {} replies",
            calls.len(),
            replies.len()
        );
        if let Some(refusal) = replies.get(calls.len()) {
            assert!(refusal.closes() && refusal.status >= 400, "{refusal:?}");
        }
        for (call, reply) in calls.iter().zip(&replies) {
            site::check_reply(call, reply);
        }
        Self { calls, replies, closed: over.closed }
    }
}
