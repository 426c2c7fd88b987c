//! What may be concluded from a scenario's figures: who is ahead of whom, and
//! where nothing can be said.
//!
//! Servers are compared by CPU time for each unit, as a ratio to the limit's
//! where it took part (taken in neighbouring slices, it is the steadier
//! figure), else to our event loop's, else as it is; and two by two, see [`pair`](super::pair).
//! What is shown is the median over the rounds, and the spread that decides about
//! noise that of the middle half of them.
//!
//! - A figure is *noisy* when that spread is more than [`NOISY`] of the median.
//! - A server's place is how many are ahead of it. It is *doubtful* when its
//!   order with anyone is.
//! - A server is *not ranked* when it left its core idle while the load did
//!   not: then the load decided what was measured. Neither is one that such a
//!   server seems to be ahead of: whether it is cannot be said.

use std::cmp::Ordering;

use super::model::{Family, Figures, Outcome, Report, Round, ScenarioResult, ServerInfo};
use super::pair::Pair;
use crate::table::Spread;

/// A spread of more than this part of the median is noise.
pub(crate) const NOISY: f64 = 0.05;
/// A server with less than this on its core was not the busy side.
pub(crate) const LEAST_SERVER_BUSY: f64 = 0.90;
/// A load with less idle time than this may have held the server back.
pub(crate) const LEAST_LOAD_IDLE: f64 = 0.02;

/// A scenario with its judgement.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) scenario: &'a ScenarioResult,
    /// The measured rows, in the report's order.
    pub(crate) standings: Vec<Standing<'a>>,
    /// Who could not be measured, and why.
    pub(crate) refused: Vec<(&'a str, &'a str)>,
    basis: Basis,
}

/// One server's figures over all rounds, and its place.
#[derive(Debug)]
pub(crate) struct Standing<'a> {
    pub(crate) server: &'a ServerInfo,
    pub(crate) figures: &'a Figures,
    /// Nanoseconds of server CPU for each unit.
    pub(crate) cost: Spread,
    pub(crate) to_limit: Option<Spread>,
    pub(crate) to_ours: Option<Spread>,
    pub(crate) per_second: Spread,
    /// The part of its core's time that the server used.
    pub(crate) server_busy: f64,
    /// The part of its time in which the load had something to do.
    pub(crate) load_busy: f64,
    pub(crate) place: Place,
    /// Whether the figure that it is compared by is noisy.
    pub(crate) is_noisy: bool,
    /// Whether noise may have put it where it is.
    pub(crate) is_doubtful: bool,
}

/// Where a server stands in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// So many are ahead of it, and whether it ties with somebody.
    Behind { ahead: usize, ties: bool },
    /// The load was the busy side.
    NotRanked,
    /// Somebody who is not ranked seems to be ahead of it.
    Unknown,
}

impl Place {
    /// Whether it is one.
    pub(crate) const fn is_known(self) -> bool {
        matches!(self, Self::Behind { .. })
    }
}

/// Judges one scenario.
pub(crate) fn judge<'a>(report: &'a Report, scenario: &'a ScenarioResult) -> Judged<'a> {
    let mut standings = Vec::new();
    let mut refused = Vec::new();
    for row in &scenario.rows {
        let server = report.servers.iter().find(|server| server.name == row.server);
        match (&row.outcome, server) {
            (Outcome::Measured(figures), Some(server)) => {
                standings.push(Standing::of(server, figures));
            }
            (Outcome::Refused { why }, _) => refused.push((row.server.as_str(), why.as_str())),
            // A file with such a row is refused when it is read.
            (Outcome::Measured(_), None) => {}
        }
    }
    let basis = Basis::of(&standings);
    let places: Vec<Place> = standings.iter().map(|its| place(its, &standings, basis)).collect();
    for (standing, place) in standings.iter_mut().zip(places) {
        standing.is_noisy = is_noisy(basis.figure(standing));
        standing.place = place;
    }
    let doubts: Vec<bool> =
        standings.iter().map(|its| is_doubtful(its, &standings, basis)).collect();
    for (standing, is_doubtful) in standings.iter_mut().zip(doubts) {
        standing.is_doubtful = is_doubtful;
    }
    Judged { scenario, standings, refused, basis }
}

