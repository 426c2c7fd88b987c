//! What a client does, as a value: a list of steps.

use std::time::Duration;

use bytes::Bytes;

/// One step of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Sends bytes, as fast as the connection takes them.
    Send(Bytes),
    /// Waits for exactly these bytes to come next.
    Expect(Bytes),
    /// Waits for these bytes to come, whatever comes before them.
    Until(Bytes),
    /// Waits for so many more bytes, whatever they are.
    Take(usize),
    /// Waits for the server to finish, with nothing before that which was not expected.
    ExpectEnd,
    /// Waits for the connection to be over, whatever comes before and however it ends.
    ExpectClosed,
    /// Waits for a time.
    Wait(Duration),
    /// From here on reads at most so many bytes, so often.
    ReadSlowly(usize, Duration),
    /// From here on reads nothing.
    StopReading,
    /// From here on reads whatever comes, at once. It begins so.
    ReadOn,
    /// Half-closes: says that nothing more will be sent.
    FinishWriting,
    /// Closes, as a program that exits does. Where something had come that was not read, the
    /// system makes it a reset.
    Close,
    /// Resets the connection.
    Reset,
    /// Is gone: nothing is heard of it any more, not even an end.
    Vanish,
    /// Stays to the end of the simulation, reading. [`run`](super::Simulation::run) does not
    /// wait for it.
    Stay,
}

/// What a client does, from connecting on: chained by value, one step after the other. A script
/// that comes to its end closes the connection.
///
/// ```
/// use std::time::Duration;
/// use switchboard::simulation::script;
///
/// let polite = script().send("hello\n").expect("hello\n").finish_writing().expect_end();
/// let lazy = script().send("all of it\n").read_slowly(10, Duration::from_millis(50)).until("the end");
/// assert_eq!((polite.steps().len(), lazy.steps().len()), (4, 3));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    steps: Vec<Step>,
    pub(super) delay: Duration,
    pub(super) ip: Option<String>,
    pub(super) is_tolerant: bool,
    /// Whatever comes is no failure.
    pub(super) is_loose: bool,
}

/// An empty script.
#[must_use]
pub fn script() -> Script {
    Script::default()
}

impl Script {
    /// The steps.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Adds a step.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Connects only after `delay`.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Connects from the IP address `ip`. Otherwise every client has one of its own.
    #[must_use]
    pub fn from_ip(mut self, ip: impl Into<String>) -> Self {
        self.ip = Some(ip.into());
        self
    }

    /// What it expects may not come because the connection ends before: that is no failure. Other
    /// bytes than it expects still are.
    #[must_use]
    pub fn tolerant(mut self) -> Self {
        self.is_tolerant = true;
        self
    }

    /// [`Step::Send`].
    #[must_use]
    pub fn send(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Step::Send(Bytes::copy_from_slice(bytes.as_ref())))
    }

    /// [`Step::Expect`].
    #[must_use]
    pub fn expect(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Step::Expect(Bytes::copy_from_slice(bytes.as_ref())))
    }

    /// [`Step::Until`].
    #[must_use]
    pub fn until(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Step::Until(Bytes::copy_from_slice(bytes.as_ref())))
    }

    /// [`Step::Take`].
    #[must_use]
    pub fn take(self, bytes: usize) -> Self {
        self.then(Step::Take(bytes))
    }

    /// [`Step::ExpectEnd`].
    #[must_use]
    pub fn expect_end(self) -> Self {
        self.then(Step::ExpectEnd)
    }

    /// [`Step::ExpectClosed`].
    #[must_use]
    pub fn expect_closed(self) -> Self {
        self.then(Step::ExpectClosed)
    }

    /// [`Step::Wait`].
    #[must_use]
    pub fn wait(self, time: Duration) -> Self {
        self.then(Step::Wait(time))
    }

    /// [`Step::ReadSlowly`].
    #[must_use]
    pub fn read_slowly(self, bytes: usize, every: Duration) -> Self {
        self.then(Step::ReadSlowly(bytes, every))
    }

    /// [`Step::StopReading`].
    #[must_use]
    pub fn stop_reading(self) -> Self {
        self.then(Step::StopReading)
    }

    /// [`Step::ReadOn`].
    #[must_use]
    pub fn read_on(self) -> Self {
        self.then(Step::ReadOn)
    }

    /// [`Step::FinishWriting`].
    #[must_use]
    pub fn finish_writing(self) -> Self {
        self.then(Step::FinishWriting)
    }

    /// [`Step::Close`].
    #[must_use]
    pub fn close(self) -> Self {
        self.then(Step::Close)
    }

    /// [`Step::Reset`].
    #[must_use]
    pub fn reset(self) -> Self {
        self.then(Step::Reset)
    }

    /// [`Step::Vanish`].
    #[must_use]
    pub fn vanish(self) -> Self {
        self.then(Step::Vanish)
    }

    /// [`Step::Stay`].
    #[must_use]
    pub fn stay(self) -> Self {
        self.then(Step::Stay)
    }
}
