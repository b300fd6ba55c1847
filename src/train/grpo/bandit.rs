//! Which categories to ask for, and what to expect: success by category and strategy of late.
//!
//! With p the share of groups about a category and r its success, the failures are p·r. Success as a whole is largest
//! when the categories with the highest r fill their quota one after the other, so p is the quota over r for these; the
//! best few are covered with a little in any case, and a twentieth of the groups goes to all alike, so that r stays
//! known where it changes.

use crate::probe::Strategy;
use crate::row::Category;
use serde::{Deserialize, Serialize};

/// What an old probe still counts after a newer step.
const MEMORY: f64 = 0.95;
/// Probes that a category is credited with before it was asked for, half of them a success.
const PRIOR: f64 = 4.0;
/// The share of groups that goes to all categories alike.
const EXPLORING: f64 = 0.05;
/// The share of the failures that a covered category has at least, as far as it is known.
const COVERED: f64 = 0.03;
const STRATEGIES: usize = 5;

/// How often each category was asked for lately by each strategy, and with what success.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bandit {
    asked: [[f64; STRATEGIES]; Category::ALL.len()],
    found: [[f64; STRATEGIES]; Category::ALL.len()],
}

impl Bandit {
    /// Takes the rewards of a step's probes, by focus and strategy; masked ones found nothing.
    pub(crate) fn observe(&mut self, probes: impl Iterator<Item = (Category, Strategy, Option<f64>)>) {
        for value in self.asked.iter_mut().chain(&mut self.found).flatten() {
            *value *= MEMORY;
        }
        for (focus, strategy, reward) in probes {
            self.asked[focus as usize][strategy as usize] += 1.0;
            self.found[focus as usize][strategy as usize] += reward.unwrap_or(0.0);
        }
    }

    /// The success of a category, as far as it is known.
    fn rate(&self, category: Category) -> f64 {
        let sum = |table: &[[f64; STRATEGIES]]| table[category as usize].iter().sum::<f64>();
        (sum(&self.found) + PRIOR / 2.0) / (sum(&self.asked) + PRIOR)
    }

    /// The reward that a probe is expected to have: that of its like, or of all while its like are few.
    pub(crate) fn expected(&self, category: Category, strategy: Strategy) -> f64 {
        let sum = |table: &[[f64; STRATEGIES]]| table.iter().flatten().sum::<f64>();
        let all = sum(&self.found) / sum(&self.asked).max(1.0);
        let of = |table: &[[f64; STRATEGIES]]| table[category as usize][strategy as usize];
        (of(&self.found) + PRIOR * all) / (of(&self.asked) + PRIOR)
    }

    /// How often each category should be asked for, so that none has more than `quota` of the failures and the best
    /// `covered` have some.
    pub(crate) fn weights(&self, quota: f64, covered: usize) -> [f64; Category::ALL.len()] {
        let mut order = Category::ALL;
        order.sort_by(|&a, &b| self.rate(b).total_cmp(&self.rate(a)));
        let least = COVERED.min(quota);
        let (mut weights, mut left) = ([0.0; Category::ALL.len()], 1.0 - least * covered as f64);
        for (rank, category) in order.into_iter().enumerate() {
            let sure = if rank < covered { least } else { 0.0 };
            let more = (quota - sure).min(left);
            weights[category as usize] = (sure + more) / self.rate(category);
            left -= more;
        }
        let sum: f64 = weights.iter().sum();
        weights.map(|weight| weight / sum.max(f64::MIN_POSITIVE))
    }

    /// The same while success is still to be learned: a few for all.
    pub(crate) fn explored(&self, quota: f64, covered: usize) -> [f64; Category::ALL.len()] {
        let even = 1.0 / Category::ALL.len() as f64;
        self.weights(quota, covered)
            .map(|weight| EXPLORING * even + (1.0 - EXPLORING) * weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_categories_fill_their_quota_and_none_is_forgotten() {
        let mut bandit = Bandit::default();
        let success = |category: Category| match category {
            Category::Counting => 0.9,
            Category::ClockReading => 0.6,
            Category::SpatialRelationship => 0.45,
            _ => 0.05,
        };
        for _ in 0..200 {
            bandit.observe(
                Category::ALL
                    .into_iter()
                    .map(|each| (each, Strategy::Edit, Some(success(each)))),
            );
        }
        let weights = bandit.weights(0.4, 0);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(bandit.explored(0.4, 0).iter().all(|&weight| weight > 0.003));
        let failures = Category::ALL.map(|each| weights[each as usize] * success(each));
        let all: f64 = failures.iter().sum();
        let share = |category: Category| failures[category as usize] / all;
        assert!(
            (0.36..0.44).contains(&share(Category::Counting)),
            "{}",
            share(Category::Counting)
        );
        assert!((0.33..0.44).contains(&share(Category::ClockReading)));
        assert!((0.15..0.25).contains(&share(Category::SpatialRelationship)));
        assert!((bandit.expected(Category::Counting, Strategy::Edit) - 0.9).abs() < 0.15);
        let covered = bandit.weights(0.4, 6);
        // As far as it knows: what was rarely asked is taken for better than it is.
        let failures = Category::ALL.map(|each| covered[each as usize] * bandit.rate(each));
        let all: f64 = failures.iter().sum();
        assert_eq!(
            failures.iter().filter(|&&failures| failures > 0.02 * all).count(),
            6
        );
    }

    #[test]
    fn what_is_not_known_is_asked_for_evenly() {
        let weights = Bandit::default().weights(1.0 / 15.0, 0);
        assert!(weights.iter().all(|weight| (weight - 1.0 / 15.0).abs() < 1e-9));
    }
}
