//! `config.json` of a checkpoint: which architecture, and its sizes.
//!
//! In: the file as the hub or any transformers version writes it (`image_token_index` or `image_token_id`,
//! `rope_theta` or `rope_parameters`, `layer_types` or the alternation that the family implies). Out: sizes
//! with transformers' defaults filled in, checked; or what is not supported, and what is.
//! Left out: PaliGemma 1 (another decoder), RoPE scaling other than Gemma 3's linear one.

mod spelling;
#[cfg(test)]
mod tests;
mod text;
mod vision;

use crate::error::Result;
use crate::vlm::sequence::Role;
use crate::vlm::settings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spelling::modernise;
use std::path::Path;
pub use text::{LayerType, TextConfig};
pub use vision::VisionConfig;

/// The architectures that this crate runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Family {
    /// A prefix of image and prompt whose tokens see each other in both directions, over a Gemma 2 decoder.
    #[serde(rename = "paligemma")]
    PaliGemma2,
    /// Chat over pooled images, whose tokens see each other within one image, over a Gemma 3 decoder.
    #[serde(rename = "gemma3")]
    Gemma3,
    /// Chat without images: a Gemma 3 decoder alone.
    #[serde(rename = "gemma3_text")]
    Gemma3Text,
}

impl Family {
    /// In words, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaliGemma2 => "PaliGemma 2 (SigLIP, Gemma 2)",
            Self::Gemma3 => "Gemma 3 (SigLIP, pooled)",
            Self::Gemma3Text => "Gemma 3 (text only)",
        }
    }

    /// Whether it has an image tower.
    #[must_use]
    pub const fn sees(self) -> bool {
        !matches!(self, Self::Gemma3Text)
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
    /// The image tower; without meaning where the family has none.
    #[serde(default)]
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

impl Config {
    /// Reads and checks `config.json` in `folder`.
    pub fn load(folder: &Path) -> Result<Self> {
        settings::read(&folder.join("config.json"), Self::of)
    }

    /// Parses and checks the file's content; the problem in words otherwise.
    pub fn parse(json: &[u8]) -> std::result::Result<Self, String> {
        settings::parse(json, Self::of)
    }

    fn of(mut value: Value) -> std::result::Result<Self, String> {
        let supported = "supported: model_type `paligemma` over a `gemma2` text_config, and `gemma3` over \
                         `gemma3_text`, both with a `siglip_vision_model`; `gemma3_text` alone";
        let kind = value["model_type"].as_str().unwrap_or("none").to_owned();
        let (family, decoder, unsaid) = match kind.as_str() {
            "paligemma" => (Family::PaliGemma2, "gemma2", "gemma"),
            "gemma3" => (Family::Gemma3, "gemma3_text", "gemma3_text"),
            "gemma3_text" => (Family::Gemma3Text, "gemma3_text", "gemma3_text"),
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
        config
            .check()
            .map_err(|problem| format!("config.json: {problem}"))?;
        Ok(config)
    }

    /// Fills in what kind each layer is, as the family implies it where the file does not say.
    pub fn fill_layers(&mut self) {
        self.text_config.fill_layers(self.model_type);
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
            Family::Gemma3 | Family::Gemma3Text => Role::Text,
        }
    }

    /// Patches beside each other in an image.
    pub(crate) fn patches_across(&self) -> usize {
        self.vision_config.image_size / self.vision_config.patch_size
    }

    fn check(&self) -> std::result::Result<(), String> {
        self.text_config.check(self.model_type)?;
        if !self.model_type.sees() {
            return Ok(());
        }
        self.vision_config.check()?;
        let hidden = self.text_config.hidden_size;
        if let Some(width) = self.projection_dim.filter(|&width| width != hidden) {
            return Err(format!(
                "projection_dim {width} differs from the decoder's hidden_size {hidden}"
            ));
        }
        let side = self.image_tokens().isqrt();
        if side * side != self.image_tokens() || side == 0 || !self.patches_across().is_multiple_of(side) {
            let problem =
                "mm_tokens_per_image must be a square whose side divides the patches beside each other";
            return Err(problem.to_owned());
        }
        Ok(())
    }
}

fn check_sizes(sizes: &[usize]) -> std::result::Result<(), String> {
    if sizes.contains(&0) {
        return Err("a size is 0".to_owned());
    }
    if sizes.iter().any(|&size| size > 1 << 24) {
        return Err("a size is beyond anything that exists".to_owned());
    }
    Ok(())
}

fn check_activation(name: &str) -> std::result::Result<(), String> {
    if name == "gelu_pytorch_tanh" {
        return Ok(());
    }
    Err(format!(
        "activation `{name}` is not supported; supported: gelu_pytorch_tanh"
    ))
}

fn default_boi() -> u32 {
    255_999
}

fn default_eoi() -> u32 {
    256_000
}
