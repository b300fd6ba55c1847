//! TRL: conversations as lists of {role, content}, content as text, images beside them. The trainers put the images
//! in front of the first question; other columns reach reward functions as keyword arguments.

use super::shape::{messages, text};
use crate::sample::Sample;
use arrow::datatypes::FieldRef;
use serde_json::{Value, json};

pub(super) fn fields(conversations: &[&str], texts: &[&str]) -> Vec<FieldRef> {
    let conversations = conversations.iter().map(|name| messages(name));
    conversations.chain(texts.iter().map(|name| text(name))).collect()
}

fn said(role: &str, content: &str) -> Value {
    json!([{"role": role, "content": content}])
}

pub(super) fn sft(sample: &Sample, _: &[String]) -> Value {
    json!({
        "prompt": said("user", &sample.question()),
        "completion": said("assistant", &sample.completion),
    })
}

pub(super) fn grpo(sample: &Sample, _: &[String]) -> Value {
    json!({ "prompt": said("user", &sample.question()), "solution": sample.completion })
}

pub(super) fn dpo(sample: &Sample, _: &[String]) -> Value {
    json!({
        "prompt": said("user", &sample.question()),
        "chosen": said("assistant", &sample.completion),
        "rejected": said("assistant", sample.rejected().unwrap_or_default()),
    })
}
