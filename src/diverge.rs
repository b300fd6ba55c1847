//! How answers differ: a chain of typed rules, consensus, judges, and ground truth where it exists.
//!
//! In: a pair's answers, verdicts and truth. Out: divergence rows. Long texts are compared by embeddings where the
//! configuration names a model of sentences, otherwise by a judge alone. Left out: the graded form over several samples of
//! one model.

mod consensus;
pub mod judge;
pub(crate) mod measure;
pub(crate) mod normalize;
mod reward;
pub(crate) mod rule;
mod scale;
mod score;
mod semantic;
mod truth;
mod vqa;

pub use consensus::{Consensus, consensus};
pub use measure::{anls, edit_distance, token_f1};
pub use normalize::normalize;
pub use reward::{Invalid, Reward, reward};
pub use rule::{Distance, answer_type, distance};
pub use scale::{Measure, Scale};
pub use score::{Case, TRUTH, score};
pub use semantic::SemanticOptions;
pub use truth::Truth;
pub use vqa::{VqaDialect, vqa, vqa_in, vqa_punctuation, vqa_trimmed, vqa_words};

/// The committed cases of one metric, computed by its reference implementation.
#[cfg(test)]
fn vectors(metric: &str) -> Vec<serde_json::Value> {
    let found: Vec<serde_json::Value> = include_str!("../tests/data/text_metrics.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|vector: &serde_json::Value| vector["metric"] == metric)
        .collect();
    assert!(!found.is_empty(), "no vectors of {metric}");
    found
}
