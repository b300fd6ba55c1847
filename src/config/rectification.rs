//! The section `[rectification]`: how the target learns from its failures.

use super::{Config, LoraOptions, ModelOptions};
use crate::source::SourceOptions;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Supervised fine-tuning of the target, a local checkpoint, on curated rows of the tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RectificationOptions {
    /// The rows: a named query with the columns of `training`, or SQL that gives them.
    pub rows: String,
    /// Parameters of the named query.
    pub params: BTreeMap<String, String>,
    /// Labelled images that are mixed in, against forgetting; without them the rows alone (bootstrapping).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labelled: Option<SourceOptions>,
    /// The share of each step's questions that come from the labelled images.
    pub labelled_share: f64,
    /// Labelled images that the target is examined on. Without them the rows of the split `test`: where rows were chosen
    /// because the target failed, any change looks like a gain there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub examined: Option<SourceOptions>,
    /// The folder of the rectified checkpoint, and of the state from which the same command goes on.
    pub output: String,
    /// Optimiser steps.
    pub steps: u64,
    /// Questions of a step.
    pub batch: usize,
    /// Highest learning rate, after the warm-up; the cosine ends at a tenth of it.
    pub learning_rate: f64,
    /// The share of the steps until the full rate.
    pub warm_up: f64,
    /// Train a low-rank adapter instead of all weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraOptions>,
    /// Steps between two examinations.
    pub examine_every: u64,
    /// Examinations without a better result after which training stops; 0 never stops it.
    pub patience: u64,
}

impl Default for RectificationOptions {
    fn default() -> Self {
        Self {
            rows: "training".to_owned(),
            params: BTreeMap::new(),
            labelled: None,
            labelled_share: 0.5,
            examined: None,
            output: "rectified".to_owned(),
            steps: 300,
            batch: 64,
            learning_rate: 1e-5,
            warm_up: 0.1,
            lora: None,
            examine_every: 50,
            patience: 3,
        }
    }
}

impl RectificationOptions {
    /// What is wrong with it, each problem beginning with an option's name.
    pub(super) fn validate(&self, config: &Config) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        check(
            !self.rows.is_empty(),
            "rows names a query, e.g. \"training\", or is SQL",
        );
        check(
            !self.output.is_empty(),
            "output names the rectified checkpoint's folder",
        );
        check(
            self.steps > 0 && self.batch > 0 && self.examine_every > 0,
            "steps, batch and examine_every are at least 1",
        );
        check(
            self.learning_rate > 0.0 && self.learning_rate < 1.0,
            "learning_rate is above 0 and below 1, e.g. 1e-5 for billions of weights, 3e-4 for the lab's",
        );
        check(
            (0.0..=1.0).contains(&self.warm_up),
            "warm_up is a share of the steps, e.g. 0.1",
        );
        check(
            (0.0..1.0).contains(&self.labelled_share),
            "labelled_share is a share from 0 to below 1, e.g. 0.5",
        );
        check(
            self.lora
                .as_ref()
                .is_none_or(|lora| lora.rank > 0 && !lora.targets.is_empty()),
            "lora needs a rank above 0 and targets, e.g. [\"q_proj\", \"v_proj\"]",
        );
        check(
            matches!(config.models.get(&config.target), Some(ModelOptions::Local(_))),
            "output cannot be trained: `target` must be a model with a section [models.NAME.local]",
        );
        for (name, source) in [("labelled", &self.labelled), ("examined", &self.examined)] {
            let found = source.iter().flat_map(SourceOptions::validate);
            problems.extend(found.map(|problem| format!("{name}: {problem}")));
        }
        problems
    }
}
