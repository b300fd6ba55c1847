//! A checkpoint of any size that is being trained: its rows as tensors, its weights as files.

use super::lesson::{Lesson, Row};
use super::optimiser::Optimiser;
use super::workers::Workers;
use crate::config::LoraOptions;
use crate::error::{Error, Result};
use crate::image::decode;
use crate::model::local::{LocalModel, LocalOptions, template};
use crate::model::{EncodedImage, Sampling};
use crate::vlm::{Checkpoint, Lora, save};
use crate::{hub, vlm};
use candle_core::Tensor;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Rows of a shard.
pub(super) const ROWS: usize = 32;

/// The weights, which everybody who shares them sees change.
pub(super) struct Student {
    pub(super) checkpoint: Checkpoint,
    pub(super) folder: PathBuf,
    lora: Option<Lora>,
    template: String,
    pub(super) optimiser: Optimiser,
    pub(super) workers: Workers,
}

/// What a row teaches: the tokens that follow a prompt about an image.
pub(super) struct Taught<'a> {
    pub(super) image: &'a EncodedImage,
    pub(super) prompt: &'a str,
    pub(super) tokens: &'a [u32],
}

impl Student {
    /// Loads a checkpoint, trainable; `id` makes it another model than the one it starts from.
    pub(super) fn open(local: &LocalOptions, lora: Option<LoraOptions>, seed: u64, id: &str) -> Result<Self> {
        let folder = hub::folder(&local.path)?;
        let lora = lora.map(|LoraOptions { rank, alpha, targets }| Lora { rank, alpha, targets });
        let (mut checkpoint, variables) =
            Checkpoint::load_trainable(&folder, lora.clone(), seed, &vlm::device()?)?;
        checkpoint.revision = format!("{} trained by {id}", checkpoint.revision);
        let own = template(checkpoint.network.config()).to_owned();
        Ok(Self {
            template: local.prompt_template.clone().unwrap_or(own),
            checkpoint,
            folder,
            lora,
            optimiser: Optimiser::adamw(variables),
            workers: Workers::new()?,
        })
    }

    /// Another state of the same model: what lies in `folder`, corrected by an adapter if there is one.
    pub(super) fn again(&self, folder: &Path, adapter: Option<&Path>) -> Result<Self> {
        let device = self.checkpoint.network.device();
        Ok(Self {
            checkpoint: Checkpoint::load(folder, adapter, device)?,
            folder: folder.to_owned(),
            lora: None,
            template: self.template.clone(),
            optimiser: Optimiser::adamw(BTreeMap::new()),
            workers: Workers::new()?,
        })
    }

    /// A model that answers with the weights as they are now.
    pub(super) fn serve(&self, sampling: &Sampling) -> Result<LocalModel> {
        let name = hub::short_name(&self.folder.display().to_string());
        LocalModel::serve(self.checkpoint.clone(), &name, self.template.clone(), sampling)
    }

    /// Rows as tensors; those of one image, beside each other, share it.
    pub(super) fn lesson(&self, taught: &[Taught]) -> Result<Lesson> {
        let mut images: Vec<&EncodedImage> = Vec::new();
        let mut rows = Vec::with_capacity(taught.len());
        for Taught {
            image,
            prompt,
            tokens,
        } in taught
        {
            if images.last().is_none_or(|last| last.image_id != image.image_id) {
                images.push(image);
            }
            let text = self.template.replace("{question}", prompt);
            rows.push(Row {
                image: images.len() as u32 - 1,
                prompt: self.checkpoint.tokenizer.prompt(None, &text, 1)?,
                answer: tokens.to_vec(),
            });
        }
        let config = self.checkpoint.network.config();
        Ok(Lesson::new(self.pixels(&images)?, &rows, Vec::new(), config))
    }

    /// `[N, 3, side, side]`.
    fn pixels(&self, images: &[&EncodedImage]) -> Result<Tensor> {
        let blind = || Error::Checkpoint {
            path: self.folder.clone(),
            problem: "it reads text only, and is to be trained on images".into(),
        };
        let processor = self.checkpoint.processor.as_ref().ok_or_else(blind)?;
        let side = processor.side();
        let mut values = Vec::with_capacity(images.len() * 3 * side * side);
        for image in images {
            let decoded = decode(&image.bytes).map_err(|problem| {
                Error::Training(format!(
                    "image {} cannot be trained on: {problem}",
                    image.image_id
                ))
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
