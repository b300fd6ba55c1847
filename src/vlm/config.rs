//! `config.json` of a checkpoint: which architecture, and its sizes.
//!
//! In: the file as the hub or any transformers version writes it (`image_token_index` or `image_token_id`,
//! `rope_theta` or `rope_parameters`, `layer_types` or the alternation that Gemma 2 implies). Out: sizes
//! with transformers' defaults filled in, checked; or what is not supported, and what is.
//! Left out: PaliGemma 1 (another decoder), Gemma 3 (issue 4), RoPE scaling.

mod spelling;

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spelling::{integer_where_whole, modernise, one_or_many};
use std::path::Path;

/// A PaliGemma 2 checkpoint's description; serialises to what transformers reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// `paligemma`.
    pub model_type: String,
    /// The placeholder that image features replace.
    #[serde(default = "default_image_token")]
    pub image_token_index: u32,
    /// Width of the projected image features; the decoder's width.
    #[serde(default = "default_projection")]
    pub projection_dim: usize,
    /// The decoder.
    pub text_config: TextConfig,
    /// The image tower.
    pub vision_config: VisionConfig,
    /// What this project adds: how its own checkpoints want to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auditdm: Option<Prompting>,
}

/// How a checkpoint wants to be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompting {
    /// The prompt, with `{question}` where the question goes.
    pub prompt_template: String,
}

/// A Gemma 2 decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextConfig {
    /// `gemma2`.
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
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
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

/// Which keys a layer's queries see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerType {
    /// Everything that the roles allow.
    FullAttention,
    /// Of these, the last `sliding_window`; bidirectional prefixes are not cut.
    SlidingAttention,
}

/// A SigLIP image tower.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VisionConfig {
    /// `siglip_vision_model`.
    pub model_type: String,
    /// Width.
    pub hidden_size: usize,
    /// Width of the feed-forward blocks.
    pub intermediate_size: usize,
    /// Depth.
    pub num_hidden_layers: usize,
    /// Heads.
    pub num_attention_heads: usize,
    /// 3: red, green, blue.
    pub num_channels: usize,
    /// Side of the square input in pixels.
    pub image_size: usize,
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// Added to the variance.
    pub layer_norm_eps: f64,
    /// `gelu_pytorch_tanh`.
    pub hidden_act: String,
    /// The pooling head, which PaliGemma does not use and this crate does not read.
    pub vision_use_head: bool,
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
            rms_norm_eps: 1e-6,
            hidden_activation: "gelu_pytorch_tanh".into(),
            attention_bias: false,
            tie_word_embeddings: true,
            eos_token_id: vec![1],
        }
    }
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            model_type: "siglip_vision_model".into(),
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 16,
            layer_norm_eps: 1e-6,
            hidden_act: "gelu_pytorch_tanh".into(),
            vision_use_head: false,
        }
    }
}

impl Config {
    /// Reads and checks `config.json` in `folder`.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let bytes = std::fs::read(&path).map_err(|source| Error::File {
            action: "read",
            path: path.clone(),
            source,
        })?;
        Self::parse(&bytes).map_err(|problem| Error::Checkpoint { path, problem })
    }

    /// Parses and checks the file's content; the problem in words otherwise.
    pub fn parse(json: &[u8]) -> std::result::Result<Self, String> {
        let mut value: Value = serde_json::from_slice(json).map_err(|error| format!("not JSON: {error}"))?;
        let supported =
            "supported: model_type `paligemma` over a `gemma2` text_config and a `siglip_vision_model`";
        let kind = value["model_type"].as_str().unwrap_or("none").to_owned();
        if kind != "paligemma" {
            return Err(format!("architecture `{kind}` is not supported; {supported}"));
        }
        let text = value["text_config"]["model_type"]
            .as_str()
            .unwrap_or("gemma")
            .to_owned();
        if text != "gemma2" {
            return Err(format!(
                "text architecture `{text}` is not supported; {supported}"
            ));
        }
        modernise(&mut value)?;
        let mut config: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        config.fill_layers();
        config.check()?;
        Ok(config)
    }

    /// Gemma 2's alternation, sliding first, where the file does not list the layers.
    pub fn fill_layers(&mut self) {
        let text = &mut self.text_config;
        if text.layer_types.is_empty() {
            let alternating = [LayerType::SlidingAttention, LayerType::FullAttention];
            text.layer_types = alternating
                .into_iter()
                .cycle()
                .take(text.num_hidden_layers)
                .collect();
        }
    }

    /// Tokens that one image becomes.
    pub fn image_tokens(&self) -> usize {
        (self.vision_config.image_size / self.vision_config.patch_size).pow(2)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let (text, vision) = (&self.text_config, &self.vision_config);
        let wrong = |what: &str| Err(format!("config.json: {what}"));
        let sizes = [
            text.vocab_size,
            text.hidden_size,
            text.intermediate_size,
            text.head_dim,
            text.num_key_value_heads,
            vision.hidden_size,
            vision.intermediate_size,
            vision.num_attention_heads,
            vision.patch_size,
            text.num_hidden_layers,
            vision.num_hidden_layers,
        ];
        if sizes.contains(&0) {
            return wrong("a size is 0");
        }
        if sizes.iter().any(|&size| size > 1 << 24) || vision.image_size > 1 << 14 {
            return wrong("a size is beyond anything that exists");
        }
        if text.head_dim % 2 != 0 || text.num_attention_heads % text.num_key_value_heads != 0 {
            return wrong("head_dim must be even, and num_attention_heads a multiple of num_key_value_heads");
        }
        if vision.hidden_size % vision.num_attention_heads != 0 {
            return wrong("the vision tower's hidden_size must be a multiple of its heads");
        }
        if vision.image_size < vision.patch_size || vision.num_channels != 3 {
            return wrong("images need at least one patch and three channels");
        }
        if self.projection_dim != text.hidden_size {
            return Err(format!(
                "config.json: projection_dim {} differs from the decoder's hidden_size {}",
                self.projection_dim, text.hidden_size
            ));
        }
        if text.layer_types.len() != text.num_hidden_layers {
            return wrong("layer_types must list one type a layer");
        }
        if text.attention_bias {
            return wrong("attention_bias is not supported");
        }
        for activation in [&text.hidden_activation, &vision.hidden_act] {
            if activation != "gelu_pytorch_tanh" {
                return Err(format!(
                    "activation `{activation}` is not supported; supported: gelu_pytorch_tanh"
                ));
            }
        }
        if !(text.query_pre_attn_scalar > 0.0 && text.rope_theta > 1.0) {
            return wrong("query_pre_attn_scalar must be positive and rope_theta above 1");
        }
        Ok(())
    }
}

