//! Plain text tables and the few statistics they show.

use std::fmt;

use crate::failure::Outcome;
use crate::output;

/// Rows of text, the first being the header; prints them in aligned columns,
/// the first to the left and the others to the right.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this header.
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Prints the table to standard output.
    pub(crate) fn print(&self) -> Outcome<()> {
        output::print(self)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                if column == 0 {
                    line += &format!("{cell:<width$}");
                } else {
                    line += &format!("  {cell:>width$}");
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Median, middle half, smallest and largest of some figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// The middle figure, or the mean of the two in the middle.
    pub(crate) median: f64,
    /// The smallest figure of the middle half: without the lowest and the
    /// highest quarter, rounded down to whole figures.
    pub(crate) low: f64,
    /// The largest figure of the middle half.
    pub(crate) high: f64,
    /// The smallest figure.
    pub(crate) min: f64,
    /// The largest figure.
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of at least one figure.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub(crate) fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len() - 1;
        let quarter = sorted.len() / 4;
        Self {
            median: f64::midpoint(sorted[last / 2], sorted[sorted.len() / 2]),
            low: sorted[quarter],
            high: sorted[last - quarter],
            min: sorted[0],
            max: sorted[last],
        }
    }

    /// `median (min..max)` with this many decimals.
    pub(crate) fn show(self, decimals: usize) -> String {
        format!("{:.decimals$} ({:.decimals$}..{:.decimals$})", self.median, self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between_the_two_in_the_middle() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0].into_iter());
        let expected = Spread { median: 2.5, low: 2.0, high: 3.0, min: 1.0, max: 4.0 };
        assert_eq!(spread, expected);
    }

    #[test]
    fn the_middle_half_of_three_is_all_of_them() {
        let spread = Spread::of([3.0, 1.0, 2.0].into_iter());
        assert_eq!((spread.low, spread.high), (1.0, 3.0));
    }

    #[test]
    fn the_median_of_one_figure_is_that_figure() {
        assert_eq!(Spread::of([7.0].into_iter()).show(1), "7.0 (7.0..7.0)");
    }
}
