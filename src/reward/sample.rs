//! What comes in and goes out, and a sample on its way: parsed into a pair, or closed with its reason.

use super::{Scorer, Subjects};
use crate::config::RewardOptions;
use crate::probe::parse::{LONGEST_OUTPUT_BYTES, parse};
use crate::probe::{Pair, ProposalError, Strategy, blank, fill, seed_of, unwritten};
use crate::row::{ProbeRow, id};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A completion of an auditor, and the image that it was shown.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The image: a data URI, base64, or the address of one in the configured source as `images.uri` has it.
    pub image: String,
    /// What the auditor wrote, word for word.
    pub completion: String,
    /// What it was asked to write: `question`, `edit` or `generation`.
    #[serde(default = "question")]
    pub strategy: Strategy,
    /// Names the completions that are compared with each other; by default those about one image and strategy.
    #[serde(default)]
    pub group: Value,
}

fn question() -> Strategy {
    Strategy::Question
}

/// What a sample is worth, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Scored {
    /// From 0 to 1; none where it is not known.
    pub reward: Option<f64>,
    /// `valid`, `invalid`, `unknown`, `unparsed`, `refused` (there is nothing to ask, or it cannot be drawn) or `failed`
    /// (it is not the completion's doing).
    pub status: &'static str,
    /// In words.
    pub reason: String,
    /// How far target and references are apart.
    pub divergence: Option<f64>,
    /// As it was read from the completion.
    pub question: Option<String>,
    /// Which weakness it is about.
    pub category: Option<String>,
    /// None where the target refused.
    pub target_answer: Option<String>,
    /// In the configuration's order.
    pub reference_answers: Vec<Option<String>>,
    /// What the references agree on.
    pub consensus: Option<String>,
    /// In the tables.
    pub probe_id: Option<String>,
}

impl Scored {
    pub(super) fn closed(reward: Option<f64>, status: &'static str, reason: impl Into<String>) -> Self {
        Self {
            reward,
            status,
            reason: reason.into(),
            divergence: None,
            question: None,
            category: None,
            target_answer: None,
            reference_answers: Vec::new(),
            consensus: None,
            probe_id: None,
        }
    }

    /// Nothing is known, and it is not the completion's doing.
    pub(super) fn failed(reason: impl Into<String>) -> Self {
        Self::closed(None, "failed", reason)
    }
}

/// A sample that was looked at.
pub(super) enum Read {
    /// To be asked: what is to do, and whose it is.
    Open {
        /// H(image, strategy, question, instruction).
        work_id: String,
        pair: Box<Pair>,
        group: String,
    },
    /// Nothing to ask; a row where the completion is at fault.
    Closed {
        scored: Scored,
        row: Option<Box<ProbeRow>>,
    },
}

impl Scorer {
    /// Parses a completion as the audit does.
    pub(super) fn read(&self, sample: Result<Sample, String>, subjects: &Subjects) -> Read {
        let failed = |reason: String| Read::Closed {
            scored: Scored::failed(reason),
            row: None,
        };
        let Sample {
            image,
            completion,
            strategy,
            group,
        } = match sample {
            Ok(sample) => sample,
            Err(problem) => return failed(problem),
        };
        let subject = match &subjects[&image] {
            Ok(subject) => subject,
            Err(problem) => return failed(format!("the image: {problem}")),
        };
        match strategy {
            Strategy::Dataset | Strategy::Perturbation => {
                return failed("a completion is for `question`, `edit` or `generation`".to_owned());
            }
            Strategy::Edit | Strategy::Generation if self.audit.cast.painter.is_none() => {
                let remedy = "set `painter = \"lab\"` or a section `[painter.http]` or `[painter.local]`";
                return failed(format!("nobody draws for `{}`: {remedy}", strategy.name()));
            }
            _ => {}
        }
        let group = if group.is_null() {
            String::new()
        } else {
            group.to_string()
        };
        let (prober_id, image_id) = (&self.auditor.model_id, &*subject.image.image_id);
        let of_group = [prober_id, image_id, strategy.name(), &group];
        let probe_id = id(of_group.into_iter().chain([completion.as_str()]));
        let mut row = blank(&probe_id, id(of_group), image_id, prober_id, strategy);
        let kept = completion.floor_char_boundary(LONGEST_OUTPUT_BYTES);
        row.raw_output = Some(completion[..kept].to_owned());
        match parse(&completion, strategy) {
            Ok(draft) => {
                let mut pair = fill(row, draft, subject, &self.audit.cast.categories);
                let [question, instruction] = [&pair.row.question, &pair.row.instruction]
                    .map(|text| text.as_deref().unwrap_or_default());
                let work_id = id([image_id, strategy.name(), question, instruction]);
                // Whoever asks first, the same is drawn.
                pair.row.seed = seed_of(&work_id) as i64;
                Read::Open {
                    work_id,
                    pair: Box::new(pair),
                    group,
                }
            }
            Err(problem) => closed(row, &problem, &self.options),
        }
    }
}

fn closed(row: ProbeRow, problem: &ProposalError, options: &RewardOptions) -> Read {
    let row = unwritten(row, problem);
    let status = match problem {
        ProposalError::Unparsed(_) => "unparsed",
        ProposalError::Refused(_) | ProposalError::Failed(_) => "refused",
    };
    let reason = match problem {
        ProposalError::Unparsed(reason) => reason.clone(),
        nothing => format!("nothing to ask: {nothing}"),
    };
    let mut scored = Scored::closed(options.unparsed.value(), status, reason);
    scored.probe_id = Some(row.probe_id.clone());
    Read::Closed {
        scored,
        row: Some(Box::new(row)),
    }
}
