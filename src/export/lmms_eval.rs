//! lmms-eval: `question` and `answer` beside the image, and a task that compares them exactly.

use super::shape::text;
use crate::sample::Sample;
use arrow::datatypes::FieldRef;
use serde_json::{Value, json};

pub(super) fn fields() -> Vec<FieldRef> {
    vec![text("question"), text("answer")]
}

pub(super) fn record(sample: &Sample, _: &[String]) -> Value {
    json!({ "question": sample.question(), "answer": sample.completion })
}

/// The task of one split. Its cache is keyed by the task's name, so the data's hash is part of it.
pub(super) fn task(name: &str, split: &str, single: bool, hash: &str) -> String {
    let visual = if single { "image" } else { "images" };
    format!(
        "task: {name}_{split}_{hash}
dataset_path: parquet
dataset_kwargs:
  data_files:
    {split}: data/{split}-*.parquet
test_split: {split}
output_type: generate_until
doc_to_visual: {visual}
doc_to_text: question
doc_to_target: answer
generation_kwargs:
  max_new_tokens: 64
  temperature: 0
  do_sample: false
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    ignore_case: true
    ignore_punctuation: true
metadata:
  version: 1.0
"
    )
}