fn place(its: &Standing<'_>, all: &[Standing<'_>], basis: Basis) -> Place {
    if !its.may_be_ranked() {
        return Place::NotRanked;
    }
    let (mut ahead, mut ties) = (0, false);
    for other in its.others(all) {
        match basis.pair(other, its).order {
            Ordering::Less if !other.may_be_ranked() => return Place::Unknown,
            Ordering::Less => ahead += 1,
            Ordering::Equal => ties |= other.may_be_ranked(),
            Ordering::Greater => {}
        }
    }
    Place::Behind { ahead, ties }
}

/// Whether noise may have put a server where it is, among those that have places.
fn is_doubtful(its: &Standing<'_>, all: &[Standing<'_>], basis: Basis) -> bool {
    let mut others = its.others(all).filter(|other| other.place.is_known());
    others.any(|other| !basis.pair(its, other).is_sure)
}

/// What servers are compared by: the same figure for all of a scenario.
#[derive(Clone, Copy, Debug)]
enum Basis {
    ToLimit,
    ToOurs,
    Cost,
}

impl Basis {
    fn of(all: &[Standing<'_>]) -> Self {
        if all.iter().all(|standing| standing.to_limit.is_some()) {
            Self::ToLimit
        } else if all.iter().all(|standing| standing.to_ours.is_some()) {
            Self::ToOurs
        } else {
            Self::Cost
        }
    }

    /// How two stand to each other by it.
    fn pair(self, one: &Standing<'_>, other: &Standing<'_>) -> Pair {
        let rounds = one.figures.rounds.iter().zip(&other.figures.rounds);
        Pair::of(rounds.map(|(one, other)| self.in_round(one) / self.in_round(other)))
    }

    fn figure(self, standing: &Standing<'_>) -> Spread {
        Spread::of(standing.figures.rounds.iter().map(|round| self.in_round(round)))
    }

    fn in_round(self, round: &Round) -> f64 {
        let ratio = match self {
            Self::ToLimit => round.ratio_to_limit,
            Self::ToOurs => round.ratio_to_ours,
            Self::Cost => None,
        };
        // Every round has the ratio that is the basis.
        ratio.unwrap_or_else(|| cost(round))
    }
}

impl<'a> Judged<'a> {
    /// The standings as they are ranked, those that are ahead first.
    pub(crate) fn in_order(&self) -> Vec<&Standing<'a>> {
        let median = |its: &Standing<'_>| self.basis.figure(its).median;
        let mut standings: Vec<_> = self.standings.iter().collect();
        standings.sort_by(|one, other| median(one).total_cmp(&median(other)));
        standings
    }

    /// How two servers stand to each other, unless one has no place.
    pub(crate) fn pair(&self, one: &str, other: &str) -> Option<Pair> {
        let named = |name: &str| self.ranked().find(|its| its.server.name == name);
        Some(self.basis.pair(named(one)?, named(other)?))
    }

    /// Those that have a place.
    fn ranked(&self) -> impl Iterator<Item = &Standing<'a>> {
        self.standings.iter().filter(|its| its.place.is_known())
    }
}

