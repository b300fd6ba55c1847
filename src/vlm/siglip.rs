//! The SigLIP image tower: pixels in, one vector a patch out.
//!
//! In: normalised pixels `[N, 3, side, side]`. Out: the last hidden state `[N, patches, width]`, normalised as
//! a whole (never each patch by its length). The patch embedding is an unfold and a matrix product.
//! Left out: the pooling head (PaliGemma does not use it), interpolated positions.

use crate::error::Result;
use crate::vlm::config::VisionConfig;
use crate::vlm::layer_norm::LayerNorm;
use crate::vlm::linear::Linear;
use crate::vlm::ops;
use crate::vlm::weights::{Initial, Weights};
use candle_core::Tensor;

const ROOT: &str = "vision_tower.vision_model";

/// The tower's parameters.
#[derive(Debug, Clone)]
pub(crate) struct Siglip {
    config: VisionConfig,
    patch_weight: Tensor, // (W, 3·p·p)
    patch_bias: Tensor,   // (W)
    positions: Tensor,    // (P, W)
    layers: Vec<Layer>,
    norm: LayerNorm,
}

#[derive(Debug, Clone)]
struct Layer {
    norm1: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    norm2: LayerNorm,
    up: Linear,
    down: Linear,
}

impl Siglip {
    pub(crate) fn new(config: &VisionConfig, weights: &Weights) -> Result<Self> {
        let (width, patch) = (config.hidden_size, config.patch_size);
        let grid = config.image_size / patch;
        let inputs = 3 * patch * patch;
        let embedding = format!("{ROOT}.embeddings.patch_embedding");
        let spread = |inputs: usize| Initial::Normal(1.0 / (inputs as f64).sqrt());
        let patch_weight = weights.get(
            &format!("{embedding}.weight"),
            &[width, 3, patch, patch],
            spread(inputs),
        )?;
        Ok(Self {
            config: config.clone(),
            patch_weight: patch_weight.reshape((width, inputs))?,
            patch_bias: weights.get(&format!("{embedding}.bias"), &[width], Initial::Constant(0.0))?,
            positions: weights.get(
                &format!("{ROOT}.embeddings.position_embedding.weight"),
                &[grid * grid, width],
                spread(width),
            )?,
            layers: (0..config.num_hidden_layers)
                .map(|index| Layer::new(config, weights, index))
                .collect::<Result<_>>()?,
            norm: LayerNorm::new(
                weights,
                &format!("{ROOT}.post_layernorm"),
                width,
                config.layer_norm_eps,
            )?,
        })
    }

    /// `[N, 3, side, side]` to `[N, patches, width]`.
    pub(crate) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let (images, channels, _, _) = pixels.dims4()?;
        let patch = self.config.patch_size;
        let grid = self.config.image_size / patch;
        let unfolded = pixels
            .narrow(2, 0, grid * patch)? // a remainder at the border belongs to no patch
            .narrow(3, 0, grid * patch)?
            .reshape(&[images, channels, grid, patch, grid, patch])?
            .permute(&[0, 2, 4, 1, 3, 5][..])? // (N, g, g, 3, p, p)
            .reshape((images, grid * grid, channels * patch * patch))?;
        let mut x = ops::linear(&unfolded, &self.patch_weight, Some(&self.patch_bias))?;
        x = x.broadcast_add(&self.positions)?; // (N, P, W)
        for layer in &self.layers {
            x = layer.forward(&x, self.config.num_attention_heads)?;
        }
        self.norm.forward(&x)
    }
}

impl Layer {
    fn new(config: &VisionConfig, weights: &Weights, index: usize) -> Result<Self> {
        let root = format!("{ROOT}.encoder.layers.{index}");
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let norm =
            |name: &str| LayerNorm::new(weights, &format!("{root}.{name}"), width, config.layer_norm_eps);
        let linear = |name: &str, inputs, outputs| {
            Linear::new(weights, &format!("{root}.{name}"), inputs, outputs, true)
        };
        Ok(Self {
            norm1: norm("layer_norm1")?,
            query: linear("self_attn.q_proj", width, width)?,
            key: linear("self_attn.k_proj", width, width)?,
            value: linear("self_attn.v_proj", width, width)?,
            out: linear("self_attn.out_proj", width, width)?,
            norm2: norm("layer_norm2")?,
            up: linear("mlp.fc1", width, inner)?,
            down: linear("mlp.fc2", inner, width)?,
        })
    }

    fn forward(&self, x: &Tensor, heads: usize) -> Result<Tensor> {
        let (_, _, width) = x.dims3()?;
        let normed = self.norm1.forward(x)?;
        let query = ops::split_heads(&self.query.forward(&normed)?, heads)?; // (N, h, P, D)
        let key = ops::split_heads(&self.key.forward(&normed)?, heads)?;
        let value = ops::split_heads(&self.value.forward(&normed)?, heads)?;
        let scale = 1.0 / ((width / heads) as f64).sqrt();
        let seen = ops::join_heads(&ops::attention(&query, &key, &value, None, scale, None)?)?;
        let x = (x + self.out.forward(&seen)?)?;
        let inner = ops::gelu_tanh(&self.up.forward(&self.norm2.forward(&x)?)?)?;
        Ok((&x + self.down.forward(&inner)?)?)
    }
}
