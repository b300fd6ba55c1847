//! The image tower's part of `config.json`, with transformers' defaults.

use serde::{Deserialize, Serialize};

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

impl VisionConfig {
    /// What is wrong with it, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        let sizes = [
            self.hidden_size,
            self.intermediate_size,
            self.num_attention_heads,
            self.patch_size,
            self.num_hidden_layers,
        ];
        super::check_sizes(&sizes)?;
        let wrong = |what: &str| Err(what.to_owned());
        if self.image_size > 1 << 14 {
            return wrong("a size is beyond anything that exists");
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return wrong("the vision tower's hidden_size must be a multiple of its heads");
        }
        if self.image_size < self.patch_size || self.num_channels != 3 {
            return wrong("images need at least one patch and three channels");
        }
        super::check_activation(&self.hidden_act)
    }
}
