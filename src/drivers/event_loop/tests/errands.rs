//! Descriptors and timers of the program's own: real descriptors on the system's network, and a
//! clock that stands still.

use std::io::{Read as _, Write as _};
use std::ops::ControlFlow::{Break, Continue};
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use super::{MILLISECOND, SECOND};
use crate::drivers::event_loop::{Interest, OnPanic, Ready, WatchId};
use crate::sansio::{Closing, Limits, Protocol, Transport};
use crate::{Budget, Config, Deadline, Ended, EventLoop, ManualClock, Turn, Wait};

/// What was called, in order.
type Diary = Vec<&'static str>;

struct Rig {
    event_loop: EventLoop<Diary>,
    clock: ManualClock,
    diary: Diary,
}

impl Rig {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let clock = ManualClock::new();
        let event_loop = EventLoop::with_config(config.clock(clock.clone())).unwrap();
        Self { event_loop, clock, diary: Diary::new() }
    }

    fn turn(&mut self) -> Turn {
        self.turn_within(Budget::default())
    }

    fn turn_within(&mut self, budget: Budget) -> Turn {
        self.event_loop.turn(Wait::No, budget, &mut self.diary).unwrap()
    }

    /// What is called in the next turn.
    fn calls(&mut self) -> Diary {
        self.turn();
        std::mem::take(&mut self.diary)
    }

    /// Watches one end of a pair, reading a byte in each call. Gives the other end.
    fn watch(&mut self, name: &'static str) -> (WatchId, UnixStream) {
        let (mine, other) = pair();
        let watched =
            self.event_loop.watch(mine, Interest::Readable, move |mine, ready, _, diary| {
                assert!(ready.readable && !ready.writable);
                diary.push(name);
                if mine.read(&mut [0]).unwrap() == 0 { Break(()) } else { Continue(()) }
            });
        (watched.unwrap(), other)
    }

    /// A timer that is called once.
    fn once(&mut self, name: &'static str, seconds: u32) -> crate::drivers::event_loop::TimerId {
        self.event_loop.call_at(self.clock.now() + SECOND * seconds, move |_, diary| {
            diary.push(name);
            Break(())
        })
    }
}

fn pair() -> (UnixStream, UnixStream) {
    let pair = UnixStream::pair().unwrap();
    pair.0.set_nonblocking(true).unwrap();
    pair.1.set_nonblocking(true).unwrap();
    pair
}

#[test]
fn a_descriptor_is_announced_in_every_turn_for_as_long_as_it_is_ready() {
    let mut rig = Rig::new();
    let (_, mut other) = rig.watch("read");
    assert_eq!(rig.calls(), [""; 0]);
    for _ in 0..3 {
        other.write_all(b"abc").unwrap();
        for _ in 0..3 {
            assert_eq!(rig.calls(), ["read"]);
        }
        // It costs nothing while it is quiet.
        assert_eq!(rig.turn(), Turn::default());
        assert_eq!(rig.event_loop.next_deadline(), Deadline::Never);
    }
}

#[test]
fn room_to_write_is_announced_until_the_watch_ends() {
    let mut rig = Rig::new();
    let (mine, mut other) = pair();
    let watch = rig.event_loop.watch(mine, Interest::Both, |mine, ready: Ready, _, diary| {
        diary.push(if ready.readable { "both" } else { "write" });
        assert!(ready.writable && !ready.hung_up);
        let _ = mine.read(&mut [0; 9]);
        Continue(())
    });
    assert_eq!([rig.calls(), rig.calls()], [["write"]; 2]);
    other.write_all(b"abc").unwrap();
    assert_eq!([rig.calls(), rig.calls()], [["both"], ["write"]]);
    assert!(rig.event_loop.unwatch(watch.unwrap()));
    assert_eq!(rig.calls(), [""; 0]);
}

#[test]
fn a_watch_that_breaks_is_over_and_its_source_is_dropped() {
    let mut rig = Rig::new();
    let (id, other) = rig.watch("read");
    other.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(rig.calls(), ["read"]);
    assert!((&other).write_all(b"x").is_err(), "nobody is there");
    assert!(!rig.event_loop.unwatch(id));
    assert_eq!(rig.event_loop.next_deadline(), Deadline::Never);
}

