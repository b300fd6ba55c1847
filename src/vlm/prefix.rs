//! What several prompts about the same images begin with, computed once.
//!
//! In: the tokens of a prompt up to the end of its last image, and the images' features. Out: their keys and values,
//! from which any number of rows go on. Of Gemma 3 only: PaliGemma's images see the question that follows them.

use crate::error::Result;
use crate::vlm::batch::{Batch, Side};
use crate::vlm::cache::Cache;
use crate::vlm::config::{Config, Family};
use crate::vlm::network::Network;
use crate::vlm::sequence::Role;
use candle_core::Tensor;

/// The beginning of a prompt, as the decoder remembers it.
#[derive(Debug)]
pub struct Prefix {
    pub(crate) cache: Cache, // of one row
    pub(crate) roles: Vec<Role>,
}

impl Prefix {
    /// How many tokens of `prompt` do not depend on what follows its last image; 0 where all do, or without images.
    pub fn length(config: &Config, prompt: &[u32]) -> usize {
        let last = || prompt.iter().rposition(|&id| id == config.image_token_index);
        match config.model_type {
            Family::Gemma3 => last().map_or(0, |at| at + 1),
            Family::PaliGemma2 | Family::Gemma3Text => 0,
        }
    }

    /// Reads `ids`, whose placeholders are `images[N, image tokens, H]`.
    pub fn new(model: &Network, ids: &[u32], images: &Tensor) -> Result<Self> {
        let batch = Batch::new(&[(ids, &[])], 0, Side::Left, |id| model.config().role(id));
        let mut cache = model.cache(1, ids.len())?;
        let embeds = model.embed(&batch.ids, images)?;
        model.hidden(&embeds, &batch.sequence, Some(&mut cache))?;
        Ok(Self {
            cache,
            roles: batch.sequence.roles(0).to_vec(),
        })
    }

    /// Memory that it takes.
    pub fn bytes(&self) -> usize {
        self.cache.bytes()
    }
}
