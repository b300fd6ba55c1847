//! The spellings of one fact that different writers of `config.json` use.

use serde::Deserialize;
use serde_json::Value;

/// Rewrites newer spellings into the older ones that the structs know.
pub(super) fn modernise(value: &mut Value) -> std::result::Result<(), String> {
    if let Some(id) = value.as_object_mut().and_then(|map| map.remove("image_token_id")) {
        value["image_token_index"] = id;
    }
    // Files write null for "the default".
    for part in ["text_config", "vision_config"] {
        if let Some(map) = value[part].as_object_mut() {
            map.retain(|key, value| {
                !value.is_null() || key.ends_with("softcapping") || key == "sliding_window"
            });
        }
    }
    let Some(text) = value["text_config"].as_object_mut() else {
        return Err("config.json: text_config must be an object".into());
    };
    if text.contains_key("rope_scaling") {
        return Err("rope_scaling is not supported for gemma2".into());
    }
    if let Some(rope) = text.remove("rope_parameters") {
        // Either one set of parameters, or one a layer type.
        let rope = rope.get("full_attention").cloned().unwrap_or(rope);
        if let Some(kind) = rope["rope_type"].as_str().filter(|kind| *kind != "default") {
            return Err(format!(
                "rope_type `{kind}` is not supported for gemma2; supported: default"
            ));
        }
        if rope["rope_theta"].is_number() {
            text.insert("rope_theta".into(), rope["rope_theta"].clone());
        }
    }
    if let Some(activation) = text.remove("hidden_act") {
        text.entry("hidden_activation").or_insert(activation);
    }
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
