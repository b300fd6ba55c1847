//! One optimiser step of supervised training: the answers' tokens, and where there are patch heads what every patch
//! shows.

use super::lesson::Lesson;
use super::optimiser::Optimiser;
use super::patch_heads::PatchHeads;
use super::patch_words::PatchWords;
use super::workers::{Gradients, Workers, gradients};
use crate::error::Result;
use crate::vlm::{Network, ops};
use candle_core::{D, Tensor};

/// The network, what supervises its eyes, and the optimiser.
pub(super) struct Learner {
    pub(super) model: Network,
    pub(super) sight: Option<Sight>,
    pub(super) optimiser: Optimiser,
    pub(super) workers: Workers,
}

/// What the patches learn from beside the answers.
pub(super) struct Sight {
    pub(super) heads: PatchHeads,
    pub(super) words: PatchWords,
    /// How much their loss counts beside the answers'.
    pub(super) share: f64,
}

/// What a step found, as means over its questions.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) loss: f64,
    pub(super) patch_loss: f64,
    pub(super) word_loss: f64,
    /// Share of answers that were right in every token, the tokens before being given.
    pub(super) right: f64,
    pub(super) questions: usize,
}

impl Learner {
    /// Learns from `shards` batches, which `make` gives by number, at the given rate.
    pub(super) fn step(
        &mut self,
        shards: usize,
        rate: f64,
        make: &(dyn Fn(usize) -> Result<Lesson> + Sync),
    ) -> Result<Outcome> {
        let this = &*self;
        let (outcomes, mut sum) = this.workers.run(shards, &|shard| {
            make(shard).and_then(|lesson| this.shard(&lesson))
        })?;
        let share = 1.0 / shards as f64;
        let mut outcome = Outcome::default();
        for each in outcomes {
            outcome.loss += each.loss * share;
            outcome.patch_loss += each.patch_loss * share;
            outcome.word_loss += each.word_loss * share;
            outcome.right += each.right * share;
            outcome.questions += each.questions;
        }
        sum.iter_mut()
            .flatten()
            .for_each(|gradient| *gradient *= share as f32);
        self.optimiser.step(&sum, rate)?;
        Ok(outcome)
    }

    /// Forward and backward of one lesson.
    fn shard(&self, lesson: &Lesson) -> Result<(Outcome, Gradients)> {
        let seen = self.model.see(&lesson.pixels)?; // (N, P, W)
        let projected = self.model.project(&seen)?; // (N, P, H)
        let mut outcome = Outcome::default();
        let mut total = Tensor::zeros((), seen.dtype(), self.model.device())?;
        if let Some(sight) = &self.sight {
            let patch_loss = sight.heads.loss(&seen, &lesson.patch_labels)?;
            let word_loss = sight.words.loss(&self.model, &projected, &lesson.patch_labels)?;
            total = ((&patch_loss + &word_loss)? * sight.share)?;
            outcome.patch_loss = f64::from(patch_loss.to_scalar::<f32>()?);
            outcome.word_loss = f64::from(word_loss.to_scalar::<f32>()?);
        }
        if !lesson.labels.is_empty() {
            let logits = lesson.logits(&self.model, &projected)?;
            let labels = Tensor::from_slice(&lesson.labels, lesson.labels.len(), self.model.device())?;
            let loss = ops::cross_entropy(&logits, &labels)?;
            total = (total + &loss)?;
            outcome.loss = f64::from(loss.to_scalar::<f32>()?);
            outcome.right = lesson.share_right(&logits.argmax(D::Minus1)?.to_vec1()?);
            outcome.questions = lesson.rows.ids.len();
        }
        Ok((outcome, gradients(&total, self.optimiser.variables())?))
    }
}
