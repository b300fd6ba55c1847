//! The spellings of one fact that different writers of `config.json` use.

use super::{Family, TextConfig};
use serde::Deserialize;
use serde_json::{Value, json};

/// Rewrites newer spellings into the older ones that the structs know, and writes out what a family's files
/// leave unsaid.
pub(super) fn modernise(value: &mut Value, family: Family) -> std::result::Result<(), String> {
    if family == Family::Gemma3Text && value["text_config"].is_null() {
        *value = json!({"model_type": "gemma3_text", "text_config": value.take()}); // the file is the decoder's part
    }
    if let Some(id) = value.as_object_mut().and_then(|map| map.remove("image_token_id")) {
        value["image_token_index"] = id;
    }
    // Files write null for "the default".
    for part in ["text_config", "vision_config"] {
        if let Some(map) = value.get_mut(part).and_then(Value::as_object_mut) {
            map.retain(|key, value| {
                !value.is_null() || key.ends_with("softcapping") || key == "sliding_window"
            });
        }
    }
    let (image_token, ends) = (value["image_token_index"].take(), value["eos_token_id"].take());
    let Some(text) = value["text_config"].as_object_mut() else {
        return Err("config.json: text_config must be an object".into());
    };
    if let Some(rope) = text.remove("rope_parameters") {
        // Either one set of parameters, or one a layer type.
        let full = rope.get("full_attention").unwrap_or(&rope);
        let kind = full["rope_type"].as_str().unwrap_or("default");
        if kind != "default" {
            let scaling = json!({"rope_type": kind, "factor": full["factor"]});
            text.insert("rope_scaling".into(), scaling);
        }
        let sliding = &rope["sliding_attention"];
        for (name, parameters) in [("rope_theta", full), ("rope_local_base_freq", sliding)] {
            if parameters["rope_theta"].is_number() {
                text.insert(name.into(), parameters["rope_theta"].clone());
            }
        }
    }
    if let Some(activation) = text.remove("hidden_act") {
        text.entry("hidden_activation").or_insert(activation);
    }
    let first_image_token = match family {
        Family::PaliGemma2 => {
            text.remove("rope_local_base_freq"); // newer saves write one base a layer type: the same
            256_000
        }
        Family::Gemma3 | Family::Gemma3Text => {
            let unsaid = serde_json::to_value(TextConfig::gemma3()).map_err(|error| error.to_string())?;
            for (key, default) in unsaid.as_object().into_iter().flatten() {
                text.entry(key).or_insert_with(|| default.clone());
            }
            if !ends.is_null() {
                text.insert("eos_token_id".into(), ends); // stands beside the decoder here
            }
            if family.sees() && value["mm_tokens_per_image"].is_null() {
                value["mm_tokens_per_image"] = json!(256);
            }
            262_144
        }
    };
    value["image_token_index"] = match image_token {
        Value::Null => json!(first_image_token),
        id => id,
    };
    Ok(())
}

// serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub(super) fn integer_where_whole<S: serde::Serializer>(
    value: &f64,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    if value.fract() == 0.0 {
        serializer.serialize_u64(*value as u64)
    } else {
        serializer.serialize_f64(*value)
    }
}

pub(super) fn one_or_many<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Ids {
        One(u32),
        Many(Vec<u32>),
    }
    Ok(match Ids::deserialize(deserializer)? {
        Ids::One(id) => vec![id],
        Ids::Many(ids) => ids,
    })
}
