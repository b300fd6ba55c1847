//! From rewards to advantages: A_k = (s_k − mean s) / (std s + ε).
//!
//! In: each rollout's reward, or none where it is masked, and whom it is compared with. Out: each rollout's advantage;
//! none where it is masked. Where all rewards of a group are equal the group is dead: its advantages are 0 under the
//! group's own mean. Source: Shao et al. 2024 (GRPO); std over n − 1, as in TRL.

use crate::config::Among;

/// Against a deviation of 0.
const EPSILON: f64 = 1e-4;
/// The same where rewards are compared with the past: a batch of equal rewards differs from it.
const LEAST_DEVIATION: f64 = 0.1;

/// A rollout's reward and the sets that it belongs to, by any numbering.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    pub(crate) reward: Option<f64>,
    pub(crate) group: usize,
    pub(crate) focus: usize,
    /// The reward that its like had lately.
    pub(crate) expected: f64,
}

impl Scored {
    fn set(&self, among: Among) -> usize {
        match among {
            Among::Group | Among::Past => self.group,
            Among::Focus => self.focus,
            Among::Batch => 0,
        }
    }
}

/// The advantages, in order. Without `scale` differences stay as they are.
pub(crate) fn advantages(scored: &[Scored], baseline: Among, scale: Option<Among>) -> Vec<Option<f64>> {
    let sets = |among: Among| {
        let count = scored.iter().map(|each| each.set(among) + 1).max().unwrap_or(0);
        let mut rewards = vec![Vec::new(); count];
        for each in scored {
            rewards[each.set(among)].extend(each.reward);
        }
        rewards
    };
    let means: Vec<f64> = sets(baseline).iter().map(|rewards| mean(rewards)).collect();
    let deviations: Option<(Among, Vec<f64>)> = scale.map(|among| {
        (
            among,
            sets(among).iter().map(|rewards| deviation(rewards)).collect(),
        )
    });
    let advantage = |each: &Scored| {
        let mean = means[each.set(baseline)];
        let expected = match baseline {
            Among::Past => f64::midpoint(mean, each.expected),
            Among::Group | Among::Focus | Among::Batch => mean,
        };
        let apart = each.reward? - expected;
        let least = match baseline {
            Among::Past => LEAST_DEVIATION,
            Among::Group | Among::Focus | Among::Batch => 0.0,
        };
        Some(match &deviations {
            Some((among, deviations)) => apart / (deviations[each.set(*among)].max(least) + EPSILON),
            None => apart,
        })
    };
    scored.iter().map(advantage).collect()
}

/// Keeps this share of the advantages, those farthest from 0; the others teach next to nothing and cost as much.
pub(crate) fn largest(advantages: &mut [Option<f64>], share: f64) {
    let mut order: Vec<usize> = (0..advantages.len())
        .filter(|&at| advantages[at].is_some())
        .collect();
    let kept = (order.len() as f64 * share).ceil() as usize;
    let size = |at: usize| advantages[at].unwrap_or_default().abs();
    order.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
    for &at in order.iter().skip(kept) {
        advantages[at] = None;
    }
}

/// Groups, and how many of them are dead: fewer than two rewards, or all the same.
pub(crate) fn dead_groups(scored: &[Scored]) -> (usize, usize) {
    let count = scored.iter().map(|each| each.group + 1).max().unwrap_or(0);
    let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); count];
    for each in scored {
        if let Some(reward) = each.reward {
            let (least, most) = &mut ranges[each.group];
            (*least, *most) = (least.min(reward), most.max(reward));
        }
    }
    (count, ranges.iter().filter(|(least, most)| least >= most).count())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / values.len().saturating_sub(1).max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two groups of three, one member masked.
    const SCORED: [Scored; 6] = [
        scored(Some(1.0), 0, 0),
        scored(Some(0.0), 0, 0),
        scored(Some(0.5), 0, 0),
        scored(Some(1.0), 1, 0),
        scored(None, 1, 0),
        scored(Some(0.0), 1, 0),
    ];

    const fn scored(reward: Option<f64>, group: usize, focus: usize) -> Scored {
        Scored {
            reward,
            group,
            focus,
            expected: 0.25,
        }
    }

    fn close(found: &[Option<f64>], expected: &[Option<f64>]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let near = found.zip(*expected).map(|(a, b)| (a - b).abs() < 1e-9);
            assert_ne!(near, Some(false), "{found:?} {expected:?}");
            assert_eq!(found.is_some(), expected.is_some());
        }
    }

    #[test]
    fn a_masked_member_is_left_out_of_its_group() {
        // By hand: the first group has mean 0.5 and deviation 0.5, the second mean 0.5 and deviation √0.5.
        let (first, second) = (0.5 / 0.5001, 0.5 / (0.5f64.sqrt() + 1e-4));
        let expected = [
            Some(first),
            Some(-first),
            Some(0.0),
            Some(second),
            None,
            Some(-second),
        ];
        close(&advantages(&SCORED, Among::Group, Some(Among::Group)), &expected);
        let expected = [Some(0.5), Some(-0.5), Some(0.0), Some(0.5), None, Some(-0.5)];
        close(&advantages(&SCORED, Among::Group, None), &expected);
        assert_eq!(dead_groups(&SCORED), (2, 0));
    }

    #[test]
    fn what_teaches_little_is_left_out() {
        let mut advantages = [Some(0.1), None, Some(-2.0), Some(0.1), Some(1.0)];
        largest(&mut advantages, 1.0);
        assert_eq!(advantages.iter().flatten().count(), 4);
        largest(&mut advantages, 0.5);
        assert_eq!(advantages, [None, None, Some(-2.0), None, Some(1.0)]);
        largest(&mut [], 0.5);
    }

    #[test]
    fn equal_rewards_teach_nothing_within_a_group_but_against_the_batch() {
        let scored = [
            scored(Some(1.0), 0, 0),
            scored(Some(1.0), 0, 0),
            scored(Some(0.0), 1, 1),
            scored(Some(0.0), 1, 1),
            scored(None, 2, 1),
        ];
        assert_eq!(dead_groups(&scored), (3, 3));
        let none = advantages(&scored, Among::Group, Some(Among::Group));
        close(&none, &[Some(0.0), Some(0.0), Some(0.0), Some(0.0), None]);
        let batch = advantages(&scored, Among::Batch, None);
        close(&batch, &[Some(0.5), Some(0.5), Some(-0.5), Some(-0.5), None]);
        let focus = advantages(&scored, Among::Focus, None);
        close(&focus, &[Some(0.0), Some(0.0), Some(0.0), Some(0.0), None]);
        let past = advantages(&scored, Among::Past, None);
        let (won, lost) = (Some(1.0 - 0.625), Some(-0.125));
        close(&past, &[won, won, lost, lost, None]);
        let scaled = advantages(&scored[2..], Among::Past, Some(Among::Batch));
        close(&scaled, &[Some(-0.125 / 0.1001), Some(-0.125 / 0.1001), None]);
        assert!(advantages(&[], Among::Batch, Some(Among::Batch)).is_empty());
    }
}
