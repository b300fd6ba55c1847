//! How answers differ: a chain of typed rules, consensus, judges, and ground truth where it exists.
//!
//! In: a pair's answers, verdicts and truth. Out: divergence rows. Left out: embeddings as a pre-filter
//! for long text (a judge decides alone) and the graded form over several samples of one model.

mod consensus;
pub mod judge;
pub(crate) mod measure;
pub(crate) mod normalize;
pub(crate) mod rule;
mod score;
mod truth;
mod vqa;

pub use consensus::{Consensus, consensus};
pub use measure::{anls, edit_distance, token_f1};
pub use normalize::normalize;
pub use rule::{Distance, answer_type, distance};
pub use score::{Case, Measure, TRUTH, score};
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
