//! Who asks: a prober looks at an image and writes probes.

use crate::lab::scene::Scene;
use crate::model::{Attempt, CallError, EncodedImage, ModelCard};
use crate::source::SourceQuestion;
use std::sync::Arc;

mod asked;
pub mod caption;
mod categories;
pub mod concept;
pub mod dataset;
mod focus;
pub mod lab;
pub mod parse;
pub mod prompted;
pub(crate) mod prompts;
mod propose;
pub mod rewriting;
pub mod synthesis;
pub mod text_attack;
pub mod visual_attack;
mod writer;

pub use categories::{Categories, CategoryOptions};
pub use focus::Foci;
pub use propose::{Asker, Pair, asks, propose};
pub(crate) use propose::{SOURCE, blank, fill, seed_of, unwritten};
pub use writer::Writer;

/// How the pair of question and image comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// (Q, I): the source's own question on the source's own image; the conventional evaluation.
    Dataset,
    /// (Q*, I): a new question on the source's image.
    Question,
    /// (Q*, I*): a new question on an edit of the source's image.
    Edit,
    /// (Q*, I*): a new question on an image generated from a caption.
    Generation,
    /// (Q, I*): the source's question on an image whose pixels were changed and whose meaning was not.
    Perturbation,
}

impl Strategy {
    /// The name in tables and configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Question => "question",
            Self::Edit => "edit",
            Self::Generation => "generation",
            Self::Perturbation => "perturbation",
        }
    }
}

/// An image that probes are written about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The image.
    pub image: EncodedImage,
    /// Its scene, in the lab.
    pub scene: Option<Arc<Scene>>,
    /// The source's own questions.
    pub questions: Arc<[SourceQuestion]>,
    /// The licence of the source's image, inherited by what is made from it.
    pub licence: Option<Arc<str>>,
}

/// One probe that is to be written.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Its id, the subject of the prober's call.
    pub probe_id: Arc<str>,
    /// Which kind of pair.
    pub strategy: Strategy,
    /// Which of the K probes of the group, from 0.
    pub k: usize,
    /// Derived from the probe's identity.
    pub seed: u64,
}

/// What a prober wrote, parsed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// The question to ask target and references.
    pub question: String,
    /// For `Edit` the instruction, for `Generation` the caption.
    pub instruction: Option<String>,
    /// Options of a multiple-choice question.
    pub choices: Vec<String>,
    /// The prober's word for the weakness that it probes.
    pub category: Option<String>,
    /// What the prober believes the answer to be.
    pub expected_answer: Option<String>,
    /// What the source knows the answer to be, before any edit; empty when it does not.
    pub truth: Vec<String>,
    /// The truth holds although the lab's grammar may not understand the wording: the source's question in other words.
    pub reworded: bool,
    /// The source's image with other pixels and the same meaning, for `Perturbation`.
    pub perturbed: Option<Perturbed>,
}

/// An image that the prober itself made of the source's.
#[derive(Debug, Clone)]
pub struct Perturbed {
    /// Its encoded bytes.
    pub image: EncodedImage,
    /// How it differs, in words.
    pub how: String,
}

impl PartialEq for Perturbed {
    fn eq(&self, other: &Self) -> bool {
        (&self.image.image_id, &self.how) == (&other.image.image_id, &other.how)
    }
}

/// A probe as it came back: a draft or the reason why there is none.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What the prober's model said, word for word.
    pub raw_output: Option<String>,
    /// The draft; `Unparsed` and `Refused` are rows, `Failed` is tried again by a later run.
    pub outcome: Result<Draft, ProposalError>,
    /// What it took, where a model was asked.
    pub attempts: Vec<Attempt>,
    /// Token ids and log-probabilities of the raw output, where the prober's model tells.
    pub rollout: Option<(Vec<u32>, Vec<f32>)>,
}

impl Proposal {
    /// What came without asking a model.
    pub(crate) fn unasked(outcome: Result<Draft, ProposalError>) -> Self {
        Self {
            raw_output: None,
            outcome,
            attempts: Vec::new(),
            rollout: None,
        }
    }
}

/// Why a prober gave no draft.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// The output did not have the form that was asked for.
    #[error("{0}")]
    Unparsed(String),
    /// The prober has nothing to ask of this image, or declined.
    #[error("{0}")]
    Refused(String),
    /// The call failed.
    #[error("{0}")]
    Failed(CallError),
}

/// Writes probes about an image.
#[async_trait::async_trait]
pub trait Prober: Send + Sync {
    /// Who this is.
    fn card(&self) -> &ModelCard;

    /// The asks that this prober can serve for a subject, of the K that the configuration wants: a
    /// dataset prober has one for each of the source's questions.
    fn asks(&self, subject: &Subject, strategies: &[Strategy], probes: usize) -> Vec<(Strategy, usize)>;

    /// Writes one proposal for each ask, in order.
    async fn propose(&self, subject: &Subject, asks: Vec<Ask>) -> Vec<Proposal>;
}

/// The question with its options, lettered: as it is put to target and references.
pub(crate) fn with_choices(question: &str, choices: &[String]) -> String {
    let mut prompt = question.to_owned();
    for (letter, choice) in ('A'..='Z').zip(choices) {
        prompt.extend(["\n", letter.encode_utf8(&mut [0; 4]), ". ", choice]);
    }
    if !choices.is_empty() {
        prompt.push_str("\nAnswer with the option's letter.");
    }
    prompt
}
