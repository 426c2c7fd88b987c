//! Random numbers that stay the same for ever.
//!
//! SplitMix64 (Steele, Lea, Flood: *Fast Splittable Pseudorandom Number Generators*, 2014), in
//! its own few lines: a crate may change its stream, and with it the meaning of every seed.

use std::time::Duration;

/// A stream of numbers that one seed decides, the same on every machine and for ever.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The stream of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub const fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        // The remainder's bias is below one in a million for every bound that is used here.
        self.roll() % if bound == 0 { 1 } else { bound }
    }

    /// A number from `low` to `high`, both included.
    pub const fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below((high.saturating_sub(low) as u64).saturating_add(1)) as usize
    }

    /// True once in `count` times; never where that is 0.
    pub const fn one_in(&mut self, count: u32) -> bool {
        count > 0 && self.below(count as u64) == 0
    }

    /// A time below `bound`, in whole nanoseconds.
    pub fn time_below(&mut self, bound: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// One of `choices`, which must not be empty.
    ///
    /// # Panics
    ///
    /// Where it is.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.between(0, choices.len().saturating_sub(1))]
    }

    /// Puts `items` in another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.between(0, last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_splitmix64() {
        let mut dice = Dice::new(1_234_567);
        let first: Vec<_> = (0..3).map(|_| dice.roll()).collect();
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn a_range_holds_both_its_ends_and_nothing_else() {
        let mut dice = Dice::new(0);
        let mut seen = [0; 4];
        (0..400).for_each(|_| seen[dice.between(1, 3)] += 1);
        assert_eq!(seen[0], 0);
        assert!(seen[1..].iter().all(|count| *count > 50), "{seen:?}");
        assert_eq!(dice.between(7, 7), 7);
        assert!(!dice.one_in(0) && dice.one_in(1));
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<_> = (0..20).collect();
        Dice::new(3).shuffle(&mut items);
        assert_ne!(items, (0..20).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..20).collect::<Vec<_>>());
    }
}
