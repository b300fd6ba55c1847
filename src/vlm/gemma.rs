//! The decoder of Gemma 2 and Gemma 3: embeddings in, hidden states out; logits where they are wanted.
//!
//! In: embeddings `[B, T, H]`, the roles and positions of the sequence they end, and a cache when decoding.
//! Out: final hidden states `[B, T, H]`. The function is pure: what persists lies in the caller's cache, and
//! with variables as parameters everything has a gradient (cached keys and values have none).
//! Gemma 2 bounds scores and logits; Gemma 3 normalises queries and keys instead and turns full and sliding
//! layers by other frequencies. Against candle-transformers: `query_pre_attn_scalar`, windows of i − j < w on
//! sliding layers only, linear scaling on full ones, f32 rotary tables, norms that multiply by 1 + w before rounding.

use crate::error::Result;
use crate::vlm::cache::Cache;
use crate::vlm::config::{LayerType, TextConfig};
use crate::vlm::linear::Linear;
use crate::vlm::ops;
use crate::vlm::sequence::Sequence;
use crate::vlm::weights::{Initial, Weights};
use candle_core::Tensor;

const ROOT: &str = "language_model.model";

/// The decoder's parameters.
#[derive(Debug, Clone)]
pub(crate) struct Gemma {
    config: TextConfig,
    embedding: Tensor, // (V, H)
    layers: Vec<Layer>,
    norm: Tensor, // (H)
    head: Tensor, // (V, H)
}

#[derive(Debug, Clone)]
struct Layer {
    kind: LayerType,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    head_norms: Option<[Tensor; 2]>, // queries', keys': (D)
    gate: Linear,
    up: Linear,
    down: Linear,
    before_attention: Tensor, // (H), as the other norms
    after_attention: Tensor,
    before_feed_forward: Tensor,
    after_feed_forward: Tensor,
}

/// What all layers of one forward pass share.
struct Pass {
    full: View,
    sliding: View,
}

/// What one kind of layer sees, and from where.
struct View {
    mask: Tensor, // (B, 1, T, S)
    cos: Tensor,  // (B, 1, T, D)
    sin: Tensor,
}

impl Gemma {
    pub(crate) fn new(config: &TextConfig, weights: &Weights) -> Result<Self> {
        let table = [config.vocab_size, config.hidden_size];
        let spread = Initial::Normal(1.0 / (config.hidden_size as f64).sqrt());
        let embedding = weights.get(&format!("{ROOT}.embed_tokens.weight"), &table, spread)?;
        let head = if config.tie_word_embeddings {
            embedding.clone()
        } else {
            weights.get("language_model.lm_head.weight", &table, spread)?
        };
        let layers = config.layer_types.iter().enumerate();
        Ok(Self {
            config: config.clone(),
            embedding,
            layers: layers
                .map(|(index, &kind)| Layer::new(config, weights, index, kind))
                .collect::<Result<_>>()?,
            norm: weights.get(
                &format!("{ROOT}.norm.weight"),
                &[config.hidden_size],
                Initial::Constant(0.0),
            )?,
            head,
        })
    }

    /// Token ids `[B, T]` to scaled embeddings `[B, T, H]`.
    pub(crate) fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        let (batch, length) = ids.dims2()?;
        let rows = self.embedding.index_select(&ids.flatten_all()?, 0)?;
        let scale = (self.config.hidden_size as f64).sqrt();
        Ok((rows * scale)?.reshape((batch, length, self.config.hidden_size))?)
    }

    /// Embeddings `[B, T, H]` of the last T tokens of `sequence` to hidden states `[B, T, H]`.
    pub(crate) fn forward(
        &self,
        embeds: &Tensor,
        sequence: &Sequence,
        mut cache: Option<&mut Cache>,
    ) -> Result<Tensor> {
        let (_, queries, _) = embeds.dims3()?;
        let pass = self.pass(queries, sequence, embeds)?;
        let mut x = embeds.clone();
        for (index, layer) in self.layers.iter().enumerate() {
            let stored = cache.as_deref_mut().map(|cache| (cache, index));
            x = layer.forward(&x, &self.config, &pass, stored)?;
        }
        if let Some(cache) = cache {
            cache.advance(queries);
        }
        Ok(ops::rms_norm(&x, &self.norm, self.config.rms_norm_eps)?)
    }

    /// Hidden states `[N, H]` to logits `[N, V]`.
    pub(crate) fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        let logits = ops::linear(hidden, &self.head, None)?;
        Ok(match self.config.final_logit_softcapping {
            Some(cap) => ((logits / cap)?.tanh()? * cap)?,
            None => logits,
        })
    }

    fn pass(&self, queries: usize, sequence: &Sequence, embeds: &Tensor) -> Result<Pass> {
        let config = &self.config;
        let view = |window: Option<usize>, theta: f64, factor: f64| -> Result<View> {
            let window = window.filter(|&window| window < sequence.length());
            let (cos, sin) = sequence.rotary(queries, config.head_dim, (theta, factor), embeds.device())?;
            let mask = sequence.mask(queries, window, embeds.device())?;
            Ok(View { mask, cos, sin })
        };
        let factor = config.rope_scaling.as_ref().map_or(1.0, |scaling| scaling.factor);
        let local = config.rope_local_base_freq.unwrap_or(config.rope_theta);
        Ok(Pass {
            full: view(None, config.rope_theta, factor)?,
            sliding: view(config.sliding_window, local, 1.0)?,
        })
    }
}

