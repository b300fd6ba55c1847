//! LLaMA-Factory: ShareGPT messages with as many `<image>` as images, and `dataset_info.json`.

use super::shape::placeholders;
use crate::sample::Sample;
use serde_json::{Map, Value, json};

pub(super) fn record(sample: &Sample, paths: &[String]) -> Value {
    json!({
        "messages": [
            {"role": "user", "content": placeholders(sample) + &sample.question()},
            {"role": "assistant", "content": sample.completion},
        ],
        "images": paths,
        "audit_id": sample.id,
        "audit_category": sample.category,
    })
}

/// What the trainer knows the files by.
pub(super) fn info<'a>(name: &str, splits: impl Iterator<Item = &'a str>) -> Value {
    let entry = |split: &str| {
        json!({
            "file_name": format!("{split}.jsonl"),
            "formatting": "sharegpt",
            "columns": {"messages": "messages", "images": "images"},
            "tags": {
                "role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
            },
        })
    };
    splits
        .map(|split| (format!("{name}_{split}"), entry(split)))
        .collect::<Map<_, _>>()
        .into()
}
