//! From slices to a round: sums, and the median ratio of neighbours.
//!
//! What the machine does meanwhile meets neighbouring slices alike, so their
//! ratio is far steadier than either figure: a slice is compared with what the
//! other server cost at that time, which lies on the line between its slices
//! before and after. The median over the slices of a round throws out those that
//! a neighbour on the machine fell into.

use crate::load::Tally;
use crate::report::model::{Latency, Round};
use crate::table::Spread;

/// What one server did in one slice.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// When, on the clock of its round.
    pub(crate) at_ns: u64,
    /// Units, or bytes where the unit is a multiple of them.
    pub(crate) amount: u64,
    pub(crate) elapsed_ns: u64,
    pub(crate) server_cpu_ns: u64,
    pub(crate) load_cpu_ns: u64,
    pub(crate) load_idle_ns: u64,
}

impl Sample {
    /// What the load said of a slice, and what the server spent in it. What it spent on those
    /// who disturb is part of what the others' requests cost beside them.
    pub(crate) fn of(tally: &Tally, server_cpu_ns: u64, counts_bytes: bool) -> Self {
        Self {
            at_ns: 0,
            amount: if counts_bytes { tally.bytes } else { tally.requests },
            elapsed_ns: tally.elapsed_ns,
            server_cpu_ns,
            load_cpu_ns: tally.cpu_ns,
            load_idle_ns: tally.idle_ns,
        }
    }

    fn add(&mut self, other: &Self) {
        self.amount += other.amount;
        self.elapsed_ns += other.elapsed_ns;
        self.server_cpu_ns += other.server_cpu_ns;
        self.load_cpu_ns += other.load_cpu_ns;
        self.load_idle_ns += other.load_idle_ns;
    }

    /// None when nothing was done or nothing was counted.
    fn cost(&self) -> Option<f64> {
        (self.amount > 0 && self.server_cpu_ns > 0)
            .then(|| self.server_cpu_ns as f64 / self.amount as f64)
    }
}

/// The slices of one server in one round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slices(pub(crate) Vec<Sample>);

impl Slices {
    /// Their sum, with the ratios to two servers that took turns with this one.
    pub(crate) fn round(&self, per_unit: u64, limit: Option<&Self>, ours: Option<&Self>) -> Round {
        let mut sum = Sample::default();
        for sample in &self.0 {
            sum.add(sample);
        }
        Round {
            units: sum.amount / per_unit,
            elapsed_ns: sum.elapsed_ns,
            server_cpu_ns: sum.server_cpu_ns,
            load_cpu_ns: sum.load_cpu_ns,
            load_idle_ns: sum.load_idle_ns,
            ratio_to_limit: limit.and_then(|limit| self.ratio_to(limit)),
            ratio_to_ours: ours.and_then(|ours| self.ratio_to(ours)),
        }
    }

    fn ratio_to(&self, other: &Self) -> Option<f64> {
        let ratio = |its: &Sample| Some(its.cost()? / other.cost_at(its.at_ns)?);
        let ratios: Vec<f64> = self.0.iter().filter_map(ratio).collect();
        (!ratios.is_empty()).then(|| Spread::of(ratios.into_iter()).median)
    }

    /// What a unit cost at a time: between two slices what lies between their costs.
    fn cost_at(&self, at_ns: u64) -> Option<f64> {
        let known = || self.0.iter().filter_map(|its| Some((its.at_ns, its.cost()?)));
        let before = known().rfind(|(time, _)| *time <= at_ns);
        let after = known().find(|(time, _)| *time >= at_ns);
        match (before, after) {
            (Some((first, from)), Some((second, to))) if second > first => {
                let part = (at_ns - first) as f64 / (second - first) as f64;
                Some(from + (to - from) * part)
            }
            (Some((_, cost)), _) | (None, Some((_, cost))) => Some(cost),
            (None, None) => None,
        }
    }

    /// Units in a second.
    pub(crate) fn throughput(&self) -> f64 {
        let amount: u64 = self.0.iter().map(|sample| sample.amount).sum();
        let nanoseconds: u64 = self.0.iter().map(|sample| sample.elapsed_ns).sum();
        amount as f64 * 1e9 / nanoseconds.max(1) as f64
    }
}

/// Each figure's median over the rounds: one bad moment of the machine is in one
/// round's tail, and what a server does to its clients is in all.
pub(crate) fn typical(all: &[Latency]) -> Option<Latency> {
    let first = all.first()?;
    let median = |figure: fn(&Latency) -> u64| {
        Spread::of(all.iter().map(|one| figure(one) as f64)).median as u64
    };
    Some(Latency {
        rate_per_second: first.rate_per_second,
        p50_ns: median(|one| one.p50_ns),
        p99_ns: median(|one| one.p99_ns),
        p999_ns: median(|one| one.p999_ns),
        max_ns: median(|one| one.max_ns),
    })
}

/// A quarter of what a server can do, in two digits: one that costs three times
/// as much still keeps up.
pub(crate) fn quarter(throughput: f64) -> u64 {
    let quarter = throughput / 4.0;
    let step = 10_f64.powf(quarter.max(10.0).log10().floor() - 1.0);
    ((quarter / step).round() * step).max(1.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slices of these costs, one each second from `begin` on.
    fn slices(begin: u64, costs: &[u64]) -> Slices {
        let sample = |(second, &server_cpu_ns): (u64, &u64)| Sample {
            at_ns: second * 1_000,
            amount: 10,
            elapsed_ns: 1_000,
            server_cpu_ns,
            ..Sample::default()
        };
        Slices((begin..).zip(costs).map(sample).collect())
    }

    #[test]
    fn a_ratio_is_the_median_of_neighbours_and_not_of_sums() {
        let limit = slices(0, &[100, 1_000, 100]);
        let round = slices(0, &[150, 1_500, 9_000]).round(1, Some(&limit), None);
        assert_eq!(round.ratio_to_limit, Some(1.5));
        assert_eq!((round.units, round.server_cpu_ns, round.ratio_to_ours), (30, 10_650, None));
    }

    #[test]
    fn a_slice_is_compared_with_what_the_other_cost_at_that_time() {
        let mut limit = slices(0, &[100, 200]);
        limit.0[1].at_ns = 4_000;
        let ratio = |second| slices(second, &[150]).ratio_to(&limit);
        // Before, on the line, at its end, behind it.
        assert_eq!([0, 2, 4, 9].map(ratio), [Some(1.5), Some(1.0), Some(0.75), Some(0.75)]);
        assert_eq!(limit.ratio_to(&limit), Some(1.0));
    }

    #[test]
    fn a_slice_in_which_nothing_was_done_has_no_ratio() {
        let mut idle = slices(0, &[100, 100]);
        idle.0[0].amount = 0;
        let round = idle.round(1, Some(&slices(0, &[50, 50])), None);
        assert_eq!(round.ratio_to_limit, Some(2.0));
        let nothing = slices(0, &[200]).round(1, Some(&slices(0, &[])), None);
        assert_eq!(nothing.ratio_to_limit, None);
    }

    #[test]
    fn a_quarter_has_two_digits() {
        assert_eq!(quarter(123_456.0), 31_000);
        assert_eq!(quarter(4_400.0), 1_100);
        assert_eq!(quarter(40.0), 10);
        assert_eq!(quarter(0.0), 1);
    }
}
