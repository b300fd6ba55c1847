//! Which categories to ask for: where failures are found, no category with more than its share of them.
//!
//! With p the share of groups about a category and r its success, the failures are p·r. Success as a whole is largest
//! when the categories with the highest r fill their quota one after the other, so p is the quota over r for these; a
//! tenth of the groups goes to all categories alike, so that r stays known where it changes.

use crate::row::Category;
use serde::{Deserialize, Serialize};

/// What an old probe still counts after a newer step.
const MEMORY: f64 = 0.97;
/// Probes that a category is credited with before it was asked for, half of them a success.
const PRIOR: f64 = 4.0;
/// The share of groups that goes to all categories alike.
const EXPLORING: f64 = 0.1;

/// How often each category was asked for lately, and with what success.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bandit {
    asked: [f64; Category::ALL.len()],
    found: [f64; Category::ALL.len()],
}

impl Bandit {
    /// Takes the rewards of a step's probes, by focus; masked ones found nothing.
    pub(crate) fn observe(&mut self, probes: impl Iterator<Item = (Category, Option<f64>)>) {
        for value in self.asked.iter_mut().chain(&mut self.found) {
            *value *= MEMORY;
        }
        for (focus, reward) in probes {
            self.asked[focus as usize] += 1.0;
            self.found[focus as usize] += reward.unwrap_or(0.0);
        }
    }

    /// The success of a category, as far as it is known.
    fn rate(&self, category: Category) -> f64 {
        (self.found[category as usize] + PRIOR / 2.0) / (self.asked[category as usize] + PRIOR)
    }

    /// How often each category should be asked for.
    pub(crate) fn weights(&self, quota: f64) -> [f64; Category::ALL.len()] {
        let mut order = Category::ALL;
        order.sort_by(|&a, &b| self.rate(b).total_cmp(&self.rate(a)));
        let (mut weights, mut left) = ([0.0; Category::ALL.len()], 1.0f64);
        for category in order {
            let share = quota.min(left);
            weights[category as usize] = share / self.rate(category);
            left -= share;
        }
        let sum: f64 = weights.iter().sum();
        weights.map(|weight| {
            let even = 1.0 / Category::ALL.len() as f64;
            EXPLORING * even + (1.0 - EXPLORING) * weight / sum.max(f64::MIN_POSITIVE)
        })
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
            bandit.observe(Category::ALL.into_iter().map(|each| (each, Some(success(each)))));
        }
        let weights = bandit.weights(0.4);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(weights.iter().all(|&weight| weight > 0.006));
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
    }

    #[test]
    fn what_is_not_known_is_asked_for_evenly() {
        let weights = Bandit::default().weights(1.0 / 15.0);
        assert!(weights.iter().all(|weight| (weight - 1.0 / 15.0).abs() < 1e-9));
    }
}