impl<'a> Standing<'a> {
    fn of(server: &'a ServerInfo, figures: &'a Figures) -> Self {
        let spread = |figure: fn(&Round) -> f64| Spread::of(figures.rounds.iter().map(figure));
        let ratio = |figure: fn(&Round) -> Option<f64>| {
            let ratios: Option<Vec<f64>> = figures.rounds.iter().map(figure).collect();
            ratios.map(|ratios| Spread::of(ratios.into_iter()))
        };
        let share = |part: u64, round: &Round| part as f64 / round.elapsed_ns as f64;
        let busy = figures.rounds.iter().map(|round| share(round.server_cpu_ns, round));
        let idle = figures.rounds.iter().map(|round| share(round.load_idle_ns, round));
        Self {
            server,
            figures,
            cost: spread(cost),
            to_limit: ratio(|round| round.ratio_to_limit),
            to_ours: ratio(|round| round.ratio_to_ours),
            per_second: spread(|round| round.units as f64 * 1e9 / round.elapsed_ns as f64),
            server_busy: Spread::of(busy).median,
            load_busy: 1.0 - Spread::of(idle).median,
            place: Place::NotRanked,
            is_noisy: false,
            is_doubtful: false,
        }
    }

    fn others<'b>(&self, all: &'b [Self]) -> impl Iterator<Item = &'b Self> {
        all.iter().filter(|other| other.server.name != self.server.name)
    }

    fn may_be_ranked(&self) -> bool {
        self.server_busy >= LEAST_SERVER_BUSY || 1.0 - self.load_busy >= LEAST_LOAD_IDLE
    }

    pub(crate) fn is_limit(&self) -> bool {
        self.server.family == Family::Limit
    }
}

/// Nanoseconds of server CPU for each unit.
fn cost(round: &Round) -> f64 {
    round.server_cpu_ns as f64 / round.units as f64
}

/// Whether the rounds disagree too much about a figure.
pub(crate) fn is_noisy(figure: Spread) -> bool {
    figure.high - figure.low > NOISY * figure.median
}

/// How much of what a report says about order noise may have made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doubts {
    /// Servers with a place, over all scenarios, and how many of these are doubtful.
    pub(crate) places: (usize, usize),
    /// Pairs of them, and of how many the order is.
    pub(crate) pairs: (usize, usize),
}

