//! What a batch of images comes to: the rows of every table.

use super::{
    AnswerRow, CallRow, DivergenceRow, ImageBytesRow, ImageRow, ProbeRow, RolloutRow, RunProbeRow, VerdictRow,
};
use crate::model::{Attempt, CallError, ModelCard};

/// Rows by table, complete in themselves: committing all of them leaves nothing half done.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "the fields are the tables' names")]
pub struct Rows {
    pub images: Vec<ImageRow>,
    pub image_bytes: Vec<ImageBytesRow>,
    pub run_probes: Vec<RunProbeRow>,
    pub probes: Vec<ProbeRow>,
    pub rollouts: Vec<RolloutRow>,
    pub answers: Vec<AnswerRow>,
    pub calls: Vec<CallRow>,
    pub verdicts: Vec<VerdictRow>,
    pub divergences: Vec<DivergenceRow>,
}

/// In which part a model was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the variants are their own names")]
pub enum Role {
    Prober,
    Painter,
    Target,
    Reference,
    Judge,
}

impl Role {
    /// The name in the table `calls`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prober => "prober",
            Self::Painter => "painter",
            Self::Target => "target",
            Self::Reference => "reference",
            Self::Judge => "judge",
        }
    }
}

impl Rows {
    /// Takes over all rows of another.
    pub fn extend(&mut self, other: Self) {
        self.images.extend(other.images);
        self.image_bytes.extend(other.image_bytes);
        self.run_probes.extend(other.run_probes);
        self.probes.extend(other.probes);
        self.rollouts.extend(other.rollouts);
        self.answers.extend(other.answers);
        self.calls.extend(other.calls);
        self.verdicts.extend(other.verdicts);
        self.divergences.extend(other.divergences);
    }

    /// Notes every attempt of a call.
    pub fn note_calls(&mut self, run_id: &str, card: &ModelCard, role: Role, subject: &str, attempts: &[Attempt]) {
        for (number, attempt) in attempts.iter().enumerate() {
            let started = attempt.started_at.timestamp_micros().to_string();
            let number_text = number.to_string();
            let parts = [run_id, &card.model_id, role.name(), subject, &number_text, &started];
            let (status, error) = match &attempt.error {
                None => ("ok", None),
                Some(error @ CallError::Transient { .. }) => ("transient", Some(error.to_string())),
                Some(error @ CallError::Refused { .. }) => ("refused", Some(error.to_string())),
                Some(error @ CallError::Fatal { .. }) => ("fatal", Some(error.to_string())),
            };
            self.calls.push(CallRow {
                call_id: super::id(parts),
                run_id: run_id.to_owned(),
                model_id: card.model_id.clone(),
                role: role.name().to_owned(),
                subject: subject.to_owned(),
                attempt: number as i32,
                status: status.to_owned(),
                error,
                tokens_in: attempt.tokens_in,
                tokens_out: attempt.tokens_out,
                latency_ms: attempt.latency_ms,
                cost_usd: cost_usd(card, attempt),
                started_at: attempt.started_at,
            });
        }
    }
}

/// What an attempt cost: unknown (never 0) unless tokens and prices are known.
fn cost_usd(card: &ModelCard, attempt: &Attempt) -> Option<f64> {
    let tokens_in = attempt.tokens_in? as f64 * card.input_usd_per_mtok?;
    let tokens_out = attempt.tokens_out? as f64 * card.output_usd_per_mtok?;
    Some((tokens_in + tokens_out) / 1e6)
}
