//! What a probe is worth to the auditor that wrote it: the divergence of the answers, and nothing that only the lab knows.
//!
//! In: a probe's row and the answers and verdicts about it. Out: a reward of 0 to 1, or none where it is masked, and the
//! reason. Ground truth is hidden here: consensus or a judge decides. What the auditor brought about itself (no form, an
//! instruction that cannot be drawn, another category than asked for) is worth 0; what nobody can tell is masked.

use crate::answer::Answers;
use crate::audit::Cast;
use crate::diverge::{Case, Invalid, TRUTH, Truth, reward, score};
use crate::row::{Category, ProbeRow, VerdictRow};
use chrono::Utc;

/// What became of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The references agree or a judge decided.
    Valid,
    /// The references do not agree, or a judge calls the question unanswerable.
    Invalid,
    /// Nothing decides, or a call failed for now.
    Unknown,
    /// The output had no form.
    Unparsed,
    /// The painter could not carry it out.
    NotDrawn,
    /// About another category than asked for.
    OffFocus,
}

/// A probe's reward and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Worth {
    pub(crate) reward: Option<f64>,
    pub(crate) kind: Kind,
}

impl Worth {
    /// The same of a question about something that is not there.
    pub(crate) fn unfounded(self, invalid: Invalid) -> Self {
        match self.kind {
            Kind::Valid => Self {
                reward: invalid.value(),
                kind: Kind::Invalid,
            },
            _ => self,
        }
    }

    /// What is worth nothing before anybody answers; none where the pair decides.
    pub(crate) fn unanswered(
        parsed: bool,
        drawn: bool,
        category: Option<&str>,
        focus: Option<Category>,
    ) -> Option<Self> {
        let nothing = |kind| {
            Some(Self {
                reward: Some(0.0),
                kind,
            })
        };
        match (parsed, drawn) {
            (false, _) => nothing(Kind::Unparsed),
            (true, false) => nothing(Kind::NotDrawn),
            _ if focus.is_some_and(|focus| category != Some(focus.name())) => nothing(Kind::OffFocus),
            _ => None,
        }
    }

    /// What the answers to a pair are worth.
    pub(crate) fn of(
        row: &ProbeRow,
        answers: &Answers,
        verdicts: &[&VerdictRow],
        cast: &Cast,
        invalid: Invalid,
    ) -> Self {
        let masked = |kind| Self { reward: None, kind };
        let said = |model_id: &str| answers.get(&(row.pair_id.clone()?, model_id.to_owned()));
        let references: Option<Vec<_>> = cast
            .references
            .iter()
            .map(|player| said(&player.model.card().model_id))
            .collect();
        let (Some(target), Some(references)) = (said(&cast.target.model.card().model_id), references) else {
            return masked(Kind::Unknown);
        };
        let judged: Vec<&VerdictRow> = verdicts
            .iter()
            .filter(|row| row.judge_id != TRUTH)
            .copied()
            .collect();
        let case = Case {
            probe_id: &row.probe_id,
            choices: &row.choices,
            truth: &Truth::Unknown,
            target,
            references: &references,
            verdicts: &judged,
        };
        let scored = score(&case, "", "", &cast.scale, Utc::now());
        let given = reward(&scored, invalid);
        Self {
            reward: given.value,
            kind: match given.status {
                "valid" => Kind::Valid,
                "invalid" => Kind::Invalid,
                _ => Kind::Unknown,
            },
        }
    }
}
