//! T5's encoder (Raffel et al. 2020; version 1.1): token ids in, one vector a token out.
//!
//! In: the ids of one text, padded; padding is seen like any token, as FLUX.1 was trained. Out: the last hidden state
//! `[1, T, W]`. Attention is not scaled, and knows places by a learned bias alone. Left out: decoders, ungated layers.

use super::{RmsNorm, by_heads, sizes};
use crate::error::Result;
use crate::vlm::{Initial, Linear, Weights, ops, settings};
use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use std::path::Path;

/// Its sizes, as `config.json` gives them.
#[derive(Debug, Clone, Deserialize)]
struct Config {
    vocab_size: usize,
    d_model: usize,
    d_kv: usize,
    d_ff: usize,
    num_layers: usize,
    num_heads: usize,
    #[serde(default = "buckets")]
    relative_attention_num_buckets: usize,
    #[serde(default = "distance")]
    relative_attention_max_distance: usize,
    #[serde(default = "tiny")]
    layer_norm_epsilon: f64,
}

fn buckets() -> usize {
    32
}

fn distance() -> usize {
    128
}

fn tiny() -> f64 {
    1e-6
}

/// The encoder's parameters.
#[derive(Debug)]
pub(super) struct T5 {
    config: Config,
    words: Tensor,  // (V, W)
    biases: Tensor, // (buckets, h), f32
    blocks: Vec<Block>,
    norm: RmsNorm,
}

#[derive(Debug)]
struct Block {
    norm1: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    norm2: RmsNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl T5 {
    /// Loads `config.json` and the weights in `folder`.
    pub(super) fn load(folder: &Path, device: &Device) -> Result<(Self, super::Part)> {
        let config: Config = settings::read(&folder.join("config.json"), |value| {
            let feed = value["feed_forward_proj"].as_str().unwrap_or("relu");
            if feed != "gated-gelu" {
                return Err(format!(
                    "feed_forward_proj `{feed}` is not supported; supported: gated-gelu"
                ));
            }
            let config: Config = serde_json::from_value(value).map_err(|error| error.to_string())?;
            let (buckets, furthest) = (
                config.relative_attention_num_buckets,
                config.relative_attention_max_distance,
            );
            sizes(
                &[
                    config.vocab_size,
                    config.d_model,
                    config.d_kv,
                    config.d_ff,
                    config.num_heads,
                ],
                config.num_layers,
                buckets >= 4 && buckets.is_multiple_of(4) && furthest > buckets / 4,
            )?;
            Ok(config)
        })?;
        let weights = Weights::open_as(folder, "model", true, device)?;
        let words = ["shared.weight", "encoder.embed_tokens.weight"]
            .into_iter()
            .find(|name| weights.has(name))
            .unwrap_or("shared.weight");
        let (width, buckets) = (config.d_model, config.relative_attention_num_buckets);
        let biases = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight";
        let biases = weights.get(biases, &[buckets, config.num_heads], Initial::Normal(0.1))?;
        let blocks = (0..config.num_layers).map(|index| Block::new(&config, &weights, index));
        let t5 = Self {
            words: weights.get(words, &[config.vocab_size, width], Initial::Normal(1.0))?,
            biases: biases.to_dtype(DType::F32)?,
            blocks: blocks.collect::<Result<_>>()?,
            norm: RmsNorm::new(
                &weights,
                "encoder.final_layer_norm",
                width,
                config.layer_norm_epsilon,
            )?,
            config,
        };
        Ok((t5, super::Part::of("text_encoder_2", &weights)))
    }

    /// Rows of the table of words.
    pub(super) fn vocabulary(&self) -> usize {
        self.config.vocab_size
    }

    /// Numbers of a token's vector.
    pub(super) fn width(&self) -> usize {
        self.config.d_model
    }

    /// At least one id, each below [`Self::vocabulary`], to `[1, T, W]`.
    pub(super) fn forward(&self, ids: &[u32]) -> Result<Tensor> {
        let words = Tensor::new(ids, self.words.device())?;
        let mut x = self.words.index_select(&words, 0)?.unsqueeze(0)?;
        let bias = self.bias(ids.len())?;
        for block in &self.blocks {
            x = block.forward(&x, &bias, self.config.num_heads)?;
        }
        self.norm.forward(&x)
    }

    /// What each head adds to its scores, `[h, 1, T, T]`.
    fn bias(&self, length: usize) -> Result<Tensor> {
        let bucket = |query: usize, key: usize| {
            let (buckets, furthest) = (
                self.config.relative_attention_num_buckets,
                self.config.relative_attention_max_distance,
            );
            bucket(key as i64 - query as i64, buckets, furthest) as u32
        };
        let buckets: Vec<u32> = (0..length)
            .flat_map(|query| (0..length).map(move |key| bucket(query, key)))
            .collect();
        let buckets = Tensor::new(buckets, self.biases.device())?;
        let chosen = self.biases.t()?.contiguous()?.index_select(&buckets, 1)?; // (h, T·T)
        Ok(chosen.reshape((self.config.num_heads, 1, length, length))?)
    }
}

/// The bucket of a distance: half of the buckets for each direction, half of these for one distance each, the rest for ever
/// larger ranges up to `furthest`.
fn bucket(distance: i64, buckets: usize, furthest: usize) -> usize {
    let half = buckets / 2;
    let side = if distance > 0 { half } else { 0 };
    let (exact, distance) = (half / 2, distance.unsigned_abs() as usize);
    if distance < exact {
        return side + distance;
    }
    let steps = (distance as f32 / exact as f32).ln() / (furthest as f32 / exact as f32).ln();
    side + (exact + (steps * (half - exact) as f32) as usize).min(half - 1)
}

impl Block {
    fn new(config: &Config, weights: &Weights, index: usize) -> Result<Self> {
        let root = format!("encoder.block.{index}.layer");
        let (width, inner, heads) = (config.d_model, config.d_ff, config.num_heads * config.d_kv);
        let norm = |layer: usize| {
            let name = format!("{root}.{layer}.layer_norm");
            RmsNorm::new(weights, &name, width, config.layer_norm_epsilon)
        };
        let linear = |name: &str, inputs, outputs| {
            Linear::new(weights, &format!("{root}.{name}"), inputs, outputs, false)
        };
        Ok(Self {
            norm1: norm(0)?,
            query: linear("0.SelfAttention.q", width, heads)?,
            key: linear("0.SelfAttention.k", width, heads)?,
            value: linear("0.SelfAttention.v", width, heads)?,
            out: linear("0.SelfAttention.o", heads, width)?,
            norm2: norm(1)?,
            gate: linear("1.DenseReluDense.wi_0", width, inner)?,
            up: linear("1.DenseReluDense.wi_1", width, inner)?,
            down: linear("1.DenseReluDense.wo", inner, width)?,
        })
    }

