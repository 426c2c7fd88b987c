//! Clients that follow a script.
//!
//! A client acts when something arrives, when it has room to send, and when its time has come;
//! it takes no time itself. What it got is kept byte for byte.

use std::time::Duration;

use super::faults::Fault;
use super::link::{DIALER, Owner};
use super::script::{Script, Step};
use super::trace::Who;
use super::world::{Errand, World};
use crate::sansio::Address;

/// How a client's connection ended, as the client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Seen {
    /// The server finished, and everything before that was read.
    End,
    /// A reset.
    Reset,
    /// The connection was refused.
    Refused,
}

/// How it reads.
#[derive(Clone, Copy, Debug)]
enum Reading {
    Eager,
    Slow { bytes: usize, every: Duration, next: Duration },
    Stopped,
}

/// Where a client is in its script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// It has not connected yet.
    Outside,
    Active,
    /// It stays and reads, and nobody waits for it.
    Staying,
    Done,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) script: Script,
    /// Where it connects to, or listens at.
    pub(super) remote: Address,
    link: usize,
    side: usize,
    progress: Progress,
    step: usize,
    /// Bytes of the present step that are sent.
    sent: usize,
    /// Until when the present step waits.
    waits_until: Option<Duration>,
    reading: Reading,
    /// When it looks again by itself.
    alarm: Option<Duration>,
    pub(super) received: Vec<u8>,
    /// How much of that was expected.
    checked: usize,
    pub(super) seen: Option<Seen>,
    /// Why it gave up, where a fault or its own tolerance excuses that.
    pub(super) excuse: Option<String>,
}

/// What became of a step.
enum Outcome {
    Done,
    NotYet,
    /// It will never be done.
    Failed(String),
    /// It would never be done, because the connection is over.
    CutShort(String),
}

impl Client {
    pub(super) fn new(script: Script, remote: Address) -> Self {
        Self {
            script,
            remote,
            link: usize::MAX,
            side: DIALER,
            progress: Progress::Outside,
            step: 0,
            sent: 0,
            waits_until: None,
            reading: Reading::Eager,
            alarm: None,
            received: Vec::new(),
            checked: 0,
            seen: None,
            excuse: None,
        }
    }

    pub(super) fn begin(&mut self, link: usize, side: usize) {
        (self.link, self.side, self.progress) = (link, side, Progress::Active);
    }

    /// Whether a run need not wait for it.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.progress, Progress::Done | Progress::Staying)
    }

    /// Where it is, for a message.
    pub(super) fn place(&self) -> String {
        let steps = self.script.steps();
        let got = shown(&self.received[self.checked..]);
        match steps.get(self.step) {
            Some(step) => {
                format!("is at step {} of {}, {step:?}, and has {got}", self.step + 1, steps.len())
            }
            None => format!("is after its last step, and has {got}"),
        }
    }

    fn unchecked(&self) -> &[u8] {
        &self.received[self.checked..]
    }

    /// What waiting for bytes comes to, when `found` of them are all that is needed.
    fn await_bytes(&mut self, found: Option<usize>, wanted: impl FnOnce() -> String) -> Outcome {
        match (found, self.seen) {
            (Some(count), _) => {
                self.checked += count;
                Outcome::Done
            }
            (None, None) => Outcome::NotYet,
            (None, Some(seen)) => Outcome::CutShort(format!(
                "waits for {} and got {}, then {seen:?}",
                wanted(),
                shown(self.unchecked())
            )),
        }
    }

    fn expect(&mut self, bytes: &[u8]) -> Outcome {
        let got = self.unchecked();
        let common = got.len().min(bytes.len());
        if got[..common] != bytes[..common] {
            return Outcome::Failed(format!("expects {} and got {}", shown(bytes), shown(got)));
        }
        let found = (got.len() >= bytes.len()).then_some(bytes.len());
        self.await_bytes(found, || shown(bytes))
    }

    fn expect_end(&mut self) -> Outcome {
        match (self.unchecked(), self.seen) {
            ([], Some(Seen::End)) => Outcome::Done,
            ([], None) => Outcome::NotYet,
            ([], Some(seen)) => Outcome::CutShort(format!("expects the end and got {seen:?}")),
            (got, _) => Outcome::Failed(format!("expects the end and got {}", shown(got))),
        }
    }
}

