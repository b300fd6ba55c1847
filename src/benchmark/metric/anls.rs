//! ANLS (Biten et al. 2019): how near an answer's spelling comes to that of one of the accepted answers.
//!
//! 1 − edit distance / length, 0 where that is too small. The variants differ in what is folded before, in the length
//! and in what happens at exactly one half.

use super::Variant;
use crate::diverge::edit_distance;

/// Whose rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Anls {
    /// The RRC server: distance of lower-cased, collapsed texts over the raw length; one half is kept.
    #[default]
    Rrc,
    /// The paper: the same length for both; one half is dropped.
    Paper,
    /// PaliGemma's evaluation: lower case only; one half is dropped.
    BigVision,
}

impl Variant for Anls {
    const ALL: &'static [(&'static str, Self)] = &[
        ("rrc", Self::Rrc),
        ("paper_strict", Self::Paper),
        ("bigvision", Self::BigVision),
    ];
}

impl Anls {
    /// The best likeness to one of the accepted answers, 0–1.
    #[must_use]
    pub fn score(self, prediction: &str, answers: &[String]) -> f64 {
        let scores = answers.iter().map(|answer| self.likeness(prediction, answer));
        scores.fold(0.0, f64::max)
    }

    fn likeness(self, prediction: &str, answer: &str) -> f64 {
        let (left, right) = match self {
            Self::Rrc | Self::Paper => (collapsed(prediction), collapsed(answer)),
            Self::BigVision => (lower(prediction), lower(answer)),
        };
        let longest = match self {
            Self::Rrc => upper_len(prediction).max(upper_len(answer)),
            Self::Paper | Self::BigVision => left.len().max(right.len()),
        };
        if longest == 0 {
            return 1.0;
        }
        // Where the lengths alone settle it, a hostile answer costs nothing.
        if left.len().abs_diff(right.len()) * 2 > longest {
            return 0.0;
        }
        let likeness = 1.0 - edit_distance(&left, &right) as f64 / longest as f64;
        let kept = match self {
            Self::Rrc => likeness >= 0.5,
            Self::Paper | Self::BigVision => likeness > 0.5,
        };
        if kept { likeness } else { 0.0 }
    }
}

fn lower(text: &str) -> Vec<char> {
    text.to_lowercase().chars().collect()
}

fn collapsed(text: &str) -> Vec<char> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    words.join(" ").chars().collect()
}

/// The script measures the upper-case text, in which `ß` counts twice.
fn upper_len(text: &str) -> usize {
    text.chars().flat_map(char::to_uppercase).count()
}
