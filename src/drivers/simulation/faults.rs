//! What may go wrong, how often, and when.
//!
//! A [`Fault`] is a kind of trouble. Each time that a kind could strike is an *opportunity*, and
//! [`Faults`] says which opportunities are taken: one in so many, the n-th, or all of a stretch
//! of time. What it says of several kinds stacks.

use std::ops::Range;
use std::time::Duration;

use super::dice::Dice;

/// Lists the kinds of fault, with what is said of each.
macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A kind of trouble that a network makes, or the system at its edge.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name in a trace.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

faults! {
    /// A read gives less than there is. The system then announces the rest, or the count shows
    /// that there is more.
    CutRead = "cut read",
    /// A write takes less than there is room for.
    CutWrite = "cut write",
    /// A read would block although there are bytes: they are announced a moment later.
    BlockedRead = "blocked read",
    /// A write would block although there is room.
    BlockedWrite = "blocked write",
    /// Bytes travel in a packet of a few.
    CutPacket = "cut packet",
    /// A packet takes its time, and so does all that is behind it.
    LatePacket = "late packet",
    /// The end of a direction comes long after its last byte.
    LateFin = "late fin",
    /// The buffers of a connection hold a few bytes at first. They grow with use.
    SmallBuffer = "small buffer",
    /// Readiness is announced late.
    LateEdge = "late edge",
    /// Readiness is announced twice.
    RepeatedEdge = "repeated edge",
    /// Reading and writing are announced apart.
    SplitEdge = "split edge",
    /// Readiness of a connection is announced that has just been closed.
    StaleEdge = "stale edge",
    /// What one poll gives is in another order.
    ReorderedEdges = "reordered edges",
    /// A poll has room for a few events only.
    FullPoll = "full poll",
    /// What runs between two looks at the clock takes milliseconds.
    SlowCallback = "slow callback",
    /// The program is away: the clock jumps forward while it waits.
    ClockJump = "clock jump",
    /// Accepting fails for a peer that is gone, as with ECONNABORTED.
    SkippedAccept = "skipped accept",
    /// Accepting fails for want of descriptors.
    Exhausted = "exhausted",
    /// Connecting out fails at once, for want of descriptors.
    FailedConnect = "failed connect",
    /// Connecting out is refused.
    RefusedConnect = "refused connect",
    /// Connecting out takes its time.
    SlowConnect = "slow connect",
    /// Connecting out never comes to an end.
    HungConnect = "hung connect",
    /// The poll has no memory to watch one more stream.
    FailedRegister = "failed register",
    /// A peer resets the connection.
    Reset = "reset",
    /// With a reset goes what had arrived before it and was not read.
    LostInput = "lost input",
    /// A write finds the peer gone: EPIPE.
    BrokenPipe = "broken pipe",
    /// A peer vanishes: nothing comes from it any more, no end and no reset.
    Vanish = "vanish",
    /// A peer stops reading and stays.
    StoppedReader = "stopped reader",
    /// A listener's queue is full, as that of a Unix socket may be: connecting is to be tried
    /// again.
    CrowdedConnect = "crowded connect",
    /// A datagram is not taken although there is room.
    BlockedSend = "blocked send",
    /// A datagram is lost.
    LostDatagram = "lost datagram",
    /// A datagram comes twice.
    RepeatedDatagram = "repeated datagram",
    /// A datagram is late, and others overtake it.
    LateDatagram = "late datagram",
    /// Nobody takes a datagram, and the next call says so.
    RefusedDatagram = "refused datagram",
}

impl Fault {
    /// Whether conversations come out the same under it, only later. A healthy network makes
    /// such trouble all the time.
    #[must_use]
    pub const fn is_harmless(self) -> bool {
        (self as usize) < Self::ClockJump as usize
            || matches!(
                self,
                Self::SkippedAccept
                    | Self::Exhausted
                    | Self::SlowConnect
                    | Self::CrowdedConnect
                    | Self::BlockedSend
            )
    }
}

/// Which opportunities of one kind are taken.
#[derive(Clone, Debug, Default)]
struct Plan {
    one_in: u32,
    nth: Vec<u64>,
    during: Vec<Range<Duration>>,
}