#[test]
fn an_id_that_outlived_its_errand_finds_nobody() {
    let mut rig = Rig::new();
    let (first, _other) = rig.watch("first");
    let early = rig.once("early", 1);
    assert!(rig.event_loop.unwatch(first) && rig.event_loop.cancel(early));
    let (_, mut other) = rig.watch("second");
    rig.once("late", 1);
    assert!(!rig.event_loop.unwatch(first) && !rig.event_loop.cancel(early));
    other.write_all(b"x").unwrap();
    rig.clock.advance(SECOND);
    assert_eq!(rig.calls(), ["second", "late"]);
}

#[test]
fn nothing_is_announced_after_the_end_though_somebody_holds_the_descriptor() {
    let mut rig = Rig::new();
    let (mine, mut other) = pair();
    let mine = Arc::new(mine);
    let watch = rig.event_loop.watch(Arc::clone(&mine), Interest::Readable, |_, _, _, diary| {
        diary.push("read");
        Continue(())
    });
    other.write_all(b"x").unwrap();
    assert_eq!(rig.calls(), ["read"]);
    assert!(rig.event_loop.unwatch(watch.unwrap()));
    other.write_all(b"x").unwrap();
    assert_eq!(rig.turn(), Turn::default());
}

#[test]
fn a_descriptor_is_watched_once_and_a_duplicate_of_it_beside() {
    let mut rig = Rig::new();
    let (mine, mut other) = pair();
    let (copy, mine) = (mine.try_clone().unwrap(), Arc::new(mine));
    let call = |name| {
        move |_: &mut _, _, _: &mut crate::Control<'_, Diary>, diary: &mut Diary| {
            diary.push(name);
            Continue(())
        }
    };
    let read = Interest::Readable;
    rig.event_loop.watch(Arc::clone(&mine), read, call("first")).unwrap();
    assert!(rig.event_loop.watch(Arc::clone(&mine), read, call("again")).is_err());
    let second = Interest::Both;
    rig.event_loop
        .watch(copy, second, |_, _, _, diary: &mut Diary| {
            diary.push("copy");
            Break(())
        })
        .unwrap();
    other.write_all(b"x").unwrap();
    let mut calls = rig.calls();
    calls.sort_unstable();
    assert_eq!(calls, ["copy", "first"]);
}

#[test]
fn a_budget_leaves_watches_and_timers_over_and_none_is_forgotten() {
    let mut rig = Rig::new();
    let mut watched: Vec<_> = ["a", "b", "c"].map(|name| rig.watch(name)).into();
    watched.iter_mut().for_each(|(_, other)| other.write_all(b"x").unwrap());
    for (number, name) in ["d", "e", "f"].into_iter().enumerate() {
        rig.once(name, 1 + number as u32);
    }
    rig.clock.advance(5 * SECOND);
    let budget = Budget::default().connections(1).deadlines(1);
    for left in [2, 1, 0] {
        let turn = rig.turn_within(budget);
        assert_eq!((turn.callbacks, turn.more), (2, left > 0));
    }
    // In which order a poll announces descriptors is its own affair.
    let (mut watches, timers): (Diary, Diary) =
        rig.diary.chunks(2).map(|calls| (calls[0], calls[1])).unzip();
    watches.sort_unstable();
    assert_eq!((watches, timers), (vec!["a", "b", "c"], vec!["d", "e", "f"]));
}

#[test]
fn watches_that_are_always_ready_leave_time_for_timers_and_connections() {
    struct Echo;
    impl Protocol<Diary> for Echo {
        fn received(&mut self, _: &mut Transport<'_, Diary>, diary: &mut Diary, _: &[u8]) -> usize {
            diary.push("received");
            1
        }
    }
    let mut rig = Rig::new();
    let (mine, _other) = pair();
    rig.event_loop.watch(mine, Interest::Writable, |_, _, _, _| Continue(())).unwrap();
    let (stream, mut client) = pair();
    rig.event_loop.adopt_unix_stream(stream, Echo, Limits::default()).unwrap();
    client.write_all(b"x").unwrap();
    let now = rig.clock.now();
    rig.event_loop.call_at(now, move |_, diary| {
        diary.push("timer");
        Continue(now)
    });
    for _ in 0..60 {
        rig.turn_within(Budget::until(now));
    }
    assert!(rig.diary.contains(&"received"), "{:?}", rig.diary);
    assert!(rig.diary.iter().filter(|call| **call == "timer").count() > 5, "{:?}", rig.diary);
}

