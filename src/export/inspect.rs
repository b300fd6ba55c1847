//! inspect_ai: samples whose input is one message of images and text; with choices the target is a letter.

use crate::sample::{Sample, letter};
use serde_json::{Value, json};

pub(super) fn record(sample: &Sample, paths: &[String]) -> Value {
    let images = paths.iter().map(|path| json!({"type": "image", "image": path}));
    let text = json!({"type": "text", "text": sample.prompt});
    let content: Vec<Value> = images.chain([text]).collect();
    let mut record = json!({
        "id": sample.id,
        "input": [{"role": "user", "content": content}],
        "target": sample.completion,
        "metadata": {
            "category": sample.category,
            "root_image_id": sample.root_image_id,
            "label_source": sample.label_source,
            "split": sample.split(),
        },
    });
    if let Some(at) = sample
        .choices
        .iter()
        .position(|choice| *choice == sample.completion)
    {
        record["choices"] = sample.choices.clone().into();
        record["target"] = letter(at).to_string().into();
    }
    record
}
