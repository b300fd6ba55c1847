//! One divergence: a target's answer against its references', with whatever verdicts there are.
//!
//! In: a [`Case`]. Out: a [`DivergenceRow`]. Truth goes before a judge, a judge before consensus; with a
//! single reference and neither of them a difference is a disagreement (`unknown`), never a failure.

use super::consensus::consensus;
use super::judge::Verdict;
use super::scale::Scale;
use super::truth::Truth;
use crate::row::{AnswerRow, DivergenceRow, VerdictRow};
use chrono::{DateTime, Utc};

/// The judge id under which ground truth stands in `verdicts`.
pub const TRUTH: &str = "truth";

/// A pair with its answers.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// The probe.
    pub probe_id: &'a str,
    /// The options of a multiple-choice question.
    pub choices: &'a [String],
    /// What is known about the right answer.
    pub truth: &'a Truth,
    /// The target's answer.
    pub target: &'a AnswerRow,
    /// The references' answers, in the configuration's order.
    pub references: &'a [&'a AnswerRow],
    /// The judges' verdicts on any of these answers.
    pub verdicts: &'a [&'a VerdictRow],
}

/// Whether an answer is right and who says so.
#[derive(Clone, Copy, PartialEq)]
enum Verified {
    By(&'static str, bool),
    Unanswerable,
    Open,
}

/// The divergence of a case under the reference set and judge set that it belongs to.
#[must_use]
pub fn score(
    case: &Case,
    reference_set: &str,
    judge_set: &str,
    scale: &Scale,
    now: DateTime<Utc>,
) -> DivergenceRow {
    let texts: Vec<&str> = case
        .references
        .iter()
        .filter_map(|answer| answer.text.as_deref())
        .collect();
    let agreed = consensus(&texts, case.choices, scale);
    let target = verify(case, case.target, scale);
    // The reference whose text stands for the consensus is the one that is verified.
    let spokesman = agreed.as_ref().and_then(|agreed| {
        case.references
            .iter()
            .find(|answer| answer.text.as_deref() == Some(&agreed.answer))
    });
    let reference = spokesman.map_or(Verified::Open, |answer| verify(case, answer, scale));

    let mut row = DivergenceRow {
        probe_id: case.probe_id.to_owned(),
        target_id: case.target.model_id.clone(),
        reference_set: reference_set.to_owned(),
        judge_set: judge_set.to_owned(),
        measure: scale.name(),
        consensus: agreed.as_ref().map(|agreed| agreed.answer.clone()),
        agreement: agreed
            .as_ref()
            .filter(|_| texts.len() > 1)
            .map(|agreed| agreed.agreement),
        status: "unknown".to_owned(),
        score: None,
        target_correct: None,
        reference_correct: None,
        verified_by: None,
        blame: None,
        reason: None,
        computed_at: now,
    };
    match (&agreed, case.target.text.as_deref()) {
        (Some(agreed), Some(said)) => {
            let apart = scale.distance(said, &agreed.answer, case.choices);
            row.score = apart.score;
            row.reason = Some(apart.rule.to_owned());
        }
        (Some(_), None) => {
            row.score = Some(1.0);
            row.reason = Some("the target refused to answer".to_owned());
        }
        (None, _) => row.reason = Some("no reference answered".to_owned()),
    }
    if let Truth::Unanswerable(reason) = case.truth {
        return invalid(row, "question", reason);
    }
    match (target, reference) {
        (Verified::Unanswerable, _) | (_, Verified::Unanswerable) => {
            invalid(row, "question", "a judge calls the question unanswerable")
        }
        (Verified::By(by, correct), reference) => {
            row.target_correct = Some(correct);
            if let Verified::By(_, correct) = reference {
                row.reference_correct = Some(correct);
            }
            if row.score.is_none() {
                // Long texts: two answers that are both right mean the same, one of each does not.
                row.score = match (correct, row.reference_correct) {
                    (true, Some(true)) => Some(0.0),
                    (a, Some(b)) if a != b => Some(1.0),
                    _ => None,
                };
            }
            valid(row, by)
        }
        (Verified::Open, _) if texts.len() > 1 => {
            let agreement = agreed.map_or(0.0, |agreed| agreed.agreement);
            if agreement <= scale.measure.agreement {
                let reason = format!("the references do not agree ({:.0} %)", agreement * 100.0);
                return invalid(row, "", &reason);
            }
            let Some(score) = row.score else { return row };
            row.target_correct = Some(score < 0.5);
            row.reference_correct = Some(true);
            valid(row, "consensus")
        }
        (Verified::Open, _) => row,
    }
}

fn verify(case: &Case, answer: &AnswerRow, scale: &Scale) -> Verified {
    match (case.truth, &answer.text) {
        (Truth::Unanswerable(_), _) => return Verified::Unanswerable,
        (Truth::Answers(_), None) => return Verified::By(TRUTH, false),
        (truth, Some(text)) => {
            if let Some(correct) = truth.accepts(text, case.choices, scale.number_tolerance()) {
                return Verified::By(TRUTH, correct);
            }
        }
        (Truth::Unknown, None) => {}
    }
    let (mut right, mut wrong, mut unanswerable) = (0, 0, 0);
    for verdict in case
        .verdicts
        .iter()
        .filter(|verdict| verdict.model_id == answer.model_id)
    {
        match Verdict::parse(&verdict.verdict) {
            Some(Verdict::Correct) => right += 1,
            Some(Verdict::Incorrect) => wrong += 1,
            Some(Verdict::Unanswerable) => unanswerable += 1,
            _ => {}
        }
    }
    if unanswerable > right + wrong {
        Verified::Unanswerable
    } else if right == wrong {
        Verified::Open
    } else {
        Verified::By("judge", right > wrong)
    }
}

fn invalid(mut row: DivergenceRow, blame: &str, reason: &str) -> DivergenceRow {
    "invalid".clone_into(&mut row.status);
    row.blame = Some(blame).filter(|blame| !blame.is_empty()).map(str::to_owned);
    row.reason = Some(reason.to_owned());
    row
}

fn valid(mut row: DivergenceRow, verified_by: &str) -> DivergenceRow {
    "valid".clone_into(&mut row.status);
    row.verified_by = Some(verified_by.to_owned());
    let blame = match (row.target_correct, row.reference_correct) {
        (Some(false), Some(false)) => Some("both"),
        (Some(false), _) => Some("target"),
        (_, Some(false)) => Some("reference"),
        _ => None,
    };
    row.blame = blame.map(str::to_owned);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(model_id: &str, text: Option<&str>) -> AnswerRow {
        AnswerRow {
            pair_id: "pair".to_owned(),
            model_id: model_id.to_owned(),
            sample: 0,
            text: text.map(str::to_owned),
            normalized: None,
            finish_reason: None,
            mean_log_probability: None,
            status: if text.is_some() { "ok" } else { "refused" }.to_owned(),
            error: None,
            answered_at: DateTime::UNIX_EPOCH,
        }
    }

    fn row(
        target: Option<&str>,
        references: &[&str],
        truth: &Truth,
        verdicts: &[(&str, &str)],
    ) -> DivergenceRow {
        let target = answer("t", target);
        let references: Vec<_> = references
            .iter()
            .enumerate()
            .map(|(at, text)| answer(&format!("r{at}"), Some(text)))
            .collect();
        let verdicts: Vec<_> = verdicts
            .iter()
            .map(|(model_id, verdict)| VerdictRow {
                probe_id: "p".to_owned(),
                model_id: (*model_id).to_owned(),
                judge_id: "j".to_owned(),
                verdict: (*verdict).to_owned(),
                reason: None,
                created_at: DateTime::UNIX_EPOCH,
            })
            .collect();
        let case = Case {
            probe_id: "p",
            choices: &[],
            truth,
            target: &target,
            references: &references.iter().collect::<Vec<_>>(),
            verdicts: &verdicts.iter().collect::<Vec<_>>(),
        };
        score(&case, "r", "", &Scale::default(), DateTime::UNIX_EPOCH)
    }

    fn outcome(row: &DivergenceRow) -> (&str, Option<bool>, Option<&str>, Option<&str>) {
        (
            &row.status,
            row.target_correct,
            row.verified_by.as_deref(),
            row.blame.as_deref(),
        )
    }

    #[test]
    fn one_reference_is_no_truth() {
        let lone = row(Some("2"), &["3"], &Truth::Unknown, &[]);
        assert_eq!(outcome(&lone), ("unknown", None, None, None));
        assert_eq!(lone.score, Some(1.0));
    }

    #[test]
    fn truth_then_judge_then_consensus() {
        let three = Truth::Answers(vec!["3".to_owned()]);
        let known = row(Some("2"), &["three"], &three, &[("t", "correct")]);
        assert_eq!(
            outcome(&known),
            ("valid", Some(false), Some("truth"), Some("target"))
        );
        assert_eq!(known.reference_correct, Some(true));
        let judged = row(
            Some("2"),
            &["3"],
            &Truth::Unknown,
            &[("t", "correct"), ("r0", "incorrect")],
        );
        assert_eq!(
            outcome(&judged),
            ("valid", Some(true), Some("judge"), Some("reference"))
        );
        let agreed = row(Some("2"), &["3", "three"], &Truth::Unknown, &[]);
        assert_eq!(
            outcome(&agreed),
            ("valid", Some(false), Some("consensus"), Some("target"))
        );
        let split = row(Some("2"), &["3", "4"], &Truth::Unknown, &[]);
        assert_eq!(outcome(&split), ("invalid", None, None, None));
    }

    #[test]
    fn unanswerable_and_refused() {
        let no = Truth::Unanswerable("two red circles".to_owned());
        let invalid = row(Some("2"), &["3"], &no, &[]);
        assert_eq!(outcome(&invalid), ("invalid", None, None, Some("question")));
        let refused = row(None, &["3", "3"], &Truth::Unknown, &[]);
        assert_eq!(
            outcome(&refused),
            ("valid", Some(false), Some("consensus"), Some("target"))
        );
        assert_eq!(row(Some("3"), &[], &Truth::Unknown, &[]).score, None);
    }
}
