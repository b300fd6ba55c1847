//! What a batch of images comes to: the rows of every table.

use super::{
    AnswerRow, CallRow, DivergenceRow, ImageBytesRow, ImageRow, ProbeRow, RolloutRow, RunProbeRow, VerdictRow,
};

/// Rows of any tables, on their way to a commit.
#[derive(Debug, Default, Clone, PartialEq)]
#[allow(missing_docs, reason = "fields are named as the tables")]
pub struct Rows {
    pub images: Vec<ImageRow>,
    pub image_bytes: Vec<ImageBytesRow>,
    pub probes: Vec<ProbeRow>,
    pub rollouts: Vec<RolloutRow>,
    pub answers: Vec<AnswerRow>,
    pub calls: Vec<CallRow>,
    pub verdicts: Vec<VerdictRow>,
    pub divergences: Vec<DivergenceRow>,
    pub run_probes: Vec<RunProbeRow>,
}

impl Rows {
    /// Adds rows after those that are there.
    pub fn extend(&mut self, more: Self) {
        self.images.extend(more.images);
        self.image_bytes.extend(more.image_bytes);
        self.probes.extend(more.probes);
        self.rollouts.extend(more.rollouts);
        self.answers.extend(more.answers);
        self.calls.extend(more.calls);
        self.verdicts.extend(more.verdicts);
        self.divergences.extend(more.divergences);
        self.run_probes.extend(more.run_probes);
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.images.len()
            + self.image_bytes.len()
            + self.probes.len()
            + self.rollouts.len()
            + self.answers.len()
            + self.calls.len()
            + self.verdicts.len()
            + self.divergences.len()
            + self.run_probes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of images among them.
    #[must_use]
    pub fn image_byte(&self) -> usize {
        self.image_bytes.iter().map(|row| row.bytes.len()).sum()
    }
}