impl World {
    /// A client begins to connect.
    pub(super) fn dial(&mut self, client: usize) {
        let remote = self.clients[client].remote.clone();
        let local = self.clients[client].script.ip.clone().unwrap_or_else(|| {
            let (high, low) = (client / 200 % 200, client % 200 + 1);
            format!("10.1.{high}.{low}")
        });
        let port = 1024 + client % 60_000;
        let host = if local.contains(':') { format!("[{local}]") } else { local };
        let is_unix = remote.unix().is_some();
        let local = if is_unix { "unix:".to_owned() } else { format!("{host}:{port}") };
        match local.parse::<Address>() {
            Ok(local) => {
                let link = self.new_link(Owner::Client(client), local, remote);
                self.clients[client].begin(link, DIALER);
                self.note(Who::Client(client), "dials on link", link as u64);
                self.begin_to_connect(link);
            }
            Err(error) => self.ledger.find(|| format!("client {client}: {error}")),
        }
    }

    /// A client looks what it can do.
    pub(super) fn wake_client(&mut self, number: usize) {
        let Client { link, side, progress, .. } = self.clients[number];
        if matches!(progress, Progress::Outside | Progress::Done)
            || self.links[link].ends[side].is_connecting
        {
            return;
        }
        if self.clients[number].alarm.is_some_and(|alarm| alarm <= self.elapsed) {
            self.clients[number].alarm = None;
        }
        self.strike_client(number);
        while self.clients[number].progress == Progress::Active {
            self.read_client(number);
            match self.take_step(number) {
                Outcome::Done => {
                    let client = &mut self.clients[number];
                    (client.sent, client.waits_until) = (0, None);
                    client.step += 1;
                    self.note(Who::Client(number), "did step", self.clients[number].step as u64);
                }
                Outcome::NotYet => break,
                Outcome::Failed(problem) => self.give_up(number, problem, false),
                Outcome::CutShort(problem) => self.give_up(number, problem, true),
            }
        }
        if self.clients[number].progress == Progress::Staying {
            self.read_client(number);
        }
    }

    /// What a peer may suffer at any time.
    fn strike_client(&mut self, number: usize) {
        let Client { link, side, .. } = self.clients[number];
        let who = Who::Client(number);
        if self.strikes(Fault::StoppedReader, who) {
            let client = &mut self.clients[number];
            (client.reading, client.progress) = (Reading::Stopped, Progress::Staying);
            client.excuse = Some("stopped reading".to_owned());
            self.links[link].is_hurt = true;
        }
        if self.strikes(Fault::Reset, who) {
            self.links[link].is_hurt = true;
            self.leave(number);
            self.close(link, side, true);
        } else if self.strikes(Fault::Vanish, who) {
            self.links[link].is_hurt = true;
            self.leave(number);
            self.links[link].is_cut = true;
        }
    }

    fn leave(&mut self, number: usize) {
        self.clients[number].progress = Progress::Done;
    }

    /// A step will never be done.
    fn give_up(&mut self, number: usize, problem: String, is_excusable: bool) {
        let Client { link, side, ref script, .. } = self.clients[number];
        let is_excused = is_excusable && (script.is_tolerant || self.links[link].is_hurt);
        if is_excused || script.is_loose {
            self.note(Who::Client(number), "gives up", None);
            self.clients[number].excuse = Some(problem);
        } else {
            let step = self.clients[number].step + 1;
            self.ledger.find(|| format!("client {number}, step {step}: {problem}"));
        }
        self.leave(number);
        self.close(link, side, false);
    }

