//! Slices on the half of the images on which they were not found: rates, intervals, tests, contributions.
//!
//! A slice must differ from all other rows and from those of every slice with one condition less; its p-value is the
//! largest of those comparisons. Each is the larger of two: one of the normal distribution, with the larger of two
//! standard errors (rows independent; root images independent, whose rows need not be), and an exact one (Fisher's
//! against the rest, McNemar's against the reference). Contributions are DivExplorer's (Pastor et al. 2021): Shapley
//! values of the conditions for the divergence f(S) − f(D).

use super::frame::Half;
use super::score::{Against, Counts, KINDS, Values};
use crate::benchmark::statistic::{fisher, mcnemar, normal};

/// Normal tails over root images are not for fewer of them.
const FEWEST_ROOTS: usize = 10;

/// A slice on rows it was not found on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    pub(super) counts: Counts,
    /// One-sided.
    pub(super) p: f64,
    /// Mean value above that of all rows.
    pub(super) divergence: f64,
    /// What each condition adds to the divergence; they sum to it.
    pub(super) contributions: Vec<f64>,
}

/// Verifies slices on one half.
pub(super) struct Verifier<'a> {
    half: &'a Half,
    against: Against,
    strengths: bool,
    values: Values,
    /// Rows and values of every root image.
    roots: Vec<[f64; 2]>,
}

impl<'a> Verifier<'a> {
    pub(super) fn new(half: &'a Half, against: Against, strengths: bool) -> Self {
        let mut verifier = Self {
            half,
            against,
            strengths,
            values: against.values(strengths),
            roots: Vec::new(),
        };
        let words = half.words[KINDS - 1].end;
        let mut every = vec![0_u64; words];
        for (range, count) in half.words.iter().zip(half.all.0) {
            for bit in 0..count as usize {
                every[range.start + bit / 64] |= 1 << (bit % 64);
            }
        }
        verifier.roots = verifier.by_root(&every);
        verifier
    }

    pub(super) fn verify(&self, conditions: &[u32]) -> Verdict {
        let rows = self.half.rows(conditions);
        let counts = self.half.count(&rows);
        let by_root = self.by_root(&rows);
        let mut p = self.p(counts, &by_root, self.half.all, &self.roots);
        for left_out in 0..conditions.len() {
            let fewer = without(conditions, left_out);
            if !fewer.is_empty() {
                let part = self.half.rows(&fewer);
                p = p.max(self.p(counts, &by_root, self.half.count(&part), &self.by_root(&part)));
            }
        }
        if self.against == Against::Reference {
            let [target, reference, ..] = counts.0.map(i64::from);
            let (more, less) = if self.strengths {
                (reference, target)
            } else {
                (target, reference)
            };
            let exact = mcnemar::exact(more, less).filter(|_| more > less);
            p = p.max(exact.map_or(1.0, |p| p / 2.0));
        }
        let enough = by_root.iter().filter(|[n, _]| *n > 0.0).count() >= FEWEST_ROOTS;
        Verdict {
            counts,
            p: if enough { p } else { 1.0 },
            divergence: self.divergence(conditions),
            contributions: (0..conditions.len())
                .map(|at| self.contribution(conditions, at))
                .collect(),
        }
    }

    /// Rows and values of each root image among set bits.
    fn by_root(&self, rows: &[u64]) -> Vec<[f64; 2]> {
        let mut sums = vec![[0.0; 2]; self.half.root_count];
        for (kind, words) in self.half.words.iter().enumerate() {
            let value = self.values.of(kind);
            for word in words.clone() {
                let mut bits = rows[word];
                while bits != 0 {
                    let place = word * 64 + bits.trailing_zeros() as usize;
                    let sum = &mut sums[self.half.roots[place] as usize];
                    sum[0] += 1.0;
                    sum[1] += value;
                    bits &= bits - 1;
                }
            }
        }
        sums
    }

    /// How probable so large a mean is in a slice, if it were that of the other rows of `of`, of which it is a part.
    fn p(&self, counts: Counts, by_root: &[[f64; 2]], of: Counts, of_by_root: &[[f64; 2]]) -> f64 {
        let others = of - counts;
        if counts.n() == 0 || others.n() == 0 {
            return 1.0;
        }
        let (inside, outside) = (self.values.mean(counts), self.values.mean(others));
        let (n, rest) = (f64::from(counts.n()), f64::from(others.n()));
        let influence = |([n_in, sum_in], [n_of, sum_of]): (&[f64; 2], &[f64; 2])| {
            (sum_in - inside * n_in) / n - ((sum_of - sum_in) - outside * (n_of - n_in)) / rest
        };
        let squares = by_root
            .iter()
            .zip(of_by_root)
            .map(influence)
            .map(|each| each * each);
        let roots = of_by_root.iter().filter(|[n, _]| *n > 0.0).count() as f64;
        let variance = squares.sum::<f64>() * roots / (roots - 1.0).max(1.0);
        let z = self
            .values
            .z(counts, of)
            .min((inside - outside) / variance.sqrt());
        if z.is_nan() {
            return 1.0;
        }
        let p = normal::above(z);
        if self.against == Against::Reference {
            return p;
        }
        let count = |counts: Counts| self.values.sum(counts) as u64;
        p.max(fisher::above(
            count(counts),
            counts.n().into(),
            count(of),
            of.n().into(),
        ))
    }

    fn divergence(&self, conditions: &[u32]) -> f64 {
        if conditions.is_empty() {
            return 0.0;
        }
        self.values.mean(self.half.count(&self.half.rows(conditions))) - self.values.mean(self.half.all)
    }

    /// The Shapley value of a condition: what it adds to the divergence of the others, on average over all orders in
    /// which they could be named.
    fn contribution(&self, conditions: &[u32], at: usize) -> f64 {
        let others = without(conditions, at);
        let size = conditions.len();
        let factorial = |n: usize| (1..=n).product::<usize>() as f64;
        (0..1_u32 << others.len())
            .map(|chosen| {
                let mut part: Vec<u32> = (0..others.len())
                    .filter(|n| chosen >> n & 1 == 1)
                    .map(|n| others[n])
                    .collect();
                let weight = factorial(part.len()) * factorial(size - part.len() - 1) / factorial(size);
                let before = self.divergence(&part);
                part.push(conditions[at]);
                weight * (self.divergence(&part) - before)
            })
            .sum()
    }
}

/// The conditions but for one.
fn without(conditions: &[u32], at: usize) -> Vec<u32> {
    let mut fewer = conditions.to_vec();
    fewer.remove(at);
    fewer
}
