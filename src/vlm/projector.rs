//! From the image tower's patches to the decoder's tokens: a linear map, or Gemma 3's pooling, norm and map.
//!
//! In: `[N, patches, width]`. Out: `[N, image tokens, H]`.

use crate::error::Result;
use crate::vlm::config::{Config, Family};
use crate::vlm::linear::Linear;
use crate::vlm::ops;
use crate::vlm::weights::{Initial, Weights};
use candle_core::Tensor;

#[derive(Debug, Clone)]
pub(crate) enum Projector {
    /// One token a patch.
    Linear(Linear),
    /// One token a square of patches, `across` squares beside each other.
    Pooled {
        across: usize,
        norm: Tensor,   // (W)
        weight: Tensor, // (W, H)
        eps: f64,
    },
}

impl Projector {
    pub(crate) fn new(config: &Config, weights: &Weights) -> Result<Self> {
        let (inputs, outputs) = (config.vision_config.hidden_size, config.text_config.hidden_size);
        Ok(match config.model_type {
            Family::PaliGemma2 => {
                let name = "multi_modal_projector.linear";
                Self::Linear(Linear::new(weights, name, inputs, outputs, true)?)
            }
            Family::Gemma3 | Family::Gemma3Text => Self::Pooled {
                across: config.image_tokens().isqrt(),
                norm: weights.get(
                    "multi_modal_projector.mm_soft_emb_norm.weight",
                    &[inputs],
                    Initial::Constant(0.0),
                )?,
                weight: weights.get(
                    "multi_modal_projector.mm_input_projection_weight",
                    &[inputs, outputs],
                    Initial::Normal(1.0 / (inputs as f64).sqrt()),
                )?,
                eps: config.vision_config.layer_norm_eps,
            },
        })
    }

    pub(crate) fn forward(&self, seen: &Tensor) -> Result<Tensor> {
        match self {
            Self::Linear(linear) => linear.forward(seen),
            Self::Pooled {
                across,
                norm,
                weight,
                eps,
            } => {
                let (images, patches, width) = seen.dims3()?;
                let side = patches.isqrt() / across; // of a square, in patches
                let pooled = seen
                    .reshape(&[images, *across, side, *across, side, width][..])?
                    .mean(4)?
                    .mean(2)?
                    .reshape((images * across * across, width))?;
                let normed = ops::rms_norm(&pooled, norm, *eps)?;
                let projected = normed.matmul(weight)?; // (N·tokens, H)
                Ok(projected.reshape((images, across * across, ()))?)
            }
        }
    }
}
