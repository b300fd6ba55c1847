//! Hugging Face datasets: the canonical columns, with `image` or `images` that decode to pictures.

use super::shape::{others, text};
use crate::sample::Sample;
use arrow::datatypes::FieldRef;
use serde_json::Value;

pub(super) fn fields(others: &[FieldRef]) -> Vec<FieldRef> {
    let mut fields = others.to_vec();
    fields.splice(1..1, [text("prompt"), text("completion")]);
    fields
}

pub(super) fn record(sample: &Sample, _: &[String]) -> Value {
    let mut record = others(sample);
    record.insert("prompt".to_owned(), sample.prompt.clone().into());
    record.insert("completion".to_owned(), sample.completion.clone().into());
    record.into()
}
