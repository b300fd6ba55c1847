//! TRL: conversations as lists of {role, content}, content as text, images beside them. The trainers put the images
//! in front of the first question; other columns reach reward functions as keyword arguments.

use super::shape::{messages, others, text};
use crate::sample::Sample;
use arrow::datatypes::FieldRef;
use serde_json::{Map, Value, json};

pub(super) fn fields(others: &[FieldRef], conversations: &[&str], texts: &[&str]) -> Vec<FieldRef> {
    let conversations = conversations.iter().map(|name| messages(name));
    let texts = texts.iter().map(|name| text(name));
    conversations.chain(texts).chain(others.iter().cloned()).collect()
}

fn asked(sample: &Sample) -> Map<String, Value> {
    let mut record = others(sample);
    record.insert("prompt".to_owned(), said("user", &sample.question()));
    record
}

fn said(role: &str, content: &str) -> Value {
    json!([{"role": role, "content": content}])
}

pub(super) fn sft(sample: &Sample, _: &[String]) -> Value {
    let mut record = asked(sample);
    record.insert("completion".to_owned(), said("assistant", &sample.completion));
    record.into()
}

pub(super) fn grpo(sample: &Sample, _: &[String]) -> Value {
    let mut record = asked(sample);
    record.insert("solution".to_owned(), sample.completion.clone().into());
    record.into()
}

pub(super) fn dpo(sample: &Sample, _: &[String]) -> Value {
    let mut record = asked(sample);
    record.insert("chosen".to_owned(), said("assistant", &sample.completion));
    record.insert(
        "rejected".to_owned(),
        said("assistant", sample.rejected().unwrap_or_default()),
    );
    record.into()
}
