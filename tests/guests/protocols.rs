//! What is served, and for how long.

use std::time::Duration;

use switchboard::{Limits, Protocol, Timeout, Transport};

/// The state of the program around the server: how many bytes its echoes were sent.
pub(crate) type Heard = u64;

/// Sends back what comes, and lets the program know.
pub(crate) struct Echo;

impl Protocol<Heard> for Echo {
    fn received(
        &mut self,
        on: &mut Transport<'_, Heard>,
        heard: &mut Heard,
        bytes: &[u8],
    ) -> usize {
        *heard += bytes.len() as u64;
        on.write(bytes);
        bytes.len()
    }
}

/// Has always something left to do, and says so now and then.
pub(crate) struct Restless;

impl Restless {
    /// So many turns are between two of its answers.
    pub(crate) const TURNS: u64 = 20;
}

impl Protocol<Heard> for Restless {
    fn received(&mut self, on: &mut Transport<'_, Heard>, heard: &mut Heard, _: &[u8]) -> usize {
        if heard.is_multiple_of(Self::TURNS) {
            on.write(b"!");
        }
        *heard += 1;
        on.yield_now();
        0
    }
}

/// Answers once, and reads nothing more.
pub(crate) struct Aloof;

impl Protocol<Heard> for Aloof {
    fn received(
        &mut self,
        on: &mut Transport<'_, Heard>,
        heard: &mut Heard,
        bytes: &[u8],
    ) -> usize {
        *heard += bytes.len() as u64;
        on.write(bytes);
        on.pause_reading();
        bytes.len()
    }
}

/// Answers when a hundredth of a second has passed.
pub(crate) struct Late;

impl Protocol<Heard> for Late {
    fn received(
        &mut self,
        on: &mut Transport<'_, Heard>,
        heard: &mut Heard,
        bytes: &[u8],
    ) -> usize {
        *heard += bytes.len() as u64;
        on.set_timeout(Duration::from_millis(10));
        bytes.len()
    }

    fn expired(&mut self, on: &mut Transport<'_, Heard>, _: &mut Heard, _: Timeout) {
        on.write(b"later");
    }
}

/// An hour for everything, so that no deadline wakes anybody.
pub(crate) fn hours() -> Limits {
    const HOUR: Duration = Duration::from_secs(3600);
    Limits::default().first_byte(HOUR).idle(HOUR).message(HOUR)
}