    fn forward(&self, x: &Tensor, bias: &Tensor, heads: usize) -> Result<Tensor> {
        let normed = self.norm1.forward(x)?;
        // Heads take the batch's place, for each has a bias of its own.
        let split = |linear: &Linear| -> Result<Tensor> {
            let all = by_heads(linear, &normed, heads)?;
            let (_, _, length, depth) = all.dims4()?;
            Ok(all.reshape((heads, 1, length, depth))?)
        };
        let (query, key, value) = (split(&self.query)?, split(&self.key)?, split(&self.value)?);
        let seen = ops::attention(&query, &key, &value, Some(bias), 1.0, None)?;
        let (_, _, length, depth) = seen.dims4()?;
        let seen = ops::join_heads(&seen.reshape((1, heads, length, depth))?)?;
        let x = (x + self.out.forward(&seen)?)?;
        let normed = self.norm2.forward(&x)?;
        let inner = ops::geglu(&self.gate.forward(&normed)?, &self.up.forward(&normed)?)?;
        Ok((&x + self.down.forward(&inner)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_share_buckets_the_further_they_are() {
        let of = |distance| bucket(distance, 32, 128);
        assert_eq!([of(0), of(-1), of(-7), of(1), of(7)], [0, 1, 7, 17, 23]);
        assert_eq!([of(-8), of(-11), of(-12), of(-127), of(-9999)], [8, 8, 9, 15, 15]);
        assert_eq!(of(9999), 31);
    }
}
