//! The section `[training]`: how an auditor learns from the divergence that its probes find.

use super::{Config, ModelOptions, ProberKind, ProberOptions};
use crate::diverge::Invalid;
use serde::{Deserialize, Serialize};

/// Group-relative policy optimisation of the one prompted prober, a local checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingOptions {
    /// The folder of the trained checkpoint, and of the state from which the same command goes on.
    pub output: String,
    /// Optimiser steps, one batch of rollouts each.
    pub steps: u64,
    /// Images of a batch; each has a group of the prober's `probes` for each of its `strategies`.
    pub images: usize,
    /// The share of a batch that is learned from: the probes whose advantages are largest.
    pub learned_share: f64,
    /// Optimiser steps on each batch; beyond 1 the clipping bounds act.
    pub updates: usize,
    /// Highest learning rate, after the warm-up; the cosine ends at a third of it.
    pub learning_rate: f64,
    /// The share of the steps until the full rate.
    pub warm_up: f64,
    /// Train a low-rank adapter instead of all weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraOptions>,
    /// What becomes of a probe that the references do not agree on.
    pub invalid: Invalid,
    /// Whether references are asked if the things that a rewarded question takes for granted are there: "the red star" of
    /// a question about a scene without one is a way to be rewarded without a weakness.
    pub presuppositions: bool,
    /// Whose mean a reward is compared with.
    pub baseline: Among,
    /// Whose standard deviation advantages are divided by; none where it is left out.
    pub scale: Option<Among>,
    /// Weight of the divergence from the starting auditor; 0 never loads it.
    pub kl_coefficient: f64,
    /// Weight of the entropy of the auditor's tokens.
    pub entropy_coefficient: f64,
    /// How far a token's probability may fall within one batch before it teaches no more.
    pub clip_low: f64,
    /// How far it may rise.
    pub clip_high: f64,
    /// Batches that are drawn again, of other images, while too few groups differ in their rewards.
    pub resample: usize,
    /// What each group is to be about.
    pub focus: FocusChoice,
    /// Whether a probe about another category than its focus is worth nothing.
    pub keep_focus: bool,
    /// With `focus = "bandit"`: the largest share of the failures that one category shall have.
    pub quota: f64,
    /// With `focus = "bandit"`: so many categories shall have a few of the failures in any case.
    pub covered: usize,
    /// Whether equal questions of a batch share their reward.
    pub novelty: bool,
    /// Steps between two savings.
    pub save_every: u64,
}

impl Default for TrainingOptions {
    fn default() -> Self {
        Self {
            output: "auditor".to_owned(),
            steps: 300,
            images: 16,
            learned_share: 1.0,
            updates: 1,
            learning_rate: 3e-6,
            warm_up: 0.1,
            lora: None,
            invalid: Invalid::default(),
            presuppositions: true,
            baseline: Among::default(),
            scale: Some(Among::Group),
            kl_coefficient: 0.0,
            entropy_coefficient: 0.0,
            clip_low: 0.2,
            clip_high: 0.28,
            resample: 1,
            focus: FocusChoice::default(),
            keep_focus: true,
            quota: 0.3,
            covered: 0,
            novelty: true,
            save_every: 20,
        }
    }
}

/// An adapter's size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoraOptions {
    /// Columns of either factor.
    pub rank: usize,
    /// The correction is scaled by alpha / rank.
    pub alpha: f64,
    /// The layers, by the last part of their names.
    pub targets: Vec<String>,
}

impl Default for LoraOptions {
    fn default() -> Self {
        let targets = [
            "q_proj",
            "k_proj",
            "v_proj",
            "o_proj",
            "gate_proj",
            "up_proj",
            "down_proj",
        ];
        Self {
            rank: 16,
            alpha: 32.0,
            targets: targets.map(str::to_owned).to_vec(),
        }
    }
}

/// A set of rollouts that are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Among {
    /// The probes of one image and strategy.
    #[default]
    Group,
    /// The probes of the batch with one focus and strategy.
    Focus,
    /// The whole batch.
    Batch,
    /// The group, and half of it what probes with its focus and strategy were worth lately: a group whose rewards are all
    /// equal still teaches. As a `scale` it is the group.
    Past,
}

/// How a group's category is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FocusChoice {
    /// All categories equally often.
    #[default]
    Spread,
    /// Where failures are found, within the quota; a tenth of the groups elsewhere.
    Bandit,
}

impl Config {
    /// The prober that a training trains, and the name of the checkpoint's section; none where there is not one.
    #[must_use]
    pub fn trained(&self) -> Option<&ProberOptions> {
        let mut prompted = self
            .probers
            .iter()
            .filter(|prober| prober.kind == ProberKind::Prompted);
        let (first, more) = (prompted.next()?, prompted.next());
        let is_local = matches!(self.models.get(&first.model), Some(ModelOptions::Local(_)));
        (more.is_none() && is_local).then_some(first)
    }
}

impl TrainingOptions {
    /// What is wrong with it, each problem beginning with an option's name.
    pub(super) fn validate(&self, config: &Config) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        let share = |value: f64| (0.0..=1.0).contains(&value);
        check(
            !self.output.is_empty(),
            "output names the trained checkpoint's folder",
        );
        check(
            self.steps > 0 && self.images > 0,
            "steps and images are at least 1",
        );
        check((1..=64).contains(&self.updates), "updates is from 1 to 64");
        check(
            share(self.learned_share) && self.learned_share > 0.0,
            "learned_share is a share above 0, e.g. 0.5",
        );
        check(
            self.learning_rate > 0.0 && self.learning_rate < 1.0,
            "learning_rate is above 0 and below 1, e.g. 3e-6 for billions of weights, 1e-4 for the lab's",
        );
        check(share(self.warm_up), "warm_up is a share of the steps, e.g. 0.1");
        check(
            self.kl_coefficient >= 0.0 && self.entropy_coefficient >= 0.0,
            "kl_coefficient and entropy_coefficient are at least 0",
        );
        check(
            self.clip_low > 0.0 && self.clip_low < 1.0 && self.clip_high > 0.0,
            "clip_low is between 0 and 1, clip_high above 0, e.g. 0.2 and 0.28",
        );
        check(
            share(self.quota) && self.quota > 0.0,
            "quota is a share above 0, e.g. 0.3",
        );
        check(
            self.covered <= 15,
            "covered is at most 15, as many categories as there are",
        );
        check(self.save_every > 0, "save_every is at least 1");
        check(
            self.lora
                .as_ref()
                .is_none_or(|lora| lora.rank > 0 && !lora.targets.is_empty()),
            "lora needs a rank above 0 and targets, e.g. [\"q_proj\", \"v_proj\"]",
        );
        let prober = config.trained();
        check(
            prober.is_some(),
            "output cannot be trained: exactly one of [[probers]] must be `prompted`, by a model with a section \
             [models.NAME.local]",
        );
        check(
            prober.is_none_or(|prober| prober.probes > 1),
            "baseline needs groups: give the prompted prober `probes` of at least 2",
        );
        check(
            prober.is_none_or(|prober| prober.sampling.temperature > 0.0),
            "baseline needs probes that differ: give the prompted prober a `temperature` above 0, e.g. 1.0",
        );
        check(
            config.references.len() > 1 || !config.judges.is_empty(),
            "invalid pairs cannot be told from failures by one reference alone: name two `references` or a judge",
        );
        problems
    }
}
