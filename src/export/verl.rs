//! verl: prompts with `<image>`, the right answer as the ground truth of a rule.

use super::shape::{messages, object, placeholders, text};
use crate::sample::Sample;
use arrow::datatypes::{DataType, Field, FieldRef};
use serde_json::{Value, json};

pub(super) fn fields() -> Vec<FieldRef> {
    let extra = vec![
        text("split"),
        Field::new("index", DataType::Utf8, true).into(),
        text("question"),
        text("answer"),
        text("root_image_id"),
    ];
    vec![
        text("data_source"),
        messages("prompt"),
        text("ability"),
        object("reward_model", vec![text("style"), text("ground_truth")]),
        object("extra_info", extra),
    ]
}

pub(super) fn record(sample: &Sample, _: &[String]) -> Value {
    let content = placeholders(sample) + &sample.question();
    json!({
        "data_source": "auditdm",
        "prompt": [{"role": "user", "content": content}],
        "ability": sample.category,
        "reward_model": {"style": "rule", "ground_truth": sample.completion},
        "extra_info": {
            "split": sample.split(),
            "index": sample.id,
            "question": sample.question(),
            "answer": sample.completion,
            "root_image_id": sample.root_image_id,
        },
    })
}
