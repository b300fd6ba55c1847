//! GQA (Hudson and Manning 2019): compositional questions; the balanced ones count.

use super::{Suite, each, id, named};
use crate::benchmark::metric::gqa::Gqa;
use crate::benchmark::record::Record;
use crate::benchmark::{Question, Score, prompt, report};
use serde_json::Value;

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "gqa",
    title: "GQA",
    rules: &["official", "lmms", "vlmevalkit", "llava_convert"],
    circular: false,
    chat_rules: None,
    read,
    prompt: prompt::short,
    score: |said, rules| {
        let rules: Gqa = named(rules);
        each(said, |question, text| {
            Score::right(rules.right(text, &question.answers[0]), text)
        })
    },
    report: |scored, _| report::by_category(scored, "accuracy"),
};

fn read(record: &Record) -> Result<Vec<Question>, String> {
    if record
        .value(&["isBalanced"])
        .is_some_and(|balanced| matches!(balanced, Value::Bool(false)))
    {
        return Ok(Vec::new());
    }
    let structural = record
        .value(&["types"])
        .and_then(|types| types.get("structural"))
        .and_then(Value::as_str);
    Ok(vec![Question {
        id: id(record, &["question_id", "id", "index"]),
        text: record.text(&["question"])?,
        answers: vec![record.text(&["answer"])?],
        category: structural
            .map(str::to_owned)
            .or_else(|| record.text_if(&["category"])),
        split: record.text_if(&["split"]),
        pictures: record.pictures(&["image"])?,
        ..Question::default()
    }])
}
