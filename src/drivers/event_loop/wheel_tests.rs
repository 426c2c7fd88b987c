//! The wheel against a model that sorts, and the facts that a server leans on.

use super::*;
use std::collections::{BTreeMap, VecDeque};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
/// What the levels span: 64^6 milliseconds.
const RANGE: Duration = Duration::from_millis(1 << RANGE_BITS);

#[expect(clippy::disallowed_methods, reason = "an Instant has no other source")]
fn origin() -> Instant {
    Instant::now()
}

/// A linear congruential generator (Knuth's MMIX constants): the same every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        let product = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = product.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 20) % bound
    }

    /// Less than 2^`bits` nanoseconds, every order of magnitude as likely.
    fn span(&mut self, bits: u64) -> Duration {
        let bits = self.below(bits + 1);
        Duration::from_nanos(self.below(1 << bits))
    }
}

/// What the wheel should do, by sorting: ticks first, then the order of arming.
struct Model {
    start: Instant,
    current: u64,
    armings: u64,
    ahead: BTreeMap<(u64, u64), usize>,
    due: VecDeque<usize>,
    late: VecDeque<usize>,
    /// For each key: the instant asked for, the tick, and the number of the arming.
    armed: BTreeMap<usize, (Instant, u64, u64)>,
}

impl Model {
    fn new(start: Instant) -> Self {
        Self {
            start,
            current: 0,
            armings: 0,
            ahead: BTreeMap::new(),
            due: VecDeque::new(),
            late: VecDeque::new(),
            armed: BTreeMap::new(),
        }
    }

    fn arm(&mut self, key: usize, at: Instant) {
        let nanos = at.saturating_duration_since(self.start).as_nanos();
        let tick = nanos.div_ceil(1_000_000) as u64;
        let is_due = self.due.contains(&key) || self.late.contains(&key);
        if !is_due || tick > self.current {
            self.cancel(key);
            if tick > self.current {
                self.ahead.insert((tick, self.armings), key);
            } else {
                self.late.push_back(key);
            }
        }
        self.armed.insert(key, (at, tick, self.armings));
        self.armings += 1;
    }

    fn cancel(&mut self, key: usize) {
        if let Some((_, tick, arming)) = self.armed.remove(&key) {
            self.ahead.remove(&(tick, arming));
            self.due.retain(|&other| other != key);
            self.late.retain(|&other| other != key);
        }
    }

    fn expire(&mut self, now: Instant) {
        let tick = now.saturating_duration_since(self.start).as_millis() as u64;
        self.current = self.current.max(tick);
        self.due.append(&mut self.late);
        let rest = self.ahead.split_off(&(self.current + 1, 0));
        let found = std::mem::replace(&mut self.ahead, rest);
        self.due.extend(found.into_values());
    }

    fn pop_due(&mut self) -> Option<(usize, Instant)> {
        let key = self.due.pop_front()?;
        let (at, _, _) = self.armed.remove(&key)?;
        Some((key, at))
    }

    fn armed_at(&self, key: usize) -> Option<Instant> {
        let (_, tick, _) = self.armed.get(&key)?;
        Some(self.start + Duration::from_millis(*tick))
    }

    fn earliest(&self) -> Option<Instant> {
        let (&(tick, _), _) = self.ahead.first_key_value()?;
        Some(self.start + Duration::from_millis(tick))
    }
}

/// Expires both, pops up to `budget` from both and compares.
fn turn(wheel: &mut TimerWheel, model: &mut Model, now: Instant, budget: u64) {
    wheel.expire(now);
    model.expire(now);
    for _ in 0..budget {
        let fired = model.pop_due();
        assert_eq!(wheel.pop_due(), fired.map(|(key, _)| key));
        let Some((_, at)) = fired else {
            for (at, _, _) in model.armed.values() {
                assert!(now < *at + MILLISECOND, "more than 1 ms late");
            }
            return;
        };
        assert!(now >= at, "{:?} early", at - now);
    }
}

