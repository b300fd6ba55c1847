//! One optimiser step: shards of a lesson on all cores, each forward and backward on one.
//!
//! A core that works on its own shard keeps its activations in its caches and waits for nobody; the same
//! operations spread over all cores would wait at every one of them. The sum over shards has a fixed order,
//! so that a step does not depend on the number of cores.

use super::lesson::Lesson;
use super::optimiser::Optimiser;
use super::patch_heads::PatchHeads;
use super::patch_words::PatchWords;
use crate::error::{Error, Result};
use crate::vlm::{Network, ops};
use candle_core::{D, Tensor};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Stack of a worker: the backward pass walks its graph by recursion.
const STACK_BYTES: usize = 512 << 20;

/// The networks and their optimiser.
pub(super) struct Learner {
    pub(super) model: Network,
    pub(super) heads: PatchHeads,
    pub(super) words: PatchWords,
    pub(super) optimiser: Optimiser,
    /// How much the patches' loss counts beside the answers'.
    pub(super) patch_share: f64,
    workers: Vec<ThreadPool>,
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

/// What one shard gives.
struct Shard {
    outcome: Outcome,
    gradients: Vec<Vec<f32>>,
}

impl Learner {
    pub(super) fn new(
        model: Network,
        heads: PatchHeads,
        words: PatchWords,
        optimiser: Optimiser,
        patch_share: f64,
    ) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let worker = |_| {
            ThreadPoolBuilder::new()
                .num_threads(1)
                .stack_size(STACK_BYTES)
                .build()
        };
        let workers: std::result::Result<_, _> = (0..cores).map(worker).collect();
        let workers = workers.map_err(|error| Error::Model {
            model: "lab".into(),
            problem: format!("cannot start threads for training: {error}"),
        })?;
        Ok(Self {
            model,
            heads,
            words,
            optimiser,
            patch_share,
            workers,
        })
    }

    /// Learns from `shards` batches, which `make` gives by number, at the given rate.
    pub(super) fn step(
        &mut self,
        shards: usize,
        rate: f64,
        make: &(dyn Fn(usize) -> Result<Lesson> + Sync),
    ) -> Result<Outcome> {
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let this = &*self;
        std::thread::scope(|scope| {
            for worker in &this.workers {
                scope.spawn(|| {
                    worker.install(|| {
                        loop {
                            let shard = next.fetch_add(1, Ordering::Relaxed);
                            if shard >= shards {
                                return;
                            }
                            let result = make(shard).and_then(|lesson| this.shard(&lesson));
                            done.lock().expect("no worker panicked").push((shard, result));
                        }
                    });
                });
            }
        });
        let mut done = done.into_inner().expect("no worker panicked");
        done.sort_by_key(|(shard, _)| *shard);
        let share = 1.0 / shards as f64;
        let mut outcome = Outcome::default();
        let mut sum: Vec<Vec<f32>> = Vec::new();
        for (_, shard) in done {
            let Shard {
                outcome: each,
                gradients,
            } = shard?;
            outcome.loss += each.loss * share;
            outcome.patch_loss += each.patch_loss * share;
            outcome.word_loss += each.word_loss * share;
            outcome.right += each.right * share;
            outcome.questions += each.questions;
            if sum.is_empty() {
                sum = gradients;
                continue;
            }
            for (sum, gradient) in sum.iter_mut().zip(gradients) {
                sum.iter_mut()
                    .zip(gradient)
                    .for_each(|(sum, gradient)| *sum += gradient);
            }
        }
        sum.iter_mut()
            .flatten()
            .for_each(|gradient| *gradient *= share as f32);
        self.optimiser.step(&sum, rate)?;
        Ok(outcome)
    }

    /// Forward and backward of one lesson.
    fn shard(&self, lesson: &Lesson) -> Result<Shard> {
        let seen = self.model.see(&lesson.pixels)?; // (N, P, W)
        let projected = self.model.project(&seen)?; // (N, P, H)
        let patch_loss = self.heads.loss(&seen, &lesson.patch_labels)?;
        let word_loss = self.words.loss(&self.model, &projected, &lesson.patch_labels)?;
        let mut total = ((&patch_loss + &word_loss)? * self.patch_share)?;
        let mut outcome = Outcome {
            patch_loss: f64::from(patch_loss.to_scalar::<f32>()?),
            word_loss: f64::from(word_loss.to_scalar::<f32>()?),
            ..Outcome::default()
        };
        if !lesson.labels.is_empty() {
            let logits = self.answers(&projected, lesson)?;
            let labels = Tensor::from_slice(&lesson.labels, lesson.labels.len(), self.model.device())?;
            let loss = ops::cross_entropy(&logits, &labels)?;
            total = (total + &loss)?;
            outcome.loss = f64::from(loss.to_scalar::<f32>()?);
            outcome.right = lesson.share_right(&logits.argmax(D::Minus1)?.to_vec1()?);
            outcome.questions = lesson.rows.ids.len();
        }
        let found = total.backward()?;
        let gradients = self
            .optimiser
            .variables()
            .iter()
            .map(|(_, variable)| -> Result<Vec<f32>> {
                match found.get(variable.as_tensor()) {
                    Some(gradient) => Ok(gradient.flatten_all()?.to_vec1()?),
                    None => Ok(vec![0.0; variable.elem_count()]),
                }
            });
        Ok(Shard {
            outcome,
            gradients: gradients.collect::<Result<_>>()?,
        })
    }

    /// Logits of the answers' tokens `[L, V]`.
    fn answers(&self, projected: &Tensor, lesson: &Lesson) -> Result<Tensor> {
        let image_of = Tensor::from_slice(&lesson.image_of, lesson.image_of.len(), self.model.device())?;
        let images = projected.index_select(&image_of, 0)?; // (B, P, H)
        let sequence = lesson.rows.sequence.clone();
        let hidden = self
            .model
            .hidden(&self.model.embed(&lesson.rows.ids, &images)?, &sequence, None)?;
        let places = Tensor::from_slice(&lesson.places, lesson.places.len(), self.model.device())?;
        let answers = hidden.flatten(0, 1)?.index_select(&places, 0)?; // (L, H)
        self.model.logits(&answers)
    }
}
