//! The lab's network: PaliGemma 2's architecture, small enough to learn on two cores within the hour.

use crate::lab::scene::SIDE;
use crate::vlm::{Config, Family, Prompting, TextConfig, VisionConfig};
use serde_json::{Value, json};

/// 6 × 6 patches of 16 pixels.
const PATCH: usize = 16;

/// The description of a network over a vocabulary of `vocab_size` ids, one of which stands for image patches.
pub(super) fn config(vocab_size: usize, image_token_index: u32) -> Config {
    let width = 160;
    let mut config = Config {
        model_type: Family::PaliGemma2,
        image_token_index,
        projection_dim: Some(width),
        mm_tokens_per_image: None,
        boi_token_index: 0,
        eoi_token_index: 0,
        text_config: TextConfig {
            vocab_size,
            hidden_size: width,
            intermediate_size: 448,
            num_hidden_layers: 4,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            head_dim: 32,
            query_pre_attn_scalar: 32.0,
            attn_logit_softcapping: None,
            ..TextConfig::default()
        },
        vision_config: VisionConfig {
            hidden_size: 160,
            intermediate_size: 480,
            num_hidden_layers: 4,
            num_attention_heads: 5,
            image_size: SIDE as usize,
            patch_size: PATCH,
            ..VisionConfig::default()
        },
        auditdm: Some(Prompting {
            prompt_template: "{question}".into(),
        }),
    };
    config.fill_layers();
    config
}

/// `preprocessor_config.json` of such a network.
pub(super) fn preprocessor(config: &Config) -> Value {
    let side = config.vision_config.image_size;
    json!({
        "image_processor_type": "SiglipImageProcessor", "processor_class": "PaliGemmaProcessor",
        "do_convert_rgb": true, "do_resize": true, "size": {"height": side, "width": side}, "resample": 3,
        "do_rescale": true, "rescale_factor": 1.0 / 255.0,
        "do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
        "image_seq_length": config.image_tokens(),
    })
}
