//! The auditor that is being trained: it writes probes with the weights of the moment, and learns from their advantages.

use super::loss::{Sums, Terms, log_probabilities, loss};
use crate::config::{LoraOptions, ProberOptions, TrainingOptions};
use crate::error::{Error, Result};
use crate::image::decode;
use crate::model::local::{LocalModel, LocalOptions, template};
use crate::model::{EncodedImage, Model, ModelCard, Reply, Request};
use crate::probe::Foci;
use crate::probe::prompted::Prompted;
use crate::train::lesson::{Lesson, Row};
use crate::train::optimiser::Optimiser;
use crate::train::workers::{Workers, gradients};
use crate::vlm::{Checkpoint, Lora, Network, save};
use crate::{hub, vlm};
use candle_core::Tensor;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Rows of a shard.
const ROWS: usize = 32;

/// The weights, which everybody who shares them sees change.
pub(super) struct Policy {
    checkpoint: Checkpoint,
    start: Option<Network>,
    folder: PathBuf,
    lora: Option<Lora>,
    template: String,
    prober: ProberOptions,
    pub(super) optimiser: Optimiser,
    workers: Workers,
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
        let folder = hub::folder(&local.path)?;
        let lora = options
            .lora
            .clone()
            .map(|LoraOptions { rank, alpha, targets }| Lora { rank, alpha, targets });
        let device = vlm::device()?;
        let (mut checkpoint, variables) = Checkpoint::load_trainable(&folder, lora.clone(), seed, &device)?;
        checkpoint.revision = format!("{} trained by {id}", checkpoint.revision);
        let start = (options.kl_coefficient > 0.0)
            .then(|| Checkpoint::load(&folder, None, &device))
            .transpose()?;
        let own = template(checkpoint.network.config()).to_owned();
        Ok(Self {
            template: local.prompt_template.clone().unwrap_or(own),
            checkpoint,
            start: start.map(|start| start.network),
            folder,
            lora,
            prober: prober.clone(),
            optimiser: Optimiser::adamw(variables),
            workers: Workers::new()?,
        })
    }

    /// A prober with the weights as they are now, and what it will have been asked.
    pub(super) fn prober(&self, foci: Foci) -> Result<(Prompted, Arc<Tap>)> {
        let name = hub::short_name(&self.folder.display().to_string());
        let model = LocalModel::serve(
            self.checkpoint.clone(),
            &name,
            self.template.clone(),
            &self.prober.sampling,
        )?;
        let tap = Arc::new(Tap {
            inner: model,
            asked: Mutex::default(),
        });
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
        sorted.sort_by_key(|rollout| rollout.request.images.first().map(|image| image.image_id.clone()));
        let shards: Vec<&[&Learned]> = sorted.chunks(ROWS).collect();
        if shards.is_empty() {
            return Ok(Learning::default());
        }
        let this = &*self;
        let (sums, gradients) = this.workers.run(shards.len(), &|shard| {
            let (loss, sums) = this.shard(shards[shard], tokens, terms)?;
            Ok((sums, gradients(&loss, this.optimiser.variables())?))
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
            gradient_norm: f64::from(self.optimiser.step(&gradients, rate)?),
        })
    }

    fn shard(&self, rollouts: &[&Learned], tokens: usize, terms: Terms) -> Result<(Tensor, Sums)> {
        let network = &self.checkpoint.network;
        let mut images: Vec<&EncodedImage> = Vec::new();
        let mut rows = Vec::with_capacity(rollouts.len());
        for rollout in rollouts {
            let image = rollout
                .request
                .images
                .first()
                .expect("an auditor is shown an image");
            if images.last().is_none_or(|last| last.image_id != image.image_id) {
                images.push(image);
            }
            let text = self.template.replace("{question}", &rollout.request.prompt);
            rows.push(Row {
                image: images.len() as u32 - 1,
                prompt: self.checkpoint.tokenizer.prompt(None, &text, 1)?,
                answer: rollout.tokens.clone(),
            });
        }
        let lesson = Lesson::new(self.pixels(&images)?, &rows, Vec::new(), network.config());
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

    /// `[N, 3, side, side]`.
    fn pixels(&self, images: &[&EncodedImage]) -> Result<Tensor> {
        let processor = self
            .checkpoint
            .processor
            .as_ref()
            .ok_or_else(|| Error::Checkpoint {
                path: self.folder.clone(),
                problem: "an auditor looks at images, and this checkpoint reads text only".into(),
            })?;
        let side = processor.side();
        let mut values = Vec::with_capacity(images.len() * 3 * side * side);
        for image in images {
            let decoded = decode(&image.bytes).map_err(|problem| Error::Model {
                model: "auditor".into(),
                problem: format!("image {}: {problem}", image.image_id),
            })?;
            values.extend(processor.pixel_values(&decoded.pixels));
        }
        let shape = (images.len(), 3, side, side);
        Ok(Tensor::from_vec(values, shape, self.checkpoint.network.device())?)
    }

    /// Writes the checkpoint, or the adapter of one, into `folder`.
    pub(super) fn save(&self, folder: &Path) -> Result<()> {
        let variables: BTreeMap<_, _> = self.optimiser.variables().iter().cloned().collect();
        if let Some(lora) = &self.lora {
            return lora.save(folder, &variables);
        }
        let failed = |source| Error::File {
            action: "copy",
            path: self.folder.clone(),
            source,
        };
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_file() && !name.contains("safetensors") {
                std::fs::copy(&path, folder.join(&name)).map_err(failed)?;
            }
        }
        save(folder, &variables)
    }
}

/// A model that remembers what it was asked, by subject.
pub(super) struct Tap {
    inner: LocalModel,
    asked: Mutex<HashMap<Arc<str>, Request>>,
}

impl Tap {
    /// What was asked about a subject.
    pub(super) fn request(&self, subject: &str) -> Option<Request> {
        self.asked
            .lock()
            .expect("nobody panics with it")
            .get(subject)
            .cloned()
    }
}

#[async_trait::async_trait]
impl Model for Tap {
    fn card(&self) -> &ModelCard {
        self.inner.card()
    }

    async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
        let asked = requests
            .iter()
            .map(|request| (request.subject.clone(), request.clone()));
        self.asked.lock().expect("nobody panics with it").extend(asked);
        self.inner.answer(requests).await
    }
}
