//! The loop as one descriptor that a host waits for.
//!
//! What the system announces is in it always. The rest is in it where
//! [`Config::timer_in_descriptor`] says so: deadlines, work that a budget left over, and what the
//! host asks of the loop between two turns. All of that shows in one place, as an earlier
//! [`next_deadline`](EventLoop::next_deadline); so whoever may move it takes the engine by
//! [`EventLoop::lend`], and what is lent announces the deadline when it is given back, even by a
//! panic.

use std::ops::{Deref, DerefMut};
#[cfg(all(unix, not(mio_unsupported_force_poll_poll)))]
use std::os::fd::{AsFd, BorrowedFd};

use super::{Deadline, Engine, EventLoop};
use crate::net::{Network as _, Poller, SystemNetwork};

/// Readable when a turn has something to do that the system announces: bytes, peers, room to
/// write, something posted by a [`Handle`](super::Handle).
///
/// With [`Config::timer_in_descriptor`](super::Config::timer_in_descriptor) it suffices: it is
/// readable, too, when a deadline has come, when a budget left work over, and when the host asked
/// for something between two turns. Then a host makes one turn whenever it is readable, and has
/// nothing else to wait for, level- or edge-triggered.
///
/// Without, a host also asks [`next_deadline`](EventLoop::next_deadline) before each wait. Level-
/// triggered is the way to register it; a host that cannot makes turns until one neither fetched
/// events nor left work over. A loop that has waited itself before ([`Wait`](super::Wait)) may be
/// readable once more than it has something to do; a turn quiets it.
///
/// The descriptor is the same for life. There is none where mio works through poll(2) or
/// completion ports.
#[cfg(all(unix, not(mio_unsupported_force_poll_poll)))]
impl<S> AsFd for EventLoop<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.engine.network_ref().registry().as_fd()
    }
}

/// The engine, lent to the host for one call.
pub(super) struct Lent<'a, S: 'static, P: Poller>(&'a mut Engine<S, SystemNetwork<P>>);

impl<S: 'static, P: Poller> EventLoop<S, P> {
    #[inline]
    pub(super) fn lend(&mut self) -> Lent<'_, S, P> {
        Lent(&mut self.engine)
    }
}

impl<S: 'static, P: Poller> Deref for Lent<'_, S, P> {
    type Target = Engine<S, SystemNetwork<P>>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl<S: 'static, P: Poller> DerefMut for Lent<'_, S, P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.0
    }
}

impl<S: 'static, P: Poller> Drop for Lent<'_, S, P> {
    #[inline]
    fn drop(&mut self) {
        if self.0.net.announces_deadlines() {
            self.0.announce();
        }
    }
}

impl<S: 'static, P: Poller> Engine<S, SystemNetwork<P>> {
    /// Makes the descriptor readable when the next turn is due.
    #[cold]
    fn announce(&mut self) {
        let now = self.net.now();
        let at = match self.next_deadline() {
            Deadline::Never => return,
            Deadline::At(at) if at > now => at,
            // Readable before this returns, and cheaper than a timer.
            Deadline::Now | Deadline::At(_) => return self.mailbox.knock(),
        };
        if let Err(error) = self.net.announce_at(at, now) {
            // Too many turns do less harm than none.
            log::error!("a deadline cannot be put into the descriptor: {error}");
            self.mailbox.knock();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::ops::ControlFlow;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;
    use crate::net::{CAN_HOLD_TIMER, Clock};
    use crate::sansio::{Limits, Misuse, Protocol, Transport};
    use crate::{Budget, Config, ManualClock, Wait};

    /// Echoes, and sets a deadline so many seconds ahead.
    struct Echo;

    impl Protocol for Echo {
        fn received(&mut self, on: &mut Transport<'_, ()>, _: &mut (), bytes: &[u8]) -> usize {
            if bytes[0] > 0 {
                on.set_timeout(Duration::from_secs(u64::from(bytes[0])));
            }
            on.write(bytes);
            bytes.len()
        }
    }

    #[test]
    fn a_deadline_that_has_come_since_the_last_turn_is_pending() {
        let clock = ManualClock::new();
        let config = Config::default().clock(clock.clone());
        let mut event_loop = EventLoop::with_config(config).unwrap();
        event_loop.call_at(clock.now() + Duration::from_secs(5), |_, ()| ControlFlow::Break(()));
        event_loop.turn(Wait::No, Budget::default(), &mut ()).unwrap();
        assert!(!event_loop.has_pending());
        clock.advance(Duration::from_secs(6));
        assert!(event_loop.has_pending());
        let turn = event_loop.turn(Wait::No, Budget::default(), &mut ()).unwrap();
        assert_eq!((turn.callbacks, event_loop.has_pending()), (1, false));
    }

    #[test]
    fn the_timer_is_set_only_when_the_earliest_deadline_moves_earlier() {
        let config = Config::default().timer_in_descriptor(true);
        if config.check() == Err(Misuse::NoDescriptor) {
            return; // There is none in this build.
        }
        let mut event_loop = EventLoop::<()>::with_config(config).unwrap();
        let (mut client, stream) = UnixStream::pair().unwrap();
        let limits = Limits::default().idle(Duration::from_secs(1000));
        event_loop.adopt_unix_stream(stream, Echo, limits).unwrap();
        let mut say = |byte: u8| {
            client.write_all(&[byte]).unwrap();
            event_loop.turn(Wait::Forever, Budget::default(), &mut ()).unwrap();
            while event_loop.has_pending() {
                event_loop.turn(Wait::No, Budget::default(), &mut ()).unwrap();
            }
            client.read_exact(&mut [0]).unwrap();
            event_loop.engine.network().timer_calls()
        };
        let calls = say(0);
        assert!(calls <= 2, "{calls}: for its first byte and for its silence");
        for _ in 0..1000 {
            assert_eq!(say(0), calls);
        }
        assert_eq!(say(50), calls + 1);
        assert_eq!(say(200), calls + 1, "later is found out when it fires");
        assert_eq!(say(20), calls + 2);
        assert_eq!(say(20), calls + 2);
    }

    #[test]
    fn a_long_wait_is_left_to_a_timer_that_stays() {
        let mut event_loop = EventLoop::<()>::new().unwrap();
        let (mut client, stream) = UnixStream::pair().unwrap();
        event_loop.adopt_unix_stream(stream, Echo, Limits::default()).unwrap();
        for _ in 0..1000 {
            client.write_all(&[0]).unwrap();
            let turn = |_| event_loop.turn(Wait::Forever, Budget::default(), &mut ()).unwrap();
            assert!((0..10).map(turn).any(|turn| turn.bytes_out == 1));
            client.read_exact(&mut [0]).unwrap();
            while event_loop.has_pending() {
                event_loop.turn(Wait::No, Budget::default(), &mut ()).unwrap();
            }
        }
        let expected = if CAN_HOLD_TIMER { 1..=2 } else { 0..=0 };
        assert!(expected.contains(&event_loop.engine.network().timer_calls()));
    }

    #[test]
    fn a_wait_that_is_left_to_a_timer_ends_in_time() {
        let mut event_loop = EventLoop::<()>::new().unwrap();
        let at = Clock::System.now() + Duration::from_millis(1050);
        event_loop.call_at(at, |_, ()| ControlFlow::Break(()));
        while event_loop.turn(Wait::Forever, Budget::default(), &mut ()).unwrap().callbacks == 0 {}
        assert!(Clock::System.now() >= at);
        // None where so much time passed before the wait that it was no long one.
        assert!(event_loop.engine.network().timer_calls() <= 1);
    }
}
