//! CLIP's text encoder (Radford et al. 2021), of which FLUX.1 takes one vector: that of the text's end.
//!
//! In: token ids, the end included. Out: the last hidden state at the first end, `[1, W]`, normalised. What follows an end
//! changes nothing (attention is causal), so that nothing is padded. Left out: projections, images.

use super::{by_heads, sizes};
use crate::error::Result;
use crate::vlm::{Initial, LayerNorm, Linear, Weights, ops, settings};
use candle_core::{Device, Tensor};
use serde::Deserialize;
use std::path::Path;

/// Its sizes, as `config.json` gives them.
#[derive(Debug, Clone, Deserialize)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    #[serde(default = "quick_gelu")]
    hidden_act: Activation,
    #[serde(default = "small")]
    layer_norm_eps: f64,
    #[serde(default = "legacy")]
    eos_token_id: u32,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Activation {
    QuickGelu,
    Gelu,
}

fn quick_gelu() -> Activation {
    Activation::QuickGelu
}

fn small() -> f64 {
    1e-5
}

fn legacy() -> u32 {
    2
}

/// The encoder's parameters.
#[derive(Debug)]
pub(super) struct Clip {
    config: Config,
    words: Tensor,     // (V, W)
    positions: Tensor, // (P, W)
    layers: Vec<Layer>,
    norm: LayerNorm,
}

#[derive(Debug)]
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

impl Clip {
    /// Loads `config.json` and the weights in `folder`; gives its parameters' number and precision too.
    pub(super) fn load(folder: &Path, device: &Device) -> Result<(Self, super::Part)> {
        let config: Config = settings::read(&folder.join("config.json"), |value| {
            let config: Config = serde_json::from_value(value).map_err(|error| error.to_string())?;
            sizes(
                &[
                    config.vocab_size,
                    config.hidden_size,
                    config.intermediate_size,
                    config.max_position_embeddings,
                    config.num_attention_heads,
                ],
                config.num_hidden_layers,
                config
                    .hidden_size
                    .is_multiple_of(config.num_attention_heads.max(1)),
            )?;
            Ok(config)
        })?;
        let weights = Weights::open_as(folder, "model", true, device)?;
        let root = ["text_model.", ""]
            .into_iter()
            .find(|root| weights.has(&format!("{root}final_layer_norm.weight")))
            .unwrap_or("text_model.");
        let (width, eps) = (config.hidden_size, config.layer_norm_eps);
        let table = |name: &str, rows: usize| {
            let name = format!("{root}embeddings.{name}_embedding.weight");
            weights.get(&name, &[rows, width], Initial::Normal(0.02))
        };
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::new(&config, &weights, &format!("{root}encoder.layers.{index}")));
        let clip = Self {
            words: table("token", config.vocab_size)?,
            positions: table("position", config.max_position_embeddings)?,
            layers: layers.collect::<Result<_>>()?,
            norm: LayerNorm::new(&weights, &format!("{root}final_layer_norm"), width, eps)?,
            config,
        };
        Ok((clip, super::Part::of("text_encoder", &weights)))
    }

    /// Most tokens of a text.
    pub(super) fn longest(&self) -> usize {
        self.config.max_position_embeddings
    }

    /// Rows of the table of words.
    pub(super) fn vocabulary(&self) -> usize {
        self.config.vocab_size
    }

    /// Numbers of the vector.
    pub(super) fn width(&self) -> usize {
        self.config.hidden_size
    }

    /// One to [`Self::longest`] ids below [`Self::vocabulary`] to `[1, W]`.
    pub(super) fn forward(&self, ids: &[u32]) -> Result<Tensor> {
        let end = end(ids, self.config.eos_token_id);
        let ids = &ids[..=end];
        let device = self.words.device();
        let words = self.words.index_select(&Tensor::new(ids, device)?, 0)?;
        let mut x = (words + self.positions.narrow(0, 0, ids.len())?)?.unsqueeze(0)?; // (1, T, W)
        let mask = causal(ids.len(), device)?;
        for layer in &self.layers {
            x = layer.forward(&x, &mask, &self.config)?;
        }
        Ok(self.norm.forward(&x.narrow(1, end, 1)?)?.squeeze(1)?)
    }
}

/// Where the text ends: at the first end, or, where a `config.json` of before names none (2), at the first of the largest id.
fn end(ids: &[u32], eos: u32) -> usize {
    let sought = if eos == 2 { ids.iter().max() } else { Some(&eos) };
    let found = ids.iter().position(|id| Some(id) == sought);
    found.unwrap_or(ids.len().saturating_sub(1))
}

/// `[1, 1, T, T]`: what comes later is not seen.
fn causal(length: usize, device: &Device) -> Result<Tensor> {
    let rows =
        (0..length).flat_map(|row| (0..length).map(move |column| if column > row { -1e30 } else { 0f32 }));
    Ok(Tensor::from_vec(rows.collect(), (1, 1, length, length), device)?)
}

impl Layer {
    fn new(config: &Config, weights: &Weights, root: &str) -> Result<Self> {
        let (width, inner, eps) = (
            config.hidden_size,
            config.intermediate_size,
            config.layer_norm_eps,
        );
        let norm = |name: &str| LayerNorm::new(weights, &format!("{root}.{name}"), width, eps);
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

    fn forward(&self, x: &Tensor, mask: &Tensor, config: &Config) -> Result<Tensor> {
        let heads = config.num_attention_heads;
        let normed = self.norm1.forward(x)?;
        let [query, key, value] =
            [&self.query, &self.key, &self.value].map(|projection| by_heads(projection, &normed, heads));
        let scale = 1.0 / ((config.hidden_size / heads) as f64).sqrt();
        let seen = ops::attention(&query?, &key?, &value?, Some(mask), scale, None)?;
        let x = (x + self.out.forward(&ops::join_heads(&seen)?)?)?;
        let up = self.up.forward(&self.norm2.forward(&x)?)?;
        let inner = match config.hidden_act {
            Activation::QuickGelu => (&up * candle_nn::ops::sigmoid(&(&up * 1.702)?)?)?,
            Activation::Gelu => up.gelu_erf()?,
        };
        Ok((&x + self.down.forward(&inner)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_at_their_first_end() {
        assert_eq!(end(&[8, 1, 9, 9], 9), 2);
        assert_eq!(end(&[8, 1, 9, 9], 2), 2, "the largest id");
        assert_eq!(end(&[8, 1, 9, 9], 7), 3, "no end at all");
    }
}