/// Which faults strike, how often and when; and what the links are like. Chained by value.
///
/// ```
/// use std::time::Duration;
/// use switchboard::simulation::{Fault, Faults};
///
/// let second = Duration::from_secs(1);
/// let faults = Faults::none()
///     .one_in(3, Fault::CutRead)
///     .nth(2, Fault::Reset)
///     .during(second * 2..second * 12, Fault::Exhausted);
/// assert!(!faults.is_harmless(), "a reset changes what a client gets");
/// assert!(Faults::rough().is_harmless());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Faults {
    plans: Vec<Plan>,
    /// The most that a packet usually takes: 1 ms.
    pub latency: Duration,
    /// The most that something late is late: 5 ms.
    pub delay: Duration,
    /// The most that a slow callback takes: 20 ms.
    pub slowness: Duration,
    /// The most that the clock jumps: 20 s.
    pub jump: Duration,
    /// Bytes that a buffer of a connection holds: 64 KiB. There is one at each end and for each
    /// direction.
    pub buffer: usize,
    /// The most bytes that a [small buffer](Fault::SmallBuffer) holds: 64.
    pub small_buffer: usize,
    /// Streams that the loop may have open at once: as many as it likes.
    pub descriptors: usize,
}

setters! {
    Faults {
        latency: Duration;
        delay: Duration;
        slowness: Duration;
        jump: Duration;
        buffer: usize;
        small_buffer: usize;
        descriptors: usize;
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::none()
    }
}

impl Faults {
    /// A network without fault.
    #[must_use]
    pub fn none() -> Self {
        Self {
            plans: vec![Plan::default(); Fault::ALL.len()],
            latency: Duration::from_millis(1),
            delay: Duration::from_millis(5),
            slowness: Duration::from_millis(20),
            jump: Duration::from_secs(20),
            buffer: 64 << 10,
            small_buffer: 64,
            descriptors: usize::MAX,
        }
    }

    /// Whatever a healthy network and system do: every [harmless](Fault::is_harmless) fault.
    /// Conversations come out the same.
    #[must_use]
    pub fn rough() -> Self {
        let often = [
            (2, Fault::ReorderedEdges),
            (3, Fault::CutRead),
            (3, Fault::CutWrite),
            (3, Fault::CutPacket),
            (3, Fault::SmallBuffer),
            (3, Fault::FullPoll),
            (3, Fault::LateFin),
            (3, Fault::SkippedAccept),
            (4, Fault::LateEdge),
            (4, Fault::SplitEdge),
            (4, Fault::StaleEdge),
            (4, Fault::SlowConnect),
            (4, Fault::CrowdedConnect),
            (6, Fault::BlockedSend),
            (6, Fault::BlockedRead),
            (6, Fault::BlockedWrite),
            (6, Fault::RepeatedEdge),
            (8, Fault::Exhausted),
            (12, Fault::LatePacket),
            (60, Fault::SlowCallback),
        ];
        often.iter().fold(Self::none(), |faults, (count, fault)| faults.one_in(*count, *fault))
    }

    /// All of that, and peers that reset, vanish and stop reading, a clock that jumps, a system
    /// that refuses.
    #[must_use]
    pub fn hostile() -> Self {
        let seldom = [
            (2, Fault::LostInput),
            (4, Fault::RefusedConnect),
            (4, Fault::LateDatagram),
            (6, Fault::LostDatagram),
            (6, Fault::RepeatedDatagram),
            (20, Fault::RefusedDatagram),
            (6, Fault::HungConnect),
            (6, Fault::FailedConnect),
            (60, Fault::FailedRegister),
            (150, Fault::Reset),
            (200, Fault::BrokenPipe),
            (300, Fault::StoppedReader),
            (300, Fault::Vanish),
            (300, Fault::ClockJump),
        ];
        seldom.iter().fold(Self::rough(), |faults, (count, fault)| faults.one_in(*count, *fault))
    }

