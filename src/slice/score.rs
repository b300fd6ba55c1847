//! Counts of a slice, and how far they are from what chance would give.
//!
//! Rows are of four kinds: who is wrong of target and reference. Each kind has a value: against the rest, 1 where the
//! target is wrong; against the reference, 1 where only the target is wrong and −1 where only the reference is. A
//! slice's mean value is its failure rate, or its gap to the reference.

use serde::Serialize;
use std::ops::{AddAssign, Sub};

/// The kinds of rows, in the order of the counts.
pub(super) const KINDS: usize = 4;

/// What a slice is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The target on all other rows.
    #[default]
    Elsewhere,
    /// The reference on the same rows.
    Reference,
}

/// What each kind of row counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Values([f64; KINDS]);

/// Rows by kind: only the target wrong, only the reference, both, none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts(pub(super) [u32; KINDS]);

impl Against {
    /// Values of what is looked for: failures, or successes (`strengths`).
    pub(super) fn values(self, strengths: bool) -> Values {
        Values(match (self, strengths) {
            (Self::Elsewhere, false) => [1.0, 0.0, 1.0, 0.0],
            (Self::Elsewhere, true) => [0.0, 1.0, 0.0, 1.0],
            (Self::Reference, false) => [1.0, -1.0, 0.0, 0.0],
            (Self::Reference, true) => [-1.0, 1.0, 0.0, 0.0],
        })
    }
}

impl Values {
    /// The value of a row of that kind.
    pub(super) fn of(self, kind: usize) -> f64 {
        self.0[kind]
    }

    /// Σ v.
    pub(super) fn sum(self, counts: Counts) -> f64 {
        counts
            .0
            .iter()
            .zip(self.0)
            .map(|(count, value)| f64::from(*count) * value)
            .sum()
    }

    /// The mean; 0 without rows.
    pub(super) fn mean(self, counts: Counts) -> f64 {
        self.sum(counts) / f64::from(counts.n().max(1))
    }

    /// Σ v².
    fn squares(self, counts: Counts) -> f64 {
        counts
            .0
            .iter()
            .zip(self.0)
            .map(|(count, value)| f64::from(*count) * value * value)
            .sum()
    }

    /// Rows that count 1.
    fn positive(self, counts: Counts) -> f64 {
        counts
            .0
            .iter()
            .zip(self.0)
            .filter(|(_, value)| *value > 0.0)
            .map(|(count, _)| f64::from(*count))
            .sum()
    }

    /// How many standard errors the mean of `inside` lies above that of the other rows of `all`, of which it is a part:
    /// the variance is that of all. Not a number where nothing varies or nothing is left.
    pub(super) fn z(self, inside: Counts, all: Counts) -> f64 {
        let (n, whole) = (f64::from(inside.n()), f64::from(all.n()));
        let mean = self.mean(all);
        let variance = self.squares(all) / whole - mean * mean;
        (self.sum(inside) - n * mean) / (variance * n * (whole - n) / whole).sqrt()
    }

    /// No part of a slice, of at least `fewest` rows, has a larger [`Values::z`] than this. A part has no more rows
    /// that count 1, and the fewest others where it has only those.
    pub(super) fn most(self, slice: Counts, all: Counts, fewest: u32) -> f64 {
        let (n, whole) = (f64::from(slice.n()), f64::from(all.n()));
        if 2.0 * n > whole {
            return f64::INFINITY;
        }
        let mean = self.mean(all);
        let variance = self.squares(all) / whole - mean * mean;
        let positive = self.positive(slice);
        let at = |rows: f64| {
            (positive.min(rows) - rows * mean) / (variance * rows * (whole - rows) / whole).sqrt()
        };
        at(positive.max(f64::from(fewest)).min(n)).max(at(n))
    }
}

impl Counts {
    /// All rows.
    pub(super) fn n(self) -> u32 {
        self.0.iter().sum()
    }

    /// Rows on which the target is wrong.
    pub(super) fn failures(self) -> u32 {
        self.0[0] + self.0[2]
    }

    /// Rows on which the reference is wrong.
    pub(super) fn reference_failures(self) -> u32 {
        self.0[1] + self.0[2]
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(sum, each)| *sum += each);
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(mut self, other: Self) -> Self {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(sum, each)| *sum -= each);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17: the pooled two-sample z of 30/40 against 20/60 is sqrt(chi2_contingency(…, correction=False)).
    #[test]
    fn z_is_that_of_two_proportions() {
        let values = Against::Elsewhere.values(false);
        let (inside, all) = (Counts([30, 0, 0, 10]), Counts([50, 0, 0, 50]));
        assert!((values.z(inside, all) - 4.082_482_904_638_63).abs() < 1e-9);
        assert!((values.z(inside, inside) / 1.0).is_nan());
        let opposite = Against::Elsewhere.values(true);
        assert!((values.z(inside, all) + opposite.z(inside, all)).abs() < 1e-9);
    }

    proptest::proptest! {
        /// The bound holds for every part of a slice.
        #[test]
        fn no_part_exceeds_the_bound(
            part in proptest::array::uniform4(0_u32..60),
            more in proptest::array::uniform4(0_u32..60),
            rest in proptest::array::uniform4(1_u32..200),
            reference: bool,
            strengths: bool,
        ) {
            let against = if reference { Against::Reference } else { Against::Elsewhere };
            let values = against.values(strengths);
            let part = Counts(part);
            let mut slice = part;
            slice += Counts(more);
            let mut all = slice;
            all += Counts(rest);
            proptest::prop_assume!(part.n() >= 5);
            let (z, bound) = (values.z(part, all), values.most(slice, all, 5));
            proptest::prop_assert!(z.is_nan() || z <= bound + 1e-9, "{z} > {bound}");
        }
    }
}