/// Random arming, moving, cancelling and advancing; spans up to 2^`bits` ns.
fn agrees_with_the_model(seed: u64, steps: u32, keys: u64, bits: u64) {
    let start = origin();
    let mut random = Random(seed);
    let mut wheel = TimerWheel::new(start);
    let mut model = Model::new(start);
    let mut now = start;
    for step in 0..steps {
        let key = random.below(keys) as usize;
        match random.below(16) {
            0..8 => {
                let at = now + random.span(bits);
                wheel.arm(key, at);
                model.arm(key, at);
            }
            8 => {
                let at = now.checked_sub(random.span(30)).unwrap_or(now);
                wheel.arm(key, at);
                model.arm(key, at);
            }
            9..12 => {
                wheel.cancel(key);
                model.cancel(key);
            }
            12 if model.earliest().is_some_and(|at| at > now) => {
                now = wheel.next_deadline().expect("the model has a timer").max(now);
                turn(&mut wheel, &mut model, now, u64::MAX);
            }
            kind => {
                now += random.span(if kind == 15 { bits } else { 24 });
                let budget = if random.below(3) == 0 { 2 } else { u64::MAX };
                turn(&mut wheel, &mut model, now, budget);
            }
        }
        assert_eq!(wheel.len(), model.armed.len(), "step {step}");
        assert_eq!(wheel.is_empty(), model.armed.is_empty(), "step {step}");
        assert_eq!(wheel.armed_at(key), model.armed_at(key), "step {step}");
        let next = wheel.next_deadline();
        if model.due.is_empty() && model.late.is_empty() {
            assert_eq!(next.is_some(), model.earliest().is_some(), "step {step}");
            assert!(next <= model.earliest(), "late at step {step}");
            let reached = start + Duration::from_millis(model.current);
            assert!(next.is_none_or(|at| at > reached), "spins at step {step}");
        } else {
            assert!(next.is_some_and(|at| at <= now), "sleeps at step {step}");
        }
        if step % 16 == 0 {
            wheel.check_invariants();
        }
    }
}

#[test]
fn near_timers_fire_exactly_as_in_a_sorted_model() {
    agrees_with_the_model(1, 250_000, 60, 28);
}

#[test]
fn timers_minutes_and_hours_away_fire_exactly_as_in_a_sorted_model() {
    agrees_with_the_model(2, 150_000, 200, 43);
}

#[test]
fn timers_up_to_eighteen_years_away_fire_exactly_as_in_a_sorted_model() {
    agrees_with_the_model(3, 100_000, 100, 59);
}

#[test]
fn a_timer_never_fires_before_its_instant_and_at_most_a_millisecond_after() {
    let start = origin();
    for nanos in [1, 999_999, 1_000_000, 1_000_001, 63_999_999, 64_000_001] {
        let mut wheel = TimerWheel::new(start);
        let at = start + Duration::from_nanos(nanos);
        wheel.arm(0, at);
        wheel.expire(at - Duration::from_nanos(1));
        assert_eq!(wheel.pop_due(), None, "{nanos} ns");
        let rounded = wheel.armed_at(0).expect("it is armed");
        assert!(rounded >= at && rounded - at < MILLISECOND, "{nanos} ns");
        assert_eq!(wheel.next_deadline(), Some(rounded));
        wheel.expire(rounded);
        assert_eq!(wheel.pop_due(), Some(0), "{nanos} ns");
    }
}

#[test]
fn following_next_deadline_wakes_once_per_tick_while_nothing_is_cancelled() {
    let start = origin();
    let mut random = Random(4);
    let mut wheel = TimerWheel::new(start);
    let mut ticks = std::collections::BTreeSet::new();
    for key in 0..20_000 {
        wheel.arm(key, start + MILLISECOND + random.span(59));
        ticks.insert(wheel.armed_at(key).expect("it was just armed"));
    }
    for tick in ticks {
        assert_eq!(wheel.next_deadline(), Some(tick));
        wheel.expire(tick);
        assert!(wheel.pop_due().is_some());
        while wheel.pop_due().is_some() {}
    }
    assert!(wheel.is_empty());
}

#[test]
fn a_cancelled_earliest_timer_costs_one_vain_wake_up_a_level() {
    let start = origin();
    let last = start + RANGE - MILLISECOND;
    let mut wheel = TimerWheel::new(start);
    wheel.arm(0, last);
    for level in (1..LEVELS as u32).rev() {
        let slot = Duration::from_millis(1 << (level * DIGIT_BITS));
        let earlier = start + RANGE - slot + MILLISECOND;
        wheel.arm(1, earlier);
        wheel.cancel(1);
        assert_eq!(wheel.next_deadline(), Some(earlier), "level {level}");
        wheel.expire(earlier);
        assert_eq!(wheel.pop_due(), None, "level {level}");
        assert_eq!(wheel.next_deadline(), Some(last), "level {level}");
    }
}

#[test]
fn a_million_rearms_leave_the_memory_as_it_was() {
    let start = origin();
    let mut random = Random(5);
    let mut wheel = TimerWheel::new(start);
    for key in 0..1000 {
        wheel.arm(key, start + HOUR);
    }
    let capacity = wheel.nodes.capacity();
    for step in 0..1_000_000 {
        wheel.arm(random.below(1000) as usize, start + random.span(50));
        if step % 1000 == 0 {
            wheel.check_invariants();
        }
    }
    assert_eq!(wheel.nodes.capacity(), capacity);
    assert_eq!(wheel.len(), 1000);
    assert_eq!(size_of::<Node>(), 16);
}