#[test]
fn timers_fire_in_the_order_of_their_times_and_never_before() {
    let mut rig = Rig::new();
    rig.once("second", 2);
    rig.once("first", 1);
    let cancelled = rig.once("cancelled", 1);
    assert!(rig.event_loop.cancel(cancelled));
    assert_eq!(rig.event_loop.next_deadline(), Deadline::At(rig.clock.now() + SECOND));
    rig.clock.advance(SECOND - MILLISECOND);
    assert_eq!(rig.calls(), [""; 0]);
    rig.clock.advance(MILLISECOND);
    assert_eq!(rig.calls(), ["first"]);
    rig.clock.advance(3 * SECOND);
    let turn = rig.turn();
    assert_eq!((turn.late, turn.callbacks, turn.next), (2 * SECOND, 1, Deadline::Never));
}

#[test]
fn a_timer_goes_on_at_the_time_it_gives_once_a_turn_even_if_that_has_passed() {
    let mut rig = Rig::new();
    let start = rig.clock.now();
    let mut next = start;
    let timer = rig.event_loop.call_at(start, move |control, diary: &mut Diary| {
        assert!(control.now() >= next);
        diary.push("tick");
        next += SECOND;
        Continue(next)
    });
    assert_eq!(rig.calls(), ["tick"]);
    assert_eq!(rig.calls(), [""; 0]);
    rig.clock.advance(3 * SECOND);
    for _ in 0..3 {
        assert_eq!(rig.calls(), ["tick"]);
    }
    assert_eq!(rig.calls(), [""; 0]);
    assert!(rig.event_loop.cancel(timer) && !rig.event_loop.cancel(timer));
}

#[test]
fn a_callback_may_ask_anything_of_the_loop() {
    let mut rig = Rig::new();
    let (stream, mut client) = pair();
    struct Silent;
    impl Protocol<Diary> for Silent {
        fn received(&mut self, _: &mut Transport<'_, Diary>, _: &mut Diary, _: &[u8]) -> usize {
            0
        }
    }
    let id = rig.event_loop.adopt_unix_stream(stream, Silent, Limits::default()).unwrap();
    let (mine, mut other) = pair();
    let read = Interest::Readable;
    let watch = rig.event_loop.watch(mine, read, move |_, _, control, _: &mut Diary| {
        control.send(id, "news", crate::WhenFull::Drop);
        Break(())
    });
    watch.unwrap();
    rig.event_loop.call_at(rig.clock.now() + SECOND, move |control, _| {
        control.close(id, Closing::Abort);
        control.stop();
        Break(())
    });
    other.write_all(b"x").unwrap();
    rig.calls();
    let mut heard = [0; 9];
    assert_eq!(client.read(&mut heard).unwrap(), 4);
    rig.clock.advance(SECOND);
    let ended = [rig.turn().ended, rig.turn().ended];
    assert!(ended.contains(&Some(Ended::Stopped)), "{ended:?}");
    assert_eq!(rig.event_loop.connections().count(), 0);
}

#[test]
fn a_callback_that_panics_ends_its_errand_alone() {
    for on_panic in [OnPanic::Propagate, OnPanic::Close] {
        let mut rig = Rig::with(Config::default().on_panic(on_panic));
        let (mine, mut other) = pair();
        let read = Interest::Readable;
        let watch = rig.event_loop.watch(mine, read, |_, _, _, _| panic!("a panic on purpose"));
        let timer = rig.event_loop.call_at(rig.clock.now(), |_, _| panic!("a panic on purpose"));
        let (_, mut sound) = rig.watch("sound");
        other.write_all(b"x").unwrap();
        sound.write_all(b"x").unwrap();
        rig.once("late", 1);
        let mut panics = 0;
        for _ in 0..4 {
            let turn = panic::catch_unwind(AssertUnwindSafe(|| rig.turn()));
            panics += usize::from(turn.is_err());
            if turn.is_err() {
                assert!(rig.event_loop.has_pending(), "it is ended in the next turn");
            }
        }
        assert_eq!(panics, if on_panic == OnPanic::Close { 0 } else { 2 });
        assert!(!rig.event_loop.unwatch(watch.unwrap()) && !rig.event_loop.cancel(timer));
        assert!((&other).write_all(b"x").is_err(), "its source is dropped");
        rig.clock.advance(SECOND);
        rig.turn();
        assert_eq!(rig.diary, ["sound", "late"]);
    }
}

#[test]
fn errands_do_not_hold_up_a_drain() {
    let mut rig = Rig::new();
    let (_, _other) = rig.watch("read");
    rig.once("late", 1);
    rig.event_loop.drain(SECOND);
    assert!(matches!(rig.turn().ended, Some(Ended::Drained(_))));
}
