//! Hugging Face datasets: the canonical columns, with `image` or `images` that decode to pictures.

use super::shape::text;
use crate::sample::Sample;
use arrow::datatypes::FieldRef;
use serde_json::{Value, json};

pub(super) fn fields() -> Vec<FieldRef> {
    vec![text("prompt"), text("completion")]
}

pub(super) fn record(sample: &Sample, _: &[String]) -> Value {
    json!({ "prompt": sample.prompt, "completion": sample.completion })
}
