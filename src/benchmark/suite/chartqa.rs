//! ChartQA (Masry et al. 2022): people's questions and augmented ones apart; relaxed accuracy.

use super::{Suite, each, id, named};
use crate::benchmark::metric::relaxed::Relaxed;
use crate::benchmark::record::Record;
use crate::benchmark::{Question, Score, prompt, report};
use serde_json::Value;

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "chartqa",
    title: "ChartQA",
    rules: &["pix2struct", "vlmevalkit"],
    circular: false,
    chat_rules: None,
    read,
    prompt: prompt::raw,
    score: |said, rules| {
        let rules: Relaxed = named(rules);
        each(said, |question, text| {
            let right = question.answers.iter().any(|answer| rules.right(text, answer));
            Score::right(right, text)
        })
    },
    report: |scored, _| report::by_category(scored, "relaxed accuracy"),
};

fn read(record: &Record) -> Result<Vec<Question>, String> {
    const ANSWER: &[&str] = &["answer", "label"];
    // A text in the form of a list is the answer itself.
    let answers = match record.value(ANSWER) {
        Some(Value::Array(_)) => record.texts(ANSWER)?,
        _ => vec![record.text(ANSWER)?],
    };
    Ok(vec![Question {
        id: id(record, &["question_id", "id", "index"]),
        text: record.text(&["question", "query"])?,
        answers,
        category: record.text_if(&["type", "human_or_machine", "split"]),
        pictures: record.pictures(&["image"])?,
        ..Question::default()
    }])
}
