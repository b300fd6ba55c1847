//! Relaxed accuracy (ChartQA, after Methani et al. 2020): numbers within 5 %, other answers equal but for case.

use super::Variant;
use crate::benchmark::python;

const TOLERANCE: f64 = 0.05;

/// Whose rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Relaxed {
    /// pix2struct's function, which everybody cites; nothing is trimmed.
    #[default]
    Pix2Struct,
    /// VLMEvalKit: the prediction is trimmed, and an answer in the form of a list stands for alternatives.
    VlmEvalKit,
}

impl Variant for Relaxed {
    const ALL: &'static [(&'static str, Self)] =
        &[("pix2struct", Self::Pix2Struct), ("vlmevalkit", Self::VlmEvalKit)];
}

impl Relaxed {
    /// Whether the answer is right.
    #[must_use]
    pub fn right(self, prediction: &str, answer: &str) -> bool {
        match self {
            Self::Pix2Struct => correct(prediction, answer),
            Self::VlmEvalKit => {
                let answers = python::list(answer).unwrap_or_else(|_| vec![answer.to_owned()]);
                answers.iter().any(|answer| correct(prediction.trim(), answer))
            }
        }
    }
}

fn correct(prediction: &str, answer: &str) -> bool {
    match (number(prediction), number(answer)) {
        // Not `answer > 0`: a gold answer of nan goes this way too, and matches nothing.
        (Some(prediction), Some(answer)) if answer != 0.0 => {
            (prediction - answer).abs() / answer.abs() <= TOLERANCE
        }
        _ => prediction.to_lowercase() == answer.to_lowercase(),
    }
}

fn number(text: &str) -> Option<f64> {
    if text.ends_with('%') {
        Some(python::float(text.trim_end_matches('%'))? / 100.0)
    } else {
        python::float(text)
    }
}