#[test]
fn a_timer_that_rearms_itself_without_delay_fires_once_a_turn() {
    let start = origin();
    let now = start + HOUR;
    let mut wheel = TimerWheel::new(start);
    wheel.arm(0, now);
    for turn in 0..1000 {
        // The clock stands still; only the turns go on.
        wheel.expire(now);
        assert_eq!(wheel.pop_due(), Some(0), "turn {turn}");
        wheel.arm(0, if turn % 2 == 0 { now } else { start });
        assert_eq!(wheel.pop_due(), None, "turn {turn}");
        assert!(wheel.next_deadline().is_some_and(|at| at <= now));
        wheel.check_invariants();
    }
}

#[test]
fn a_turn_out_of_budget_loses_no_timer_and_goes_on_where_it_stopped() {
    let start = origin();
    let mut wheel = TimerWheel::new(start);
    for key in 0..5 {
        wheel.arm(key, start + MILLISECOND);
    }
    let now = start + 2 * MILLISECOND;
    wheel.expire(now);
    assert_eq!([wheel.pop_due(), wheel.pop_due()], [Some(0), Some(1)]);
    wheel.arm(0, now);
    // Already due: keeps its place, goes away, goes to a later time.
    wheel.arm(2, start);
    wheel.cancel(3);
    wheel.arm(4, now + HOUR);
    assert!(wheel.next_deadline().is_some_and(|at| at <= now));
    wheel.expire(now);
    assert_eq!([wheel.pop_due(), wheel.pop_due()], [Some(2), Some(0)]);
    assert_eq!(wheel.pop_due(), None);
    assert_eq!(wheel.next_deadline(), Some(now + HOUR));
}

#[test]
fn a_jump_of_ten_hours_fires_what_was_passed_in_order_and_nothing_else() {
    let start = origin();
    let mut wheel = TimerWheel::new(start);
    wheel.arm(3, start + 10 * HOUR + MILLISECOND);
    wheel.arm(2, start + 10 * HOUR);
    wheel.arm(1, start + HOUR);
    wheel.arm(0, start + MILLISECOND);
    wheel.expire(start + 10 * HOUR);
    assert_eq!(std::iter::from_fn(|| wheel.pop_due()).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(wheel.next_deadline(), Some(start + 10 * HOUR + MILLISECOND));
    wheel.check_invariants();
}

#[test]
fn a_timer_beyond_the_range_fires_on_its_tick() {
    let start = origin();
    for at in [start + RANGE, start + 3 * RANGE + HOUR, start + 50 * RANGE] {
        let mut wheel = TimerWheel::new(start);
        wheel.arm(0, at);
        // One that keeps the bound of `FAR` too low once it is gone.
        wheel.arm(1, start + RANGE);
        wheel.cancel(1);
        wheel.expire(at - MILLISECOND);
        assert_eq!(wheel.pop_due(), None);
        wheel.check_invariants();
        assert_eq!(wheel.next_deadline(), Some(at));
        wheel.expire(at);
        assert_eq!(wheel.pop_due(), Some(0));
    }
}

#[test]
fn the_farthest_instant_there_is_can_be_armed() {
    let start = origin();
    let mut farthest = start;
    for bit in (0..63).rev() {
        let further = farthest.checked_add(Duration::from_secs(1 << bit));
        farthest = further.unwrap_or(farthest);
    }
    let mut wheel = TimerWheel::new(start);
    wheel.arm(0, farthest);
    assert!(wheel.next_deadline().is_some_and(|at| at > start + 50 * RANGE));
    wheel.expire(start + 50 * RANGE);
    assert_eq!(wheel.pop_due(), None);
    wheel.expire(farthest);
    wheel.check_invariants();
}

#[test]
fn a_clock_that_goes_back_changes_nothing() {
    let start = origin();
    let mut wheel = TimerWheel::new(start);
    wheel.expire(start + HOUR);
    wheel.arm(0, start + HOUR + MILLISECOND);
    wheel.expire(start);
    wheel.check_invariants();
    assert_eq!(wheel.pop_due(), None);
    assert_eq!(wheel.next_deadline(), Some(start + HOUR + MILLISECOND));
    wheel.expire(start + HOUR + MILLISECOND);
    assert_eq!(wheel.pop_due(), Some(0));
}

#[test]
fn a_key_can_be_used_again_and_an_unknown_one_is_not_armed() {
    let start = origin();
    let mut wheel = TimerWheel::new(start);
    wheel.cancel(7);
    assert_eq!(wheel.armed_at(7), None);
    assert_eq!(wheel.next_deadline(), None);
    for round in 1..=3 {
        let at = start + round * HOUR;
        wheel.arm(7, at);
        wheel.cancel(7);
        wheel.cancel(7);
        assert!(wheel.is_empty() && wheel.armed_at(7).is_none());
        assert_eq!(wheel.next_deadline(), None);
        wheel.arm(7, at);
        assert_eq!((wheel.len(), wheel.armed_at(7)), (1, Some(at)));
        wheel.expire(at);
        assert_eq!((wheel.pop_due(), wheel.pop_due()), (Some(7), None));
    }
    assert_eq!(wheel.nodes.len(), LISTS as usize + 8);
}
