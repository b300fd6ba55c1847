//! BERT's encoder (Devlin et al. 2018): token ids in, one vector a token out.
//!
//! In: the ids of one text `[T]`; texts go through one by one, so that nothing is padded and company changes nothing.
//! Out: the last hidden state `[T, W]`. Left out: pairs of texts, the pooler, relative positions.

use crate::error::Result;
use crate::vlm::layer_norm::LayerNorm;
use crate::vlm::linear::Linear;
use crate::vlm::ops;
use crate::vlm::settings;
use crate::vlm::weights::{Initial, Weights};
use candle_core::{Device, Tensor};
use serde::Deserialize;
use std::path::Path;

/// Its sizes, as `config.json` gives them.
#[derive(Debug, Clone, Deserialize)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    #[serde(default = "tiny")]
    layer_norm_eps: f64,
}

fn two() -> usize {
    2
}

fn tiny() -> f64 {
    1e-12
}

/// The encoder's parameters.
#[derive(Debug, Clone)]
pub(crate) struct Bert {
    config: Config,
    words: Tensor,     // (V, W)
    positions: Tensor, // (P, W)
    kind: Tensor,      // (W), of the first text of a pair: there is no other
    norm: LayerNorm,
    layers: Vec<Layer>,
}

#[derive(Debug, Clone)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    norm1: LayerNorm,
    up: Linear,
    down: Linear,
    norm2: LayerNorm,
}

impl Bert {
    /// Loads `config.json` and the weights in `folder`.
    pub(crate) fn load(folder: &Path, device: &Device) -> Result<Self> {
        let config: Config = settings::read(&folder.join("config.json"), |value| {
            for (key, supported) in [
                ("model_type", "bert"),
                ("hidden_act", "gelu"),
                ("position_embedding_type", "absolute"),
            ] {
                let found = value[key].as_str().unwrap_or(supported);
                if found != supported {
                    return Err(format!(
                        "{key} `{found}` is not supported as embedder; supported: {supported}"
                    ));
                }
            }
            let config: Config = serde_json::from_value(value).map_err(|error| error.to_string())?;
            let sizes = [
                config.vocab_size,
                config.hidden_size,
                config.intermediate_size,
                config.max_position_embeddings,
                config.type_vocab_size,
            ];
            let heads = config.num_attention_heads;
            if sizes.iter().any(|&size| size == 0 || size > 1 << 24)
                || heads == 0
                || !config.hidden_size.is_multiple_of(heads)
                || config.num_hidden_layers > 1 << 10
            {
                return Err("its sizes make no network".to_owned());
            }
            Ok(config)
        })?;
        let weights = Weights::open(folder, device)?;
        let (width, eps) = (config.hidden_size, config.layer_norm_eps);
        let table = |name: &str, rows: usize| {
            let name = format!("embeddings.{name}_embeddings.weight");
            weights.get(&name, &[rows, width], Initial::Normal(0.02))
        };
        let layers = (0..config.num_hidden_layers).map(|index| Layer::new(&config, &weights, index));
        Ok(Self {
            words: table("word", config.vocab_size)?,
            positions: table("position", config.max_position_embeddings)?,
            kind: table("token_type", config.type_vocab_size)?.get(0)?,
            norm: LayerNorm::new(&weights, "embeddings.LayerNorm", width, eps)?,
            layers: layers.collect::<Result<_>>()?,
            config,
        })
    }

    /// Most tokens of a text.
    pub(crate) fn longest(&self) -> usize {
        self.config.max_position_embeddings
    }

    /// Rows of the table of words.
    pub(crate) fn vocabulary(&self) -> usize {
        self.config.vocab_size
    }

    /// The ids of one text, of which there are one to [`Self::longest`] below [`Self::vocabulary`], to `[T, W]`.
    pub(crate) fn forward(&self, ids: &[u32]) -> Result<Tensor> {
        let words = self
            .words
            .index_select(&Tensor::new(ids, self.words.device())?, 0)?;
        let x = (words + self.positions.narrow(0, 0, ids.len())?)?.broadcast_add(&self.kind)?;
        let mut x = self.norm.forward(&x.unsqueeze(0)?)?; // (1, T, W)
        for layer in &self.layers {
            x = layer.forward(&x, self.config.num_attention_heads)?;
        }
        Ok(x.squeeze(0)?)
    }
}

impl Layer {
    fn new(config: &Config, weights: &Weights, index: usize) -> Result<Self> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let root = format!("encoder.layer.{index}");
        let linear = |name: &str, inputs, outputs| {
            Linear::new(weights, &format!("{root}.{name}"), inputs, outputs, true)
        };
        let norm = |name: &str| {
            LayerNorm::new(
                weights,
                &format!("{root}.{name}.LayerNorm"),
                width,
                config.layer_norm_eps,
            )
        };
        Ok(Self {
            query: linear("attention.self.query", width, width)?,
            key: linear("attention.self.key", width, width)?,
            value: linear("attention.self.value", width, width)?,
            out: linear("attention.output.dense", width, width)?,
            norm1: norm("attention.output")?,
            up: linear("intermediate.dense", width, inner)?,
            down: linear("output.dense", inner, width)?,
            norm2: norm("output")?,
        })
    }

    fn forward(&self, x: &Tensor, heads: usize) -> Result<Tensor> {
        let width = x.dims3()?.2;
        let split = |linear: &Linear| -> Result<Tensor> { Ok(ops::split_heads(&linear.forward(x)?, heads)?) };
        let (query, key, value) = (split(&self.query)?, split(&self.key)?, split(&self.value)?);
        let scale = 1.0 / ((width / heads) as f64).sqrt();
        let seen = ops::join_heads(&ops::attention(&query, &key, &value, None, scale, None)?)?;
        let x = self.norm1.forward(&(x + self.out.forward(&seen)?)?)?;
        let inner = self.up.forward(&x)?.gelu_erf()?;
        self.norm2.forward(&(&x + self.down.forward(&inner)?)?)
    }
}
