//! ms-swift: messages and images; `solution` for GRPO, `rejected_response` for DPO where the target's answer is wrong.

use super::shape::placeholders;
use crate::sample::Sample;
use serde_json::{Value, json};

pub(super) fn record(sample: &Sample, paths: &[String]) -> Value {
    let mut record = json!({
        "messages": [
            {"role": "user", "content": placeholders(sample) + &sample.question()},
            {"role": "assistant", "content": sample.completion},
        ],
        "images": paths,
        "solution": sample.completion,
        "audit_id": sample.id,
        "audit_category": sample.category,
    });
    if let Some(rejected) = sample.rejected() {
        record["rejected_response"] = rejected.into();
    }
    record
}