    /// Reads what there is, as fast as it wants to.
    fn read_client(&mut self, number: usize) {
        let now = self.elapsed;
        let Client { link, side, reading, .. } = self.clients[number];
        let most = match reading {
            Reading::Eager => usize::MAX,
            Reading::Slow { next, .. } if next > now => 0,
            Reading::Slow { bytes, .. } => bytes,
            Reading::Stopped => return,
        };
        let bytes = if most > 0 { self.give(link, side, most) } else { Vec::new() };
        let client = &mut self.clients[number];
        if !bytes.is_empty() {
            client.received.extend(&bytes);
            if let Reading::Slow { every, next, .. } = &mut client.reading {
                *next = now + *every;
            }
        }
        let coming = &self.links[link].flows[1 - side];
        let has_more = !coming.inbox.is_empty();
        let is_at_end = coming.is_at_end();
        let end = &mut self.links[link].ends[side];
        if !has_more && client.seen.is_none() {
            client.seen = match end.trouble.take() {
                Some(std::io::ErrorKind::ConnectionRefused) => Some(Seen::Refused),
                _ if is_at_end => Some(Seen::End),
                Some(_) => Some(Seen::Reset),
                None if end.is_broken => Some(Seen::Reset),
                None => None,
            };
            if let Some(seen) = client.seen {
                let what = match seen {
                    Seen::End => "sees the end",
                    Seen::Reset => "sees a reset",
                    Seen::Refused => "is refused",
                };
                self.note(Who::Client(number), what, None);
            }
        }
        if has_more && let Reading::Slow { next, .. } = self.clients[number].reading {
            self.alarm_client(number, next);
        }
    }

    fn alarm_client(&mut self, number: usize, at: Duration) {
        let client = &mut self.clients[number];
        if client.alarm.is_none_or(|alarm| at < alarm) {
            client.alarm = Some(at);
            self.plan(at.saturating_sub(self.elapsed), Errand::Wake(number));
        }
    }

    fn take_step(&mut self, number: usize) -> Outcome {
        let client = &mut self.clients[number];
        let Client { link, side, .. } = *client;
        let Some(step) = client.script.steps().get(client.step).cloned() else {
            self.leave(number);
            self.close(link, side, false);
            return Outcome::NotYet;
        };
        match step {
            Step::Send(bytes) => return self.send_step(number, &bytes),
            Step::Expect(bytes) => return client.expect(&bytes),
            Step::Until(bytes) => {
                let found = find(client.unchecked(), &bytes).map(|at| at + bytes.len());
                return client.await_bytes(found, || shown(&bytes));
            }
            Step::Take(count) => {
                let found = (client.unchecked().len() >= count).then_some(count);
                return client.await_bytes(found, || format!("{count} bytes"));
            }
            Step::ExpectEnd => return client.expect_end(),
            Step::ExpectClosed if client.seen.is_none() => return Outcome::NotYet,
            Step::ExpectClosed => client.checked = client.received.len(),
            Step::Wait(time) => {
                let until = *client.waits_until.get_or_insert(self.elapsed + time);
                if self.elapsed < until {
                    self.alarm_client(number, until);
                    return Outcome::NotYet;
                }
            }
            Step::ReadSlowly(bytes, every) => {
                let next = self.elapsed;
                client.reading = Reading::Slow { bytes: bytes.max(1), every, next };
            }
            Step::StopReading => client.reading = Reading::Stopped,
            Step::ReadOn => client.reading = Reading::Eager,
            Step::FinishWriting => self.finish(link, side),
            Step::Close | Step::Reset => {
                self.leave(number);
                self.close(link, side, step == Step::Reset);
            }
            Step::Vanish => {
                self.leave(number);
                self.links[link].is_cut = true;
            }
            Step::Stay => client.progress = Progress::Staying,
        }
        Outcome::Done
    }

    fn send_step(&mut self, number: usize, bytes: &[u8]) -> Outcome {
        let Client { link, side, sent, .. } = self.clients[number];
        if self.links[link].ends[side].is_broken {
            let problem = format!("sends {} to a connection that failed", shown(bytes));
            return Outcome::CutShort(problem);
        }
        let count = self.take(link, side, &bytes[sent..], usize::MAX);
        self.clients[number].sent += count;
        if sent + count == bytes.len() {
            return Outcome::Done;
        }
        self.links[link].flows[side].wants_room = true;
        Outcome::NotYet
    }
}

/// Where `wanted` begins in `bytes`.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    memchr::memmem::find(bytes, wanted)
}

/// Bytes for a message: the beginning, escaped.
pub(super) fn shown(bytes: &[u8]) -> String {
    let beginning = &bytes[..bytes.len().min(MOST_SHOWN)];
    let rest = bytes.len() - beginning.len();
    let more = if rest > 0 { format!(" and {rest} bytes more") } else { String::new() };
    format!("\"{}\"{more}", beginning.escape_ascii())
}

/// So many bytes are shown in a message.
const MOST_SHOWN: usize = 200;
