//! What a step was like, as numbers: rows of the table `steps` and a line of progress.

use super::advantage::{Scored, dead_groups};
use super::policy::Learning;
use super::reward::Kind;
use super::rollout::Rollout;
use crate::probe::Strategy;
use crate::row::StepRow;
use chrono::{DateTime, Utc};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// A step's figures by name, in the order in which they are told.
#[derive(Debug, Clone, PartialEq)]
pub struct StepFigures {
    /// From 0.
    pub step: u64,
    values: Vec<(&'static str, f64)>,
}

/// Seconds of a step's two phases.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seconds {
    pub(super) rolling_out: f64,
    pub(super) learning: f64,
}

impl StepFigures {
    pub(super) fn new(
        step: u64,
        rollouts: &[Rollout],
        scored: &[Scored],
        learning: &Learning,
        seconds: Seconds,
        rate: f64,
    ) -> Self {
        let count = rollouts.len().max(1) as f64;
        let share =
            |is: &dyn Fn(&Rollout) -> bool| rollouts.iter().filter(|each| is(each)).count() as f64 / count;
        let kind = |kind: Kind| share(&|each| each.worth.kind == kind);
        let rewards: Vec<f64> = rollouts.iter().filter_map(|each| each.worth.reward).collect();
        let (groups, dead) = dead_groups(scored);
        let tokens = learning.tokens.max(1) as f64;
        let mut found: HashMap<&str, f64> = HashMap::new();
        for rollout in rollouts
            .iter()
            .filter(|each| each.worth.reward.is_some_and(|reward| reward >= 0.5))
        {
            *found
                .entry(rollout.category.as_deref().unwrap_or("other"))
                .or_default() += 1.0;
        }
        let failures = found.values().sum::<f64>().max(1.0);
        let questions: Vec<&str> = rollouts
            .iter()
            .filter_map(|each| each.question.as_deref())
            .collect();
        let pairs: Vec<(&str, &str)> = questions
            .iter()
            .flat_map(|question| question.split(' ').zip(question.split(' ').skip(1)))
            .collect();
        let distinct = pairs.iter().collect::<HashSet<_>>().len() as f64 / pairs.len().max(1) as f64;
        let unique = questions.iter().collect::<HashSet<_>>().len() as f64 / questions.len().max(1) as f64;
        let mut values = vec![
            ("probes", rollouts.len() as f64),
            (
                "reward",
                rewards.iter().sum::<f64>() / rewards.len().max(1) as f64,
            ),
            (
                "success",
                share(&|each| each.worth.reward.is_some_and(|reward| reward >= 0.5)),
            ),
            ("valid", kind(Kind::Valid)),
            ("invalid", kind(Kind::Invalid)),
            ("unknown", kind(Kind::Unknown)),
            ("unparsed", kind(Kind::Unparsed)),
            ("not_drawn", kind(Kind::NotDrawn)),
            ("off_focus", kind(Kind::OffFocus)),
            ("dead_groups", dead as f64 / groups.max(1) as f64),
            ("categories", found.len() as f64),
            (
                "largest_category",
                found.values().copied().fold(0.0, f64::max) / failures,
            ),
            ("distinct_questions", unique),
            ("distinct_2", distinct),
            (
                "length",
                rollouts.iter().map(Rollout::tokens).sum::<usize>() as f64 / count,
            ),
            ("entropy", learning.sums.entropy / tokens),
            ("kl", learning.sums.kl / tokens),
            ("loss", learning.sums.loss),
            ("clipped_low", learning.sums.clipped_low / tokens),
            ("clipped_high", learning.sums.clipped_high / tokens),
            ("gradient_norm", learning.gradient_norm),
            ("learning_rate", rate),
            ("rollout_s", seconds.rolling_out),
            ("update_s", seconds.learning),
        ];
        for (name, strategy) in [
            ("success_question", Strategy::Question),
            ("success_edit", Strategy::Edit),
            ("success_generation", Strategy::Generation),
        ] {
            let own = share(&|each| each.strategy == strategy);
            let won = share(&|each| {
                each.strategy == strategy && each.worth.reward.is_some_and(|reward| reward >= 0.5)
            });
            if own > 0.0 {
                values.push((name, won / own));
            }
        }
        let verified: Vec<bool> = rollouts.iter().filter_map(|each| each.verified).collect();
        if !verified.is_empty() {
            // Of all probes: what was not parsed or drawn is no failure either.
            values.push((
                "verified_success",
                verified.iter().filter(|&&failed| failed).count() as f64 / count,
            ));
        }
        Self { step, values }
    }

    /// A figure by its name, e.g. `reward`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values
            .iter()
            .find(|(each, _)| *each == name)
            .map(|(_, value)| *value)
    }

    /// As rows of the table `steps`.
    pub(super) fn rows(&self, run_id: &str, now: DateTime<Utc>) -> impl Iterator<Item = StepRow> {
        self.values.iter().map(move |(metric, value)| StepRow {
            run_id: run_id.to_owned(),
            step: self.step as i64,
            phase: "train".to_owned(),
            metric: (*metric).to_owned(),
            value: *value,
            created_at: now,
        })
    }
}

impl fmt::Display for StepFigures {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let percent = |name| 100.0 * self.get(name).unwrap_or_default();
        let number = |name| self.get(name).unwrap_or_default();
        write!(
            formatter,
            "step {}: success {:.1} %, valid {:.1} %, {:.0} categories, largest {:.0} %, dead groups {:.0} %, entropy {:.2}, \
             {:.1} + {:.1} s",
            self.step + 1,
            percent("success"),
            percent("valid"),
            number("categories"),
            percent("largest_category"),
            percent("dead_groups"),
            number("entropy"),
            number("rollout_s"),
            number("update_s"),
        )
    }
}
