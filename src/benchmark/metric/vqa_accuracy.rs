//! VQA accuracy: how many of the ten annotators gave the answer, three being enough.
//!
//! Officially the mean over leaving each annotator out of min(1, matches / 3), and answers are normalised only where
//! the annotators differ: "Yes" against ten "yes" is wrong. Left out by position, not by equality: two annotators
//! with the same answer are two.

use super::Variant;
use crate::diverge::{VqaDialect, vqa_in, vqa_punctuation, vqa_trimmed, vqa_words};

/// Matches that make an answer fully right.
const ENOUGH: usize = 3;

/// Whose rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VqaAccuracy {
    /// The VQA challenge's evaluation.
    #[default]
    Official,
    /// lmms-eval on VQAv2: the prediction is always normalised, as EvalAI does.
    LmmsVqaV2,
    /// lmms-eval on OK-VQA: everything is normalised, as EvalAI does.
    LmmsOkVqa,
    /// VLMEvalKit: everything is normalised.
    VlmEvalKit,
    /// PaliGemma's OK-VQA evaluation: strings as they are, no annotator left out.
    BigVision,
}

impl Variant for VqaAccuracy {
    const ALL: &'static [(&'static str, Self)] = &[
        ("official", Self::Official),
        ("lmms_vqav2", Self::LmmsVqaV2),
        ("lmms_okvqa", Self::LmmsOkVqa),
        ("vlmevalkit", Self::VlmEvalKit),
        ("bigvision_vqa_simple", Self::BigVision),
    ];
}

impl VqaAccuracy {
    /// The accuracy of an answer against the annotators', 0–1; 0 without annotators.
    #[must_use]
    pub fn score(self, prediction: &str, answers: &[String]) -> f64 {
        let matches = self.matches(prediction, answers);
        if self == Self::BigVision {
            return (matches as f64 / ENOUGH as f64).min(1.0);
        }
        let others = |left_out: bool| {
            let others = matches.saturating_sub(usize::from(left_out));
            (others.min(ENOUGH)) as f64 / ENOUGH as f64
        };
        let (agreed, differed) = (matches as f64, (answers.len() - matches) as f64);
        if answers.is_empty() {
            return 0.0;
        }
        (agreed * others(true) + differed * others(false)) / answers.len() as f64
    }

    /// How many annotators gave the answer.
    fn matches(self, prediction: &str, answers: &[String]) -> usize {
        let count = |prediction: &str, alike: &dyn Fn(&str) -> String| {
            answers
                .iter()
                .filter(|answer| alike(answer) == prediction)
                .count()
        };
        let clean = |dialect, text: &str| vqa_words(&vqa_punctuation(dialect, &vqa_trimmed(text)));
        let unanimous = || {
            let mut trimmed = answers.iter().map(|answer| vqa_trimmed(answer));
            let first = trimmed.next();
            trimmed.all(|other| Some(&other) == first.as_ref())
        };
        match self {
            Self::BigVision => count(prediction, &str::to_owned),
            Self::Official if unanimous() => count(&vqa_trimmed(prediction), &vqa_trimmed),
            Self::Official => {
                let alike = |text: &str| clean(VqaDialect::Official, text);
                count(&alike(prediction), &alike)
            }
            Self::VlmEvalKit => {
                let alike = |text: &str| clean(VqaDialect::VlmEvalKit, text);
                count(&alike(prediction), &alike)
            }
            Self::LmmsVqaV2 => {
                let prediction = vqa_in(VqaDialect::EvalAi, prediction);
                if unanimous() {
                    count(&prediction, &vqa_trimmed)
                } else {
                    count(&prediction, &|text| clean(VqaDialect::EvalAi, text))
                }
            }
            Self::LmmsOkVqa => {
                let alike = |text: &str| vqa_in(VqaDialect::EvalAi, text);
                count(&alike(prediction), &alike)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_compare_with_is_no_success() {
        for (_, variant) in VqaAccuracy::ALL {
            assert!(variant.score("yes", &[]).abs() < 1e-12);
        }
    }

    proptest::proptest! {
        #[test]
        fn more_agreement_never_hurts(matches in 0_usize..10) {
            let with = |n: usize| -> Vec<String> {
                (0..10).map(|i| if i < n { "cat" } else { "dog" }.to_owned()).collect()
            };
            for (_, variant) in VqaAccuracy::ALL {
                let (fewer, more) = (variant.score("cat", &with(matches)), variant.score("cat", &with(matches + 1)));
                proptest::prop_assert!((0.0..=1.0).contains(&fewer) && fewer <= more + 1e-12);
            }
        }
    }
}
