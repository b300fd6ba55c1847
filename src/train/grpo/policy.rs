//! The auditor that is being trained: it writes probes with the weights of the moment, and learns from their advantages.

use super::loss::{Sums, Terms, log_probabilities, loss};
use super::tap::Tap;
use crate::config::{ProberOptions, TrainingOptions};
use crate::error::Result;
use crate::model::Request;
use crate::model::local::LocalOptions;
use crate::probe::Foci;
use crate::probe::prompted::Prompted;
use crate::train::student::{ROWS, Student, Taught};
use crate::train::workers::gradients;
use crate::vlm::{Checkpoint, Network};
use candle_core::Tensor;
use std::sync::Arc;

/// Rows whose lengths differ by fewer tokens may stand beside each other.
const PADDING: usize = 16;

/// The auditor and the one it started from.
pub(super) struct Policy {
    pub(super) student: Student,
    start: Option<Network>,
    prober: ProberOptions,
}

/// A rollout with its advantage.
pub(super) struct Learned {
    pub(super) request: Request,
    pub(super) tokens: Vec<u32>,
    /// Log-probabilities when the tokens were drawn.
    pub(super) drawn: Vec<f32>,
    pub(super) advantage: f64,
}

/// What a step did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Learning {
    /// Over all tokens.
    pub(super) sums: Sums,
    pub(super) tokens: usize,
    pub(super) gradient_norm: f64,
}

impl Policy {
    /// Loads the checkpoint that the prober names, trainable; `id` makes it another model than the one it starts from.
    pub(super) fn open(
        prober: &ProberOptions,
        local: &LocalOptions,
        options: &TrainingOptions,
        seed: u64,
        id: &str,
    ) -> Result<Self> {
        let student = Student::open(local, options.lora.clone(), seed, id)?;
        let device = student.checkpoint.network.device();
        let start = (options.kl_coefficient > 0.0)
            .then(|| Checkpoint::load(&student.folder, None, device))
            .transpose()?;
        Ok(Self {
            student,
            start: start.map(|start| start.network),
            prober: prober.clone(),
        })
    }

    /// A prober with the weights as they are now, and what it will have been asked.
    pub(super) fn prober(&self, foci: Foci) -> Result<(Prompted, Arc<Tap>)> {
        let tap = Arc::new(Tap::new(|| self.student.serve(&self.prober.sampling))?);
        let (sampling, prompt) = (self.prober.sampling.clone(), self.prober.prompt.clone());
        Ok((Prompted::new(tap.clone(), sampling, prompt, foci), tap))
    }

    /// One optimiser step along the advantages.
    pub(super) fn learn(&mut self, rollouts: &[Learned], terms: Terms, rate: f64) -> Result<Learning> {
        let tokens: usize = rollouts.iter().map(|rollout| rollout.tokens.len()).sum();
        let mut sorted: Vec<&Learned> = rollouts
            .iter()
            .filter(|rollout| !rollout.tokens.is_empty())
            .collect();
        // Padding costs as much as tokens; an image that is seen by several shards costs little.
        sorted.sort_by_key(|rollout| {
            let image = rollout.request.images.first();
            (
                rollout.tokens.len() / PADDING,
                image.map(|image| image.image_id.clone()),
            )
        });
        let shards: Vec<&[&Learned]> = sorted.chunks(ROWS).collect();
        if shards.is_empty() {
            return Ok(Learning::default());
        }
        let this = &*self;
        let (sums, gradients) = this.student.workers.run(shards.len(), &|shard| {
            let (loss, sums) = this.shard(shards[shard], tokens, terms)?;
            Ok((sums, gradients(&loss, this.student.optimiser.variables())?))
        })?;
        let mut all = Sums::default();
        for each in sums {
            all.loss += each.loss;
            all.entropy += each.entropy;
            all.kl += each.kl;
            all.clipped_low += each.clipped_low;
            all.clipped_high += each.clipped_high;
        }
        Ok(Learning {
            sums: all,
            tokens,
            gradient_norm: f64::from(self.student.optimiser.step(&gradients, rate)?),
        })
    }

    fn shard(&self, rollouts: &[&Learned], tokens: usize, terms: Terms) -> Result<(Tensor, Sums)> {
        let taught = rollouts.iter().map(|rollout| Taught {
            image: rollout
                .request
                .images
                .first()
                .expect("an auditor is shown an image"),
            prompt: &rollout.request.prompt,
            tokens: &rollout.tokens,
        });
        let lesson = self.student.lesson(&taught.collect::<Vec<_>>())?;
        let network = &self.student.checkpoint.network;
        let labels = Tensor::from_slice(&lesson.labels, lesson.labels.len(), network.device())?;
        let column = |values: Vec<f32>| Tensor::from_vec(values, lesson.labels.len(), network.device());
        let advantages = rollouts
            .iter()
            .flat_map(|rollout| std::iter::repeat_n(rollout.advantage as f32, rollout.tokens.len()));
        let advantages = column(advantages.collect())?;
        let drawn = column(
            rollouts
                .iter()
                .flat_map(|rollout| rollout.drawn.clone())
                .collect(),
        )?;
        let logits =
            |network: &Network| lesson.logits(network, &network.project(&network.see(&lesson.pixels)?)?);
        let start = match &self.start {
            Some(start) => Some(log_probabilities(&logits(start)?, &labels)?.0.detach()),
            None => None,
        };
        loss(
            &logits(network)?,
            &labels,
            &advantages,
            &drawn,
            start.as_ref(),
            tokens,
            terms,
        )
    }
}
