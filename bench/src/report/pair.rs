//! Which of two servers is ahead, and whether noise may have said so.
//!
//! They are compared round by round: what the one cost, over what the other
//! cost in the same round. What a bad moment did to the limit, by which both are
//! measured, moves both figures and not their order. Quotients are compared by
//! their logarithms, so that it does not matter who is named first.
//!
//! - One is *ahead* when it was in every round that both have, and by [`NEAR`] in
//!   the median; otherwise they *tie*: this run does not tell them apart. One bad
//!   round is enough for that, because a tie claims nothing.
//! - Their order is *doubtful* when the quotient is noisy and its middle half
//!   would say another if it were twice as wide: not every noise puts one server
//!   before another.

use std::cmp::Ordering;

use super::judge::NOISY;
use crate::table::Spread;

/// Who costs less by less than this part is not told apart: what the limit
/// measured against itself can be off by in a run.
pub(super) const NEAR: f64 = 0.02;

/// How two servers stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// Less: the one is ahead of the other. Equal: they tie.
    pub(super) order: Ordering,
    /// Whether noise cannot have made it.
    pub(super) is_sure: bool,
}

impl Pair {
    /// Judges what the one cost over what the other did, in each round.
    pub(super) fn of(quotients: impl Iterator<Item = f64>) -> Self {
        let Spread { median, low, high, min, max } = Spread::of(quotients.map(f64::ln));
        let order = order_of(min, median, max);
        let twice = order_of(2.0 * low - median, median, 2.0 * high - median);
        Self { order, is_sure: high - low <= NOISY || order == twice }
    }
}

/// The order by logarithms of quotients.
fn order_of(least: f64, median: f64, most: f64) -> Ordering {
    let is_near = median.abs() < -(1.0 - NEAR).ln();
    if most < 0.0 && !is_near {
        Ordering::Less
    } else if least > 0.0 && !is_near {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order by these rounds, and whether it is sure.
    fn judged(rounds: &[f64]) -> (Ordering, bool) {
        let Pair { order, is_sure } = Pair::of(rounds.iter().copied());
        let swapped = Pair::of(rounds.iter().map(|quotient| 1.0 / quotient));
        assert_eq!(swapped, Pair { order: order.reverse(), is_sure }, "whoever is named first");
        (order, is_sure)
    }

    #[test]
    fn who_was_ahead_in_every_round_is_ahead() {
        assert_eq!(judged(&[0.9, 0.91, 0.92]), (Ordering::Less, true));
        assert_eq!(judged(&[1.1, 1.11, 1.12]), (Ordering::Greater, true));
        assert_eq!(judged(&[0.9, 0.91, 0.92, 0.93, 1.01]), (Ordering::Equal, true));
    }

    #[test]
    fn who_is_ahead_by_little_ties() {
        assert_eq!(judged(&[0.985; 5]), (Ordering::Equal, true));
        assert_eq!(judged(&[1.015; 5]), (Ordering::Equal, true));
    }

    #[test]
    fn a_noisy_order_is_doubtful_unless_it_is_far_from_another() {
        assert_eq!(judged(&[0.9, 0.93, 0.95, 0.99, 0.99]), (Ordering::Less, false));
        assert_eq!(judged(&[0.4, 0.43, 0.45, 0.49, 0.49]), (Ordering::Less, true));
        // One round alone speaks against it.
        assert_eq!(judged(&[0.7, 0.7, 0.73, 0.77, 1.1]), (Ordering::Equal, false));
    }
}
