//! The lab's networks: PaliGemma 2 for who answers, Gemma 3 for who asks, small enough to learn on two cores within the
//! hour.

use super::tokenizer::EOS;
use crate::error::Result;
use crate::lab::scene::SIDE;
use crate::vlm::{Config, Family, Initial, Prompting, TextConfig, VisionConfig, Weights};
use candle_core::{Device, Var};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// 6 × 6 patches of 16 pixels.
const PATCH: usize = 16;

/// Width of towers and decoders.
const WIDTH: usize = 160;

/// A Gemma 3 over a vocabulary of `vocab_size` ids, whose last three stand around and for image patches.
pub(super) fn gemma(vocab_size: usize) -> Config {
    let ids = vocab_size as u32;
    let mut config = Config {
        model_type: Family::Gemma3,
        image_token_index: ids - 1,
        projection_dim: None,
        mm_tokens_per_image: Some((SIDE as usize / PATCH).pow(2)),
        boi_token_index: ids - 3,
        eoi_token_index: ids - 2,
        text_config: TextConfig {
            model_type: "gemma3_text".into(),
            final_logit_softcapping: None,
            rope_local_base_freq: Some(10_000.0),
            eos_token_id: vec![EOS],
            ..decoder(vocab_size)
        },
        vision_config: tower(),
        auditdm: None,
    };
    config.fill_layers();
    config
}

/// Gives the variables of the image tower the values of the checkpoint in `folder`.
pub(super) fn take_eyes(variables: &BTreeMap<String, Var>, folder: &Path) -> Result<()> {
    let stored = Weights::open(folder, &Device::Cpu)?;
    for (name, variable) in variables
        .iter()
        .filter(|(name, _)| name.starts_with("vision_tower."))
    {
        variable.set(&stored.get(name, variable.dims(), Initial::Constant(0.0))?)?;
    }
    Ok(())
}

/// A PaliGemma 2 over a vocabulary of `vocab_size` ids, the last of which stands for image patches.
pub(super) fn paligemma(vocab_size: usize) -> Config {
    let mut config = Config {
        model_type: Family::PaliGemma2,
        image_token_index: vocab_size as u32 - 1,
        projection_dim: Some(WIDTH),
        mm_tokens_per_image: None,
        boi_token_index: 0,
        eoi_token_index: 0,
        text_config: decoder(vocab_size),
        vision_config: tower(),
        auditdm: Some(Prompting {
            prompt_template: "{question}".into(),
        }),
    };
    config.fill_layers();
    config
}

fn decoder(vocab_size: usize) -> TextConfig {
    TextConfig {
        vocab_size,
        hidden_size: WIDTH,
        intermediate_size: 448,
        num_hidden_layers: 4,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 32,
        query_pre_attn_scalar: 32.0,
        attn_logit_softcapping: None,
        ..TextConfig::default()
    }
}

fn tower() -> VisionConfig {
    VisionConfig {
        hidden_size: WIDTH,
        intermediate_size: 480,
        num_hidden_layers: 4,
        num_attention_heads: 5,
        image_size: SIDE as usize,
        patch_size: PATCH,
        ..VisionConfig::default()
    }
}

/// `preprocessor_config.json` of such a network.
pub(super) fn preprocessor(config: &Config) -> Value {
    let side = config.vision_config.image_size;
    let [image, whole] = match config.model_type {
        Family::PaliGemma2 => ["SiglipImageProcessor", "PaliGemmaProcessor"],
        Family::Gemma3 | Family::Gemma3Text => ["Gemma3ImageProcessor", "Gemma3Processor"],
    };
    json!({
        "image_processor_type": image, "processor_class": whole,
        "do_convert_rgb": true, "do_resize": true, "size": {"height": side, "width": side}, "resample": 3,
        "do_rescale": true, "rescale_factor": 1.0 / 255.0,
        "do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
        "image_seq_length": config.image_tokens(),
    })
}
