//! The decoder's part of `config.json`, with transformers' defaults.

use super::Family;
use super::spelling::{integer_where_whole, one_or_many};
use serde::{Deserialize, Serialize};

/// A Gemma decoder, of the second or third generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextConfig {
    /// `gemma2` or `gemma3_text`.
    pub model_type: String,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Width.
    pub hidden_size: usize,
    /// Width of the feed-forward blocks.
    pub intermediate_size: usize,
    /// Depth.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads.
    pub num_key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Scores are divided by its square root. transformers insists on an integer.
    #[serde(serialize_with = "integer_where_whole")]
    pub query_pre_attn_scalar: f64,
    /// Bound of the attention scores.
    pub attn_logit_softcapping: Option<f64>,
    /// Bound of the logits.
    pub final_logit_softcapping: Option<f64>,
    /// Keys that a sliding layer sees: those with query − key < window.
    pub sliding_window: Option<usize>,
    /// One a layer; filled in after reading.
    pub layer_types: Vec<LayerType>,
    /// Base of the rotary frequencies; of the full layers' alone, where sliding ones have their own.
    pub rope_theta: f64,
    /// Gemma 3: base of the sliding layers' rotary frequencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rope_local_base_freq: Option<f64>,
    /// Gemma 3: positions are divided by its factor on full layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<LinearScaling>,
    /// Added to the mean square.
    pub rms_norm_eps: f64,
    /// `gelu_pytorch_tanh`.
    pub hidden_activation: String,
    /// Biases in the attention's projections: not supported.
    pub attention_bias: bool,
    /// Whether the embedding table is the LM head as well.
    pub tie_word_embeddings: bool,
    /// Tokens that end an answer; one number or several.
    #[serde(deserialize_with = "one_or_many")]
    pub eos_token_id: Vec<u32>,
}

/// Positions closer together than they are, so that long texts stay within what short ones have taught.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinearScaling {
    rope_type: String,
    /// What positions are divided by.
    pub factor: f64,
}

/// Which keys a layer's queries see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerType {
    /// Everything that the roles allow.
    FullAttention,
    /// Of these, the last `sliding_window`; bidirectional prefixes are not cut.
    SlidingAttention,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            model_type: "gemma2".into(),
            vocab_size: 256_000,
            hidden_size: 2304,
            intermediate_size: 9216,
            num_hidden_layers: 26,
            num_attention_heads: 8,
            num_key_value_heads: 4,
            head_dim: 256,
            query_pre_attn_scalar: 256.0,
            attn_logit_softcapping: Some(50.0),
            final_logit_softcapping: Some(30.0),
            sliding_window: Some(4096),
            layer_types: Vec::new(),
            rope_theta: 10_000.0,
            rope_local_base_freq: None,
            rope_scaling: None,
            rms_norm_eps: 1e-6,
            hidden_activation: "gelu_pytorch_tanh".into(),
            attention_bias: false,
            tie_word_embeddings: true,
            eos_token_id: vec![1],
        }
    }
}

impl TextConfig {
    /// What a Gemma 3 file that says nothing means.
    pub(super) fn gemma3() -> Self {
        Self {
            model_type: "gemma3_text".into(),
            vocab_size: 262_208,
            attn_logit_softcapping: None,
            final_logit_softcapping: None,
            rope_theta: 1e6,
            rope_local_base_freq: Some(10_000.0),
            ..Self::default()
        }
    }

    /// Whether queries and keys are normalised, head by head.
    pub(crate) fn normalises_heads(&self) -> bool {
        self.model_type == "gemma3_text"
    }
}

impl TextConfig {
    /// Where the file does not list the layers: of every two (Gemma 2) or six (Gemma 3) the last sees everything.
    pub(super) fn fill_layers(&mut self, family: Family) {
        let period = match family {
            Family::PaliGemma2 => 2,
            Family::Gemma3 | Family::Gemma3Text => 6,
        };
        if self.layer_types.is_empty() {
            let kind = |layer: usize| {
                if layer.is_multiple_of(period) {
                    LayerType::FullAttention
                } else {
                    LayerType::SlidingAttention
                }
            };
            self.layer_types = (1..=self.num_hidden_layers).map(kind).collect();
        }
    }

    /// What is wrong with it, if anything.
    pub(super) fn check(&self, family: Family) -> Result<(), String> {
        let sizes = [
            self.vocab_size,
            self.hidden_size,
            self.intermediate_size,
            self.head_dim,
            self.num_key_value_heads,
            self.num_hidden_layers,
        ];
        super::check_sizes(&sizes)?;
        let wrong = |what: &str| Err(what.to_owned());
        let grouped = self.num_attention_heads.is_multiple_of(self.num_key_value_heads);
        if !self.head_dim.is_multiple_of(2) || !grouped {
            return wrong("head_dim must be even, and num_attention_heads a multiple of num_key_value_heads");
        }
        let scaled = |scaling: &LinearScaling| {
            family != Family::PaliGemma2
                && scaling.rope_type == "linear"
                && (1.0..1e6).contains(&scaling.factor)
        };
        if !self.rope_scaling.as_ref().is_none_or(scaled) {
            return wrong(
                "of rope_scaling only gemma3's rope_type `linear` with a factor from 1 is supported",
            );
        }
        if self.layer_types.len() != self.num_hidden_layers {
            return wrong("layer_types must list one type a layer");
        }
        if self.attention_bias {
            return wrong("attention_bias is not supported");
        }
        if !(self.query_pre_attn_scalar > 0.0 && self.rope_theta > 1.0) {
            return wrong("query_pre_attn_scalar must be positive and rope_theta above 1");
        }
        super::check_activation(&self.hidden_activation)
    }
}
