//! `config.json` of a checkpoint: which architecture, and its sizes.
//!
//! In: the file as the hub or any transformers version writes it (`image_token_index` or `image_token_id`,
//! `rope_theta` or `rope_parameters`, `layer_types` or the alternation that Gemma 2 implies). Out: sizes
//! with transformers' defaults filled in, checked; or what is not supported, and what is.
//! Left out: PaliGemma 1 (another decoder), text-only Gemma 3, RoPE scaling other than Gemma 3's linear one.

mod spelling;

use crate::error::{Error, Result};
use crate::vlm::sequence::Role;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spelling::{integer_where_whole, modernise, one_or_many};
use std::path::Path;

/// The architectures that this crate runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Family {
    /// A prefix of image and prompt whose tokens see each other in both directions, over a Gemma 2 decoder.
    #[serde(rename = "paligemma")]
    PaliGemma2,
    /// Chat over pooled images, whose tokens see each other within one image, over a Gemma 3 decoder.
    #[serde(rename = "gemma3")]
    Gemma3,
}

impl Family {
    /// In words, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaliGemma2 => "PaliGemma 2 (SigLIP, Gemma 2)",
            Self::Gemma3 => "Gemma 3 (SigLIP, pooled)",
        }
    }
}

/// A checkpoint's description; serialises to what transformers reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Which architecture.
    pub model_type: Family,
    /// The placeholder that image features replace.
    pub image_token_index: u32,
    /// PaliGemma: width of the projected image features; the decoder's width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection_dim: Option<usize>,
    /// Gemma 3: tokens that an image's patches are pooled to, a square number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mm_tokens_per_image: Option<usize>,
    /// Gemma 3: what stands before an image's tokens.
    #[serde(default = "default_boi")]
    pub boi_token_index: u32,
    /// Gemma 3: what stands behind an image's tokens.
    #[serde(default = "default_eoi")]
    pub eoi_token_index: u32,
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
    fn gemma3() -> Self {
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
        let supported = "supported: model_type `paligemma` over a `gemma2` text_config, and `gemma3` over \
                         `gemma3_text`, both with a `siglip_vision_model`";
        let kind = value["model_type"].as_str().unwrap_or("none").to_owned();
        let (family, decoder, unsaid) = match kind.as_str() {
            "paligemma" => (Family::PaliGemma2, "gemma2", "gemma"),
            "gemma3" => (Family::Gemma3, "gemma3_text", "gemma3_text"),
            _ => return Err(format!("architecture `{kind}` is not supported; {supported}")),
        };
        let text = &value["text_config"]["model_type"];
        let text = text.as_str().unwrap_or(unsaid).to_owned();
        if text != decoder {
            return Err(format!(
                "text architecture `{text}` is not supported; {supported}"
            ));
        }
        modernise(&mut value, family)?;
        let mut config: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        config.fill_layers();
        config.check()?;
        Ok(config)
    }

    /// Where the file does not list the layers: of every two (Gemma 2) or six (Gemma 3) the last sees everything.
    pub fn fill_layers(&mut self) {
        let text = &mut self.text_config;
        let period = match self.model_type {
            Family::PaliGemma2 => 2,
            Family::Gemma3 => 6,
        };
        if text.layer_types.is_empty() {
            let kind = |layer: usize| {
                if layer.is_multiple_of(period) {
                    LayerType::FullAttention
                } else {
                    LayerType::SlidingAttention
                }
            };
            text.layer_types = (1..=text.num_hidden_layers).map(kind).collect();
        }
    }

    /// Tokens that one image becomes.
    pub fn image_tokens(&self) -> usize {
        self.mm_tokens_per_image
            .unwrap_or_else(|| self.patches_across().pow(2))
    }

    /// What a token of a prompt is for.
    pub fn role(&self, id: u32) -> Role {
        match self.model_type {
            Family::PaliGemma2 => Role::Prefix,
            Family::Gemma3 if id == self.image_token_index => Role::Image,
            Family::Gemma3 => Role::Text,
        }
    }

    /// Patches beside each other in an image.
    pub(crate) fn patches_across(&self) -> usize {
        self.vision_config.image_size / self.vision_config.patch_size
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
        if let Some(width) = self.projection_dim.filter(|&width| width != text.hidden_size) {
            return Err(format!(
                "config.json: projection_dim {width} differs from the decoder's hidden_size {}",
                text.hidden_size
            ));
        }
        let side = self.image_tokens().isqrt();
        if side * side != self.image_tokens() || side == 0 || !self.patches_across().is_multiple_of(side) {
            return wrong(
                "mm_tokens_per_image must be a square whose side divides the patches beside each other",
            );
        }
        let scaled = |scaling: &LinearScaling| {
            self.model_type == Family::Gemma3
                && scaling.rope_type == "linear"
                && (1.0..1e6).contains(&scaling.factor)
        };
        if !text.rope_scaling.as_ref().is_none_or(scaled) {
            return wrong(
                "of rope_scaling only gemma3's rope_type `linear` with a factor from 1 is supported",
            );
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

fn default_boi() -> u32 {
    255_999
}

fn default_eoi() -> u32 {
    256_000
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

    /// The same of Gemma 3: norms on heads, two kinds of layers, pooled images.
    pub(crate) fn tiny_gemma3() -> Self {
        let json = r#"{"model_type":"gemma3","image_token_index":40,"mm_tokens_per_image":4,
            "text_config":{"model_type":"gemma3_text","vocab_size":32,"hidden_size":16,"intermediate_size":24,
            "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":6,
            "query_pre_attn_scalar":9,"sliding_window":3,"layer_types":["sliding_attention","full_attention"],
            "rope_scaling":{"rope_type":"linear","factor":8.0}},
            "vision_config":{"hidden_size":12,"intermediate_size":20,"num_hidden_layers":2,
            "num_attention_heads":2,"image_size":17,"patch_size":4}}"#;
        Self::parse(json.as_bytes()).expect("valid")
    }

    /// One of each family.
    pub(crate) fn all_tiny() -> [Self; 2] {
        [Self::tiny(), Self::tiny_gemma3()]
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
    fn gemma3_is_what_its_file_leaves_unsaid() {
        let file = |rope: &str| {
            r#"{"model_type":"gemma3","mm_tokens_per_image":256,"eos_token_id":[1,106],
                "text_config":{"hidden_size":2560,"intermediate_size":10240,"model_type":"gemma3_text",
                "num_hidden_layers":34,"sliding_window":1024,ROPE},
                "vision_config":{"hidden_size":1152,"image_size":896,"intermediate_size":4304,
                "num_attention_heads":16,"num_hidden_layers":27,"patch_size":14}}"#
                .replace("ROPE", rope)
        };
        let hub = file(r#""rope_scaling":{"factor":8.0,"rope_type":"linear"}"#);
        let newer = file(
            r#""rope_parameters":{
            "full_attention":{"rope_type":"linear","factor":8.0,"rope_theta":1000000.0},
            "sliding_attention":{"rope_type":"default","rope_theta":10000.0}}"#,
        );
        let config = Config::parse(hub.as_bytes()).unwrap();
        assert_eq!(config, Config::parse(newer.as_bytes()).unwrap());
        let text = &config.text_config;
        assert_eq!((text.vocab_size, config.image_tokens()), (262_208, 256));
        assert_eq!((text.rope_theta, text.rope_local_base_freq), (1e6, Some(1e4)));
        assert_eq!(
            (text.eos_token_id.as_slice(), config.image_token_index),
            (&[1, 106][..], 262_144)
        );
        let full = |at: usize| text.layer_types[at] == LayerType::FullAttention;
        assert_eq!(
            (0..34).filter(|&at| full(at)).collect::<Vec<_>>(),
            [5, 11, 17, 23, 29]
        );
        let written = serde_json::to_string(&config).unwrap();
        assert_eq!(Config::parse(written.as_bytes()).unwrap(), config);
        let problem = |from: &str, to: &str| Config::parse(hub.replace(from, to).as_bytes()).unwrap_err();
        assert!(problem("image\":256", "image\":100").contains("mm_tokens_per_image"));
        assert!(problem("linear", "yarn").contains("`linear`"));
    }

    #[test]
    fn what_is_not_supported_is_named_with_what_is() {
        let problem = |from: &str, to: &str| Config::parse(HUB.replace(from, to).as_bytes()).unwrap_err();
        assert!(problem("\"paligemma\"", "\"llava\"").contains("`llava` is not supported; supported"));
        assert!(problem("\"paligemma\"", "\"gemma3\"").contains("text architecture `gemma2`"));
        assert!(problem("\"gemma2\"", "\"gemma\"").contains("text architecture `gemma`"));
        assert!(problem("2304,", "2048,").contains("projection_dim 2048"));
        assert!(problem("gelu_pytorch_tanh", "relu").contains("activation `relu`"));
        assert!(problem("\"patch_size\":14", "\"patch_size\":0").contains("a size is 0"));
        assert!(Config::parse(b"{").unwrap_err().contains("not JSON"));
    }
}
