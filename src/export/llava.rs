//! LLaVA: conversations between `human` and `gpt`, the image's place marked in the first.

use super::shape::placeholders;
use crate::sample::Sample;
use serde_json::{Value, json};

pub(super) fn record(sample: &Sample, paths: &[String]) -> Value {
    let image = match paths {
        [path] => Value::from(path.as_str()),
        several => several.to_vec().into(),
    };
    json!({
        "id": sample.id,
        "image": image,
        "conversations": [
            {"from": "human", "value": placeholders(sample) + &sample.question()},
            {"from": "gpt", "value": sample.completion},
        ],
    })
}