fn default_image_token() -> u32 {
    256_000
}

fn default_projection() -> usize {
    2048
}

#[cfg(test)]
impl Config {
    /// The smallest network with every feature: grouped queries, soft caps, a window, 4 image tokens.
    pub(crate) fn tiny() -> Self {
        let json = r#"{"model_type":"paligemma","image_token_index":40,"projection_dim":16,
            "text_config":{"model_type":"gemma2","vocab_size":32,"hidden_size":16,"intermediate_size":24,
            "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":6,
            "query_pre_attn_scalar":9,"sliding_window":3},
            "vision_config":{"hidden_size":12,"intermediate_size":20,"num_hidden_layers":2,
            "num_attention_heads":2,"image_size":9,"patch_size":4}}"#;
        Self::parse(json.as_bytes()).expect("valid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both spellings of the same 3B checkpoint.
    const HUB: &str = r#"{"model_type":"paligemma","image_token_index":257152,"projection_dim":2304,
        "text_config":{"model_type":"gemma2","vocab_size":257216,"hidden_act":"gelu_pytorch_tanh",
        "eos_token_id":[1,107],"rope_theta":10000.0},
        "vision_config":{"hidden_size":1152,"intermediate_size":4304,"num_attention_heads":16,
        "num_hidden_layers":27,"patch_size":14}}"#;
    const NEWER: &str = r#"{"model_type":"paligemma","image_token_id":257152,"projection_dim":2304,
        "text_config":{"model_type":"gemma2","vocab_size":257216,"hidden_activation":"gelu_pytorch_tanh",
        "eos_token_id":[1,107],"rope_parameters":{"rope_type":"default","rope_theta":10000.0},
        "attention_bias":null},
        "vision_config":{"hidden_size":1152,"intermediate_size":4304,"num_attention_heads":16,
        "num_hidden_layers":27,"patch_size":14}}"#;

    #[test]
    fn both_styles_describe_the_same_model() {
        let config = Config::parse(HUB.as_bytes()).unwrap();
        assert_eq!(config, Config::parse(NEWER.as_bytes()).unwrap());
        assert_eq!(config.image_tokens(), 256);
        assert_eq!(
            config.text_config.layer_types[..3],
            [
                LayerType::SlidingAttention,
                LayerType::FullAttention,
                LayerType::SlidingAttention
            ]
        );
        let written = serde_json::to_string(&config).unwrap();
        assert!(
            written.contains("\"query_pre_attn_scalar\":256,"),
            "transformers refuses 256.0: {written}"
        );
        assert_eq!(Config::parse(written.as_bytes()).unwrap(), config);
    }

    #[test]
    fn what_is_not_supported_is_named_with_what_is() {
        let problem = |from: &str, to: &str| Config::parse(HUB.replace(from, to).as_bytes()).unwrap_err();
        assert!(problem("\"paligemma\"", "\"gemma3\"").contains("`gemma3` is not supported; supported"));
        assert!(problem("\"gemma2\"", "\"gemma\"").contains("text architecture `gemma`"));
        assert!(problem("2304,", "2048,").contains("projection_dim 2048"));
        assert!(problem("gelu_pytorch_tanh", "relu").contains("activation `relu`"));
        assert!(problem("\"patch_size\":14", "\"patch_size\":0").contains("a size is 0"));
        assert!(Config::parse(b"{").unwrap_err().contains("not JSON"));
    }
}