impl Layer {
    fn new(config: &TextConfig, weights: &Weights, index: usize, kind: LayerType) -> Result<Self> {
        let root = format!("{ROOT}.layers.{index}");
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let queries = config.num_attention_heads * config.head_dim;
        let keys = config.num_key_value_heads * config.head_dim;
        let linear = |name: &str, inputs, outputs| {
            Linear::new(weights, &format!("{root}.{name}"), inputs, outputs, false)
        };
        let norm =
            |name: &str| weights.get(&format!("{root}.{name}.weight"), &[width], Initial::Constant(0.0));
        Ok(Self {
            kind,
            query: linear("self_attn.q_proj", width, queries)?,
            key: linear("self_attn.k_proj", width, keys)?,
            value: linear("self_attn.v_proj", width, keys)?,
            out: linear("self_attn.o_proj", queries, width)?,
            head_norms: if config.normalises_heads() {
                let norm = |name: &str| {
                    let name = format!("{root}.self_attn.{name}.weight");
                    weights.get(&name, &[config.head_dim], Initial::Constant(0.0))
                };
                Some([norm("q_norm")?, norm("k_norm")?])
            } else {
                None
            },
            gate: linear("mlp.gate_proj", width, inner)?,
            up: linear("mlp.up_proj", width, inner)?,
            down: linear("mlp.down_proj", inner, width)?,
            before_attention: norm("input_layernorm")?,
            after_attention: norm("post_attention_layernorm")?,
            before_feed_forward: norm("pre_feedforward_layernorm")?,
            after_feed_forward: norm("post_feedforward_layernorm")?,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        config: &TextConfig,
        pass: &Pass,
        cache: Option<(&mut Cache, usize)>,
    ) -> Result<Tensor> {
        let eps = config.rms_norm_eps;
        let seen = self.attend(
            &ops::rms_norm(x, &self.before_attention, eps)?,
            config,
            pass,
            cache,
        )?;
        let x = (x + ops::rms_norm(&seen, &self.after_attention, eps)?)?;
        let normed = ops::rms_norm(&x, &self.before_feed_forward, eps)?;
        let inner = ops::geglu(&self.gate.forward(&normed)?, &self.up.forward(&normed)?)?;
        let fed = self.down.forward(&inner)?;
        Ok((&x + ops::rms_norm(&fed, &self.after_feed_forward, eps)?)?)
    }

    fn attend(
        &self,
        x: &Tensor,
        config: &TextConfig,
        pass: &Pass,
        cache: Option<(&mut Cache, usize)>,
    ) -> Result<Tensor> {
        let View { mask, cos, sin } = match self.kind {
            LayerType::FullAttention => &pass.full,
            LayerType::SlidingAttention => &pass.sliding,
        };
        let mut query = ops::split_heads(&self.query.forward(x)?, config.num_attention_heads)?; // (B, Hq, T, D)
        let mut key = ops::split_heads(&self.key.forward(x)?, config.num_key_value_heads)?; // (B, Hkv, T, D)
        let value = ops::split_heads(&self.value.forward(x)?, config.num_key_value_heads)?;
        if let Some([queries, keys]) = &self.head_norms {
            query = ops::rms_norm(&query, queries, config.rms_norm_eps)?;
            key = ops::rms_norm(&key, keys, config.rms_norm_eps)?;
        }
        let query = ops::rotary(&query, cos, sin)?;
        let key = ops::rotary(&key, cos, sin)?;
        let (key, value) = match cache {
            Some((cache, layer)) => cache.extend(layer, &key, &value)?, // (B, Hkv, S, D)
            None => (key, value),
        };
        let scale = config.query_pre_attn_scalar.powf(-0.5);
        let seen = ops::attention(
            &query,
            &key,
            &value,
            Some(mask),
            scale,
            config.attn_logit_softcapping,
        )?;
        self.out.forward(&ops::join_heads(&seen)?)
    }
}
