//! A timerfd(2) in the loop's own poll, so that the poll announces deadlines, too: to a host that
//! waits for its descriptor alone, and to the loop itself, whose long waits then need no timeout.
//!
//! It must never fire later than it was asked to, but for what the thread is kept from running
//! between its reading of the clock and the call; earlier does no harm, because a turn that finds
//! nothing to do sets it again. It is never read: setting it makes the next expiry a new edge,
//! read or not. And because setting it is a system call, it is set only when it would fire too
//! late.

pub(crate) use system::DeadlineTimer;

/// Whether there is a descriptor here that deadlines can be put in.
pub(crate) const CAN_HOLD_TIMER: bool = cfg!(all(
    any(target_os = "linux", target_os = "android"),
    not(mio_unsupported_force_poll_poll)
));

#[cfg(all(any(target_os = "linux", target_os = "android"), not(mio_unsupported_force_poll_poll)))]
mod system {
    use std::io;
    use std::os::fd::{AsRawFd as _, OwnedFd};
    use std::time::{Duration, Instant};

    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use rustix::event::Timespec;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create,
        timerfd_settime,
    };

    use crate::net::Clock;

    #[derive(Debug)]
    pub(crate) struct DeadlineTimer {
        descriptor: OwnedFd,
        /// What it was set for, by the loop's clock.
        set_for: Option<Instant>,
        /// When it fires, or did, by the system's.
        fires_at: Instant,
        /// How often it was set.
        #[cfg(test)]
        calls: usize,
    }

    impl DeadlineTimer {
        pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
            let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
            let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            registry.register(&mut SourceFd(&descriptor.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Self {
                descriptor,
                set_for: None,
                fires_at: Clock::System.now(),
                #[cfg(test)]
                calls: 0,
            })
        }

        /// Fires at `at`, or before; by the loop's clock it is `now`, by the system's `real`. The
        /// time until then is real, whatever clock the loop has.
        ///
        /// # Errors
        ///
        /// Then it may not fire.
        pub(crate) fn fire_at(
            &mut self,
            at: Instant,
            now: Instant,
            real: Instant,
        ) -> io::Result<()> {
            // That it has fired may have been seen already.
            if self.fires_at > real && self.set_for.is_some_and(|set_for| set_for <= at) {
                return Ok(());
            }
            // Of nothing it would be disarmed.
            let wait = at.saturating_duration_since(now).max(Duration::from_nanos(1));
            let it_value = Timespec::try_from(wait).map_err(|_| io::ErrorKind::InvalidInput)?;
            let value = Itimerspec { it_interval: Timespec::default(), it_value };
            timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &value)?;
            (self.set_for, self.fires_at) = (Some(at), real + wait);
            #[cfg(test)]
            {
                self.calls += 1;
            }
            Ok(())
        }

        #[cfg(test)]
        pub(crate) const fn calls(&self) -> usize {
            self.calls
        }
    }
}

#[cfg(not(all(
    any(target_os = "linux", target_os = "android"),
    not(mio_unsupported_force_poll_poll)
)))]
mod system {
    use std::io;
    use std::time::Instant;

    use mio::{Registry, Token};

    use crate::net::platform;

    /// There is none here.
    #[derive(Debug)]
    pub(crate) enum DeadlineTimer {}

    impl DeadlineTimer {
        pub(crate) fn new(_: &Registry, _: Token) -> io::Result<Self> {
            Err(platform::unsupported())
        }

        pub(crate) fn fire_at(&mut self, _: Instant, _: Instant, _: Instant) -> io::Result<()> {
            match *self {}
        }

        #[cfg(test)]
        pub(crate) const fn calls(&self) -> usize {
            match *self {}
        }
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
#[cfg(not(mio_unsupported_force_poll_poll))]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll, Token};

    use super::DeadlineTimer;
    use crate::net::Clock;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn it_is_set_only_when_it_would_fire_too_late() {
        let poll = Poll::new().unwrap();
        let mut timer = DeadlineTimer::new(poll.registry(), Token(1)).unwrap();
        let start = Clock::System.now();
        let mut calls = |hours| {
            let now = Clock::System.now();
            timer.fire_at(start + hours * HOUR, now, now).unwrap();
            timer.calls()
        };
        assert_eq!(calls(2), 1);
        assert_eq!([calls(2), calls(3), calls(1_000_000)], [1; 3]);
        assert_eq!([calls(1), calls(2)], [2; 2]);
    }

    #[test]
    fn it_fires_again_though_nobody_reads_it() {
        let mut poll = Poll::new().unwrap();
        let mut timer = DeadlineTimer::new(poll.registry(), Token(1)).unwrap();
        let mut events = Events::with_capacity(4);
        // By a clock that stands still, it is asked for the same again and again.
        let now = Clock::System.now();
        for round in 1..=20 {
            let real = Clock::System.now();
            timer.fire_at(now + Duration::from_micros(200), now, real).unwrap();
            poll.poll(&mut events, Some(HOUR)).unwrap();
            assert_eq!(events.iter().count(), 1, "round {round}");
            assert_eq!(timer.calls(), round, "one that has fired is set again");
        }
    }
}