    /// Makes some kinds rare, some common and some absent, as `seed` decides. A run in which
    /// everything happens everywhere is a run in which nothing else can: bugs that need a quiet
    /// stretch hide from it.
    #[must_use]
    pub fn varied(mut self, seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ VARIATION);
        for plan in &mut self.plans {
            plan.one_in = match dice.below(4) {
                0 => 0,
                // Not always: nothing would ever come to an end.
                1 => plan.one_in.div_ceil(3).max(plan.one_in.min(2)),
                2 => plan.one_in,
                _ => plan.one_in.saturating_mul(4),
            };
        }
        self.latency = self.latency * [0, 1, 10, 100][dice.between(0, 3)] / 10;
        self
    }

    /// Lets `fault` strike once in `count` opportunities, at random; never where that is 0.
    #[must_use]
    pub fn one_in(mut self, count: u32, fault: Fault) -> Self {
        self.plans[fault as usize].one_in = count;
        self
    }

    /// Lets `fault` strike at its `number`-th opportunity, counted from 1.
    #[must_use]
    pub fn nth(mut self, number: u64, fault: Fault) -> Self {
        self.plans[fault as usize].nth.push(number);
        self
    }

    /// Lets `fault` strike at every opportunity in a stretch of time since the beginning.
    #[must_use]
    pub fn during(mut self, time: Range<Duration>, fault: Fault) -> Self {
        self.plans[fault as usize].during.push(time);
        self
    }

    /// Whether conversations come out the same under all of it.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        Fault::ALL.iter().all(|fault| {
            let plan = &self.plans[*fault as usize];
            let never = plan.one_in == 0 && plan.nth.is_empty() && plan.during.is_empty();
            never || fault.is_harmless()
        })
    }

    /// Whether `fault` strikes at its `number`-th opportunity, at `time`.
    pub(super) fn strike(
        &self,
        fault: Fault,
        number: u64,
        time: Duration,
        dice: &mut Dice,
    ) -> bool {
        let plan = &self.plans[fault as usize];
        // Asked in any case, so that a scripted fault does not move the random ones.
        let is_random = plan.one_in > 0 && dice.one_in(plan.one_in);
        is_random
            || plan.nth.contains(&number)
            || plan.during.iter().any(|stretch| stretch.contains(&time))
    }
}

/// So that how a seed varies faults has nothing to do with what it does later.
const VARIATION: u64 = 0x5bd1_e995_0f0f_1d2b;

/// How often each kind of fault struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struck {
    opportunities: Vec<u64>,
    strikes: Vec<u64>,
}

impl Default for Struck {
    fn default() -> Self {
        let zeros = vec![0; Fault::ALL.len()];
        Self { opportunities: zeros.clone(), strikes: zeros }
    }
}

impl Struck {
    /// How often `fault` struck.
    #[must_use]
    pub fn count(&self, fault: Fault) -> u64 {
        self.strikes[fault as usize]
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Self) {
        let pairs = self.opportunities.iter_mut().zip(&other.opportunities);
        pairs.for_each(|(count, more)| *count += more);
        self.strikes.iter_mut().zip(&other.strikes).for_each(|(count, more)| *count += more);
    }

    /// The kinds that never struck.
    pub fn missed(&self) -> impl Iterator<Item = Fault> {
        Fault::ALL.iter().copied().filter(|fault| self.count(*fault) == 0)
    }

    pub(super) fn note_opportunity(&mut self, fault: Fault) -> u64 {
        self.opportunities[fault as usize] += 1;
        self.opportunities[fault as usize]
    }

    pub(super) fn note(&mut self, fault: Fault) {
        self.strikes[fault as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(faults: &Faults, fault: Fault, times: u64) -> Vec<u64> {
        let mut dice = Dice::new(1);
        (1..=times)
            .filter(|number| faults.strike(fault, *number, Duration::from_secs(*number), &mut dice))
            .collect()
    }

    #[test]
    fn a_fault_strikes_where_it_was_told_to() {
        let second = Duration::from_secs(1);
        let faults =
            Faults::none().nth(2, Fault::Reset).during(second * 5..second * 7, Fault::Reset);
        assert_eq!(struck(&faults, Fault::Reset, 20), [2, 5, 6]);
        assert_eq!(struck(&faults, Fault::Vanish, 20), []);
    }

    #[test]
    fn a_rate_is_kept_about() {
        let faults = Faults::none().one_in(10, Fault::CutRead);
        let count = struck(&faults, Fault::CutRead, 1000).len();
        assert!((70..130).contains(&count), "{count}");
    }

    #[test]
    fn a_rough_network_has_every_harmless_fault_and_a_hostile_one_has_all() {
        let often = |faults: &Faults, fault: Fault| !struck(faults, fault, 5000).is_empty();
        for fault in Fault::ALL {
            assert_eq!(often(&Faults::rough(), *fault), fault.is_harmless(), "{fault:?}");
            assert!(often(&Faults::hostile(), *fault), "{fault:?}");
        }
    }
}
