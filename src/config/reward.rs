//! The section `[reward]`: how `auditdm serve reward` turns divergences into rewards, and how much it takes on.

use crate::diverge::Invalid;
use serde::{Deserialize, Serialize};

/// How completions of an auditor that learns elsewhere are rewarded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardOptions {
    /// The auditor's name in the tables.
    pub auditor: String,
    /// What an invalid pair is worth: `mask` (null) or `zero`.
    pub invalid: Invalid,
    /// What a completion is worth that comes to no pair, unparsed or refused. Masked, it would be the way out of every
    /// question that the target passes: an auditor then forgets the form.
    pub unparsed: Invalid,
    /// What probes that ask the same thing about one image in one request and group are worth.
    pub repeats: Repeats,
    /// Samples of one request.
    pub max_samples: usize,
    /// Size of one request.
    pub max_body_mib: usize,
    /// Requests that are worked on at once; others are told to come again.
    pub max_requests: usize,
    /// A request is answered after this time, with null for what is not scored by then.
    pub deadline_s: f64,
}

impl Default for RewardOptions {
    fn default() -> Self {
        Self {
            auditor: "auditor".to_owned(),
            invalid: Invalid::Mask,
            unparsed: Invalid::Zero,
            repeats: Repeats::default(),
            max_samples: 512,
            max_body_mib: 64,
            max_requests: 16,
            deadline_s: 300.0,
        }
    }
}

/// What repeated probes are worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// All of them together as much as one.
    #[default]
    Share,
    /// Each as much as one.
    Full,
}

impl RewardOptions {
    /// Everything that is wrong, each with the option's name first.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, value) in [
            ("max_samples", self.max_samples),
            ("max_body_mib", self.max_body_mib),
            ("max_requests", self.max_requests),
        ] {
            if !(1..=10_000).contains(&value) {
                problems.push(format!("{name} is {value}; it must be from 1 to 10000"));
            }
        }
        if !(self.deadline_s > 0.0 && self.deadline_s <= 86_400.0) {
            problems.push("deadline_s must be above 0 and at most a day, 86400".to_owned());
        }
        if self.auditor.is_empty() {
            problems.push("auditor is empty: name the model that learns".to_owned());
        }
        problems
    }
}