impl Doubts {
    pub(crate) fn about(report: &Report) -> Self {
        let mut found = Self::default();
        for scenario in &report.scenarios {
            let judged = judge(report, scenario);
            let ranked: Vec<_> = judged.ranked().collect();
            for (index, its) in ranked.iter().enumerate() {
                found.places.0 += 1;
                found.places.1 += usize::from(its.is_doubtful);
                for other in &ranked[index + 1..] {
                    found.pairs.0 += 1;
                    found.pairs.1 += usize::from(!judged.basis.pair(its, other).is_sure);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{figures, report, scenario};
    use super::*;

    /// The places of servers whose rounds had these ratios to the limit.
    fn places(ratios: &[&[f64]]) -> Vec<Place> {
        let mut report = report();
        let rows: Vec<_> = ratios.iter().map(|ratios| figures(ratios)).collect();
        report.scenarios = vec![scenario(&mut report.servers, rows)];
        let judged = judge(&report, &report.scenarios[0]);
        judged.standings.iter().map(|standing| standing.place).collect()
    }

    fn behind(ahead: usize, ties: bool) -> Place {
        Place::Behind { ahead, ties }
    }

    #[test]
    fn servers_are_ranked_whatever_their_rounds_have_in_common() {
        let found = places(&[&[1.2, 1.21, 1.92], &[1.0, 1.0, 1.6], &[1.5, 1.5, 2.4]]);
        assert_eq!(found, [behind(1, false), behind(0, false), behind(2, false)]);
    }

    #[test]
    fn servers_of_which_each_was_ahead_in_a_round_tie() {
        let found = places(&[&[1.0, 1.1, 1.2], &[1.15, 1.05, 1.4], &[2.0, 2.0, 2.0]]);
        assert_eq!(found, [behind(0, true), behind(0, true), behind(2, false)]);
    }

    #[test]
    fn steady_servers_that_are_near_each_other_tie() {
        assert_eq!(places(&[&[1.0, 1.0], &[1.01, 1.01]]), [behind(0, true), behind(0, true)]);
    }

    #[test]
    fn a_lonely_outlier_among_many_rounds_is_no_noise() {
        let steady = Spread::of([1.0, 1.01, 1.0, 1.02, 9.0].into_iter());
        let torn = Spread::of([1.0, 1.1, 1.0, 1.2, 1.3].into_iter());
        assert_eq!((is_noisy(steady), is_noisy(torn)), (false, true));
    }

    #[test]
    fn a_server_is_not_ranked_when_the_load_was_the_busy_side() {
        let mut report = report();
        let mut held_back = figures(&[1.0]);
        for round in &mut held_back.rounds {
            round.server_cpu_ns = round.elapsed_ns / 2;
            round.load_idle_ns = round.elapsed_ns / 100;
        }
        let mut waited_for = held_back.clone();
        for round in &mut waited_for.rounds {
            round.load_idle_ns = round.elapsed_ns / 2;
        }
        let rows = vec![held_back, waited_for, figures(&[2.0])];
        report.scenarios = vec![scenario(&mut report.servers, rows)];
        let judged = judge(&report, &report.scenarios[0]);
        let found: Vec<_> = judged.standings.iter().map(|standing| standing.place).collect();
        assert_eq!(found, [Place::NotRanked, behind(0, false), Place::Unknown]);
    }

    #[test]
    fn where_the_limit_has_no_part_our_loop_is_the_measure_and_without_it_the_cost() {
        let judged_by = |ratios: [Option<f64>; 2]| {
            let mut report = report();
            let mut rows = vec![figures(&[1.2; 3]), figures(&[1.0; 3])];
            for (figures, ratio) in rows.iter_mut().zip(ratios) {
                for round in &mut figures.rounds {
                    (round.ratio_to_limit, round.ratio_to_ours) = (None, ratio);
                }
            }
            report.scenarios = vec![scenario(&mut report.servers, rows)];
            let judged = judge(&report, &report.scenarios[0]);
            judged.standings.iter().map(|standing| standing.place).collect::<Vec<_>>()
        };
        let ours = judged_by([Some(1.0), Some(1.1)]);
        assert_eq!(ours, [behind(0, false), behind(1, false)]);
        assert_eq!(judged_by([Some(1.0), None]), [behind(1, false), behind(0, false)]);
    }

    #[test]
    fn servers_are_shown_in_the_order_of_their_places() {
        let mut report = report();
        let mut slow = figures(&[1.5; 3]);
        // It was asked in better times: each unit cost less than the others'.
        slow.rounds.iter_mut().for_each(|round| round.server_cpu_ns /= 10);
        report.scenarios =
            vec![scenario(&mut report.servers, vec![slow, figures(&[1.2; 3]), figures(&[1.0; 3])])];
        let judged = judge(&report, &report.scenarios[0]);
        let names: Vec<_> = judged.in_order().iter().map(|its| its.server.name.as_str()).collect();
        assert_eq!(names, ["c", "b", "a"]);
    }

    #[test]
    fn a_ranking_is_doubtful_if_noise_could_have_made_it() {
        let doubtful = |ratios: &[&[f64]]| {
            let mut report = report();
            let rows = ratios.iter().map(|ratios| figures(ratios)).collect();
            report.scenarios = vec![scenario(&mut report.servers, rows)];
            let Doubts { places, pairs } = Doubts::about(&report);
            [places, pairs]
        };
        let noisy: &[f64] = &[3.0, 3.1, 3.2];
        assert_eq!(doubtful(&[&[1.0; 3], noisy]), [(2, 0), (1, 0)], "it is far behind");
        assert_eq!(
            doubtful(&[&[1.0; 3], &[2.92; 3], noisy]),
            [(3, 2), (3, 1)],
            "it is just behind"
        );
        assert_eq!(doubtful(&[&[1.0; 3], &[3.05; 3], noisy]), [(3, 0), (3, 0)], "they tie anyway");
        let quiet = doubtful(&[&[1.0, 1.01, 1.02], &[1.05, 1.06, 1.07]]);
        assert_eq!(quiet, [(2, 0), (1, 0)], "no noise");
    }
}
