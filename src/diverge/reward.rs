//! What a divergence is worth to an auditor that learns: the score where the target is verified wrong, nothing where that
//! is not known, and reasons for whoever wonders why a trick did not pay.
//!
//! In: a divergence that was scored without ground truth. Out: a [`Reward`]. Two answers that differ are worth
//! nothing by themselves: the references may be wrong, silent, or say that nobody can tell.

use super::normalize::normalize;
use crate::row::DivergenceRow;
use serde::{Deserialize, Serialize};

/// What a probe that came to no valid pair is worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invalid {
    /// Nothing is said: it is left out of its group.
    #[default]
    Mask,
    /// 0, like a probe that the target passed.
    Zero,
}

impl Invalid {
    /// The reward.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Mask => None,
            Self::Zero => Some(0.0),
        }
    }
}

/// A reward and why it is what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Reward {
    /// From 0 to 1; none where it is not known: that is never 0.
    pub value: Option<f64>,
    /// `valid`, `invalid` or `unknown`.
    pub status: &'static str,
    /// In words.
    pub reason: String,
}

/// Answers by which references say that a question has none, normalized; those of several words may stand in a sentence.
const ABSTENTIONS: [&str; 14] = [
    "unanswerable",
    "unknown",
    "unclear",
    "unsure",
    "not sure",
    "not visible",
    "not clear",
    "i don't know",
    "cannot tell",
    "can't tell",
    "cannot be determined",
    "can't be determined",
    "cannot determine",
    "impossible to tell",
];

/// The reward for the probe that this divergence is about.
#[must_use]
pub fn reward(row: &DivergenceRow, invalid: Invalid) -> Reward {
    let given = |value, status, reason: &str| Reward {
        value,
        status,
        reason: reason.to_owned(),
    };
    let told = row.reason.as_deref().unwrap_or("no reason is known");
    let unfit = |reason: &str| given(invalid.value(), "invalid", reason);
    if row.status == "invalid" {
        return unfit(told);
    }
    if row.status != "valid" {
        let reason = format!("nothing tells who is right ({told}): name a judge or a second reference");
        return given(None, "unknown", &reason);
    }
    if row.target_correct != Some(false) {
        return given(Some(0.0), "valid", "the target is right");
    }
    if row.reference_correct == Some(false) {
        return unfit("target and references are both wrong");
    }
    match row.consensus.as_deref().map(normalize) {
        Some(agreed) if agreed.is_empty() => return unfit("the references say nothing"),
        Some(agreed) if abstains(&agreed) => return unfit("the references call the question unanswerable"),
        _ => {}
    }
    // A judge who calls one answer wrong and the other right saw a difference that rules may not see.
    let score = row.score.filter(|score| *score >= 0.5).unwrap_or(1.0);
    given(Some(score), "valid", told)
}

fn abstains(agreed: &str) -> bool {
    ABSTENTIONS
        .iter()
        .any(|word| agreed == *word || word.contains(' ') && agreed.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn row(status: &str, target: Option<bool>, reference: Option<bool>, score: Option<f64>) -> DivergenceRow {
        DivergenceRow {
            probe_id: "p".to_owned(),
            target_id: "t".to_owned(),
            reference_set: "r".to_owned(),
            judge_set: String::new(),
            measure: "rules".to_owned(),
            consensus: Some("3".to_owned()),
            agreement: Some(1.0),
            status: status.to_owned(),
            score,
            target_correct: target,
            reference_correct: reference,
            verified_by: None,
            blame: None,
            reason: Some("numbers".to_owned()),
            computed_at: DateTime::UNIX_EPOCH,
        }
    }

    fn both(row: &DivergenceRow) -> [(Option<f64>, &'static str); 2] {
        [Invalid::Mask, Invalid::Zero].map(|invalid| {
            let reward = reward(row, invalid);
            assert!(!reward.reason.is_empty());
            (reward.value, reward.status)
        })
    }

    #[test]
    fn only_a_target_that_is_wrong_alone_pays() {
        let failure = row("valid", Some(false), Some(true), Some(0.75));
        assert_eq!(both(&failure), [(Some(0.75), "valid"); 2]);
        let passed = row("valid", Some(true), Some(true), Some(0.0));
        assert_eq!(both(&passed), [(Some(0.0), "valid"); 2]);
        // The answers differ, but because the reference errs.
        let reference = row("valid", Some(true), Some(false), Some(1.0));
        assert_eq!(both(&reference), [(Some(0.0), "valid"); 2]);
        let nobody = row("valid", Some(false), Some(false), Some(1.0));
        assert_eq!(both(&nobody), [(None, "invalid"), (Some(0.0), "invalid")]);
        // A judge's word on texts that rules cannot compare, or take for near.
        for score in [None, Some(0.2)] {
            let judged = row("valid", Some(false), Some(true), score);
            assert_eq!(both(&judged), [(Some(1.0), "valid"); 2]);
        }
    }

    #[test]
    fn what_is_not_known_is_never_zero() {
        let unknown = row("unknown", None, None, Some(1.0));
        assert_eq!(both(&unknown), [(None, "unknown"); 2]);
        let invalid = row("invalid", None, None, Some(1.0));
        assert_eq!(both(&invalid), [(None, "invalid"), (Some(0.0), "invalid")]);
    }

    #[test]
    fn references_that_agree_on_nothing_to_say_teach_nothing() {
        for agreed in [
            "",
            "  .",
            "Unanswerable",
            "I can't tell from this image.",
            "unknown",
        ] {
            let empty = DivergenceRow {
                consensus: Some(agreed.to_owned()),
                ..row("valid", Some(false), Some(true), Some(1.0))
            };
            assert_eq!(both(&empty)[0], (None, "invalid"), "{agreed}");
        }
        let said = DivergenceRow {
            consensus: Some("an unknown soldier".to_owned()),
            ..row("valid", Some(false), Some(true), Some(1.0))
        };
        assert_eq!(both(&said)[0], (Some(1.0), "valid"));
    }
}
