//! Whether two reports say the same: of every two servers that both rank, and whose order noise
//! would not change in either, who is ahead.
//!
//! Two reports *contradict* each other about a pair when each has another one ahead. Where one
//! has them tie and the other does not, they do not: the one could not tell them apart. Scenarios
//! of the same name and another size (`--quick` has such) are not compared.

use std::cmp::Ordering;
use std::fmt;

use super::judge::judge;
use super::model::{Report, ScenarioResult};
use crate::failure::{Failure, Outcome};

/// What two reports have in common.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Agreement {
    /// Pairs that both rank, at least one of them in doubt.
    doubtful: usize,
    /// Pairs of which both say the same.
    same: usize,
    /// Pairs that one of them cannot tell apart, in words.
    open: Vec<String>,
    /// Pairs of which they say the opposite, in words.
    opposite: Vec<String>,
    /// Scenarios that the other does not have, or not at the same size.
    left_out: Vec<String>,
}

impl Agreement {
    /// Compares them, scenario by scenario. There must be one that both have.
    pub(super) fn of(report: &Report, other: &Report) -> Outcome<Self> {
        let mut found = Self::default();
        for scenario in &report.scenarios {
            let size = |its: &ScenarioResult| (its.connections, its.message_bytes);
            let is_twin =
                |its: &&ScenarioResult| its.name == scenario.name && size(its) == size(scenario);
            let Some(twin) = other.scenarios.iter().find(is_twin) else {
                found.left_out.push(scenario.name.clone());
                continue;
            };
            let (judged, twin) = (judge(report, scenario), judge(other, twin));
            let names: Vec<_> = scenario.rows.iter().map(|row| row.server.as_str()).collect();
            for (index, &one) in names.iter().enumerate() {
                for &two in &names[index + 1..] {
                    match (judged.pair(one, two), twin.pair(one, two)) {
                        (Some(first), Some(second)) if first.is_sure && second.is_sure => {
                            found.note(&scenario.name, (one, two), (first.order, second.order));
                        }
                        (Some(_), Some(_)) => found.doubtful += 1,
                        (None, _) | (_, None) => {}
                    }
                }
            }
        }
        if found.left_out.len() == report.scenarios.len() {
            return Err(Failure::new("the two reports have no scenario in common"));
        }
        Ok(found)
    }

    fn note(&mut self, scenario: &str, servers: (&str, &str), orders: (Ordering, Ordering)) {
        let (one, two) = servers;
        let say = |order| match order {
            Ordering::Less => format!("{one} ahead of {two}"),
            Ordering::Equal => format!("{one} and {two} tie"),
            Ordering::Greater => format!("{two} ahead of {one}"),
        };
        let words = || format!("{scenario}: {}, then {}", say(orders.0), say(orders.1));
        match orders {
            (first, second) if first == second => self.same += 1,
            (Ordering::Equal, _) | (_, Ordering::Equal) => self.open.push(words()),
            _ => self.opposite.push(words()),
        }
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sure = self.same + self.open.len() + self.opposite.len();
        writeln!(
            f,
            "{sure} of {} pairs of servers are ranked by both beyond doubt: {} alike, {} told apart \
             by one alone, {} the other way round",
            sure + self.doubtful,
            self.same,
            self.open.len(),
            self.opposite.len()
        )?;
        let open = self.open.iter().map(|words| ("told apart by one alone", words));
        let opposite = self.opposite.iter().map(|words| ("the other way round", words));
        let left_out = self.left_out.iter().map(|name| ("not in both", name));
        let all = open.chain(opposite).chain(left_out);
        all.into_iter().try_for_each(|(what, words)| writeln!(f, "{what}: {words}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{figures, report, scenario};
    use super::*;

    /// What two runs have in common in which servers had these ratios to the limit.
    fn agreement(first: &[f64], second: &[f64]) -> Agreement {
        let run = |ratios: &[f64]| {
            let mut report = report();
            let rows = ratios.iter().map(|&ratio| figures(&[ratio; 3])).collect();
            report.scenarios = vec![scenario(&mut report.servers, rows)];
            report
        };
        Agreement::of(&run(first), &run(second)).expect("they have a scenario in common")
    }

    #[test]
    fn reports_that_rank_alike_agree() {
        let same = agreement(&[1.0, 1.2, 1.21], &[1.0, 1.3, 1.31]);
        assert_eq!(same, Agreement { same: 3, ..Agreement::default() });
    }

    #[test]
    fn a_tie_contradicts_nobody() {
        let found = agreement(&[1.0, 1.01], &[1.0, 1.1]);
        assert_eq!(found.open, ["echo-64: a and b tie, then a ahead of b"]);
        assert_eq!((found.same, found.opposite.len()), (0, 0));
    }

    #[test]
    fn two_leaders_are_a_contradiction() {
        let found = agreement(&[1.0, 1.2], &[1.2, 1.0]);
        assert_eq!(found.opposite, ["echo-64: a ahead of b, then b ahead of a"]);
        assert!(found.to_string().contains("1 the other way round"), "{found}");
    }

    #[test]
    fn an_order_that_is_doubtful_is_no_part_of_it() {
        let mut first = report();
        let rows = vec![figures(&[1.0; 3]), figures(&[1.02, 1.06, 1.1])];
        first.scenarios = vec![scenario(&mut first.servers, rows)];
        let found = Agreement::of(&first, &first).expect("they have a scenario in common");
        assert_eq!(found, Agreement { doubtful: 1, ..Agreement::default() });
        assert!(found.to_string().starts_with("0 of 1 pairs"), "{found}");
    }

    #[test]
    fn scenarios_of_another_size_are_not_compared() {
        let full = report();
        let mut quick = report();
        quick.scenarios[1].connections = 8;
        let found = Agreement::of(&full, &quick).expect("they have a scenario in common");
        assert_eq!(found.left_out, ["slow-reader"]);
        quick.scenarios[0].message_bytes = Some(1024);
        Agreement::of(&full, &quick).expect_err("they have none");
    }
}
